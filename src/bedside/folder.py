"""The run folder: plain files that hold everything of a run, written so that no reader ever sees half of one.

Each file is written beside its place, flushed to the disk and renamed, which the operating system does at once
or not at all; a folder of files likewise. Evaluation, explanation and report read a run only through `Run`.
"""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bedside import formulas
from bedside.errors import RunError, StorageError

FORMAT = 2  # of the run folder; raised when a reader of the old one would misread the new one

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the operating system's refusals, such as a full disk or a read-only folder, into words."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageError(
                f"No space left to write {path} ({error.strerror}). Free some space, then go on: "
                "a run continues with `bedside train --resume RUN`."
            ) from error
        reason = error.strerror or type(error).__name__
        raise StorageError(f"Cannot write {path}: {reason}. Choose a folder that you may write.") from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StorageError: if the disk is full or the folder may not be written.
    """
    if path.exists() and not path.is_file():
        raise StorageError(f"Cannot write {path}: it is there already and is not a file. Name another file.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, record: Any) -> None:
    """JSON with NaN refused: what is not defined is null, with its reason beside it."""
    write_text(path, json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_yaml(path: Path, record: dict[str, Any]) -> None:
    import yaml

    write_text(path, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def read_json(path: Path) -> Any:
    """A JSON file.

    Raises:
        RunError: if it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}).") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file of plain values.

    Raises:
        RunError: if it is damaged.
    """
    import yaml

    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}).") from None


def csv_text(table: pd.DataFrame) -> str:
    """CSV with ten significant digits: more than any score carries, few enough to be the same bytes again; text that a
    spreadsheet would compute is marked (see `formulas`)."""
    return cells_as_csv(formulas.marked(table))


def cells_as_csv(table: pd.DataFrame) -> str:
    """Cells of our own files, which are marked already, as they are."""
    return table.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def write_table(path: Path, table: pd.DataFrame) -> None:
    write_text(path, csv_text(table))


@contextmanager
def whole_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """A temporary folder to fill; it takes its place at once when the block ends.

    An older folder in that place is replaced, or, without `replace`, is an error unless it is empty.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        try:
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    with open(file, "rb") as handle:
                        os.fsync(handle.fileno())
            temporary.chmod(0o755)
            if path.exists():
                shutil.rmtree(path) if replace else path.rmdir()
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def require_folder_of(path: Path) -> None:
    """A file that the user names goes into a folder that exists: a misspelt one is not made.

    Raises:
        StorageError: naming the folder.
    """
    if not path.parent.is_dir():
        raise StorageError(f"Cannot write {path}: there is no folder {path.parent}. Make it, or name another one.")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process works on a run; the operating system frees the lock however that process ends.

    Raises:
        RunError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        yield
        return
    with explained(path), open(path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"Another process is working on {path}; wait for it, or stop it first.") from None
        yield


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether nobody works on a run, and if so nobody begins to until the block ends; nothing is written into the run."""
    lock = path / ".lock"
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        lock = path / "none"
    if not lock.exists():
        yield True
        return
    with open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def checksum(path: Path) -> str:
    """sha256 of a file, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Run:
    """A run folder, read when asked. `bedside.train` returns one; `bedside.open_run(path)` opens one.

    Raises:
        RunError: from any property, if its file is missing or damaged.
    """

    path: Path

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What was asked, as nested plain values."""
        import yaml

        try:
            return dict(yaml.safe_load(self._read("settings.yaml")) or {})
        except (yaml.YAMLError, ValueError, TypeError) as error:
            raise RunError(f"{self.path / 'settings.yaml'} is damaged ({error}); remake the run.") from None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions, device, seeds, data fingerprint, wall time."""
        return dict(self._json("environment.json"))

    @cached_property
    def findings(self) -> list[dict[str, Any]]:
        """What the checks found, worst first."""
        return list(self._json("findings.json"))

    @cached_property
    def estimates(self) -> dict[str, Any]:
        """Every estimate, with how it was computed."""
        return dict(self._json("estimates.json"))

    @cached_property
    def description(self) -> dict[str, Any]:
        """The cohort in numbers: samples, patients, classes, and one record per feature."""
        return dict(self._json("description.json"))

    @cached_property
    def cohort(self) -> pd.DataFrame:
        return self._table("cohort.csv")

    @cached_property
    def folds(self) -> pd.DataFrame:
        return self._table("folds.csv")

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """One row per fold and epoch; None for families that do not train in epochs."""
        return self._table("history.csv") if (self.path / "history.csv").exists() else None

    @cached_property
    def learning_rates(self) -> pd.DataFrame | None:
        """The sweeps of the learning-rate finder: repeat, fold, learning_rate, loss; None if it was not asked for."""
        return self._table("learning_rates.csv") if (self.path / "learning_rates.csv").exists() else None

    @cached_property
    def predictions(self) -> pd.DataFrame:
        return self._table("predictions.csv")

    @cached_property
    def baseline(self) -> pd.DataFrame | None:
        """Predictions of the simple baseline on the same folds; None if it was switched off."""
        return self._table("baseline.csv") if (self.path / "baseline.csv").exists() else None

    @cached_property
    def explanations(self) -> pd.DataFrame | None:
        """One row per explained test sample, with the names of its images; None if nothing was explained."""
        name = "explanations/samples.csv"
        text = ("decision", "group", "image", "map", "occlusion")
        return self._table(name, text=text) if (self.path / name).exists() else None

    @cached_property
    def columns(self) -> dict[str, Any] | None:
        """What a model of a table uses: importance, curves and single patients; None if nothing was explained."""
        name = "explanations/columns.json"
        return dict(self._json(name)) if (self.path / name).exists() else None

    @cached_property
    def sanity(self) -> dict[str, Any] | None:
        """What the sanity checks of the explanations found; None if nothing was explained."""
        name = "explanations/sanity.json"
        return dict(self._json(name)) if (self.path / name).exists() else None

    @cached_property
    def truth(self) -> dict[str, Any] | None:
        """What the network looked at and used, held against what the generator of the images knows; None for real images."""
        name = "explanations/truth.json"
        return dict(self._json(name)) if (self.path / name).exists() else None

    @cached_property
    def latent(self) -> pd.DataFrame | None:
        """Places of test samples on the maps of what the network makes of them; None without a network."""
        name = "explanations/latent.csv"
        return self._table(name, text=("decision",)) if (self.path / name).exists() else None

    @cached_property
    def latent_facts(self) -> dict[str, Any] | None:
        """How those maps were made: layer, shares of variance, perplexity, seed."""
        name = "explanations/latent.json"
        return dict(self._json(name)) if (self.path / name).exists() else None

    @cached_property
    def gaps(self) -> dict[str, Any] | None:
        """How well hidden cells of test samples were guessed; None for a model that gives nothing back."""
        name = "explanations/gaps.json"
        return dict(self._json(name)) if (self.path / name).exists() else None

    @cached_property
    def synthetic(self) -> dict[str, Any] | None:
        """What the tests of the synthetic cohort found; None for a model that draws none."""
        return dict(self._json("synthetic/tests.json")) if (self.path / "synthetic/tests.json").exists() else None

    @cached_property
    def synthetic_distances(self) -> pd.DataFrame | None:
        """How far synthetic and held-out samples lie from the nearest training sample; None for a model that draws none."""
        name = "synthetic/distances.csv"
        return self._table(name) if (self.path / name).exists() else None

    @cached_property
    def synthetic_pairs(self) -> pd.DataFrame | None:
        """Drawn images beside the training images nearest to them, as files in synthetic/; None for a model that draws none."""
        name = "synthetic/pairs.csv"
        return self._table(name, text=("drawn", "nearest")).fillna("") if (self.path / name).exists() else None

    @cached_property
    def null(self) -> dict[str, Any] | None:
        """What the pipeline scored with shuffled targets; None if that was not asked for."""
        return dict(self._json("null.json")) if (self.path / "null.json").exists() else None

    @cached_property
    def random_split(self) -> dict[str, Any] | None:
        """What the same training scored on a random split of the molecules; None where there is no other split."""
        return dict(self._json("random_split.json")) if (self.path / "random_split.json").exists() else None

    @cached_property
    def stress(self) -> dict[str, Any] | None:
        """What noise, gaps, wrong units or poor images do to the model; None if that was not tried."""
        return dict(self._json("stress.json")) if (self.path / "stress.json").exists() else None

    @property
    def finished(self) -> bool:
        return (self.path / "report.html").exists()

    def require_finished(self) -> None:
        """Refuse a run that was stopped before everything was there that its report is made of.

        Raises:
            RunError: saying how to continue it.
        """
        if "wall_seconds" not in self.environment:
            raise RunError(f"{self.path} is not finished. Continue it with `bedside train --resume {self.path}`.")

    def _read(self, name: str) -> str:
        try:
            with open(self.path / name, encoding="utf-8", newline="") as file:
                return file.read()
        except FileNotFoundError:
            hint = f" Continue it with `bedside train --resume {self.path}`." if is_run(self.path) else ""
            raise RunError(f"{self.path} has no {name}: the run is not finished.{hint}") from None

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._read(name))
        except json.JSONDecodeError as error:
            raise RunError(f"{self.path / name} is damaged ({error}); remake the run.") from None

    def part(self, name: str) -> pd.DataFrame:
        """A table of predictions that is not part of the finished run, by its path in the folder of the run."""
        return self._table(name)

    def _table(self, name: str, *, text: tuple[str, ...] = ()) -> pd.DataFrame:
        """A CSV file of the run; identifiers, class names and codes stay text, only empty cells are missing."""
        from io import StringIO

        numbers = {feature["name"] for feature in self.description["features"] if feature["kind"] != "category"}
        named = {"sample", "patient", "site", "part", "linked", *text}
        named |= set(self.description["roles"]["subgroups"]) - numbers
        if self.description["task"]["kind"] != "regression":
            named.add("target")
        content = self._read(name)
        try:
            header = pd.read_csv(StringIO(content), nrows=0).columns
            kinds = {column: str for column in header if formulas.as_was(column) in named}
            cells = pd.read_csv(StringIO(content), dtype=kinds, keep_default_na=False, na_values=[""])
            return formulas.unmarked(cells)
        except ValueError as error:
            raise RunError(f"{self.path / name} is damaged ({error}); remake the run.") from None


class Fit(Run):
    """One of the many fits of an experiment, in `fits/<name>` of its folder; the data are described there."""

    @cached_property
    def description(self) -> dict[str, Any]:
        return Run(self.path.parent.parent).description

    @cached_property
    def cohort(self) -> pd.DataFrame:
        return Run(self.path.parent.parent).cohort


def is_run(path: Path) -> bool:
    return (path / "settings.yaml").exists() and (path / "environment.json").exists()


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run folder after checking that it is one and that this version can read it.

    Raises:
        RunError: if the folder is missing, is not a run, or was written in another format.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"There is no run folder {folder}. `bedside train` prints the path of the one it makes.")
    if not is_run(folder):
        raise RunError(f"{folder} is not a run folder: it has no settings.yaml and environment.json.")
    run = Run(folder)
    found = run.environment.get("format")
    if found != FORMAT:
        version = run.environment.get("versions", {}).get("bedside", "unknown")
        raise RunError(
            f"{folder} was written by bedside {version} in format {found}; this version reads format {FORMAT}. "
            f"Install bedside {version} to read it, or repeat it here: `bedside train --settings {folder}/settings.yaml`."
        )
    return run
