"""What metrics are made of: weighted sums or a ranking, for many resamples at once.

A resample of patients is a row of weights: how often each sample was drawn. Everything here takes weights of
shape (b, n), b resamples of n samples, and gives (b, k) numbers; a single row of ones gives the point value, so
value and interval come from the same lines. The result has the precision of the weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

CELLS = 400_000  # weights that are ranked at once: they stay in the processor's cache


class Statistic(Protocol):
    """k numbers for each of b resamples."""

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> numbers (b, k)."""
        ...


class Sums:
    """Weighted sums of columns. Most metrics need nothing else, so one matrix product serves all of them."""

    def __init__(self, *columns: np.ndarray) -> None:
        """Columns of shape (n,), or several side by side, (n, j)."""
        self.columns = np.concatenate([np.atleast_2d(column.T).astype(np.float64) for column in columns])  # (k, n)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        return weights @ self.columns.astype(weights.dtype).T


class Ranking:
    """Area under the ROC curve and average precision, exact with tied scores, comparing samples within a fold only.

    Scores of different fold models are not on one scale, so a pair of samples from two folds says nothing. AUROC is
    the share of concordant pairs among all pairs within folds; AP the mean of the folds' AP, weighted by their
    positives. A fold with one class has no pairs and drops out, in the data as given and in each resample.
    """

    def __init__(self, target: np.ndarray, score: np.ndarray, folds: np.ndarray | None = None) -> None:
        """Target, boolean; score, any real numbers; number of the fold of each sample, one fold if None; all (n,)."""
        numbers = np.zeros(len(target), dtype=np.int64) if folds is None else np.unique(folds, return_inverse=True)[1]
        self.target, self.score, self.folds = target, score, numbers
        self.n_folds = int(numbers.max()) + 1
        self.strata = np.full(len(target), -1)  # fold of each sample, -1 where the fold has one class only
        self.ranks: list[_Ranks] = []
        self.constant = True  # no fold with pairs has two different scores
        for number in range(self.n_folds):
            rows = np.flatnonzero(numbers == number)
            if 0 < np.count_nonzero(target[rows]) < len(rows):
                self.strata[rows] = number
                self.ranks.append(_Ranks(target, score, rows))
                self.constant = self.constant and bool(np.ptp(score[rows]) == 0)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> (AUROC, AP) of shape (b, 2); NaN where no fold has both classes."""
        discordant, pairs, precision, positives = sum(
            (ranks(weights) for ranks in self.ranks), np.zeros((4, len(weights)), dtype=weights.dtype)
        )
        return np.stack([1 - ratio(discordant, pairs), ratio(precision, positives)], axis=1)


class _Ranks:
    """One fold, ranked. With groups g of tied scores from high to low, TP and FP the weight of positives and
    negatives down to and including g, and t_g the positive weight inside g:

        AUROC = 1 - sum_g t_g (FP_g + FP_(g-1)) / 2 / (TP FP)        AP = sum_g t_g TP_g / (TP_g + FP_g) / TP

    so only groups that hold a positive are visited. AUROC is the Mann-Whitney statistic, ties counting one half
    (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747); AP does not interpolate, as in scikit-learn.
    """

    def __init__(self, target: np.ndarray, score: np.ndarray, rows: np.ndarray) -> None:
        """Target, boolean, and score, both of shape (n,), of which this fold holds the given rows."""
        self.order = rows[np.argsort(-score[rows], kind="stable")]
        ranked, positive = score[self.order], target[self.order].astype(bool)
        self.positives = self.order[positive]
        ends = np.append(np.flatnonzero(np.diff(ranked)) + 1, len(ranked))
        starts = np.append(0, ends[:-1])
        found = np.append(0, np.cumsum(positive))
        held = found[ends] > found[starts]
        self.starts, self.ends = starts[held], ends[held]  # rows above each group, and above its end
        self.found_starts, self.found_ends = found[self.starts], found[self.ends]  # positives among them

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> discordant pairs, pairs, AP times positives, positives: (4, b); 0 where a class is out."""
        step = max(1, CELLS // len(self.order))
        return np.concatenate([self._areas(weights[k : k + step]) for k in range(0, len(weights), step)], axis=1)

    def _areas(self, weights: np.ndarray) -> np.ndarray:
        rows, found = _running(weights, self.order), _running(weights, self.positives)
        found_end, rows_end = found.take(self.found_ends, 1), rows.take(self.ends, 1)
        found_start, rows_start = found.take(self.found_starts, 1), rows.take(self.starts, 1)
        gained = found_end - found_start
        n_positive = found[:, -1]
        n_negative = rows[:, -1] - n_positive
        precision = np.divide(found_end, rows_end, out=np.zeros_like(rows_end), where=rows_end > 0)
        rows_end += rows_start
        rows_end -= found_end
        rows_end -= found_start  # now twice the negatives above, ties counting one half
        areas = [_dot(gained, rows_end) / 2, n_positive * n_negative, _dot(gained, precision), n_positive]
        return np.where(n_positive * n_negative > 0, np.stack(areas), 0)


def _running(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, 2 ... weights in that order: (b, n), (k,) -> (b, k + 1)."""
    total = np.empty((len(weights), len(order) + 1), dtype=weights.dtype)
    total[:, 0] = 0
    np.cumsum(weights.take(order, 1), axis=1, out=total[:, 1:])
    return total


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Row by row scalar products: (b, k), (b, k) -> (b,)."""
    return np.einsum("bk,bk->b", left, right)


@dataclass(frozen=True, eq=False)
class Metric:
    """A number with a name, what it is made of, and what to say when it cannot be had.

    `rows` are the samples in the denominator, one mask of shape (n,) per proportion that is averaged. When the
    value lies at its `edge`, 0 or 1, resampling the same samples can only repeat it, and the interval comes from
    the number of patients in `rows` instead (see `closed_forms.at_the_edge`); a `constant` score has nothing to rank.
    `strata` goes with `rows` for a ranking: the fold of each sample, -1 where it has no other to be compared with.
    """

    name: str
    statistics: tuple[Statistic, ...]
    finish: Callable[[np.ndarray], np.ndarray]  # (b, k of all statistics) -> (b,)
    rows: tuple[np.ndarray, ...]
    of: str = ""
    edge: Literal["", "proportion", "ranking", "constant", "bayes"] = ""
    strata: tuple[np.ndarray, ...] = ()
    undefined: str = ""  # why there is no value, when there is none
    note: str = ""  # a choice the reader must know to repeat it
    biased: bool = False  # resampling adds to it, so its draws are shifted back
    plain: bool = False  # percentiles cover better than BCa where they differ, see docs/evaluation.md

    @property
    def samples(self) -> np.ndarray:
        """Mask of the samples that the value is made from, (n,); both classes of the folds that a ranking compares."""
        used = np.any([strata >= 0 for strata in self.strata] or self.rows, axis=0)
        return used if used.any() or not self.strata else np.ones_like(used)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> values (b,); NaN where the metric is not defined."""
        return self.finish(np.concatenate([statistic(weights) for statistic in self.statistics], axis=1))


def ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """(b,) / (b,), NaN where the denominator is not positive."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def mean(name: str, values: np.ndarray) -> Metric:
    """The mean over samples of (n,) values."""
    everyone = np.ones(len(values), dtype=bool)
    return Metric(name, (Sums(everyone, values),), lambda s: ratio(s[:, 1], s[:, 0]), (everyone,))
