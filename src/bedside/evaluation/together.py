"""Several models that were tested on the same patients, judged as the one model that their mean is.

The mean of models that each learned from most of the training patients is usually better than one of them, the more so
the fewer patients there are (Krogh & Vedelsby 1995, Advances in Neural Information Processing Systems 7:231). Of a
cross-validation it cannot be tested, because every patient trained some of its models. Where all of them are tested on
the same patients nobody trained any, and the mean is tested like any other model.
"""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.evaluation import panels
from bedside.evaluation.performance import performance
from bedside.settings import EvaluationSettings


def together(
    predictions: pd.DataFrame,
    task: Task,
    settings: EvaluationSettings,
    thresholds: list[dict[str, Any]],
    *,
    seed: int,
    baseline: pd.DataFrame | None = None,
    baseline_family: str = "",
    patient_column: bool = True,
) -> dict[str, Any] | None:
    """Estimates of the mean of the models of all repeats; None if there is one, or they were not tested on the same patients.

    Args:
        predictions, task, settings, seed, baseline, baseline_family, patient_column: those of `performance`.
        thresholds: of the repeats; the mean decides at their mean, as the model does that a run keeps.

    Returns:
        `models`: how many; `threshold`: None but for a binary task; `estimates` and `baseline` as in estimates.json.
    """
    test = panels.tested(predictions)
    if not _same_patients(test):
        return None
    cut = float(np.mean([record["value"] for record in thresholds])) if thresholds else None
    if cut is not None:
        settings = settings.model_copy(update={"threshold": "fixed", "threshold_value": cut})
    simple = None if baseline is None else _mean(panels.tested(baseline), task)
    result, _ = performance(
        _mean(test, task), task, settings, seed=seed, baseline=simple, baseline_family=baseline_family,
        patient_column=patient_column,
    )  # fmt: skip
    return {
        "models": int(test["repeat"].nunique()),
        "threshold": cut,
        "estimates": result["estimates"],
        "baseline": result["baseline"],
    }


def _same_patients(test: pd.DataFrame) -> bool:
    """Whether there are several repeats, each with one model for all of the samples."""
    repeats = test["repeat"].nunique()
    alone = test.groupby("repeat")["fold"].nunique().eq(1).all()
    return bool(repeats > 1 and alone and test.groupby("sample")["repeat"].nunique().eq(repeats).all())


def _mean(test: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row per sample, with the mean of what the models say."""
    said = task.score_columns() if task.classes else ["predicted"]
    rows = test[test["repeat"] == test["repeat"].min()].copy()
    rows[said] = test.groupby("sample")[said].mean().loc[rows["sample"]].to_numpy()
    return rows.assign(repeat=0, fold=0)
