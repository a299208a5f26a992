"""A new run folder, or an old one that may be continued."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort import Cohort, Finding, Fold
from bedside.data.description import describe
from bedside.environment import describe_environment, versions
from bedside.errors import RunError, SettingError
from bedside.folder import Run, whole_folder, write_json, write_table, write_yaml
from bedside.models.suited import acting
from bedside.settings import RunSettings, build
from bedside.splits.folds import folds_table


def begin(
    cohort: Cohort, settings: RunSettings, folds: list[Fold], findings: Sequence[Finding], folder: str | Path | None
) -> Run:
    """Make the run folder, whole, with everything that is known before training."""
    path = Path(folder) if folder is not None else _new_folder(cohort.name)
    if path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is there already. Name another folder, or continue it with --resume {path}.")
    with whole_folder(path) as new:
        write_yaml(new / "settings.yaml", {"bedside": versions()["bedside"], **acting(settings, cohort.task)})
        write_json(new / "environment.json", describe_environment(cohort, settings.seed))
        write_table(new / "cohort.csv", cohort.samples.reset_index(names="sample"))
        write_json(new / "description.json", describe(cohort))
        write_table(new / "folds.csv", folds_table(cohort, folds))
        write_json(new / "findings.json", [asdict(finding) for finding in findings])
    return Run(path)


def _new_folder(name: str) -> Path:
    """runs/<cohort>-<date>-<time>, with a number added if two runs begin in one second."""
    stem = Path("runs") / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    return next(path for k in range(1, 10_000) if not (path := stem if k == 1 else Path(f"{stem}-{k}")).exists())


def go_on(old: Run, cohort: Cohort, folds: list[Fold]) -> Run:
    """An unfinished run, if data, versions and folds are still the same.

    Raises:
        RunError: saying what has changed.
    """
    known = old.environment
    if known["data_fingerprint"] != cohort.inputs.fingerprint():
        raise RunError(f"The data of {old.path} have changed since it was begun; start a new run.")
    changed = [
        f"{name} {known['versions'].get(name)} -> {now}"
        for name, now in versions().items()
        if known["versions"].get(name) != now
    ]
    if changed:
        raise RunError(f"{old.path} was begun with other versions ({', '.join(changed)}); start a new run.")
    if not np.array_equal(folds_table(cohort, folds).to_numpy(dtype=str), old.folds.to_numpy(dtype=str)):
        raise RunError(f"The folds of {old.path} cannot be repeated with these data; start a new run.")
    return old


def settings_of(old: Run, given: RunSettings, source: Any) -> RunSettings:
    """The settings a run was begun with; settings given again must agree with them.

    Raises:
        SettingError: naming what differs.
    """
    known = {name: value for name, value in old.settings.items() if name != "bedside"}
    again = given.model_dump(exclude_unset=True)
    if isinstance(source, str | Path):
        again["source"] = str(source)
    differing = [
        f"{name} (asked {value}, the run has {found})"
        for name, value in _flat(again).items()
        if str(found := _flat(known).get(name)) != str(value)
    ]
    if differing:
        raise SettingError(f"--resume continues {old.path} as it was begun. Leave out: {'; '.join(differing)}.")
    return build(RunSettings, known)


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"train": {"epochs": 3}} -> {"train.epochs": 3}; tuples become lists."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat
