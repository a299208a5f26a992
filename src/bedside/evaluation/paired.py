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

from bedside.evaluation.areas import ALIKE, area, cells, pairs_won

__all__ = ["ALIKE", "Paired", "corrected_t", "delong", "holm", "resampled_p"]


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

    The samples of a patient are kept together, see `areas`.

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
    places = cells(folds, repeats)
    ahead = pairs_won(truth, first, places) - pairs_won(truth, second, places)
    value, error, why = area(truth, ahead, folds, units, repeats)
    if value is None or error is None:
        return Paired(value, why=why)
    if error <= ALIKE:
        return _unvarying(value, "every sample tells the same difference, so patients cannot tell its spread")
    return _tested(value, error, norm, level)


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


def holm(p: Sequence[float | None], weights: Sequence[float] | None = None) -> list[float | None]:
    """p-values adjusted for the number of tests, in the same order.

    Calling a difference wherever the adjusted value is below 5 % calls any that is not there in at most 5 % of such
    studies, however the tests depend on each other.

    Args:
        p: p-values; None is no test and stays None.
        weights: of each test, positive, where some may spend more of the 5 %; only their ratios count. By default all
            may spend as much.

    Source:
        Holm 1979, Scandinavian Journal of Statistics 6:65.
    """
    adjusted: list[float | None] = [None] * len(p)
    weights = [1] * len(p) if weights is None else weights
    known = sorted((value / weights[place], place) for place, value in enumerate(p) if value is not None)
    left, highest = sum(weights[place] for _, place in known), 0.0
    for ratio, place in known:
        highest = max(highest, min(1.0, left * ratio))
        adjusted[place] = highest
        left -= weights[place]
    return adjusted
