"""The folder of the app: runs, and beside them, in `.bedside`, what the app itself keeps: uploads, the queue, the trash."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.app.words import t
from bedside.errors import RunError
from bedside.folder import Run, explained, is_run, open_run

if TYPE_CHECKING:
    from bedside.jobs import Queue

OWN = ".bedside"


@dataclass(frozen=True)
class Home:
    """Where everything lies; nothing of it is kept in memory, so a restarted server knows all of it.

    `shared` says that other computers reach the app: then nobody may name files of this one by their path.
    """

    folder: Path
    shared: bool = False

    @property
    def uploads(self) -> Path:
        return self.folder / OWN / "uploads"

    @property
    def drafts(self) -> Path:
        return self.folder / OWN / "drafts"

    @property
    def trash(self) -> Path:
        return self.folder / OWN / "trash"

    @cached_property
    def jobs(self) -> "Queue":
        """Trainings and predictions that wait, run, or are over."""
        from bedside.jobs import Queue

        return Queue(self.folder)

    def runs(self) -> list[Run]:
        """Run folders, the newest first; unfinished ones too."""
        found = [path for path in self.folder.iterdir() if not path.name.startswith(".") and is_run(path)]
        return [Run(path) for path in sorted(found, key=lambda path: (path / "settings.yaml").stat().st_mtime)[::-1]]

    def run(self, name: str) -> Run:
        """The run of that name.

        Raises:
            RunError: if there is none, or this version cannot read it.
        """
        path = self.folder / name
        if name != Path(name).name or name.startswith(".") or not is_run(path):
            raise RunError(
                t(
                    "There is no run '{name}' here. It may have been deleted or renamed; see the list of runs.",
                    name=name,
                )
            )
        return open_run(path)


_open: list[Home] = []


def open_home(folder: str | Path, *, shared: bool = False) -> Home:
    """Make the folder if it is not there; the app works on it from now on.

    Raises:
        StorageError: if it cannot be written.
    """
    home = Home(Path(folder).resolve(), shared)
    with explained(home.folder):
        for place in (home.uploads, home.drafts, home.trash):
            place.mkdir(parents=True, exist_ok=True)
    _open[:] = [home]
    return home


def home() -> Home:
    """The folder that the app was opened on."""
    return _open[0]
