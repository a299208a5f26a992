"""A run's model brought to a new hospital: the same as `bedside recalibrate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.claim import claim, filled
from bedside.cohort import Finding
from bedside.data.align import Aligned
from bedside.data.codes import count
from bedside.environment import versions
from bedside.errors import DataError, SettingError
from bedside.evaluation.site import site_update
from bedside.folder import FORMAT, Run, open_run, write_json, write_table
from bedside.recalibration import RECALIBRATION
from bedside.report.updating import write_update
from bedside.scoring import read_new, reading_of
from bedside.settings import DataSettings, EvaluationSettings
from bedside.training.model import Model, load_model


@dataclass(frozen=True)
class Updated:
    """A recalibration: its folder, what recalibration.json holds, and what was noticed about the new data."""

    path: Path
    record: dict[str, Any]
    findings: tuple[Finding, ...]


def recalibrate(
    run: Run | str | Path,
    source: pd.DataFrame | str | Path,
    *,
    output: str | Path | None = None,
    method: str | None = None,
    settings: DataSettings | None = None,
    evaluation: EvaluationSettings | None = None,
    seed: int = 0,
) -> Updated:
    """Fit intercept, or slope and intercept, of a run's scores to the patients of a new hospital.

    Args:
        run: a finished run with a binary task, or its path.
        source: table with the columns that the model learned from and the target; for a model of images a table with
            `settings.image`.
        output: folder for recalibration.json, predictions.csv and report.html; by default a new one under `runs/`.
        method: `intercept` or `slope`; see `evaluation.site.site_update`.
        settings: target and patient column, and how the file is read. The target is called as in training by default.
        evaluation: resamples and level.
        seed: deals the tenths of the patients and drives the resampling.

    Raises:
        RunError: if the model's files are not what was saved, or the folder is in use.
        DataError: if columns or outcomes are missing, or there are too few patients.
        SettingError: if the task is not binary, or the method cannot be had.
    """
    opened = open_run(run.path if isinstance(run, Run) else run)
    model = load_model(opened.path / "model", known=opened.environment.get("model_sha256"))
    if model.task.kind != "binary":
        instead = "Train again with patients of the new hospital"
        more = ", and with evaluation.recalibrate" if model.task.kind == "multiclass" else ""
        raise SettingError(
            f"`bedside recalibrate` is for models with two classes only: it updates the risk of one class; this model is "
            f"{model.task.kind}. {instead}{more}."
        )
    reading = reading_of(opened, settings)
    target = reading.target or str(opened.description["roles"]["target"])
    _refuse_unlisted_images(source, model, reading)
    new = read_new(model, source, reading.model_copy(update={"target": target}))
    predictions = _with_outcomes(model, new, target, reading.decimal)
    record, table = site_update(
        predictions, model.task, evaluation or EvaluationSettings(), seed=seed, method=method or None,
        patient_column="patient" in new.samples,
    )  # fmt: skip
    stem = "table" if isinstance(source, pd.DataFrame) else Path(source).stem
    path = claim(f"{opened.path.name}-at-{stem}", output)
    whole = {
        "format": FORMAT,
        "bedside": versions()["bedside"],
        "run": opened.path.name,
        "model_sha256": opened.environment["model_sha256"],
        "source": stem if isinstance(source, pd.DataFrame) else Path(source).name,
        "patient_column": record["patient_column"],
        "target": target,
        "task": {"kind": "binary", "classes": list(model.task.classes), "positive": model.task.positive},
        "seed": seed,
        "update": record,
    }
    with filled(path) as folder:
        write_json(folder / RECALIBRATION, whole)
        write_table(folder / "predictions.csv", table)
        write_update(folder, path, whole, table, opened)
    return Updated(path, whole, tuple(new.findings))


def _refuse_unlisted_images(source: pd.DataFrame | str | Path, model: Model, reading: DataSettings) -> None:
    """Outcomes of images stand beside them in a table."""
    if model.images is not None and not isinstance(source, pd.DataFrame) and reading.image is None:
        raise SettingError("To recalibrate, name a table with a column of image paths (--image) and one of outcomes.")


def _with_outcomes(model: Model, new: Aligned, target: str, decimal: str) -> pd.DataFrame:
    """The predictions table of the new hospital, its outcomes named as in training.

    Raises:
        DataError: if outcomes or patients are missing, or an outcome is none of the classes.
    """
    found = new.outcomes(target, model.task, decimal)
    patients = new.samples["patient"] if "patient" in new.samples else pd.Series(new.samples.index)
    for cells, which in ((found, f"column '{target}' with the outcome"), (patients, "column of patients")):
        if empty := int(pd.isna(cells).sum()):
            raise DataError(
                f"The {which} is empty in {count(empty, 'row')} of the new data; recalibrating takes patients whose outcome is "
                "known. Fill it in, or leave these rows out."
            )
    scores = model.recalibrated(model.scores(new.inputs)).mean(axis=0)
    own = {
        "sample": new.samples.index.to_numpy(),
        "patient": patients.to_numpy(),
        "repeat": 0,
        "fold": 0,
        "part": "test",
    }
    return pd.DataFrame({**own, "target": found, **dict(zip(model.task.score_columns(), scores.T, strict=True))})
