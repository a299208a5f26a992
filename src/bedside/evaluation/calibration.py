"""Do the scores mean what they say? Recalibration slope and intercept, and the expected calibration error."""

import numpy as np
from scipy.special import expit

from bedside.evaluation.statistics import Metric, Sums, ratio
from bedside.logistic import log_odds, maximum_likelihood, solve

ECE_BINS = 10
EXACT_ROWS = 10_000  # up to here every resample is recalibrated to convergence, above by one third-order step


class LogisticRefit:
    """Logistic regression of the target on given columns, refitted for every resample, starting from the full fit.

    Newton's method, weighted: gradient and Hessian are matrix products. Up to `EXACT_ROWS` samples it runs to
    convergence. Above, `sums` and `step` give one step of Chebyshev's third-order method from the full fit
    (Traub 1964, Iterative methods for the solution of equations), which needs weighted sums only; with some
    200 events it errs less than 2,000 resamples leave to chance.
    """

    def __init__(self, target: np.ndarray, design: np.ndarray, offset: np.ndarray) -> None:
        """Target, boolean, (n,); design (n, k); offset of the linear predictor, (n,)."""
        self.target, self.design, self.offset = target.astype(np.float64), design, offset
        self.solution = maximum_likelihood(self.target, design, offset)  # (k,)
        self.products = np.einsum("nj,nk->njk", design, design).reshape(len(design), -1)  # (n, k * k)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> coefficients (b, k); NaN where the resample determines none."""
        kind, size = weights.dtype, len(self.solution)
        design, products, offset = (part.astype(kind) for part in (self.design, self.products, self.offset))
        observed = weights @ (self.target[:, None] * self.design).astype(kind)
        found = np.tile(self.solution, (len(weights), 1))
        tolerance = 1e-4 if kind == np.float32 else 1e-10
        with np.errstate(invalid="ignore", over="ignore"):  # a resample that separates the classes runs away
            for _ in range(12):
                chance = 1 / (1 + np.exp(-(found.astype(kind) @ design.T + offset)))
                expected = weights * chance
                slope = observed - expected @ design
                expected *= 1 - chance
                step = solve((expected @ products).reshape(-1, size, size), slope)
                found += step
                if np.nan_to_num(np.abs(step)).max() < tolerance:
                    break
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
        newton = solve(curvature, slope)
        return self.solution + newton - solve(curvature, np.einsum("bijk,bj,bk->bi", third, newton, newton)) / 2


def calibration_error(target: np.ndarray, score: np.ndarray) -> Metric:
    """Expected calibration error: |mean score - frequency| in equal-width bins, weighted by their samples.

    Within a bin the weighted sum of (target - score) is all that is needed, so it is a function of sums.
    """
    bins = np.minimum((score * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.eye(ECE_BINS)[bins] * (target - score)[:, None]  # (n, bins)
    everyone = np.ones(len(target), dtype=bool)
    return Metric(
        "ece",
        (Sums(everyone, gaps),),
        lambda s: ratio(np.abs(s[:, 1:]).sum(axis=1), s[:, 0]),
        (everyone,),
        note=f"{ECE_BINS} equal-width bins",
        biased=True,
    )


def recalibrated(target: np.ndarray, score: np.ndarray, positive: str) -> list[Metric]:
    """Calibration slope b of `logit P(target) = a + b logit(score)`, and intercept a of the same with b = 1.

    1 and 0 when calibrated; a slope below 1 means scores too extreme, a negative intercept scores too high.
    """
    everyone = np.ones(len(target), dtype=bool)
    odds = log_odds(score)
    spread = odds.std()
    hurdle = obstacle(target, odds, positive)
    slope = intercept = None
    decisions = bool(np.isin(score, (0, 1)).all())
    if decisions and not target.all() and target.any():
        hurdle = "not estimable: the scores are decisions, only 0 and 1"
    elif not target.all() and target.any():
        intercept = LogisticRefit(target, np.ones((len(target), 1)), odds)
    if not hurdle:
        standard = (odds - odds.mean()) / spread
        slope = LogisticRefit(target, np.column_stack([everyone, standard]), np.zeros(len(target)))
    return [
        _coefficient("calibration_slope", slope, everyone, hurdle, divisor=spread),
        _coefficient("calibration_intercept", intercept, everyone, hurdle, divisor=1.0),
    ]


def obstacle(target: np.ndarray, odds: np.ndarray, positive: str) -> str:
    """Why no calibration slope can be estimated, or nothing (Albert & Anderson 1984, doi:10.1093/biomet/71.1.1)."""
    if not target.any():
        return f"no sample is {positive}"
    if target.all():
        return f"all samples are {positive}"
    if np.ptp(odds) < 1e-9:
        return "not estimable: all samples have the same score"
    high, low = odds[target], odds[~target]
    if high.min() >= low.max() or low.min() >= high.max():
        return "not estimable: the scores separate the classes completely"
    return ""


def _coefficient(name: str, fit: LogisticRefit | None, rows: np.ndarray, hurdle: str, *, divisor: float) -> Metric:
    """The last coefficient of a recalibration, in the unit of log odds; NaN if there is no fit."""
    plain = name == "calibration_intercept"
    if fit is None:
        return Metric(name, (Sums(rows),), lambda s: np.full(len(s), np.nan), (rows,), undefined=hurdle)
    undefined = hurdle or "not estimable: the logistic recalibration does not converge"
    if len(rows) <= EXACT_ROWS:
        return Metric(name, (fit,), lambda s: s[:, -1] / divisor, (rows,), undefined=undefined, plain=plain)
    return Metric(
        name, (fit.sums(),), lambda s: fit.step(s)[:, -1] / divisor, (rows,), undefined=undefined, plain=plain
    )
