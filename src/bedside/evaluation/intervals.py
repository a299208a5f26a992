"""Confidence intervals that respect patients: whole patients are drawn, their samples stay together.

Percentile bootstrap (Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13), clustered by patient
(Field & Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x). A draw that misses a class is drawn again. Each draw has
a random generator of its own, so the result does not depend on how the work is divided.

Where resampling is blind it is not used: at 0 or 1 every resample repeats the value, and the interval comes from
the number of patients (`at_the_edge`); where no honest interval is known, none is given and the method says so.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from scipy.stats import norm
from threadpoolctl import ThreadpoolController

from bedside.cohort import Estimate
from bedside.evaluation.statistics import Metric, Statistic, Sums

UNDEFINED_SHARE = 0.05  # more resamples than this without a value, and the others would flatter
REDRAWS = 100  # a class that a hundred draws in a row miss cannot be resampled
CELLS = 1_600_000  # weights that a thread holds at once: more leaves the cache, fewer starves the products


class Panel:
    """Metrics of one table of predictions, all at once, as a function of how often each patient was drawn."""

    def __init__(self, metrics: list[Metric], patients: np.ndarray, n_patients: int) -> None:
        """Metrics of n samples; number of the patient of each sample, (n,), from 0 to n_patients - 1."""
        self.metrics, self.patients, self.n_patients = metrics, patients, n_patients
        found = {id(statistic): statistic for metric in metrics for statistic in metric.statistics}
        self._rowwise = [statistic for statistic in found.values() if not isinstance(statistic, Sums)]
        self._sums = [statistic for statistic in found.values() if isinstance(statistic, Sums)]
        # The leading ones keep the product in shape when no metric is made of sums.
        columns = np.concatenate([np.ones((1, len(patients))), *(statistic.columns for statistic in self._sums)])
        self._ends = np.cumsum([1, *(len(statistic.columns) for statistic in self._sums)])
        once: dict[bytes, int] = {}  # several metrics count the same samples; a column is summed once
        self._places = [once.setdefault(column.tobytes(), len(once)) for column in columns]
        distinct = columns[np.unique(self._places, return_index=True)[1]]
        self._columns = _per_patient(distinct, patients, n_patients)  # (k, patients)
        self._narrow = self._columns.astype(np.float32)
        self._one_each = n_patients == len(patients) and bool(np.all(patients == np.arange(n_patients)))

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        """Times that each patient was drawn (b, patients) -> values (b, metrics), NaN where not defined."""
        sums = (draws @ (self._narrow if draws.dtype == np.float32 else self._columns).T)[:, self._places]
        parts = np.split(sums, self._ends, axis=1)[1:-1]
        results = {id(statistic): part for statistic, part in zip(self._sums, parts, strict=True)}
        if self._rowwise:
            weights = draws if self._one_each else draws.take(self.patients, 1)
            results |= {id(statistic): statistic(weights) for statistic in self._rowwise}
        return np.stack([metric.finish(_side_by_side(metric.statistics, results)) for metric in self.metrics], axis=1)

    def patients_in(self, rows: np.ndarray) -> int:
        """Number of patients with a sample in the mask `rows`, (n,)."""
        return int(np.count_nonzero(np.bincount(self.patients[rows], minlength=self.n_patients)))


def _side_by_side(statistics: Sequence[Statistic], results: dict[int, np.ndarray]) -> np.ndarray:
    return np.concatenate([results[id(statistic)] for statistic in statistics], axis=1)


def _per_patient(columns: np.ndarray, patients: np.ndarray, n_patients: int) -> np.ndarray:
    """Sums of columns (k, n) over the samples of each patient: (k, patients)."""
    return np.stack([np.bincount(patients, column, n_patients) for column in columns])


def resample(
    statistic: Callable[[np.ndarray], np.ndarray],
    presence: np.ndarray,
    *,
    resamples: int,
    seed: int,
    chunk: int | None = None,
) -> np.ndarray:
    """Values of `statistic` on patients drawn with replacement.

    Args:
        statistic: (b, patients) draws -> (b, m) values.
        presence: number of samples that each patient has of each class, (patients, classes); every class that has
            samples is in every draw.
        resamples: number of draws.
        seed: same seed, same draws.
        chunk: draws made at once; by default as many as stay near the processor.

    Returns:
        Values of shape (resamples, m).
    """
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    presence = presence[:, presence.any(axis=0)].astype(np.float32)
    size = chunk or int(max(1, min(100, CELLS // presence.sum())))
    parts = [seeds[start : start + size] for start in range(0, resamples, size)]
    # Threads work on draws of their own; a matrix product with threads of its own would only fight them for cores.
    with _products().limit(limits=1, user_api="blas"), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        return np.concatenate(list(threads.map(lambda part: statistic(_draw(part, presence)), parts)))


@cache
def _products() -> ThreadpoolController:
    """The libraries behind matrix products; finding them takes longer than a small resampling."""
    return ThreadpoolController()


def _draw(seeds: Sequence[np.random.SeedSequence], presence: np.ndarray) -> np.ndarray:
    """One row per seed: how often each patient is drawn, float32, (b, patients)."""
    n = len(presence)
    generators = [np.random.default_rng(seed) for seed in seeds]
    draws = np.empty((len(seeds), n), dtype=np.float32)
    missing = np.arange(len(seeds))
    for _ in range(REDRAWS):
        for row in missing:
            draws[row] = np.bincount(generators[row].integers(n, size=n, dtype=np.uint32), minlength=n)
        missing = missing[~(draws[missing] @ presence > 0).all(axis=1)]
        if len(missing) == 0:
            break
    return draws


def estimates(
    panels: list[Panel], values: np.ndarray, draws: np.ndarray, *, level: float, how: str = ""
) -> list[Estimate]:
    """Each metric of the panels with its interval.

    Args:
        panels: one per repeat, with the same metrics; counts of samples are those of the smallest.
        values: each metric on the data as given, (metrics,), NaN where not defined.
        draws: the same on resampled patients, (resamples, metrics).
        level: coverage of the intervals, in 0..1.
        how: what the method must say beyond the resampling, such as how folds were joined.
    """
    found = []
    for number, metric in enumerate(panels[0].metrics):
        alike = [panel.metrics[number] for panel in panels]
        low, high, method = _interval(panels, alike, float(values[number]), draws[:, number], level=level)
        masks = [other.samples for other in alike]
        defined = not np.isnan(values[number])
        found.append(
            Estimate(
                metric=metric.name,
                of=metric.of,
                value=float(values[number]) if defined else None,
                low=low,
                high=high,
                level=level,
                n_patients=min(panel.patients_in(mask) for panel, mask in zip(panels, masks, strict=True)),
                n_samples=min(int(mask.sum()) for mask in masks),
                method="; ".join(part for part in (method, metric.note, how) if part) if defined else method,
            )
        )
    return found


def _interval(
    panels: list[Panel], alike: list[Metric], value: float, draws: np.ndarray, *, level: float
) -> tuple[float | None, float | None, str]:
    """(low, high, method) of one metric that each repeat has once."""
    if np.isnan(value):
        reasons = dict.fromkeys(metric.undefined for metric in alike if metric.undefined)
        return None, None, f"not defined: {next(iter(reasons), 'no value')}".replace("not defined: not", "not")
    if all(metric.edge == "constant" for metric in alike):
        return value, value, "nothing to rank: all samples of a fold have the same score, which is 0.5 by definition"
    if alike[0].edge in ("proportion", "ranking") and value in (0.0, 1.0):
        bounds = [at_the_edge(m, panel, value, level=level) for m, panel in zip(alike, panels, strict=True)]
        return min(b[0] for b in bounds), max(b[1] for b in bounds), bounds[0][2]
    if alike[0].biased:
        draws = np.maximum(0, draws - (np.nanmean(draws) - value))
    low, high, method = percentile(draws, level=level, n_patients=panels[0].n_patients)
    return low, high, method + (", shifted by their bias" if alike[0].biased else "")


def percentile(draws: np.ndarray, *, level: float, n_patients: int) -> tuple[float | None, float | None, str]:
    """(low, high, method) of the percentile interval of (resamples,) draws, or no interval and why."""
    defined = draws[np.isfinite(draws)]
    missing = 1 - len(defined) / len(draws)
    if missing > UNDEFINED_SHARE:
        return None, None, f"no interval: {missing:.0%} of {len(draws)} resamples have no value"
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        return None, None, "no interval: every resample gives the same value, so resampling cannot tell"
    share = f", {len(draws) - len(defined)} of them without a value" if missing else ""
    low, high = (float(f"{end:.6g}") for end in (low, high))  # the last digits are those of single precision
    return low, high, f"percentile bootstrap of {n_patients} patients, {len(draws)} resamples{share}"


def at_the_edge(metric: Metric, panel: Panel, value: float, *, level: float) -> tuple[float, float, str]:
    """(low, high, method) for a proportion or an AUROC of exactly 0 or 1, from the number of patients alone.

    A proportion has Wilson's interval (Wilson 1927, doi:10.1080/01621459.1927.10502953) on the patients in the
    denominator. An AUROC of 1 means that each of m pairs of patients, no patient in two pairs, was ranked right,
    where m is the smaller number of patients with and without the class, within each fold and added up. If the true
    AUROC is A, that has a chance of at most A^m, so A is at least (alpha / 2)^(1 / m). A mean of k such numbers has
    the mean of their bounds, each at alpha / k (Bonferroni).
    """
    alpha = (1 - level) / len(metric.rows)
    if metric.edge == "proportion":
        counts = [panel.patients_in(rows) for rows in metric.rows]
        bounds = [wilson(value * count, count, level=1 - alpha) for count in counts]
        method = f"Wilson interval on {' and '.join(map(str, counts))} patients"
    else:
        counts = [_pairs(panel, rows, strata) for rows, strata in zip(metric.rows, metric.strata, strict=True)]
        sure = [(alpha / 2) ** (1 / count) for count in counts]
        bounds = [(bound, 1.0) if value == 1 else (0.0, 1 - bound) for bound in sure]
        method = f"exact bound from {' and '.join(map(str, counts))} independent pairs of patients"
    low, high = np.mean(bounds, axis=0)
    return float(low), float(high), f"{method}, because resampling can only repeat a value of {value:.0f}"


def _pairs(panel: Panel, rows: np.ndarray, strata: np.ndarray) -> int:
    """Pairs of a patient in the mask `rows` and one not, both of one fold and no patient in two pairs."""
    inside = [strata == number for number in np.unique(strata[strata >= 0])]
    return sum(min(panel.patients_in(fold & rows), panel.patients_in(fold & ~rows)) for fold in inside)


def wilson(hits: float, n: int, *, level: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion, hits out of n."""
    z = norm.ppf((1 + level) / 2)
    share, width = hits / n, z * z / n
    centre = (share + width / 2) / (1 + width)
    half = z / (1 + width) * np.sqrt(share * (1 - share) / n + width / (4 * n))
    # At 0 and 1 the bound is the share itself; rounding must not move it past.
    return float(max(0.0, min(share, centre - half))), float(min(1.0, max(share, centre + half)))
