"""Columns that go together: if one of them is taken away the model still has the others, so they are judged together.

Association of two columns, 0 to 1: the absolute rank correlation of numbers (Spearman); of a number and a category the
share of the variance of ranks that the levels explain, as its square root, corrected for the number of levels; of two
categories Cramér's V with the correction of Bergsma 2013, doi:10.1016/j.jkss.2012.10.002. Columns are joined by
hierarchical clustering with average linkage on one minus association, cut where the mean association is `TOGETHER`.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

TOGETHER = 0.7  # mean association within a group
MOST = 200  # columns that are compared with each other
FEWEST = 10  # samples with both columns, below which nothing is said


def groups_of(inputs: Any, columns: np.ndarray) -> list[tuple[int, ...]]:
    """Groups of two or more columns that go together, by their numbers, largest association first.

    Args:
        inputs: `TableInputs` of the samples that are looked at.
        columns: numbers of the columns to compare, (k,).
    """
    columns = columns[:MOST]
    if len(columns) < 2:
        return []
    tree = linkage(squareform(1 - associations(inputs, columns), checks=False), method="average")
    labels = fcluster(tree, 1 - TOGETHER, criterion="distance")
    found = [tuple(int(k) for k in columns[labels == label]) for label in np.unique(labels)]
    return sorted(group for group in found if len(group) > 1)


def associations(inputs: Any, columns: np.ndarray) -> np.ndarray:
    """Association of each pair of columns, (k, k), ones on the diagonal."""
    series = [inputs.frame.iloc[:, k] for k in columns]
    category = np.array([inputs.features[k].kind == "category" for k in columns], dtype=bool)
    found = np.eye(len(columns))
    numbers = np.flatnonzero(~category)
    if len(numbers):
        ranks = pd.concat([series[k] for k in numbers], axis=1).astype(np.float64)
        spearman = ranks.corr(method="spearman", min_periods=FEWEST).abs().to_numpy()
        found[np.ix_(numbers, numbers)] = np.nan_to_num(spearman)
    for a in np.flatnonzero(category):
        for b in range(len(columns)):
            if b != a and (not category[b] or b < a):
                both = (series[a].notna() & series[b].notna()).to_numpy()
                measure = _cramer if category[b] else _ratio
                value = measure(series[a][both], series[b][both]) if both.sum() >= FEWEST else 0.0
                found[a, b] = found[b, a] = value
    np.fill_diagonal(found, 1.0)
    return found


def _ratio(levels: pd.Series, numbers: pd.Series) -> float:
    """Square root of the share of the variance of ranks between levels, corrected for their number."""
    ranks, n, k = numbers.rank(), len(numbers), levels.nunique()
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if total == 0 or n <= k:
        return 0.0
    within = float(((ranks - ranks.groupby(levels.to_numpy()).transform("mean")) ** 2).sum())
    return float(np.sqrt(max(0.0, 1 - within / total * (n - 1) / (n - k))))


def _cramer(first: pd.Series, second: pd.Series) -> float:
    counts = pd.crosstab(first.to_numpy(), second.to_numpy()).to_numpy(dtype=np.float64)
    n, (r, k) = counts.sum(), counts.shape
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / n
    phi = max(0.0, float(((counts - expected) ** 2 / expected).sum() / n - (r - 1) * (k - 1) / (n - 1)))
    sides = min(r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(min(1.0, phi / sides))) if sides > 0 else 0.0
