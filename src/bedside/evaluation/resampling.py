"""Metrics of resampled patients: whole patients are drawn, or left out, and their samples stay together.

A draw that misses a class is drawn again, if that is rare. Each draw has a random generator of its own, so the result does not depend
on how the work is divided.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from bedside.evaluation.statistics import Metric, Statistic, Sums

MISSED = 0.05  # of the draws: beyond, as with one or two patients of a class, a value that needs it has no interval
REDRAWS = 100  # a class that a hundred draws in a row miss cannot be resampled
CELLS = 1_600_000  # weights that a thread holds at once: more leaves the cache, fewer starves the products
BLOCKS = 200  # with more patients than this, blocks of them are left out instead of one at a time


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
        presence: number of samples that each patient has of each class, (patients, classes). A draw that misses a class
            is drawn again, unless more than `MISSED` of the draws would: to condition on so rare a luck would hide that
            other studies have none of the class.
        resamples: number of draws.
        seed: same seed, same draws.
        chunk: draws made at once; by default as many as stay near the processor.

    Returns:
        Values of shape (resamples, m).
    """
    seeds = np.random.SeedSequence(seed).spawn(resamples)
    size = chunk or int(max(1, min(100, CELLS // max(1, presence.sum()))))
    absent = (1 - (presence > 0).mean(axis=0)) ** len(presence)  # chance that a draw misses the class
    presence = presence[:, absent <= MISSED].astype(np.float32)
    parts = [seeds[start : start + size] for start in range(0, resamples, size)]
    return _in_threads(lambda part: statistic(_draw(part, presence)), parts)


def presence_of(target: np.ndarray, patients: np.ndarray, classes: int = 2) -> np.ndarray:
    """Number of samples that each patient has of each class, (patients, classes).

    Args:
        target: number of the class of each sample, or whether it is positive, (n,).
        patients: number of the patient of each sample, (n,), from 0.
        classes: number of classes.
    """
    counts = np.zeros((int(patients.max()) + 1, classes))
    np.add.at(counts, (patients, target.astype(int)), 1)
    return counts


def leave_out(statistic: Callable[[np.ndarray], np.ndarray], n_patients: int) -> np.ndarray:
    """Values of `statistic` without one patient at a time, or without one of `BLOCKS` blocks of them: the jackknife.

    The blocks are dealt at random, always alike. Of a sum over patients, blocks give the same skewness on average.

    Args:
        statistic: (b, patients) weights -> (b, m) values.
        n_patients: number of patients.

    Returns:
        Values of shape (min(patients, BLOCKS), m).
    """
    blocks = min(n_patients, BLOCKS)
    block = np.random.default_rng(0).permutation(n_patients) % blocks
    size = max(1, CELLS // (4 * n_patients))
    parts = [np.arange(start, min(start + size, blocks)) for start in range(0, blocks, size)]
    return _in_threads(lambda part: statistic((part[:, None] != block).astype(np.float64)), parts)


def _in_threads(work: Callable[[Any], np.ndarray], parts: Sequence[Any]) -> np.ndarray:
    """The results for the parts, one below the other.

    Threads work on parts of their own; a matrix product with threads of its own would only fight them for cores.
    """
    if len(parts) == 1:
        return work(parts[0])
    with one_thread(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as threads:
        return np.concatenate(list(threads.map(work, parts)))


def one_thread() -> AbstractContextManager[Any]:
    """While it lasts, matrix products take one thread: where they are small, others keep them waiting."""
    return _libraries().limit(limits=1, user_api="blas")


@cache
def _libraries() -> ThreadpoolController:
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
