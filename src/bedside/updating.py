"""A run's model brought to a new hospital: the same as `bedside recalibrate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.begin import claim, filled
from bedside.cohort import Finding, Task
from bedside.data.cells import read_text
from bedside.data.codes import count
from bedside.data.files import read_file
from bedside.environment import versions
from bedside.errors import DataError, SettingError, nearest
from bedside.evaluation.foreign import foreign
from bedside.evaluation.site import site_update
from bedside.folder import FORMAT, Run, open_run, write_json, write_table
from bedside.models import family_named
from bedside.report.updating import write_update
from bedside.scoring import RECALIBRATION, read_new, reading_of
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
    reading = reading_of(opened, settings).model_copy(update={"skip_unreadable": False})
    target = reading.target or str(opened.description["roles"]["target"])
    new = read_new(model, source, reading.model_copy(update={"target": target}))
    scores = model.recalibrated(model.scores(new.inputs)).mean(axis=0)[:, 1]
    frame = source if isinstance(source, pd.DataFrame) else _table(Path(source), model, reading)
    predictions = _with_outcomes(new.samples, scores, frame, target, model.task, reading.decimal)
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


def _table(path: Path, model: Model, reading: DataSettings) -> pd.DataFrame:
    """The table that holds the outcomes; images need one beside them.

    Raises:
        SettingError: if there is none.
    """
    if model.images is not None and family_named(model.family).data != "table" and reading.image is None:
        raise SettingError("To recalibrate, name a table with a column of image paths (--image) and one of outcomes.")
    return read_file(path, reading)


def _with_outcomes(
    samples: pd.DataFrame, scores: Any, frame: pd.DataFrame, target: str, task: Task, decimal: str
) -> pd.DataFrame:
    """The predictions table of the new hospital, its outcomes named as in training.

    Raises:
        DataError: if outcomes are missing, are of another class, or all of one.
    """
    if target not in frame.columns:
        hint = nearest(target, map(str, frame.columns))
        raise DataError(
            f"The new data lack the column '{target}' with the outcome.{hint} Recalibrating takes patients whose "
            "outcome is known; if the column has another name, add --target COLUMN."
        )
    empty = int(pd.isna(read_text(frame[target])).sum())
    if empty:
        raise DataError(
            f"Column '{target}' is empty in {count(empty, 'row')}; recalibrating takes known outcomes. Leave these rows out."
        )
    table = pd.DataFrame({"target": frame[target].to_numpy(), "score": scores, "sample": samples.index.to_numpy()})
    table["patient"] = samples["patient"].to_numpy() if "patient" in samples else table["sample"]
    unknown = sorted({str(name) for name in read_text(frame[target])} - {*task.classes})
    if unknown:
        raise DataError(
            f"Column '{target}' holds {unknown[0]!r}; the model knows the classes {' and '.join(task.classes)}. Name "
            "outcomes as in training."
        )
    return foreign(table, positive=task.positive, decimal=decimal)[0]
