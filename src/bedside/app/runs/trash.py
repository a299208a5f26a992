"""Runs that were deleted: moved aside at once, with a record, and brought back as they were.

`.bedside/trash/<id>/` holds `record.json` and the folder `run`. The record is written first and the run is moved by one
rename, so that a run is at any moment either in its place or in the trash, whole.
"""

import os
import shutil
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bedside.errors import RunError
from bedside.folder import explained, held, is_run, read_json, write_json
from bedside.jobs import Queue

RECORD, CONTENT = "record.json", "run"


@dataclass(frozen=True)
class Thrown:
    """One run in the trash."""

    id: str
    name: str  # of the run's folder
    when: str  # date and time, ISO 8601
    path: Path

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())


class Trash:
    """The trash of a home folder.

    Args:
        home: the folder that holds the runs.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.folder = home, home / ".bedside" / "trash"

    def throw(self, name: str) -> Thrown:
        """Move a run into the trash.

        Raises:
            RunError: if there is no such run, it is being worked on, or a job that waits needs it.
            StorageError: if it cannot be moved.
        """
        run = run_in(self.home, name)
        place = self.folder / uuid.uuid4().hex
        with explained(place), held(run) as free:
            if not free:
                raise RunError(f"{name} is being trained; stop it first, then delete it.")
            self._not_needed(run)
            place.mkdir(parents=True)
            write_json(
                place / RECORD, {"name": name, "when": datetime.now().astimezone().isoformat(timespec="seconds")}
            )
            run.rename(place / CONTENT)
        return self.thrown(place.name)

    def _not_needed(self, run: Path) -> None:
        """No job that is not over trains this run, or predicts with it."""
        for job in Queue(self.home).jobs():
            if not job.over and job.run.resolve() == run.resolve():
                what = "Its training" if job.kind == "train" else f"The prediction '{job.label}' by it"
                raise RunError(f"{what} is {job.state} in the queue; stop that first, then delete {run.name}.")

    def restore(self, id: str) -> Path:
        """Put a run back under its own name, or with a number added if another has that name now; gives its folder.

        Raises:
            RunError: if it is no longer in the trash.
            StorageError: if it cannot be moved.
        """
        thrown = self.thrown(id)
        place = _free(self.home / thrown.name)
        with explained(place):
            thrown.path.rename(place)
            shutil.rmtree(self.folder / thrown.id)
        return place

    def contents(self) -> list[Thrown]:
        """Everything that can be brought back, the newest first."""
        ids = [place.name for place in self.folder.iterdir()] if self.folder.is_dir() else []
        there = [self.thrown(id) for id in ids if (self.folder / id / CONTENT).is_dir()]
        return sorted(there, key=lambda thrown: thrown.when, reverse=True)

    def thrown(self, id: str) -> Thrown:
        """What is known of one run in the trash.

        Raises:
            RunError: if it is not there.
        """
        place = self.folder / id
        if not id.isalnum() or not (place / CONTENT).is_dir():
            raise RunError("This run is no longer in the trash: it was brought back or deleted for good.")
        record = read_json(place / RECORD)
        return Thrown(id, str(record["name"]), str(record["when"]), place / CONTENT)

    def empty(self) -> int:
        """Delete everything in the trash for good; gives how many runs that were."""
        gone = self.contents()
        with explained(self.folder):
            if self.folder.is_dir():
                shutil.rmtree(self.folder)
        return len(gone)


def run_in(home: Path, name: str) -> Path:
    """The folder of a run by its name; nothing outside the home folder has a name.

    Raises:
        RunError: if there is none.
    """
    plain = name and name == Path(name).name and not name.startswith(".") and "\\" not in name and "\0" not in name
    path = home / name if plain else home
    if not plain or path.is_symlink() or not is_run(path):
        raise RunError(
            f"There is no run {name!r} in this folder. It may have been renamed or deleted; see the list of runs."
        )
    return path


def _free(path: Path) -> Path:
    """The path, or the first with a number added that nobody has."""
    number = 2
    free = path
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.name}-{number}"), number + 1
    return free
