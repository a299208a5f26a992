"""What metrics are made of: weighted sums, a ranking, a logistic recalibration; each for many resamples at once.

A resample of patients is a row of weights: how often each sample was drawn. Everything here takes weights of
shape (b, n), b resamples of n samples, and gives (b, k) numbers; a single row of ones gives the point value, so
value and interval come from the same lines. The result has the precision of the weights.
"""

from typing import Protocol

import numpy as np
from scipy.special import expit, logit

SMALLEST = 1e-10  # predictions.csv keeps ten digits; scores nearer to 0 or 1 than this are set to it before a logarithm
EXACT_ROWS = 10_000  # up to here every resample is recalibrated to convergence, above by one third-order step


class Statistic(Protocol):
    """k numbers for each of b resamples."""

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> numbers (b, k)."""
        ...


class Sums:
    """Weighted sums of columns. Most metrics need nothing else, so one matrix product serves all of them."""

    def __init__(self, *columns: np.ndarray) -> None:
        self.columns = np.column_stack(columns).astype(np.float64)  # (n, k)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        return weights @ self.columns.astype(weights.dtype)


class Ranking:
    """Area under the ROC curve and average precision, exact with tied scores.

    With groups g of tied scores from high to low, TP and FP the weight of positives and negatives down to and
    including g, and t_g the positive weight inside g:

        AUROC = 1 - sum_g t_g (FP_g + FP_(g-1)) / 2 / (TP FP)        AP = sum_g t_g TP_g / (TP_g + FP_g) / TP

    so only groups that hold a positive are visited. AUROC is the Mann-Whitney statistic, ties counting one half
    (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747); AP does not interpolate, as in scikit-learn.
    """

    def __init__(self, target: np.ndarray, score: np.ndarray) -> None:
        """Target, boolean, and score, any real numbers, both of shape (n,)."""
        self.order = np.argsort(-score, kind="stable")
        ranked, positive = score[self.order], target[self.order].astype(bool)
        self.positives = self.order[positive]
        ends = np.append(np.flatnonzero(np.diff(ranked)) + 1, len(ranked))
        starts = np.append(0, ends[:-1])
        found = np.append(0, np.cumsum(positive))
        held = found[ends] > found[starts]
        self.starts, self.ends = starts[held], ends[held]  # rows above each group, and above its end
        self.found_starts, self.found_ends = found[self.starts], found[self.ends]  # positives among them

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> (AUROC, AP) of shape (b, 2); NaN where a class has no weight."""
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
        with np.errstate(divide="ignore", invalid="ignore"):
            auroc = 1 - _dot(gained, rows_end) / (2 * n_positive * n_negative)
            precision = np.where(n_negative > 0, _dot(gained, precision) / n_positive, np.nan)
        return np.stack([np.where(n_positive * n_negative > 0, auroc, np.nan), precision], axis=1)


def _running(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, 2 ... weights in that order: (b, n), (k,) -> (b, k + 1)."""
    total = np.zeros((len(weights), len(order) + 1), dtype=weights.dtype)
    np.cumsum(weights.take(order, 1), axis=1, out=total[:, 1:])
    return total


def _dot(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Row by row scalar products: (b, k), (b, k) -> (b,)."""
    return np.einsum("bk,bk->b", left, right)


class Recalibration:
    """Logistic regression of the target on given columns, refitted for every resample, starting from the full fit.

    Newton's method, weighted: gradient and Hessian are matrix products. Up to `EXACT_ROWS` samples it runs to
    convergence. Above, `sums` and `step` give one step of Chebyshev's third-order method from the full fit
    (Traub 1964, Iterative methods for the solution of equations, 5.2), which needs weighted sums only.
    """

    def __init__(self, target: np.ndarray, design: np.ndarray, offset: np.ndarray) -> None:
        """Target, boolean, (n,); design (n, k); offset of the linear predictor, (n,)."""
        self.target, self.design, self.offset = target.astype(np.float64), design, offset
        self.solution = _maximum_likelihood(self.target, design, offset)  # (k,)
        self.products = np.einsum("nj,nk->njk", design, design).reshape(len(design), -1)  # (n, k * k)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> coefficients (b, k); NaN where the resample determines none."""
        kind, size = weights.dtype, len(self.solution)
        target, offset = self.target.astype(kind), self.offset.astype(kind)
        design, products = self.design.astype(kind), self.products.astype(kind)
        found = np.tile(self.solution, (len(weights), 1))
        tolerance = 1e-4 if kind == np.float32 else 1e-10
        for _ in range(12):
            chance = expit(found.astype(kind) @ design.T + offset)
            slope = (weights * (target - chance)) @ design
            chance *= 1 - chance
            step = _solve(((weights * chance) @ products).reshape(-1, size, size), slope)
            found += step
            if np.nan_to_num(np.abs(step)).max() < tolerance:
                return found
        return np.where(np.abs(step).max(axis=1, keepdims=True) < tolerance, found, np.nan)

    def sums(self) -> Sums:
        """Columns of the first three derivatives of the log likelihood at the full fit: k + k^2 + k^3."""
        chance = expit(self.design @ self.solution + self.offset)
        spread = chance * (1 - chance)
        triples = np.einsum("nj,nk->njk", self.products, self.design).reshape(len(self.design), -1)
        third = (spread * (1 - 2 * chance))[:, None] * triples
        return Sums((self.target - chance)[:, None] * self.design, spread[:, None] * self.products, third)

    def step(self, sums: np.ndarray) -> np.ndarray:
        """Coefficients (b, k) from the weighted sums of the columns of `sums`, (b, k + k^2 + k^3)."""
        k = len(self.solution)
        slope, curvature, third = np.split(sums, [k, k + k * k], axis=1)
        curvature, third = curvature.reshape(-1, k, k), third.reshape(-1, k, k, k)
        newton = _solve(curvature, slope)
        return self.solution + newton - _solve(curvature, np.einsum("bijk,bj,bk->bi", third, newton, newton)) / 2


def _maximum_likelihood(target: np.ndarray, design: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Unpenalised logistic regression by Newton's method with halved steps: (n,), (n, k), (n,) -> (k,)."""

    def loss(coefficients: np.ndarray) -> float:
        predictor = design @ coefficients + offset
        return float(np.sum(np.logaddexp(0, predictor) - target * predictor))

    found = np.zeros(design.shape[1])
    for _ in range(100):
        chance = expit(design @ found + offset)
        curvature = (design * (chance * (1 - chance))[:, None]).T @ design
        step = _solve(curvature[None], (design.T @ (target - chance))[None])[0]
        while loss(found + step) > loss(found) and np.abs(step).max() > 1e-12:
            step = step / 2
        found = found + step
        if not np.abs(step).max() > 1e-10:
            break
    return found


def _solve(matrices: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Small linear systems: (b, k, k), (b, k) -> (b, k); NaN where a matrix is singular."""
    matrices, sides = matrices.astype(np.float64), sides.astype(np.float64)
    scale = np.einsum("bii->b", matrices) / sides.shape[1]
    singular = ~(np.linalg.det(matrices) > 1e-10 * scale ** sides.shape[1]) | ~(scale > 0)
    safe = np.where(singular[:, None, None], np.eye(sides.shape[1]), matrices)
    solved = np.linalg.solve(safe, sides[:, :, None])[:, :, 0]
    solved[singular] = np.nan
    return solved


def log_odds(score: np.ndarray) -> np.ndarray:
    """Logarithm of the odds of a probability, (n,) -> (n,); within `SMALLEST` of 0 and 1 it stays finite."""
    return logit(np.clip(score, SMALLEST, 1 - SMALLEST))
