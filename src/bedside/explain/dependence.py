"""How the score changes when one column is set to other values and everything else stays: partial dependence and ICE.

A number runs between the 5th and the 95th percentile of training, taken so that every member learned on both sides;
a category takes the levels that every member saw often enough. Nothing is asked beyond what training has seen.

Sources: Friedman 2001, doi:10.1214/aos/1013203451 (partial dependence); Goldstein et al. 2015,
doi:10.1080/10618600.2014.907095 (individual curves, centred).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.data.table import TableInputs
from bedside.evaluation.intervals import resample
from bedside.explain.columns import Part, TableScene

POINTS = 20  # of a curve
LEVELS = 12  # at most, of a category
RANGE = (0.05, 0.95)  # of training samples
OFTEN = 5  # training samples of a level in each member
DRAWN = 40  # single curves that are kept


@dataclass(frozen=True)
class Dependence:
    """One column. `grid` holds numbers or levels, (g,); `scores` one curve per sample, (n, g, k) for k score columns.

    `low` and `high` are the ends of the interval over patients of the mean change since the first value, (g, k).
    """

    column: int
    grid: list[Any]
    scores: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return np.asarray(self.scores.mean(axis=0))


def dependence(
    scene: TableScene, column: int, places: np.ndarray, *, resamples: int, level: float, seed: int
) -> Dependence | None:
    """The curves of one column; None if training leaves it no range.

    Args:
        scene: what was tested by whom.
        column: number of the raw column.
        places: rows of the test table whose curves are drawn, (n,).
        resamples: draws of patients.
        level: coverage of the intervals, in 0..1.
        seed: drives the resampling.
    """
    grid = grid_of(scene, column)
    if len(grid) < 2:
        return None
    where = np.full(len(scene.table), -1)
    where[places] = np.arange(len(places))
    scores = np.empty((len(places), len(grid), max(1, len(scene.task.classes))))
    for part in scene.parts:
        inside = where[part.places] >= 0
        if inside.any():
            scores[where[part.places[inside]]] = _curves(scene, part, part.x[inside], column, grid)
    change = scores - scores[:, :1]
    patients = np.unique(scene.patients[places], return_inverse=True)[1]
    low, high = _interval(change, patients, resamples, level, seed)
    return Dependence(column, grid, scores, low, high)


def grid_of(scene: TableScene, column: int) -> list[Any]:
    """Values that every member has seen on both sides, or often enough; empty or one value if there is no such range."""
    feature, values = scene.cohort.inputs.features[column], scene.cohort.inputs.frame.iloc[:, column]
    learned = [values.iloc[rows].dropna() for rows in scene.train.values()]
    if feature.kind in ("category", "boolean"):
        counts = [series.value_counts() for series in learned]
        common = [level for level in counts[0].index if all(count.get(level, 0) >= OFTEN for count in counts)]
        return common[:LEVELS] if feature.kind == "category" else sorted(common)
    ends = np.array([series.quantile(RANGE) for series in learned if len(series)])
    if len(ends) < len(learned):
        return []
    low, high = ends[:, 0].max(), ends[:, 1].min()
    if not low < high:
        return []
    distinct = np.unique(np.concatenate([series.to_numpy(dtype=np.float64) for series in learned]))
    distinct = distinct[(distinct >= low) & (distinct <= high)]
    return list(distinct) if len(distinct) <= LEVELS else list(np.linspace(low, high, POINTS))


def _curves(scene: TableScene, part: Part, x: np.ndarray, column: int, grid: list[Any]) -> np.ndarray:
    """Scores of prepared samples (n, d) with the column set to each value, (n, g, k)."""
    inputs = scene.cohort.inputs
    frame = inputs.frame.iloc[np.zeros(len(grid), dtype=np.int64)].reset_index(drop=True)
    kind = object if inputs.features[column].kind == "category" else np.float64
    frame = frame.assign(**{frame.columns[column]: np.array(grid, dtype=kind)})
    mask = part.of([column])
    blocks = part.fitted.reader(TableInputs(frame, inputs.features))[:, mask]
    changed = np.repeat(x[:, None], len(grid), axis=1)
    changed[:, :, mask] = blocks
    return part.scores(changed.reshape(-1, x.shape[1])).reshape(len(x), len(grid), -1)


def _interval(
    change: np.ndarray, patients: np.ndarray, resamples: int, level: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over patients of the mean of (n, g, k): two arrays (g, k)."""
    n = int(patients.max()) + 1
    flat = change.reshape(len(change), -1)
    sums = np.zeros((n, flat.shape[1]))
    np.add.at(sums, patients, flat)
    counts = np.bincount(patients, minlength=n).astype(np.float64)
    draws = resample(
        lambda times: times @ sums / (times @ counts)[:, None], counts[:, None], resamples=resamples, seed=seed
    )
    ends = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends[0].reshape(change.shape[1:]), ends[1].reshape(change.shape[1:])
