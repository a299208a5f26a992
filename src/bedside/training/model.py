"""The final model of a run: a folder of members whose every file is named with its checksum in model.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside import formulas
from bedside.cohort import Task
from bedside.data.table import Feature
from bedside.errors import RunError, SettingError
from bedside.folder import FORMAT, checksum, whole_folder, write_table
from bedside.models import family_named
from bedside.recalibration import Recalibration
from bedside.training.fitted import Fitted, each, scores
from bedside.training.novelty import Novelty, distances_in
from bedside.training.saved import load_members

CONFORMAL = "conformal.csv"
NOVELTY = "novelty"  # folder of what tells usual from unusual samples


@dataclass(frozen=True)
class Conformal:
    """What prediction sets are measured by: the share of them that shall hold the truth, and one row per validation
    sample with the member that scored it, its class, and how strange it was (see `evaluation.conformal`)."""

    level: float
    table: pd.DataFrame


@dataclass(frozen=True)
class Model:
    """One or more members; their mean is the score. `threshold` decides in a binary task."""

    family: str
    settings: dict[str, Any]
    task: Task
    features: tuple[Feature, ...]
    roles: tuple[str, ...]  # columns of the training table that had a role: no surprise in new data, and not needed
    members: tuple[Fitted, ...]
    threshold: float | None
    final: str  # "tested", "ensemble" or "refit"
    parameters: int | None
    names: tuple[str, ...] = ()  # of the members: the folds they were trained on, or "everything"
    kind: str = "table"  # of inputs
    known: dict[str, Any] | None = None  # what images or recordings of training were like; features say it of tables
    conformal: Conformal | None = None  # None if sets were not asked for, or the model is a refit without validation
    novelties: tuple[Novelty, ...] = ()  # one per fold of the first repeat; none in a run that keeps no reference
    unusual: float = 0.01  # share of samples like those of training that may be called unusual
    recalibration: tuple[Recalibration, ...] = ()  # of each member, or none

    @property
    def images(self) -> dict[str, Any] | None:
        """What images of training were like; None unless the model reads images."""
        return self.known if self.kind == "image" else None

    def scores(self, inputs: Any) -> np.ndarray:
        """Scores of samples by each member before recalibration, (members, n, classes) or (members, n)."""
        return scores(self.members, inputs)

    def scores_and_distances(self, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
        """Scores as `scores`, and distances of samples in the space of each novelty, (novelties, n)."""
        if not self.novelties:
            return self.scores(inputs), np.empty((0, len(inputs)))
        found, distances = each(
            self.members,
            inputs,
            lambda _, member, prepared: member.score(prepared),
            distances_in(self.novelties, self.names),
        )
        owners = [self.names.index(novelty.member) for novelty in self.novelties]
        return found, distances[owners, :, np.arange(len(owners))]

    def recalibrated(self, raw: np.ndarray) -> np.ndarray:
        """What `scores` gives, (members, n, classes), each member's by the map that its own validation samples made."""
        if not self.recalibration:
            return raw
        return np.stack([found(own) for found, own in zip(self.recalibration, raw, strict=True)])

    @property
    def deployed(self) -> tuple[Any, ...]:
        """The members as they score in predictions.csv: each with the map that its own validation samples made."""
        if not self.recalibration:
            return self.members
        return tuple(Deployed(*pair) for pair in zip(self.members, self.recalibration, strict=True))


@dataclass(frozen=True)
class Deployed:
    """A member whose scores are recalibrated; everything else of it is as it was."""

    member: Any  # training.fitted.Fitted
    recalibration: Recalibration

    def scores(self, inputs: Any) -> np.ndarray:
        """Recalibrated probabilities of samples, (n, classes)."""
        return self.recalibration(self.member.scores(inputs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.member, name)


def save_model(path: Path, model: Model) -> None:
    """Write the folder whole: a subfolder per member under its name, and model.json with checksums."""
    with whole_folder(path) as folder:
        for name, member in zip(model.names, model.members, strict=True):
            (folder / name).mkdir()
            member.save(folder / name)
        if model.conformal is not None:
            write_table(folder / CONFORMAL, model.conformal.table)
        for k, novelty in enumerate(model.novelties):
            (folder / NOVELTY / str(k)).mkdir(parents=True)
            novelty.save(folder / NOVELTY / str(k))
        files = {str(file.relative_to(folder).as_posix()): checksum(file) for file in _files(folder)}
        record = {
            "format": FORMAT,
            "family": model.family,
            "summary": family_named(model.family).summary,
            "settings": model.settings,
            "task": asdict(model.task),
            "features": [feature.to_dict() for feature in model.features],
            "roles": list(model.roles),
            "kind": model.kind,
            "known": model.known,
            "members": list(model.names),
            "threshold": model.threshold,
            "final": model.final,
            "conformal": model.conformal.level if model.conformal else None,
            "recalibration": [found.to_dict() for found in model.recalibration],
            "parameters": model.parameters,
            "novelties": len(model.novelties),
            "unusual": model.unusual,
            "files": files,
        }
        (folder / "model.json").write_text(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False))


def load_model(path: Path, *, known: str | None = None) -> Model:
    """Read a model folder after checking every file against its checksum.

    Args:
        path: the folder `model` of a run.
        known: checksum of model.json itself, as the run keeps it in environment.json.

    Raises:
        RunError: if a file is missing, added, or not what was written, or the family is not installed.
    """
    try:
        record = json.loads((path / "model.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path} holds no model.json: the run is not finished, or the folder is not a model.") from None
    except ValueError as error:
        raise RunError(f"{path / 'model.json'} is damaged ({error}); do not use this model.") from None
    if known is not None and checksum(path / "model.json") != known:
        raise RunError(
            f"{path / 'model.json'} is not what was saved (its sha256 differs from environment.json). "
            "The file was changed or damaged; take the model from a backup or train again."
        )
    try:
        return _read(path, record)
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path / 'model.json'} is damaged ({error!r}); do not use this model.") from None


def _read(path: Path, record: dict[str, Any]) -> Model:
    _check_files(path, record)
    try:
        family_named(record["family"])
    except SettingError:
        raise RunError(f"This model is of family '{record['family']}', which is not installed here.") from None
    task = Task(record["task"]["kind"], tuple(record["task"]["classes"]))
    foreign = [name for name in record["members"] if f"{name}/member.json" not in record["files"]]
    if foreign:
        raise RunError(f"{path / 'model.json'} names members that are not in its folder: {', '.join(foreign)}.")
    folders = [path / name for name in record["members"]]
    return Model(
        family=record["family"],
        settings=record["settings"],
        task=task,
        features=tuple(Feature.from_dict(feature) for feature in record["features"]),
        roles=tuple(record["roles"]),
        members=load_members(folders, record["family"], record["settings"], task),
        threshold=record["threshold"],
        final=record["final"],
        parameters=record["parameters"],
        names=tuple(record["members"]),
        kind=record["kind"],
        known=record["known"],
        conformal=_conformal(path, record.get("conformal")),
        novelties=tuple(Novelty.load(path / NOVELTY / str(k)) for k in range(record.get("novelties", 0))),
        unusual=record.get("unusual", 0.01),
        recalibration=tuple(Recalibration.from_dict(found) for found in record.get("recalibration", [])),
    )


def _conformal(path: Path, level: float | None) -> Conformal | None:
    """The yardstick of prediction sets; None for a model without."""
    if level is None:
        return None
    text = {"member": str, "class": str}
    return Conformal(level, formulas.unmarked(pd.read_csv(path / CONFORMAL, dtype=text, keep_default_na=False)))


def _check_files(path: Path, record: Mapping[str, Any]) -> None:
    if record.get("format") != FORMAT:
        raise RunError(f"{path} was written in format {record.get('format')}; this version reads format {FORMAT}.")
    found = {file.relative_to(path).as_posix() for file in _files(path)} - {"model.json"}
    expected = record["files"]
    for word, names in (("lacks", expected.keys() - found), ("has the unknown", found - expected.keys())):
        if names:
            raise RunError(f"{path} {word} {', '.join(sorted(names))}; the model is not the one that was saved.")
    changed = [name for name, known in expected.items() if checksum(path / name) != known]
    if changed:
        raise RunError(
            f"{path}: {', '.join(sorted(changed))} is not what was saved (its sha256 differs from model.json). "
            "The file was changed or damaged; take the model from a backup or train again."
        )


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())
