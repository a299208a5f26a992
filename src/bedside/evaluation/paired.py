"""Tests of a paired difference: two models that predict the same samples in the same folds.

Two questions, two tests. The corrected resampled t-test asks whether the difference would stay with other training
and test patients: it looks at how the difference varies over folds. DeLong's test asks whether it would stay with
other test patients, for the models as they were fitted. `holm` adjusts the p-values of many pairs.

Where the data cannot give a p-value there is none, and `why` says why; it is never made up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm, t

ALIKE = 1e-12  # differences closer together than this are the same: they differ by rounding


@dataclass(frozen=True)
class Paired:
    """A difference, first minus second, with its interval, its statistic (t or z) and two-sided p-value."""

    difference: float | None
    low: float | None = None
    high: float | None = None
    statistic: float | None = None
    p: float | None = None
    why: str = ""  # why there is no p-value or no interval


def corrected_t(
    differences: np.ndarray, n_train: np.ndarray | float, n_test: np.ndarray | float, level: float
) -> Paired:
    """Is the mean difference over folds larger than other training and test samples would make it by chance?

    t = mean / sqrt((1/J + n_test/n_train) variance) with J - 1 degrees of freedom, J folds over all repeats. The
    plain t-test takes 1/J alone, as if each fold were a new study; but folds share training samples, and repeats
    test the same samples again, so it finds differences where there are none. A mean over folds cannot become surer
    than n_test/n_train allows, however many repeats are added. The correction guesses how folds are correlated: at
    5 % we saw it reject 2 to 6 % of true null hypotheses where the plain test rejected 35 to 46 %, with 3/5 of 100 to
    300 samples to train and 1/5 to test; without validation samples up to 9 % when models barely learned anything.

    Args:
        differences: first minus second in each fold, (J,); NaN where a fold does not define the metric, and such
            folds drop out.
        n_train, n_test: training and test samples of each fold, (J,) or one number for all; averaged over the folds
            that stay. Validation samples are neither: no model learned its weights from them, none is tested on them.
        level: coverage of the interval, in 0..1.

    Source:
        Nadeau & Bengio 2003, doi:10.1023/A:1024068626366; for repeated cross-validation Bouckaert & Frank 2004,
        doi:10.1007/978-3-540-24775-3_3.
    """
    defined = np.isfinite(differences)
    values, folds = differences[defined], int(defined.sum())
    if folds < 2:
        value = float(values[0]) if folds else None
        return Paired(value, why=f"{folds} of {len(differences)} folds define the difference, and a t-test needs 2")
    trained, tested = (float(np.broadcast_to(n, defined.shape)[defined].mean()) for n in (n_train, n_test))
    if np.ptp(values) <= ALIKE:
        return _unvarying(float(values.mean()), "every fold gives the same difference, so folds cannot tell its spread")
    error = np.sqrt((1 / folds + tested / trained) * values.var(ddof=1))
    return _tested(float(values.mean()), float(error), t(folds - 1), level)


def delong(
    truth: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    folds: np.ndarray,
    units: np.ndarray,
    level: float,
    *,
    repeats: np.ndarray | None = None,
) -> Paired:
    """Is the difference of two AUROCs on the same samples larger than other test patients would make it by chance?

    AUROC compares samples within folds only and adds up over them, as in `statistics.Ranking`. With one fold and
    one sample per patient this is the test of DeLong; with several samples per patient it is its generalisation by
    Obuchowski, whose variance sums over patients what their samples contribute. A sample contributes the pairs it
    is in, times how far its own share of them lies from the whole: the first-order term of the AUROC over folds, so
    the variance is that of resampling patients. Repeats are averaged, patient by patient, and add no patients.

    Args:
        truth: True for the positive class, (n,).
        first, second: scores of the two models, any real numbers, (n,).
        folds: number of the fold of each sample, (n,).
        units: what is independent of each other, the patient of each sample, (n,).
        level: coverage of the interval, in 0..1.
        repeats: number of the repeat of each row, (n,); one repeat if None.

    Source:
        DeLong et al. 1988, doi:10.2307/2531595; Obuchowski 1997, doi:10.2307/2533958.
    """
    repeats = np.zeros(len(truth), dtype=np.int64) if repeats is None else np.unique(repeats, return_inverse=True)[1]
    numbers = np.unique(folds, return_inverse=True)[1]
    cells = repeats * (int(numbers.max()) + 1) + numbers  # one for each fold of each repeat
    positives, negatives = np.bincount(cells, truth), np.bincount(cells, ~truth)
    others = np.where(truth, negatives[cells], positives[cells])  # samples of the other class in the same fold
    ahead = np.where(truth, 1, -1) * (_overtaken(truth, first, cells) - _overtaken(truth, second, cells))
    pairs = np.bincount(repeats, others * truth)
    if not pairs.all():
        return Paired(None, why="no fold has samples of both classes")
    each = np.bincount(repeats, ahead * truth) / pairs  # the difference in each repeat
    value = float(each.mean())
    terms = (ahead - others * each[repeats]) / pairs[repeats] / len(pairs)
    error = _standard_error(truth, terms, others > 0, units)
    if error is None:
        return Paired(value, why="fewer than two patients of a class, so their spread is not known")
    if error <= ALIKE:
        return _unvarying(value, "every sample tells the same difference, so patients cannot tell its spread")
    return _tested(value, error, norm, level)


def _overtaken(truth: np.ndarray, score: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Samples of the other class below each sample, ties one half, plus a number that does not depend on the score.

    The number is that of the other class in the cells before, so it goes when two scores are compared.
    """
    ranks = _midranks(score, cells)
    for side in (truth, ~truth):
        ranks[side] -= _midranks(score[side], cells[side])
    return ranks


def _midranks(score: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Ranks from 1 by cell, then by score, (n,); tied scores of a cell share their mean rank."""
    order = np.lexsort((score, cells))
    new = np.diff(score[order], prepend=np.nan) != 0  # the first differs from not a number
    new |= np.diff(cells[order], prepend=-1) != 0
    starts = np.flatnonzero(new)
    shared = (starts + 1 + np.append(starts[1:], len(order))) / 2
    ranks = np.empty(len(order))
    ranks[order] = shared[np.cumsum(new) - 1]
    return ranks


def _standard_error(truth: np.ndarray, terms: np.ndarray, used: np.ndarray, units: np.ndarray) -> float | None:
    """Square root of Obuchowski's variance of a sum of terms (n,), which is DeLong's with one sample per unit.

    None if either class has fewer than two units.
    """
    numbers = np.unique(units[used], return_inverse=True)[1]
    sides = [used & truth, used & ~truth]
    sums = [np.bincount(numbers, np.where(side, terms, 0)[used]) for side in sides]
    sizes = [len(np.unique(units[side])) for side in sides]
    if min(sizes) < 2:
        return None
    variance = sum(size / (size - 1) * (part @ part) for size, part in zip(sizes, sums, strict=True))
    both = len(sums[0])  # a patient with samples of both classes contributes to both sums
    return float(np.sqrt(max(0.0, variance + 2 * both / (both - 1) * (sums[0] @ sums[1]))))


def _unvarying(value: float, why: str) -> Paired:
    """No spread to test against: two equal models are not distinguishable, of any others nothing is known."""
    equal = abs(value) <= ALIKE
    return Paired(0.0 if equal else value, statistic=0.0 if equal else None, p=1.0 if equal else None, why=why)


def _tested(value: float, error: float, null: Any, level: float) -> Paired:
    """A difference with its standard error, held against the t or normal distribution `null`."""
    half = error * null.ppf((1 + level) / 2)
    p = 2 * null.sf(abs(value) / error)
    return Paired(value, value - float(half), value + float(half), value / error, float(p))


def resampled_p(draws: np.ndarray) -> float:
    """Two-sided p-value of a difference from its resamples, (resamples,): twice the smaller share on one side of 0.

    The data as given count as one more draw, so that the p-value is never 0 (Davison & Hinkley 1997, Bootstrap
    methods and their application, section 4.2).
    """
    defined = draws[np.isfinite(draws)]
    beyond = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    return float(min(1.0, 2 * (beyond + 1) / (len(defined) + 1)))


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for the number of tests, in the same order; None stays None and is no test.

    Calling a difference wherever the adjusted value is below 5 % calls any that is not there in at most 5 % of such
    studies, however the tests depend on each other.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    adjusted: list[float | None] = [None] * len(p)
    known = sorted((value, place) for place, value in enumerate(p) if value is not None)
    highest = 0.0
    for rank, (value, place) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * value))
        adjusted[place] = highest
    return adjusted
