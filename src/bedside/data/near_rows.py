"""Rows of a table that are nearly the same: a patient entered twice, once rounded or with one cell mistyped.

Two rows are near duplicates if both hold:

1. They agree in every cell but at most one. Numbers agree if they lie within `_CLOSE` of the column's spread,
   everything else, gaps too, if it is equal.
2. They lie so much nearer to each other than to the `_NEIGHBOURS`-th nearest row that chance would bring such a pair less
   than once in a thousand smooth tables; real ones are rougher, and docs/leakage.md says what was measured.

For the second rule nothing is assumed about how columns depend on each other. Where rows come from any smooth
distribution, the ratio of the distances to the first and to the k-th neighbour depends on nothing but the number of
dimensions in which the rows spread, and that is measured: P(ratio < y) = 1 - (1 - y^d)^(k-1). Numbers are spread over
the gap to the next value of their column first, so that whole numbers do not agree by being whole; the largest of the
differences between two rows is left out, because it may be the mistyped cell.

Source:
    Facco et al. 2017, doi:10.1038/s41598-017-11873-y (the law of ratios, and dimensions from it).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

CHANCE = 0.001  # expected number of such pairs in a smooth table without any
FEWEST_AMOUNTS = 4  # columns of many different numbers, below which nothing is said
_FEWEST_ROWS = 50
_AMOUNT = 10  # a column with more different values tells rows apart
_CLOSE = 0.05  # of the spread of a column
_COMMON = 0.05  # share of rows with a value, such as 0, from which the value does not tell rows apart
_NEIGHBOURS = 6  # so that up to five copies of a row are found
_MEASURED = 200  # rows from which the dimension is measured
_MOST = 500  # pairs looked at closely, nearest first
_DIRECTIONS = 8  # into which many columns are projected to find candidates
_BLOCKS = 3  # of columns, each left out in turn: a mistyped cell spoils one of them


def near_rows(frame: pd.DataFrame, numbers: Sequence[str], groups: np.ndarray) -> np.ndarray:
    """Rows that are nearly the same, shape (pairs, 2).

    Args:
        frame: cells as `TableInputs` holds them.
        numbers: names of the columns that are numbers or dates.
        groups: numbers of equal rows, shape (n,): pairs within a group are known already, and one row of each is looked at.
    """
    rows = np.unique(groups, return_index=True)[1]
    amounts = [name for name in numbers if frame[name].nunique() > _AMOUNT]
    none = np.empty((0, 2), dtype=np.int64)
    if len(amounts) < FEWEST_AMOUNTS or len(rows) < _FEWEST_ROWS:
        return none
    table = frame.iloc[rows]
    values, gaps = _spread_out(table[amounts].to_numpy(np.float64))
    others = _codes(table, [str(name) for name in frame if name not in set(amounts)])
    pairs = _candidates(values)
    pairs = pairs[_agree(values, gaps, others, pairs)]
    if not len(pairs):
        return none
    apart = _trimmed(values[pairs[:, 0]] - values[pairs[:, 1]])
    order = np.argsort(apart, kind="stable")[:_MOST]
    common = gaps | _common(table[amounts])
    return rows[pairs[order][_unlikely(values, common, pairs[order], apart[order])]]


def _spread_out(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns in units of their spread, gaps at their median, and where the gaps are; both shape (n, k)."""
    gaps = np.isnan(values)
    low, middle, high = np.nanquantile(values, (0.16, 0.5, 0.84), axis=0)
    spread = (high - low) / 2
    spread = np.where(spread > 0, spread, np.nanstd(values, axis=0))
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, values.shape)  # the same for the same table
    steps = np.array([_step(column[~gap]) for column, gap in zip(values.T, gaps.T, strict=True)])
    filled = np.where(gaps, middle, values) + noise * steps
    return (filled - middle) / spread, gaps


def _step(values: np.ndarray) -> float:
    """The usual distance of a value to the next larger one, weighted by how often it occurs; shape (m,) -> number."""
    levels, counts = np.unique(values, return_counts=True)
    steps = np.diff(levels)
    order = np.argsort(steps, kind="stable")
    weight = np.cumsum(counts[1:][order])
    return float(steps[order][np.searchsorted(weight, weight[-1] / 2)])


def _common(table: pd.DataFrame) -> np.ndarray:
    """Cells whose value many rows share, shape (n, k)."""
    shares = [column.map(column.value_counts(normalize=True)).to_numpy() for _, column in table.items()]
    return np.column_stack(shares) > _COMMON


def _codes(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """Cells of the other columns as whole numbers, -1 where there is none; shape (n, others)."""
    codes = [pd.factorize(table[name])[0] for name in names]
    return np.column_stack(codes) if codes else np.empty((len(table), 0), dtype=np.int64)


def _candidates(values: np.ndarray) -> np.ndarray:
    """Pairs that are near in all columns of two of three blocks, shape (pairs, 2), first number smaller."""
    n, k = values.shape
    rng = np.random.default_rng(1)
    block = rng.permutation(k) % min(_BLOCKS, k)
    found = []
    for left_out in range(_BLOCKS):
        kept = np.clip(values[:, block != left_out], -10, 10)
        width = kept.shape[1]
        if width > _DIRECTIONS:
            kept = kept @ (rng.normal(size=(width, _DIRECTIONS)) / np.sqrt(width))
        reach = 2 * _CLOSE * np.sqrt(min(width, _DIRECTIONS))
        near, to = cKDTree(kept).query(kept, k=_NEIGHBOURS, distance_upper_bound=reach)
        here, place = np.nonzero(np.isfinite(near) & (to != np.arange(n)[:, None]))
        found.append(np.sort(np.column_stack([here, to[here, place]]), axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _agree(values: np.ndarray, gaps: np.ndarray, others: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Whether the rows of each pair agree in every cell but at most one, shape (pairs,)."""
    one, other = pairs.T
    differ = (np.abs(values[one] - values[other]) > 2 * _CLOSE) | (gaps[one] != gaps[other])
    return np.asarray(differ.sum(axis=1) + (others[one] != others[other]).sum(axis=1) <= 1)


def _trimmed(differences: np.ndarray) -> np.ndarray:
    """Distance without the largest difference, shape (..., k) -> (...)."""
    squares = differences**2
    return np.asarray(np.sqrt(np.maximum(squares.sum(axis=-1) - squares.max(axis=-1), 0)))


def _unlikely(values: np.ndarray, common: np.ndarray, pairs: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Whether chance would bring a pair so near less than `CHANCE` times in the table, shape (pairs,).

    Args:
        common: cells that tell nothing apart, shape (n, k).
        apart: distance of each pair, shape (pairs,).
    """
    n = len(values)
    measured = np.random.default_rng(2).permutation(n)[:_MEASURED]
    ratio = np.sort([_ratio(values, row) for row in measured])
    middle = max(ratio[len(ratio) // 2], 1e-9)
    dimension = np.log(1 - 0.5 ** (1 / (_NEIGHBOURS - 1))) / np.log(min(middle, 1 - 1e-9))
    far = {row: _distances(values, row)[_NEIGHBOURS - 1] for row in np.unique(pairs)}
    reach = np.array([min(far[one], far[other]) for one, other in pairs])
    telling = (~common).mean(axis=1)  # a gap or a common value spreads rows in no dimension
    present = np.minimum(telling[pairs].min(axis=1) / max(telling.mean(), 1e-12), 1)
    with np.errstate(divide="ignore"):
        log_chance = dimension * present * np.log(np.minimum(apart / np.maximum(reach, 1e-12), 1))
    return np.asarray(np.log(n * (_NEIGHBOURS - 1)) + log_chance < np.log(CHANCE))


def _ratio(values: np.ndarray, row: int) -> float:
    nearest = _distances(values, row)
    return float(nearest[0] / max(nearest[-1], 1e-12))


def _distances(values: np.ndarray, row: int) -> np.ndarray:
    """Distances to the nearest `_NEIGHBOURS` other rows, ascending."""
    distances = _trimmed(values - values[row])
    distances[row] = np.inf
    return np.asarray(np.sort(np.partition(distances, _NEIGHBOURS - 1)[:_NEIGHBOURS]))
