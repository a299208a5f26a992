"""The final model of a run: a folder of members whose every file is named with its checksum in model.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort import Task
from bedside.data.table import Feature
from bedside.errors import RunError, SettingError
from bedside.folder import FORMAT, checksum, whole_folder
from bedside.models import family_named
from bedside.recalibration import Recalibration
from bedside.training.fitted import Fitted, scores
from bedside.training.saved import load_members


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
    images: dict[str, Any] | None = None  # what images of training were like, for a model that reads images
    recalibration: tuple[Recalibration, ...] = ()  # of each member, or none

    def scores(self, inputs: Any) -> np.ndarray:
        """Scores of samples by each member before recalibration, (members, n, classes) or (members, n)."""
        return scores(self.members, inputs)

    def recalibrated(self, raw: np.ndarray) -> np.ndarray:
        """What `scores` gives, (members, n, classes), each member's by the map that its own validation samples made."""
        if not self.recalibration:
            return raw
        return np.stack([found(each) for found, each in zip(self.recalibration, raw, strict=True)])


def save_model(path: Path, model: Model) -> None:
    """Write the folder whole: a subfolder per member under its name, and model.json with checksums."""
    with whole_folder(path) as folder:
        for name, member in zip(model.names, model.members, strict=True):
            (folder / name).mkdir()
            member.save(folder / name)
        files = {str(file.relative_to(folder).as_posix()): checksum(file) for file in _files(folder)}
        record = {
            "format": FORMAT,
            "family": model.family,
            "summary": family_named(model.family).summary,
            "settings": model.settings,
            "task": asdict(model.task),
            "features": [feature.to_dict() for feature in model.features],
            "roles": list(model.roles),
            "images": model.images,
            "members": list(model.names),
            "threshold": model.threshold,
            "final": model.final,
            "recalibration": [found.to_dict() for found in model.recalibration],
            "parameters": model.parameters,
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
        images=record["images"],
        recalibration=tuple(Recalibration.from_dict(found) for found in record.get("recalibration", [])),
    )


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
