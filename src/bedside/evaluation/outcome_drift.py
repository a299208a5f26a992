"""Does the model still do on new patients what it did on its test patients? Asked when their outcomes are known.

Ranking (AUROC) and calibration (intercept and slope) of both, the difference with its interval, and a p-value. Both sides
are resampled by patient and independently of each other, since they share none.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from bedside.cohort import Estimate, Task
from bedside.evaluation import panels
from bedside.evaluation.bca import UNDEFINED_SHARE
from bedside.evaluation.intervals import Panel, resample
from bedside.evaluation.verdict import ENOUGH_FOR_NUMBERS, ENOUGH_PER_CLASS

WATCHED = {
    "binary": ("auroc", "calibration_intercept", "calibration_slope"),
    "multiclass": ("auroc", "calibration_intercept", "calibration_slope"),
    "regression": ("mae", "calibration_in_the_large", "calibration_slope"),
}
FEWEST = 10  # patients of each class, or with a number, below which nothing is tested


def outcome_changes(
    known: pd.DataFrame, new: pd.DataFrame, task: Task, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> list[dict[str, Any]]:
    """What changed from the test patients to the new ones, one record per metric and class.

    Args:
        known: predictions of the run; its test rows count.
        new: the same columns for new patients, all of them rows of part `test`; `fold` numbers the member that scored
            a sample, so that scores are compared within a member only, as in the run.
        task: what is predicted.
        resamples: draws of patients on each side.
        level: coverage of the intervals.
        seed: same seed, same result.

    Returns:
        Records with `before`, `now` and `difference` (estimates), and `p`, from the normal distribution with the spread
        of the resampled differences; None where a side does not define the metric.
    """
    values, draws, sizes = [], [], []
    for k, table in enumerate((known, new)):
        rows = panels.tested(table)
        patients = pd.factorize(rows["patient"], sort=True)[0]
        sides = [_watched(part, task) for _, part in rows.groupby("repeat", sort=True)]
        codes = [patients[np.asarray(part)] for part in rows.groupby("repeat", sort=True).indices.values()]
        total = int(patients.max()) + 1
        side = [Panel(metrics, code, total) for metrics, code in zip(sides, codes, strict=True)]
        function = panels.averaged(side)
        values.append(function(np.ones((1, total)))[0])
        draws.append(resample(function, panels.presence(rows, task, patients), resamples=resamples, seed=seed + k))
        sizes.append((total, len(rows)))
        names = [(metric.name, metric.of) for metric in sides[0]]
    return [_change(name, values, draws, sizes, j, level) for j, name in enumerate(names)]


def _watched(rows: pd.DataFrame, task: Task) -> list[Any]:
    frozen = [{"repeat": r, "fold": f, "value": 0.5} for r, f in set(zip(rows["repeat"], rows["fold"], strict=True))]
    metrics = [metric for metric in panels.metrics_of(rows, task, frozen) if metric.name in WATCHED[task.kind]]
    if task.kind == "multiclass":
        metrics = [metric for metric in metrics if metric.name != "auroc" or metric.of == "macro"]
    return metrics


def _change(
    name: tuple[str, str],
    values: list[np.ndarray],
    draws: list[np.ndarray],
    sizes: list[tuple[int, int]],
    column: int,
    level: float,
) -> dict[str, Any]:
    """One metric: before, now, the difference, each with its interval."""
    before, now = (side[column] for side in values)
    each = [side[:, column] for side in draws]
    kept = [side[np.isfinite(side)] for side in each]
    good = [len(own) >= (1 - UNDEFINED_SHARE) * len(all_) for own, all_ in zip(kept, each, strict=True)]
    spreads = [float(own.std(ddof=1)) if enough else None for own, enough in zip(kept, good, strict=True)]
    tested = np.isfinite([before, now]).all() and all(good)
    error = float(np.hypot(*(own.std(ddof=1) for own in kept))) if tested else None
    record: dict[str, Any] = {"metric": name[0], "of": name[1]}
    for word, value, spread, size in zip(("before", "now"), (before, now), spreads, sizes, strict=True):
        limits = (0.0, 1.0) if name[0] == "auroc" else (-np.inf, np.inf)
        record[word] = _estimate(name, value, spread, level, size, limits).to_dict()
    together = (sizes[0][0] + sizes[1][0], sizes[0][1] + sizes[1][1])
    record["difference"] = _estimate(name, now - before, error, level, together).to_dict()
    return {**record, "p": float(2 * norm.sf(abs(now - before) / error)) if error else None}


def _estimate(
    name: tuple[str, str],
    value: float,
    error: float | None,
    level: float,
    size: tuple[int, int],
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """Value plus and minus the standard error of resampled patients, within the limits of the metric."""
    if not np.isfinite(value):
        return Estimate(name[0], None, None, None, level, *size, "not defined on these patients", name[1])
    if not error:
        why = "resampling only repeats it" if error is not None else "too many resamples have no value"
        return Estimate(name[0], float(value), None, None, level, *size, f"no interval: {why}", name[1])
    half = error * norm.ppf((1 + level) / 2)
    method = "normal interval, standard error from resampled patients"
    low, high = (float(np.clip(end, *limits)) for end in (value - half, value + half))
    return Estimate(name[0], float(value), low, high, level, *size, method, name[1])


def enough_outcomes(new: pd.DataFrame, task: Task) -> tuple[bool, bool]:
    """Whether the new patients are enough to test anything, and enough to say that nothing changed."""
    if task.kind == "regression":
        patients = new["patient"].nunique()
        return patients >= FEWEST, patients >= ENOUGH_FOR_NUMBERS
    counts = new.groupby(new["target"].astype(str))["patient"].nunique().reindex(list(task.classes), fill_value=0)
    return bool(counts.min() >= FEWEST), bool(counts.min() >= ENOUGH_PER_CLASS)
