"""The entry `calibration` of estimates.json: what the calibration section of a report shows, class by class.

Slope and intercept are those among the estimates; the Brier score stands beside its null value, that of predicting the
prevalence, and scaled between the two. The curve is smooth, with a band from resampled patients that holds at each score by itself; the bins are those of the calibration error.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task, minus
from bedside.evaluation import curves, panels
from bedside.evaluation.calibration import calibration_error, recalibrated
from bedside.evaluation.calibration_verdict import flaws, unsure, widened
from bedside.evaluation.intervals import UNDEFINED_SHARE, Panel, estimates, resample
from bedside.evaluation.metrics import LABELS, brier_scores
from bedside.evaluation.resampling import presence_of
from bedside.evaluation.smooth import Curve, LocalLines, LocalLogits
from bedside.evaluation.statistics import Metric
from bedside.recalibration import RAW
from bedside.settings import EvaluationSettings

FEWEST = 10  # patients with and without the class for a curve, and in all for numbers
GROUPS = 10  # of a number as target, by size of the prediction


def calibration(
    test: pd.DataFrame, task: Task, settings: EvaluationSettings, found: Sequence[Estimate], *, seed: int, how: str
) -> dict[str, Any]:
    """Everything about calibration, as plain values.

    Args:
        test: the test part, as `panels.tested` gives it; scores before recalibration may stand beside the scores.
        task: what was predicted.
        settings: resamples, level and method of recalibration.
        found: the estimates of the run; slope and intercept are taken from them.
        seed: the one of the estimates, so that the same patients are drawn.
        how: how folds and repeats were joined.

    Returns:
        `of`: a record per class to detect, or one for a number, with `estimates`, `curve`, `bins`, `bins_used` and
        `sentence`. `recalibration`: None, or the `method` and the `before` estimates of each class.
    """
    if task.kind == "regression":
        return {"of": [_numbers(test, settings, found, seed)], "recalibration": None}
    detect = [task.classes[1]] if task.kind == "binary" else list(task.classes)
    known = {(estimate.metric, estimate.of): estimate for estimate in found}
    records = []
    for name in detect:
        of = "" if task.kind == "binary" else name
        lines = [known["calibration_slope", of], known["calibration_intercept", of]]
        errors = _judged(test, _truth(test, task, name), f"score_{name}", settings, seed, how, _errors)
        records.append(class_record(test, task, name, [*lines, *errors], settings, seed=seed))
    return {"of": records, "recalibration": _before(test, task, detect, settings, seed, how)}


def class_record(
    test: pd.DataFrame, task: Task, name: str, found: Sequence[Estimate], settings: EvaluationSettings, *, seed: int
) -> dict[str, Any]:
    """Estimates, curve, bins and sentence of the scores of one class; slope and intercept come first among `found`."""
    truth, score = _truth(test, task, name), test[f"score_{name}"].to_numpy(dtype=np.float64)
    patients = pd.factorize(test["patient"], sort=True)[0]
    bins = curves.calibration(truth, score, patients, level=settings.level)
    curve, note = _curve(LocalLogits(score, truth, patients), presence_of(truth, patients), settings, seed)
    tests = 2 * len(task.classes) if task.kind == "multiclass" else 1
    return {
        "of": name,
        "estimates": [estimate.to_dict() for estimate in found],
        "curve": curve,
        "curve_note": note,
        "bins": _records(bins),
        "bins_used": len(bins),
        "flaws": flaws(*(widened(one, tests) for one in found[:2])),
        "sentence": sentence(found[0], found[1], tests),
    }


def judged(test: pd.DataFrame, task: Task, name: str, settings: EvaluationSettings, *, seed: int) -> list[Estimate]:
    """Slope, intercept, Brier scores and calibration error of the scores of one class."""
    return _judged(test, _truth(test, task, name), f"score_{name}", settings, seed, "", _everything)


def _truth(test: pd.DataFrame, task: Task, name: str) -> np.ndarray:
    return task.encode(test["target"]) == task.classes.index(name)


def _before(
    test: pd.DataFrame, task: Task, detect: list[str], settings: EvaluationSettings, seed: int, how: str
) -> dict[str, Any] | None:
    """The same estimates of the scores before recalibration; None if there are none."""
    if f"{RAW}score_{detect[0]}" not in test:
        return None
    before: dict[str, list[dict[str, Any]]] = {}
    for name in detect:
        found = _judged(test, _truth(test, task, name), f"{RAW}score_{name}", settings, seed, how, _everything)
        before[name] = [estimate.to_dict() for estimate in found]
    return {"method": None if settings.recalibrate == "none" else settings.recalibrate, "before": before}


def _errors(truth: np.ndarray, score: np.ndarray) -> list[Metric]:
    return [*brier_scores(truth, score), calibration_error(truth, score)]


def _everything(truth: np.ndarray, score: np.ndarray) -> list[Metric]:
    return [*recalibrated(truth, score, "positive"), *_errors(truth, score)]


def _judged(
    test: pd.DataFrame, truth: np.ndarray, column: str, settings: EvaluationSettings, seed: int, how: str, metrics: Any
) -> list[Estimate]:
    """Metrics of one class against the rest, mean over repeats, with intervals from resampled patients."""
    patients, score = pd.factorize(test["patient"], sort=True)[0], test[column].to_numpy(dtype=np.float64)
    repeats, n = test["repeat"].to_numpy(), int(patients.max()) + 1
    masks = [repeats == repeat for repeat in np.unique(repeats)]
    sides = [Panel(metrics(truth[mask], score[mask]), patients[mask], n) for mask in masks]
    both = panels.averaged(sides)
    draws = resample(both, presence_of(truth, patients), resamples=settings.resamples, seed=seed)
    values = both(np.ones((1, n)))[0]
    return estimates(sides, values, draws, level=settings.level, how=how, interval=settings.interval)


def _curve(
    curve: Curve, presence: np.ndarray, settings: EvaluationSettings, seed: int
) -> tuple[dict[str, list[float]] | None, str]:
    """Points of the smooth curve with its band, and how it was made or why there is none."""
    fewest = int((presence > 0).sum(axis=0).min())
    if fewest < FEWEST:
        return None, f"no curve: it takes {FEWEST} patients{' of each class' if presence.shape[1] > 1 else ''}"
    if not len(curve.points):
        return None, "no curve: the predictions have too few different values"
    draws = resample(curve, presence, resamples=settings.resamples, seed=seed)
    value = curve(np.ones((1, len(presence))))[0]
    known = np.isfinite(value) & (np.isfinite(draws).mean(axis=0) >= 1 - UNDEFINED_SHARE)
    if not known.any():
        return None, "no curve: neighbouring scores are all of one class"
    low, high = np.nanquantile(draws[:, known], [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
    table = {"score": curve.points[known], "observed": value[known], "low": low, "high": high}
    note = f"band of {settings.resamples} resamples of {len(presence)} patients, at each score by itself"
    return {name: [float(f"{x:.6g}") for x in column] for name, column in table.items()}, note


def _numbers(test: pd.DataFrame, settings: EvaluationSettings, found: Sequence[Estimate], seed: int) -> dict[str, Any]:
    """The record of a regression: observed against predicted numbers."""
    target, predicted = (test[name].to_numpy(dtype=np.float64) for name in ("target", "predicted"))
    patients = pd.factorize(test["patient"], sort=True)[0]
    presence = np.bincount(patients)[:, None].astype(np.float64)
    lines = [one for one in found if one.metric in ("calibration_slope", "calibration_in_the_large")]
    lines.sort(key=lambda one: one.metric, reverse=True)
    curve, note = _curve(LocalLines(predicted, target, patients), presence, settings, seed)
    groups = _tenths(target, predicted, patients, presence, settings, seed) if curve else []
    return {
        "of": "",
        "estimates": [one.to_dict() for one in lines],
        "curve": curve,
        "curve_note": note,
        "bins": groups,
        "bins_used": len(groups),
        "flaws": flaws(lines[0], lines[1]),
        "sentence": sentence(lines[0], lines[1]),
    }


def _tenths(
    target: np.ndarray, predicted: np.ndarray, patients: np.ndarray, presence: np.ndarray, settings: EvaluationSettings, seed: int
) -> list[dict[str, Any]]:  # fmt: skip
    """Mean observed number in groups of equal size by prediction, with intervals from resampled patients."""
    order = np.argsort(predicted, kind="stable")
    groups = np.empty(len(order), dtype=int)
    groups[order] = np.arange(len(order)) * min(GROUPS, len(presence) // FEWEST) // len(order)
    member = np.eye(groups.max() + 1)[groups]  # (n, groups)
    sums = np.stack([np.bincount(patients, column) for column in [*member.T, *(member * target[:, None]).T]])
    draws = resample(lambda w: w @ sums.T.astype(w.dtype), presence, resamples=settings.resamples, seed=seed)
    n, y = np.split(draws, 2, axis=1)
    means = np.divide(y, n, out=np.full_like(y, np.nan), where=n > 0)
    low, high = np.nanquantile(means, [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
    return [
        {
            "score": float(predicted[groups == k].mean()),
            "observed": float(target[groups == k].mean()),
            "low": float(low[k]),
            "high": float(high[k]),
            "samples": int((groups == k).sum()),
            "patients": len(np.unique(patients[groups == k])),
        }
        for k in range(groups.max() + 1)
    ]


def _records(bins: pd.DataFrame) -> list[dict[str, Any]]:
    """Bins as plain values under the names of a curve."""
    names = {"frequency": "observed", "frequency_low": "low", "frequency_high": "high", "low": "from", "high": "to"}
    table = bins.rename(columns=names).drop(columns=["from", "to"])
    edges = bins[["low", "high"]].to_numpy()
    rows = table.to_dict("records")
    return [
        {"edges": [float(x) for x in edge], **{str(k): (int(v) if k in ("samples", "patients") else float(v)) for k, v in row.items()}}
        for edge, row in zip(edges, rows, strict=True)
    ]  # fmt: skip


def sentence(slope: Estimate, shift: Estimate, tests: int = 1) -> str:
    """One plain sentence: what the intervals of slope and intercept exclude, or what they cannot tell.

    Args:
        tests: intervals that are looked at together, as of several classes; see `calibration_verdict.widened`.
    """
    number = shift.metric == "calibration_in_the_large"
    what, label = "Predictions" if number else "Scores", LABELS[shift.metric]
    if slope.value is None or shift.value is None:
        missing = slope if slope.value is None else shift
        return f"Calibration cannot be judged: {missing.method.removeprefix('not defined: ')}."
    said = f"slope {_text(slope)}, ideal 1; {label} {_text(shift)}, ideal 0"
    if wrong := flaws(widened(slope, tests), widened(shift, tests)):
        return f"{what} are {' and '.join(wrong)}: {said}."
    if unsure(slope, shift):
        return f"Calibration cannot be judged: {said}."
    return f"No miscalibration was found, which does not prove that there is none: {said}."


def _text(estimate: Estimate) -> str:
    return minus(estimate.text())
