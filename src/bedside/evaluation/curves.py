"""Points of the figures: ROC, precision-recall, calibration, score histogram, operating points. Pure numpy and pandas.

Everything is computed from the test part of a predictions table. With cross-validation the out-of-fold predictions
of all folds and repeats are pooled into one curve: it shows every prediction that was scored, each once. The AUROC
compares within folds only (see `statistics.Ranking`), so it is not exactly the area under that curve. Counts of a
calibration bin are patients, each once however many repeats there were, so its interval does not shrink with repeats.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.evaluation.calibration import ECE_BINS
from bedside.evaluation.intervals import wilson
from bedside.evaluation.panels import units

POINTS = 400  # of a curve in a figure; more cannot be seen and would swell the SVG
OPERATING_POINTS = 200


@dataclass(frozen=True)
class Curves:
    """The curves of one class against the rest; tables hold one row per point.

    roc: threshold, false_positive_rate, sensitivity, from no sample positive to all.
    precision_recall: threshold, recall, precision, from high threshold to low.
    calibration: low, high (edges of the bin), score (mean), frequency, frequency_low, frequency_high, samples,
        patients; bins without samples are left out.
    histogram: low, high, positives, negatives (numbers of predictions).
    operating_points: threshold, sensitivity, specificity, true_positives, false_negatives, true_negatives,
        false_positives, from low threshold to high.
    """

    of: str
    prevalence: float
    roc: pd.DataFrame
    precision_recall: pd.DataFrame
    calibration: pd.DataFrame
    histogram: pd.DataFrame
    operating_points: pd.DataFrame


def curves(predictions: pd.DataFrame, task: Task, *, level: float = 0.95) -> list[Curves]:
    """The curves of the positive class (binary) or of each class that has samples (multiclass)."""
    test = predictions[predictions["part"] == "test"]
    target = task.encode(test["target"])
    patients = pd.factorize(units(test))[0]
    found = []
    for number, name in enumerate(task.classes):
        truth = target == number
        if truth.all() or not truth.any() or (task.kind == "binary" and name != task.positive):
            continue
        score = test[f"score_{name}"].to_numpy(dtype=np.float64)
        found.append(
            Curves(
                of=name,
                prevalence=float(truth.mean()),
                roc=roc(truth, score),
                precision_recall=precision_recall(truth, score),
                calibration=calibration(truth, score, patients, level=level),
                histogram=histogram(truth, score),
                operating_points=operating_points(truth, score),
            )
        )
    return found


def agreement(predictions: pd.DataFrame) -> pd.DataFrame:
    """Regression: sample, target and predicted (mean over repeats) of each test sample once."""
    test = predictions[predictions["part"] == "test"]
    return test.groupby("sample", sort=False, as_index=False)[["target", "predicted"]].mean()


def _steps(target: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct scores from high to low with the positives and negatives that reach each: three arrays (k,)."""
    distinct, group = np.unique(score, return_inverse=True)
    positives = np.bincount(group, target, len(distinct))[::-1].cumsum()
    negatives = np.bincount(group, ~target, len(distinct))[::-1].cumsum()
    return distinct[::-1], positives, negatives


def _thin(n: int, most: int) -> np.ndarray:
    """At most `most` of n row numbers, evenly spaced, first and last included."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(int))


def roc(target: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Sensitivity against the false positive rate; target boolean (n,), score (n,)."""
    threshold, positives, negatives = _steps(target, score)
    table = pd.DataFrame(
        {
            "threshold": np.append(np.inf, threshold),
            "false_positive_rate": np.append(0, negatives / negatives[-1]),
            "sensitivity": np.append(0, positives / positives[-1]),
        }
    )
    return table.iloc[_corners(table.iloc[:, 1:].to_numpy())].reset_index(drop=True)


def _corners(points: np.ndarray) -> np.ndarray:
    """Row numbers of the points (k, 2) that shape a curve: turns only, and of those at most `POINTS`."""
    turn = np.diff(np.sign(np.diff(points, axis=0)), axis=0).any(axis=1) | np.diff(points, axis=0)[1:].all(axis=1)
    kept = np.flatnonzero(np.concatenate([[True], turn, [True]]))
    return kept[_thin(len(kept), POINTS)]


def precision_recall(target: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Precision (PPV) against recall (sensitivity), as steps; target boolean (n,), score (n,)."""
    threshold, positives, negatives = _steps(target, score)
    table = pd.DataFrame(
        {
            "threshold": threshold,
            "recall": positives / positives[-1],
            "precision": positives / (positives + negatives),
        }
    )
    return table.iloc[_thin(len(table), POINTS)].reset_index(drop=True)


def calibration(
    target: np.ndarray, score: np.ndarray, patients: np.ndarray, *, level: float = 0.95, bins: int = ECE_BINS
) -> pd.DataFrame:
    """Observed frequency in equal-width bins of the score, with Wilson intervals on the patients in each bin.

    Target boolean (n,), score in 0..1 (n,), patient numbers (n,). The bins are those of the ECE.
    """
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.minimum((score * bins).astype(int), bins - 1)
    rows = []
    for number in np.unique(bin_of):
        inside = bin_of == number
        frequency, n = target[inside].mean(), len(np.unique(patients[inside]))
        low, high = wilson(frequency * n, n, level=level)
        rows.append(
            {
                "low": edges[number],
                "high": edges[number + 1],
                "score": score[inside].mean(),
                "frequency": frequency,
                "frequency_low": low,
                "frequency_high": high,
                "samples": int(inside.sum()),
                "patients": n,
            }
        )
    return pd.DataFrame(rows)


def histogram(target: np.ndarray, score: np.ndarray, *, bins: int = 40) -> pd.DataFrame:
    """Numbers of predictions of each class by score; target boolean (n,), score in 0..1 (n,)."""
    edges = np.linspace(0, 1, bins + 1)
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "positives": np.histogram(score[target], edges)[0],
            "negatives": np.histogram(score[~target], edges)[0],
        }
    )


def operating_points(target: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Decisions at up to 200 thresholds, every distinct score if there are no more; score >= threshold is positive.

    Target boolean (n,), score (n,). Beyond 200 the thresholds are quantiles of the scores.
    """
    threshold, positives, negatives = _steps(target, score)
    kept = np.unique(np.searchsorted(positives + negatives, np.linspace(1, len(score), OPERATING_POINTS)))
    kept = (np.arange(len(threshold)) if len(threshold) <= OPERATING_POINTS else kept)[::-1]
    hits, alarms = positives[kept].astype(int), negatives[kept].astype(int)
    n_positive, n_negative = int(target.sum()), int((~target).sum())
    return pd.DataFrame(
        {
            "threshold": threshold[kept],
            "sensitivity": hits / n_positive,
            "specificity": (n_negative - alarms) / n_negative,
            "true_positives": hits,
            "false_negatives": n_positive - hits,
            "true_negatives": n_negative - alarms,
            "false_positives": alarms,
        }
    )
