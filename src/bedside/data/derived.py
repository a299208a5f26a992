"""Columns that give the target away only together: a total that is the sum of its parts, an index that is a ratio.

A single column that does so is found by `leaks`. Here a number is held against all other numbers at once, as a sum and,
where everything is positive, as a product; a class against every pair of columns with few values.
"""

from itertools import combinations, islice

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding
from bedside.data.codes import finding, listing
from bedside.data.leaks import CHANCE, LEAKING_CORRELATION, _chance_of_purity, _counts, _pure
from bedside.data.table import TableInputs

EXACT = LEAKING_CORRELATION**2  # share of the variance that a sum must explain
_MOST = 300  # columns that are summed
_ROWS_PER_COLUMN = 5  # fewer and a perfect fit says nothing
_WORK = 100_000_000  # cells that are counted, pair by pair
_REMEDY = (
    "If they are known beforehand the target can be computed and needs no model; if they come with the outcome, leave "
    "them out: --exclude {0}."
)


def derived(cohort: Cohort, known: set[str]) -> list[Finding]:
    """At most one warning per kind of function.

    Args:
        known: columns that give the target away by themselves; they are left aside.
    """
    inputs: TableInputs = cohort.inputs
    frame = inputs.frame[[f.name for f in inputs.features if f.name not in known]]
    if cohort.task.kind == "regression":
        kinds = {f.name for f in inputs.features if f.kind in ("number", "boolean")}
        return _sums(frame[[name for name in frame if name in kinds]], cohort.target)
    return _pairs(frame, cohort.target, len(cohort.task.classes))


def _sums(frame: pd.DataFrame, target: np.ndarray) -> list[Finding]:
    whole = [str(name) for name in frame if frame[name].notna().all()][:_MOST]
    x, y = frame[whole].to_numpy(np.float64), target.astype(np.float64)
    found = []
    for words, columns, left, right in (
        ("a sum", np.arange(len(whole)), x, y),
        ("a product or ratio", *_logarithms(x, y)),
    ):
        names = [whole[i] for i in columns]
        used = _exact(left, right)
        if len(used) > 1:
            shown = [names[i] for i in used]
            message = f"The target is {words} of {len(shown)} columns, or nearly so: {listing(shown)}."
            found.append(finding("warning", "derived", message, _REMEDY.format(shown[0]), shown))
    return found[:1]


def _logarithms(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which columns are positive, their logarithms and that of the target; no column if the target is not positive."""
    positive = np.flatnonzero((x > 0).all(axis=0)) if (y > 0).all() else np.arange(0)
    return positive, np.log(x[:, positive]), np.log(y) if len(positive) else y


def _exact(x: np.ndarray, y: np.ndarray) -> list[int]:
    """The fewest columns, largest share first, whose sum is the target; none if all together are not."""
    n, k = x.shape
    if k < 2 or n < _ROWS_PER_COLUMN * (k + 1) or np.ptp(y) == 0:
        return []
    x, y = x - x.mean(axis=0), y - y.mean()
    x = x / np.maximum(x.std(axis=0), 1e-300)
    if _explained(x, y) < EXACT:
        return []
    order = np.argsort(-np.abs(np.linalg.lstsq(x, y, rcond=None)[0]), kind="stable")
    fewest = next(m for m in range(1, k + 1) if _explained(x[:, order[:m]], y) >= EXACT)
    return [int(i) for i in order[:fewest]]


def _explained(x: np.ndarray, y: np.ndarray) -> float:
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - (rest @ rest) / (y @ y))


def _pairs(frame: pd.DataFrame, target: np.ndarray, n_classes: int) -> list[Finding]:
    """Two columns of few values of which every combination goes with one class."""
    n = len(target)
    codes = {name: pd.factorize(frame[name], use_na_sentinel=False)[0] for name in frame}
    sizes = {name: int(code.max()) + 1 for name, code in codes.items()}
    few = [name for name in frame if 2 <= sizes[name] <= n / 10]
    some = islice(combinations(few, 2), _WORK // max(n, 1))
    pairs = [(one, other) for one, other in some if sizes[one] * sizes[other] <= n / 5]
    for one, other in pairs:
        counts = _counts(codes[one] * sizes[other] + codes[other], target, sizes[one] * sizes[other], n_classes)
        cube = counts.reshape(sizes[one], sizes[other], n_classes)
        if _pure(counts) and max(_chance(cube), _chance(cube.swapaxes(0, 1))) < np.log(CHANCE / len(pairs)):
            shown = [str(one), str(other)]
            message = f"Columns {listing(shown)} together give the target away: each combination of their values goes with one class."
            return [finding("warning", "derived", message, _REMEDY.format(shown[0]), shown)]
    return []


def _chance(cube: np.ndarray) -> float:
    """Log probability that the second column parts the classes by chance within each value of the first.

    Given the first, so that a column that tells much by itself does not lend its weight to any other.
    """
    mixed = [counts for counts in cube if (counts.sum(axis=0) > 0).sum() > 1]
    return sum(_chance_of_purity(counts[:, counts.sum(axis=0) > 0]) for counts in mixed)
