"""The decision threshold of a binary task: chosen on validation samples, frozen, then applied to test samples.

A sample is called positive if its score is at least the threshold. A chosen threshold lies midway between two
neighbouring scores of the validation samples, so that rounding a score cannot turn a decision, and samples with
tied scores are always decided alike.
"""

from math import sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from bedside.cohort import Task
from bedside.errors import DataError
from bedside.settings import EvaluationSettings

GIVEN = 0.5  # the threshold when a rule has no validation samples to look at


def candidates(score: np.ndarray) -> np.ndarray:
    """Every threshold that decides the samples differently, from low (all positive) to high (all negative).

    Scores (n,) in 0..1 -> thresholds (distinct scores + 1,).
    """
    distinct = np.unique(score)
    between = (distinct[:-1] + distinct[1:]) / 2
    between = np.where(between > distinct[:-1], between, distinct[1:])  # neighbours in floating point
    above = (distinct[-1] + 1) / 2 if distinct[-1] < 1 else np.nextafter(1.0, 2.0)
    return np.concatenate([[0.0], between, [above]])


def choose(target: np.ndarray, score: np.ndarray, *, rule: str, value: float, prevalence: float | None = None) -> float:
    """The threshold that a rule picks.

    Args:
        target: True for the positive class, (n,), both classes present.
        score: probability of the positive class, (n,).
        rule: `youden` maximises sensitivity + specificity - 1 (Youden 1950,
            doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3); `sensitivity` takes the highest
            threshold that reaches `value`, `specificity` the lowest; `cost` minimises what missed cases and false
            alarms cost together if a missed case costs `value` false alarms; `net_benefit` maximises the net benefit
            at the threshold probability `value` (Vickers & Elkin 2006, doi:10.1177/0272989X06295361), which is the
            cost rule at (1 - value) / value. Of equally good thresholds it is the lowest.
        value: see `rule`.
        prevalence: share of the positive class that `cost` and `net_benefit` weigh by; that of `target` if None.
    """
    thresholds = candidates(score)
    missed = np.searchsorted(np.sort(score[target]), thresholds) / target.sum()
    specificity = np.searchsorted(np.sort(score[~target]), thresholds) / (~target).sum()
    sensitivity = 1 - missed
    if rule == "sensitivity":
        return float(thresholds[np.flatnonzero(sensitivity >= value - 1e-12)[-1]])
    if rule == "specificity":
        return float(thresholds[np.flatnonzero(specificity >= value - 1e-12)[0]])
    share = float(target.mean()) if prevalence is None else prevalence
    worth = {"youden": (1 - share) / share, "net_benefit": (1 - value) / value if value else 0.0}.get(rule, value)
    gain = worth * share * sensitivity + (1 - share) * specificity
    return float(thresholds[np.flatnonzero(gain >= gain.max() - 1e-12)[0]])


def share_needed(target: float, n: float, *, level: float) -> float:
    """The share of n samples whose Wilson interval has `target`, in 0..1, as its lower end; above 1 none has.

    Wilson's interval holds what a score test does not reject, so its lower end reaches t if the share reaches
    t + z sqrt(t (1 - t) / n). All of n samples are enough if n is at least z^2 t / (1 - t): 73 for 95 % at level 95 %.
    """
    return target + float(norm.ppf((1 + level) / 2)) * sqrt(target * (1 - target) / n)


def samples_worth(units: np.ndarray) -> float:
    """The number of independent samples that samples of these patients, (n,), are worth at the least.

    Samples of one patient are taken to be all alike: (sum of counts)^2 / sum of squared counts (Kish 1965, Survey
    sampling, section 5.4), which is the number of patients if each has equally many.
    """
    counts = np.unique(units, return_counts=True)[1]
    return float(counts.sum() ** 2 / (counts**2).sum())


def per_fold(predictions: pd.DataFrame, task: Task, settings: EvaluationSettings) -> list[dict[str, Any]]:
    """One threshold for each repeat and fold, as records of estimates.json.

    Predictions without validation samples, such as those of a foreign model, take the fixed threshold, or 0.5 under
    another rule: a threshold cannot be chosen on the samples that test it.

    Raises:
        DataError: if the validation samples of a fold are all of one class.
    """
    return [_threshold(rows, task, settings) for _, rows in predictions.groupby(["repeat", "fold"], sort=True)]


def _threshold(rows: pd.DataFrame, task: Task, settings: EvaluationSettings) -> dict[str, Any]:
    """The record of one fold, from its rows."""
    place = {"repeat": int(rows["repeat"].iloc[0]), "fold": int(rows["fold"].iloc[0])}
    valid = rows[rows["part"] == "valid"]
    if settings.threshold == "fixed" or valid.empty:
        value = float(settings.threshold_value) if settings.threshold == "fixed" else GIVEN
        return {**place, "value": value, "rule": "fixed", "chosen_on": "given", "n_samples": 0}
    target = task.encode(valid["target"]) == 1
    if target.all() or not target.any():
        raise DataError(
            f"The {len(valid)} validation samples of repeat {place['repeat']}, fold {place['fold']} are all "
            f"{task.classes[int(target[0])]}, but the threshold rule {settings.threshold} needs both classes. "
            "Use fewer folds, or set evaluation.threshold=fixed."
        )
    score = valid[task.score_columns()[1]].to_numpy(dtype=np.float64)
    goal = settings.threshold_value
    if settings.threshold_bound == "lower":  # where no share is large enough, all is the nearest to it
        among = valid[target == (settings.threshold == "sensitivity")]
        goal = min(1.0, share_needed(goal, samples_worth(units(among).to_numpy()), level=settings.level))
    value = choose(target, score, rule=settings.threshold, value=goal, prevalence=settings.prevalence)
    return {**place, "value": value, "rule": settings.threshold, "chosen_on": "validation", "n_samples": len(valid)}


def units(predictions: pd.DataFrame) -> pd.Series:
    """What is resampled, for each row: the patient, or the first of the patients linked by copies of a sample."""
    return predictions["linked" if "linked" in predictions else "patient"]


def decide(rows: pd.DataFrame, task: Task, thresholds: list[dict[str, Any]]) -> np.ndarray:
    """True where the score of the positive class reaches the threshold of the sample's fold, shape (n,)."""
    known = {(record["repeat"], record["fold"]): record["value"] for record in thresholds}
    frozen = np.array([known[key] for key in zip(rows["repeat"], rows["fold"], strict=True)])
    return rows[task.score_columns()[1]].to_numpy(dtype=np.float64) >= frozen
