"""Judging predictions: reads only the predictions table, never a model, so it works for anybody's model.

`evaluate` is the whole stage: thresholds chosen on validation samples, metrics with patient-resampled intervals on
test samples, the baseline beside them, and the sentences for the top of the report.
"""

from typing import Any

import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.evaluation import calibrated, uncertainty, utility, verdict
from bedside.evaluation.adequacy import Development, adequacy
from bedside.evaluation.curves import Curves, agreement, curves
from bedside.evaluation.foreign import foreign
from bedside.evaluation.performance import how_joined, performance, repeats
from bedside.evaluation.subgroups import by_group
from bedside.evaluation.together import together
from bedside.settings import EvaluationSettings

__all__ = ["Curves", "Development", "agreement", "curves", "evaluate", "foreign", "performance", "repeats"]


def evaluate(
    predictions: pd.DataFrame,
    task: Task,
    settings: EvaluationSettings,
    *,
    seed: int,
    baseline: pd.DataFrame | None = None,
    baseline_family: str = "",
    patient_column: bool = True,
    development: Development | None = None,
) -> dict[str, Any]:
    """Everything in estimates.json: plain values, no NaN, no infinity; `performance` says how folds are joined.

    Args:
        predictions: one row per repeat, fold and sample of the valid and test parts, as in predictions.csv.
        task: what was predicted.
        settings: resamples, level, kind of interval, threshold rule and prevalence.
        seed: drives the resampling; same seed, same result.
        baseline: predictions of the simple baseline for the same samples and folds.
        baseline_family: its name.
        patient_column: False if samples stand for patients because no column names them.
        development: what the models learned from, if that is known.

    Raises:
        DataError: if there is no test sample, a target is not one of the classes, a score is not a number, the
            validation samples of a fold are all of one class, or the baseline predicts other samples.
        SettingError: if bands are asked for a column that can have none.
    """
    result, tested = performance(
        predictions, task, settings, seed=seed, baseline=baseline, baseline_family=baseline_family,
        patient_column=patient_column,
    )  # fmt: skip
    result["ensemble"] = together(
        predictions, task, settings, result["thresholds"], seed=seed, baseline=baseline,
        baseline_family=baseline_family, patient_column=patient_column,
    )  # fmt: skip
    test, n, found = tested.rows, result["n"], [Estimate.from_dict(record) for record in result["estimates"]]
    result["subgroups"] = by_group(tested, settings, seed=seed)
    result["uncertainty"] = uncertainty.uncertainty(predictions, tested, settings, seed=seed)
    result["sample_size"] = adequacy(found, test, task, n, development)
    result["calibration"] = calibrated.calibration(test, task, settings, found, seed=seed, how=how_joined(n))
    result["decision_curve"] = utility.decision_curves(test, task, settings, seed=seed) if task.classes else None
    result["sentences"] = verdict.sentences(result, task)
    return result
