"""Logistic regression on a few columns, without penalty: what recalibration of scores is made of."""

import numpy as np
from scipy.special import expit, logit

SMALLEST = 1e-10  # predictions.csv keeps ten digits; scores nearer to 0 or 1 than this are set to it before a logarithm
SAME = 1e-13  # losses whose ratio differs from 1 by less differ by rounding, and the gradient knows better


def log_odds(score: np.ndarray) -> np.ndarray:
    """Logarithm of the odds of a probability, any shape; within `SMALLEST` of 0 and 1 it stays finite."""
    return np.asarray(logit(np.clip(score, SMALLEST, 1 - SMALLEST)))


def maximum_likelihood(
    target: np.ndarray, design: np.ndarray, offset: np.ndarray | None = None, *, weight: np.ndarray | None = None
) -> np.ndarray:
    """Coefficients of largest likelihood by Newton's method with halved steps.

    Args:
        target: 0 or 1, or the share that a sample counts as positive, (n,).
        design: columns, (n, k).
        offset: part of the linear predictor that is known already, (n,); 0 by default.
        weight: what each sample counts, (n,); 1 by default.

    Returns:
        Coefficients (k,); far from 0 where the columns separate the classes, because the likelihood has no maximum.
    """
    offset = np.zeros(len(target)) if offset is None else offset
    weight = np.ones(len(target)) if weight is None else weight

    def loss(coefficients: np.ndarray) -> float:
        predictor = design @ coefficients + offset
        return float(np.sum(weight * (np.logaddexp(0, predictor) - target * predictor)))

    found = np.zeros(design.shape[1])
    reached = loss(found)
    for _ in range(100):
        chance = expit(design @ found + offset)
        curvature = (design * (weight * chance * (1 - chance))[:, None]).T @ design
        step = solve(curvature[None], (design.T @ (weight * (target - chance)))[None])[0]
        if not np.isfinite(step).all():  # the classes are separated and the likelihood is level
            break
        while (next_loss := loss(found + step)) > reached + SAME * abs(reached) and np.abs(step).max() > 1e-12:
            step = step / 2
        found, reached = found + step, next_loss
        if not np.abs(step).max() > 1e-10:
            break
    return found


def fitted_intercept(target: np.ndarray, odds: np.ndarray) -> float:
    """The a of `logit P(target) = a + odds` of largest likelihood; target as in `maximum_likelihood`, odds (n,)."""
    return float(maximum_likelihood(target, np.ones((len(odds), 1)), odds)[0])


def fitted_line(target: np.ndarray, odds: np.ndarray) -> tuple[float, float]:
    """The a and b of `logit P(target) = a + b odds` of largest likelihood; the odds must not be all alike."""
    centre, unit = odds.mean(), odds.std()
    design = np.column_stack([np.ones(len(odds)), (odds - centre) / unit])
    level, steepness = maximum_likelihood(target, design)
    slope = float(steepness / unit)
    return float(level - slope * centre), slope


def solve(matrices: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Small linear systems: (b, k, k), (b, k) -> (b, k); NaN where a matrix is singular."""
    finite = np.isfinite(matrices).all(axis=(1, 2))
    matrices = np.where(finite[:, None, None], matrices, 0).astype(np.float64)
    sides = np.where(finite[:, None], sides, np.nan).astype(np.float64)
    scale = np.einsum("bii->b", matrices) / sides.shape[1]
    singular = ~(np.linalg.det(matrices) > 1e-10 * scale ** sides.shape[1]) | ~(scale > 0)
    safe = np.where(singular[:, None, None], np.eye(sides.shape[1]), matrices)
    solved = np.linalg.solve(safe, sides[:, :, None])[:, :, 0]
    solved[singular] = np.nan
    return solved
