"""The interval of every estimate: which method, and what the estimate says of it.

Patients are the unit, whatever the method: whole patients are drawn, left out or summed over, their samples stay
together (Field & Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x). `auto` takes what covers what it promises in
simulated studies (docs/evaluation.md): DeLong for an AUROC, Wilson for a proportion, BCa of resampled patients for
the rest but for the calibration intercept, which takes percentiles.

Where resampling is blind it is not used: at 0 or 1 every resample repeats the value, and the interval comes from
the number of patients (`at_the_edge`); where no honest interval is known, none is given and the method says so.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np

from bedside.cohort import Estimate
from bedside.evaluation.bca import UNDEFINED_SHARE, bca, percentile
from bedside.evaluation.closed_forms import at_the_edge, auroc_interval, mean_interval, proportion_interval, wilson
from bedside.evaluation.resampling import Panel, leave_out, resample
from bedside.evaluation.statistics import Metric, Ranking

__all__ = [
    "UNDEFINED_SHARE", "Interval", "Panel", "at_the_edge", "averaged", "estimates", "leave_out", "percentile", "resample",
    "wilson",
]  # fmt: skip

Interval = Literal["auto", "percentile", "bca"]
Bounds = tuple[float | None, float | None, str]


def averaged(panels: list[Panel]) -> Callable[[np.ndarray], np.ndarray]:
    """The mean over repeats as a function of draws: (b, patients) -> (b, metrics)."""
    return lambda draws: np.mean([panel(draws) for panel in panels], axis=0)


def estimates(
    panels: list[Panel],
    values: np.ndarray,
    draws: np.ndarray,
    *,
    level: float,
    how: str = "",
    interval: Interval = "auto",
) -> list[Estimate]:
    """Each metric of the panels with its interval.

    Args:
        panels: one per repeat, with the same metrics; counts of samples are those of the smallest.
        values: each metric on the data as given, (metrics,), NaN where not defined.
        draws: the same on resampled patients, (resamples, metrics).
        level: coverage of the intervals, in 0..1.
        how: what the method must say beyond the interval, such as how folds were joined.
        interval: `auto`, or `percentile` or `bca` for every metric that can be resampled.
    """
    sides = [[panel.metrics[number] for panel in panels] for number in range(len(values))]
    closed = [
        _without_resampling(panels, alike, float(value), level, closed=interval == "auto")
        for alike, value in zip(sides, values, strict=True)
    ]
    needed = interval != "percentile" and None in closed
    without = leave_out(averaged(panels), panels[0].n_patients) if needed else None
    found = []
    for number, metric in enumerate(panels[0].metrics):
        alike, value = sides[number], float(values[number])
        left = None if without is None or (metric.plain and interval == "auto") else without[:, number]
        low, high, method = closed[number] or _resampled(panels, alike, value, draws[:, number], left, level)
        masks = [other.samples for other in alike]
        defined = not np.isnan(value)
        found.append(
            Estimate(
                metric=metric.name,
                of=metric.of,
                value=value if defined else None,
                low=low,
                high=high,
                level=level,
                n_patients=min(panel.patients_in(mask) for panel, mask in zip(panels, masks, strict=True)),
                n_samples=min(int(mask.sum()) for mask in masks),
                method="; ".join(part for part in (method, metric.note, how) if part) if defined else method,
            )
        )
    return found


def _without_resampling(
    panels: list[Panel], alike: list[Metric], value: float, level: float, *, closed: bool
) -> Bounds | None:
    """(low, high, method) of one metric that each repeat has once, if resampling is not needed or does not help."""
    metric = alike[0]
    if np.isnan(value):
        reasons = dict.fromkeys(other.undefined for other in alike if other.undefined)
        return None, None, f"not defined: {next(iter(reasons), 'no value')}".replace("not defined: not", "not")
    if all(other.edge == "constant" for other in alike):
        return value, value, "nothing to rank: all samples of a fold have the same score, which is 0.5 by definition"
    if metric.edge in ("proportion", "ranking", "bayes") and value in (0.0, 1.0):
        bounds = [at_the_edge(m, panel, value, level=level) for m, panel in zip(alike, panels, strict=True)]
        return min(b[0] for b in bounds), max(b[1] for b in bounds), bounds[0][2]
    if not closed:
        return None
    if len(metric.statistics) > 1:
        means = metric.edge in ("proportion", "ranking")
        return mean_interval(panels, alike, value, level=level) if means else None
    if metric.edge == "proportion":
        return proportion_interval(panels, alike, value, level=level)
    if metric.edge in ("ranking", "constant") and isinstance(metric.statistics[0], Ranking):
        return auroc_interval(panels, alike, level=level)
    return None


def _resampled(
    panels: list[Panel], alike: list[Metric], value: float, draws: np.ndarray, without: np.ndarray | None, level: float
) -> Bounds:
    """(low, high, method) from the draws: BCa if there are values without single patients, else percentiles."""
    n_patients = panels[0].n_patients
    if alike[0].biased:
        low, high, method = percentile(
            np.maximum(0, draws - (np.nanmean(draws) - value)), level=level, n_patients=n_patients
        )
        return low, high, f"{method}, shifted by their bias{'' if without is None else ' in place of BCa'}"
    if without is None:
        return percentile(draws, level=level, n_patients=n_patients)
    return bca(draws, value, without, level=level, n_patients=n_patients)
