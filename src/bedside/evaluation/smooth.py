"""A smooth curve through targets, local lines weighed by distance, for the data as given and for every resample.

A line is fitted at each point with tricube weights on the nearest neighbours (Cleveland 1979,
doi:10.1080/01621459.1979.10481038), as recommended for calibration plots by Austin & Steyerberg 2014,
doi:10.1002/sim.5941. For classes the line is one of log odds on log odds (local likelihood; Tibshirani & Hastie 1987,
doi:10.1080/01621459.1987.10478466): scores that mean what they say, or are off by slope and intercept, then have a
curve without bias at any width, and its band never leaves 0 to 1.

Neighbourhoods are those of the data as given; a resample changes the weights within. A line of numbers is then a ratio
of weighted sums. A line of log odds is refitted for every resample by Newton's method, on counts of groups of samples
with nearly the same score, which is why its cost does not grow with the number of samples.
"""

from typing import Protocol

import numpy as np
from scipy.special import expit

from bedside.logistic import log_odds, maximum_likelihood, solve

SPAN = 0.75  # share of the samples in a neighbourhood
POINTS = 21  # of the curve
ENDS = (0.01, 0.99)  # quantiles of the prediction between which the curve is drawn
GROUPS = 120  # of samples with nearly the same score
STEPS, LONGEST = 8, 3.0  # of Newton's method
NEAREST = 1e-3  # scores closer to 0 or 1 stand there: one score of 0 would else be further away than all the others


class Curve(Protocol):
    """Heights of a curve at its points, as a function of how often each patient was drawn."""

    points: np.ndarray  # (g,), on the scale of the prediction

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        """Draws (b, patients) -> heights (b, g); NaN where there is none."""
        ...


class LocalLines:
    """Mean of a number against its prediction."""

    def __init__(self, predicted: np.ndarray, target: np.ndarray, patients: np.ndarray, *, span: float = SPAN) -> None:
        """Predictions and targets (n,), number of the patient of each sample (n,)."""
        self.points, columns = _grid(predicted), []
        for point in self.points:
            away = (predicted - point) / _reach(predicted, point, span)
            weight = _tricube(away)
            columns += [weight, weight * away, weight * away**2, weight * target, weight * away * target]
        sums = [np.bincount(patients, column) for column in columns]
        self.sums = np.array(sums).reshape(len(columns), int(patients.max()) + 1)  # (5 g, patients)

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        n, x, xx, y, xy = _of_points(self.sums, draws, 5)
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = n * xx - x * x
            flat = spread <= 1e-6 * n * n  # all neighbours have one prediction: their mean
            return np.where(flat, y / n, (xx * y - x * xy) / np.where(flat, 1.0, spread))


class LocalLogits:
    """Share of a class against its score."""

    def __init__(self, score: np.ndarray, target: np.ndarray, patients: np.ndarray, *, span: float = SPAN) -> None:
        """Scores in 0..1 (n,), target, boolean (n,), number of the patient of each sample (n,)."""
        odds = log_odds(np.clip(score, NEAREST, 1 - NEAREST))
        places, groups = _grid(odds), _groups(odds)
        n = np.bincount(groups)
        self.odds = np.bincount(groups, odds) / n  # (k,), of each group
        shape = int(patients.max()) + 1, len(n)
        self.samples, self.positives = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        np.add.at(self.samples, (patients, groups), 1)
        np.add.at(self.positives, (patients, groups), target)
        self.points, self.near = expit(places), [self._near(odds, place, span) for place in places]
        counts = self.samples.sum(axis=0, dtype=np.float64), self.positives.sum(axis=0, dtype=np.float64)
        self.lines = [_line(*near, *counts) for near in self.near]

    def _near(self, odds: np.ndarray, place: float, span: float) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the groups (k,), and their distances from the place as columns 1 and away, (k, 2)."""
        away = (self.odds - place) / _reach(odds, place, span)
        return _tricube(away), np.column_stack([np.ones(len(away)), away])

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        samples, positives = (draws @ table.astype(draws.dtype) for table in (self.samples, self.positives))
        found = [
            _levels(line, weight, design, samples, positives)
            for line, (weight, design) in zip(self.lines, self.near, strict=True)
        ]
        return np.asarray(expit(np.stack(found, axis=1)))


def _line(weight: np.ndarray, design: np.ndarray, samples: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Level at the place and slope of the data as given, (2,); NaN where neighbours are of one class."""
    near = (weight > 0) & (samples > 0)
    share = positives[near] / samples[near]
    if np.ptp(share) == 0 and share[0] in (0, 1):
        return np.full(2, np.nan)
    return maximum_likelihood(share, design[near], weight=(weight * samples)[near])


def _levels(
    line: np.ndarray, weight: np.ndarray, design: np.ndarray, samples: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """Levels at a place for counts (b, k), (b,), by Newton's method from the line of the data as given.

    Where a resample leaves neighbours of one class only, the level runs towards a share of 0 or 1.
    """
    near = weight > 0
    design, products = design[near].astype(samples.dtype), _products(design[near]).astype(samples.dtype)
    times, hits = (counts[:, near] * weight[near].astype(counts.dtype) for counts in (samples, positives))
    lines = np.tile(line, (len(samples), 1))
    for _ in range(STEPS):
        expected = times * expit(lines.astype(samples.dtype) @ design.T)
        slope = ((hits - expected) @ design).astype(np.float64)
        curvature = ((expected - expected * expected / np.where(times > 0, times, 1)) @ products).astype(np.float64)
        step = solve(curvature.reshape(-1, 2, 2), slope)
        lines += np.where(np.isfinite(step), np.clip(step, -LONGEST, LONGEST), 0)
        if not np.nan_to_num(np.abs(step)).max() > 1e-3:
            break
    return lines[:, 0]


def _products(design: np.ndarray) -> np.ndarray:
    """Products of the columns with each other, (k, 2) -> (k, 4)."""
    return np.einsum("ki,kj->kij", design, design).reshape(len(design), -1)


def _groups(x: np.ndarray) -> np.ndarray:
    """Number of the group of each sample, (n,): one group per distinct value, or `GROUPS` of equal size if there are more."""
    distinct, groups = np.unique(x, return_inverse=True)
    if len(distinct) <= GROUPS:
        return groups
    edges = np.unique(np.quantile(x, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, x, side="right"), return_inverse=True)[1]


def _of_points(sums: np.ndarray, draws: np.ndarray, k: int) -> np.ndarray:
    """Weighted sums of the k columns of each point: (k g, patients), (b, patients) -> (k, b, g)."""
    found = (draws @ sums.T.astype(draws.dtype)).astype(np.float64)
    return found.reshape(len(draws), -1, k).transpose(2, 0, 1)


def _grid(x: np.ndarray) -> np.ndarray:
    """Where the curve of predictions (n,) is drawn, evenly spaced (g,); empty if fewer than 5 of them are different."""
    low, high = np.quantile(x, ENDS)
    return np.linspace(low, high, POINTS) if len(np.unique(x)) >= 5 and high > low else np.empty(0)


def _reach(x: np.ndarray, point: float, span: float) -> float:
    """How far the neighbourhood of a point goes, among predictions (n,)."""
    nearest = max(2, min(len(x), int(span * len(x) + 1e-10)))
    return float(np.partition(np.abs(x - point), nearest - 1)[nearest - 1]) or 1.0


def _tricube(away: np.ndarray) -> np.ndarray:
    """Weights for distances in units of the reach, (n,)."""
    return np.clip(1 - np.abs(away) ** 3, 0, None) ** 3
