"""How sure is an area under the ROC curve, or the difference of two? From the pairs that each patient takes part in.

AUROC compares samples within folds only and adds up over them, as in `statistics.Ranking`. With one fold and one
sample per patient this is the variance of DeLong; with several samples per patient it is its generalisation by
Obuchowski, which sums over patients what their samples contribute. A sample contributes the pairs it is in, times how
far its own share of them lies from the whole: the first-order term of the AUROC over folds, so the variance is that of
resampling patients. Repeats are averaged, patient by patient, and add no patients.

Source: DeLong et al. 1988, doi:10.2307/2531595; Obuchowski 1997, doi:10.2307/2533958.
"""

from typing import NamedTuple

import numpy as np

ALIKE = 1e-12  # numbers closer together than this are the same: they differ by rounding


class Area(NamedTuple):
    """An AUROC, or a difference of two, with its standard error; None where there is none, and why."""

    value: float | None
    error: float | None = None
    why: str = ""


def area(
    truth: np.ndarray, won: np.ndarray, folds: np.ndarray, units: np.ndarray, repeats: np.ndarray | None = None
) -> Area:
    """The share of pairs that are won, within folds, averaged over repeats.

    Args:
        truth: True for the positive class, (n,).
        won: how many of its pairs each sample wins, see `pairs_won`, or the difference of two such counts, (n,).
        folds: number of the fold of each sample, (n,).
        units: what is independent of each other, the patient of each sample, (n,).
        repeats: number of the repeat of each row, (n,); one repeat if None.
    """
    repeats = np.zeros(len(truth), dtype=np.int64) if repeats is None else np.unique(repeats, return_inverse=True)[1]
    others = pairs_of(truth, cells(folds, repeats))
    pairs = np.bincount(repeats, others * truth)
    if not pairs.all():
        return Area(None, why="no fold has samples of both classes")
    each = np.bincount(repeats, won * truth) / pairs  # the share in each repeat
    value = float(each.mean())
    terms = (won - others * each[repeats]) / pairs[repeats] / len(pairs)
    error = _standard_error(truth, terms, others > 0, units)
    if error is None:
        return Area(value, why="fewer than two patients of a class, so their spread is not known")
    return Area(value, error)


def cells(folds: np.ndarray, repeats: np.ndarray | None = None) -> np.ndarray:
    """One number for each fold of each repeat, from 0, (n,)."""
    numbers = np.unique(folds, return_inverse=True)[1]
    if repeats is None:
        return numbers
    both = np.unique(repeats, return_inverse=True)[1] * (int(numbers.max()) + 1) + numbers
    return np.unique(both, return_inverse=True)[1]


def pairs_won(truth: np.ndarray, score: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """How many samples of the other class in its cell each sample is on the right side of, ties one half: (n,)."""
    ranks = midranks(score, cells)
    below = np.empty(len(truth))
    for side in (truth, ~truth):
        before = np.append(0, np.cumsum(np.bincount(cells, ~side)))[cells[side]]  # of the other class, in cells before
        below[side] = ranks[side] - midranks(score[side], cells[side]) - before
    return np.where(truth, below, pairs_of(truth, cells) - below)


def pairs_of(truth: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """How many pairs each sample is in, which is how many samples of the other class its cell has: (n,)."""
    positives, negatives = np.bincount(cells, truth), np.bincount(cells, ~truth)
    return np.where(truth, negatives[cells], positives[cells])


def midranks(score: np.ndarray, cells: np.ndarray) -> np.ndarray:
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
