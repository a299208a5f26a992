"""Numbers of any distribution brought to the standard normal one, column by column, and back.

A value goes to the normal quantile of its rank among the training samples; between the ranks that are kept, straight lines
lead. A value that many samples share (a zero, a yes, a count) is a step: its share of the normal distribution goes back to
it as a whole, so what is drawn there has the value again, as often as in training. No more than `KNOTS` values of a column are
kept, so that few of its patients' values can be read from a model.

Source: van der Waerden 1952, Indagationes Mathematicae 14:453 (normal scores); Gorishniy et al. 2021, arXiv:2106.11959 (quantile
transformation of tables before networks).
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import ndtri

KNOTS = 65  # values of a column that are kept at most, besides steps
STEP = 1 / 16  # share of samples with one value from which it is a step


@dataclass(frozen=True)
class NormalScores:
    """The map of one column: distinct values (m,), ascending, each from `low` to `high` (m,) of the normal distribution.

    Both are the same for a value that is no step. `unit` is what one standard deviation was, for values beyond the ends.
    """

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unit: float

    @classmethod
    def fit(cls, column: np.ndarray) -> Self:
        """From training values (n,), of which NaN are left out."""
        known = np.sort(column[~np.isnan(column)])
        n = len(known)
        if n == 0 or known[0] == known[-1]:
            return cls(known[:1] if n else np.zeros(1), np.zeros(1), np.zeros(1), np.inf)
        distinct, counts = np.unique(known, return_counts=True)
        ranks = np.unique(np.linspace(0, n - 1, KNOTS).round().astype(int))
        kept = np.isin(distinct, known[ranks]) | (counts >= STEP * n)
        above = counts.cumsum()
        low, high = (above - counts)[kept] / n, above[kept] / n
        step = counts[kept] >= STEP * n
        middle = (low + high) / 2
        low, high = np.where(step, low, middle), np.where(step, high, middle)
        low, high = (ndtri(np.clip(side, 0.5 / n, 1 - 0.5 / n)) for side in (low, high))
        return cls(distinct[kept], low, high, float(known.std()))

    def __call__(self, column: np.ndarray) -> np.ndarray:
        """Values (n,) -> normal scores (n,); beyond the ends one standard deviation is one."""
        values = np.asarray(column, dtype=np.float64)
        if np.isinf(self.unit):
            return np.zeros(len(values))
        at = np.clip(np.searchsorted(self.values, values), 0, len(self.values) - 1)
        before = np.maximum(at - 1, 0)
        width = np.where(at > before, self.values[at] - self.values[before], 1.0)
        way = (values - self.values[before]) / width
        between = self.high[before] + way * (self.low[at] - self.high[before])
        middle = (self.low + self.high) / 2
        found = np.where(values == self.values[at], middle[at], between)
        below, beyond = values - self.values[0], values - self.values[-1]
        found = np.where(below < 0, self.low[0] + below / self.unit, found)
        return np.where(beyond > 0, self.high[-1] + beyond / self.unit, found)

    def back(self, scores: np.ndarray) -> np.ndarray:
        """Normal scores (n,) -> values (n,), within those of training."""
        places = np.column_stack([self.low, self.high]).ravel()
        found: np.ndarray = np.interp(scores, places, np.repeat(self.values, 2))
        return found

    def steps(self) -> tuple[np.ndarray, np.ndarray]:
        """From where to where each step goes, two (k,); without end where nothing lies beyond."""
        low, high = self.low.copy(), self.high.copy()
        wide = high > low
        low[0], high[-1] = -np.inf, np.inf
        return low[wide], high[wide]

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)
