"""From a predictions table to panels of metrics, one per repeat, and what is told fold by fold."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.evaluation.intervals import Panel
from bedside.evaluation.intervals import averaged as averaged
from bedside.evaluation.metrics import Metric, binary, multiclass, regression
from bedside.evaluation.resampling import presence_of
from bedside.evaluation.thresholds import decide
from bedside.evaluation.thresholds import units as units


def tested(predictions: pd.DataFrame) -> pd.DataFrame:
    """The test part, sorted, so that nothing depends on the order of the rows; patients who share a copy are one."""
    test = predictions[predictions["part"] == "test"]
    test = test.assign(patient=units(test))
    return test.sort_values(["repeat", "fold", "sample"], kind="stable", ignore_index=True)


def metrics_of(
    rows: pd.DataFrame, task: Task, thresholds: list[dict[str, Any]], prevalence: float | None = None
) -> list[Metric]:
    """The metrics of the task on these rows, decided at the thresholds of their folds; predictive values at a prevalence too."""
    target = task.encode(rows["target"])
    scores, folds = rows[task.score_columns()].to_numpy(dtype=np.float64), rows["fold"].to_numpy()
    if task.kind == "regression":
        return regression(target, scores[:, 0])
    if task.kind == "multiclass":
        return multiclass(target, scores, task.classes, folds=folds)
    decision = decide(rows, task, thresholds)
    return binary(target == 1, scores[:, 1], decision, positive=task.classes[1], folds=folds, prevalence=prevalence)


def per_repeat(
    test: pd.DataFrame,
    task: Task,
    thresholds: list[dict[str, Any]],
    patients: np.ndarray,
    prevalence: float | None = None,
) -> list[Panel]:
    """One panel per repeat, its folds together; patient number of each row of `test`, (n,)."""
    n_patients = int(patients.max()) + 1
    repeats = test["repeat"].to_numpy()
    masks = [repeats == repeat for repeat in np.unique(repeats)]
    return [Panel(metrics_of(test[mask], task, thresholds, prevalence), patients[mask], n_patients) for mask in masks]


def presence(test: pd.DataFrame, task: Task, patients: np.ndarray) -> np.ndarray:
    """Number of samples that each patient has of each class, (patients, classes); one column for a regression."""
    target = np.zeros(len(test), dtype=int) if task.kind == "regression" else task.encode(test["target"])
    return presence_of(target, patients, max(1, len(task.classes)))


def per_fold(
    test: pd.DataFrame,
    task: Task,
    thresholds: list[dict[str, Any]],
    panels: list[Panel],
    prevalence: float | None = None,
) -> list[dict[str, Any]]:
    """Every whole and macro metric in every fold; null where the fold does not define it, such as one class only."""
    records = []
    for _, rows in test.groupby(["repeat", "fold"], sort=True):
        everyone = np.ones((1, len(rows)))
        alone = len(rows) == len(test)  # then the fold is the panel
        for metric in panels[0].metrics if alone else metrics_of(rows, task, thresholds, prevalence):
            if metric.of not in ("", "macro"):
                continue
            value = float(metric(everyone)[0])
            records.append(
                {
                    "repeat": int(rows["repeat"].iloc[0]),
                    "fold": int(rows["fold"].iloc[0]),
                    "metric": metric.name,
                    "value": value if np.isfinite(value) else None,
                    "n_samples": len(rows),
                    "n_patients": int(rows["patient"].nunique()),
                }
            )
    return records


def spread(records: list[dict[str, Any]], dealt: dict[int, int]) -> list[dict[str, Any]]:
    """Mean, standard deviation and range of each metric over the folds that define it, each averaged over its seeds.

    The standard deviation describes the folds; it is no standard error, because folds share training samples
    (Bengio & Grandvalet 2004, Journal of Machine Learning Research 5:1089).
    """
    seeds: dict[tuple[str, int, int], list[float]] = {}
    for record in records:
        if record["value"] is not None:
            seeds.setdefault((record["metric"], dealt[record["repeat"]], record["fold"]), []).append(record["value"])
    found: dict[str, list[float]] = {}
    for (metric, _, _), values in seeds.items():
        found.setdefault(metric, []).append(float(np.mean(values)))
    return [
        {
            "metric": name,
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
            "low": min(values),
            "high": max(values),
            "n_folds": len(values),
        }
        for name, values in found.items()
    ]


def confusion(test: pd.DataFrame, task: Task, thresholds: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Samples by true class (rows) and decision (columns), mean over repeats; None for a regression."""
    if task.kind == "regression":
        return None
    if task.kind == "binary":
        decision = decide(test, task, thresholds).astype(int)
    else:
        decision = test[task.score_columns()].to_numpy(dtype=np.float64).argmax(axis=1)
    counts = np.zeros((len(task.classes), len(task.classes)))
    np.add.at(counts, (task.encode(test["target"]), decision), 1 / test["repeat"].nunique())
    return {"classes": list(task.classes), "counts": np.round(counts, 6).tolist()}


def divisions(predictions: pd.DataFrame) -> dict[int, int]:
    """The first repeat with the same samples in the same parts, for each repeat: what differs is the random numbers."""
    found: dict[int, int] = {}
    first: dict[bytes, int] = {}
    for repeat, rows in predictions.groupby("repeat", sort=True):
        dealt = pd.util.hash_pandas_object(rows[["fold", "part", "sample"]], index=False).to_numpy()
        found[int(str(repeat))] = first.setdefault(np.sort(dealt).tobytes(), int(str(repeat)))
    return found


def by_seed(records: list[dict[str, Any]], dealt: dict[int, int]) -> list[dict[str, Any]]:
    """How far each metric varies over trainings that differ in their random numbers alone; nothing without such.

    The mean over the folds of a repeat is compared with that of the other repeats of the same division; their
    variances are averaged over divisions.
    """
    if len(set(dealt.values())) == len(dealt):
        return []
    table = pd.DataFrame([record for record in records if record["value"] is not None])
    table["dealt"] = table["repeat"].map(dealt)
    means = table.groupby(["metric", "dealt", "repeat"], sort=False)["value"].mean()
    variances = means.groupby(["metric", "dealt"], sort=False).var(ddof=1).groupby("metric", sort=False).mean().dropna()
    seeds = len(dealt) // len(set(dealt.values()))
    return [
        {"metric": str(name), "sd": float(np.sqrt(value)), "seeds": seeds, "divisions": len(set(dealt.values()))}
        for name, value in variances.items()
    ]


def sizes(test: pd.DataFrame, task: Task, *, patient_column: bool) -> dict[str, Any]:
    """Numbers of the test part, each sample counted once."""
    once = test.drop_duplicates("sample")
    events = None
    if task.kind != "regression":
        counts = np.bincount(task.encode(once["target"]), minlength=len(task.classes))
        events = {name: int(count) for name, count in zip(task.classes, counts, strict=True)}
    return {
        "samples": len(once),
        "patients": int(once["patient"].nunique()),
        "events": events,
        "folds": int(test.groupby("repeat")["fold"].nunique().max()),
        "repeats": int(test["repeat"].nunique()),
        "patient_column": patient_column,
        "linked": bool("linked" in test),
    }
