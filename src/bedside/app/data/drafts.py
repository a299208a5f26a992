"""What somebody is about to train on: the data and what their columns are for, in a file whose name is in the address.

So a page that is loaded again, or a server that is started again, goes on where it was, and two people who work at once
see nothing of each other. Nobody guesses the name of another one's draft.
"""

import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from bedside.data.decode import by_suffix
from bedside.data.samples import COHORTS
from bedside.data.signals.read import is_signals
from bedside.errors import DataError, RunError
from bedside.folder import read_json, write_json
from bedside.settings import DataSettings

Kind = Literal["built-in", "table", "images", "signals"]


@dataclass(frozen=True)
class Draft:
    """`source` is what `read_cohort` takes; `data` are values of `DataSettings`, as far as somebody confirmed them."""

    id: str
    source: str
    name: str
    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)
    confirmed: bool = False  # somebody has said what the columns are for
    own: bool = False  # the source is an upload, which belongs to the app
    facts: dict[str, Any] = field(default_factory=dict)  # what the last check knew; see `checked`
    family: str = ""  # that was chosen for training; empty before that
    typed: dict[str, str] = field(default_factory=dict)  # settings of the training, by full name, as they were typed

    def with_data(self, **values: Any) -> "Draft":
        """The same with other settings; what is empty is left out."""
        kept = {name: value for name, value in {**self.data, **values}.items() if value not in (None, "", [], ())}
        return replace(self, data=kept)

    def save_training(self, folder: Path, family: str, typed: dict[str, str]) -> "Draft":
        """The same with what was asked for the training; what another page said of the data meanwhile stays."""
        return replace(load(self.id, folder), family=family, typed=typed).save(folder)

    def save(self, folder: Path) -> "Draft":
        write_json(folder / f"{self.id}.json", asdict(self))
        return self


def begin(source: str, folder: Path, *, name: str = "", own: bool = False) -> Draft:
    """A draft on these data.

    Raises:
        DataError: if there are no such data.
    """
    draft = Draft(secrets.token_urlsafe(12), source, name or Path(source).name, _kind(source), own=own)
    return draft.save(folder)


def load(id: str, folder: Path) -> Draft:
    """The draft of that name.

    Raises:
        RunError: if there is none, such as after it was tidied away.
    """
    if not id.replace("-", "").replace("_", "").isalnum() or not (folder / f"{id}.json").is_file():
        raise RunError("These data are no longer here; choose them again.")
    return Draft(**read_json(folder / f"{id}.json"))


def _kind(source: str) -> Kind:
    path = Path(source)
    if source in COHORTS:
        return "built-in"
    if is_signals(path, DataSettings()):
        return "signals"
    if path.is_dir() or path.suffix.lower() == ".npz":
        return "images"
    if path.is_file() and by_suffix(path):
        raise DataError(f"{path.name} is one image; training needs many. Choose them all, a folder, or a zip of one.")
    if path.is_file():
        return "table"
    raise DataError(f"There is no file or folder '{source}' on this computer. Check the path.")
