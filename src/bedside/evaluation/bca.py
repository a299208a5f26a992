"""Two ways from resampled values to an interval: the percentiles as they are, and corrected for bias and skewness.

Percentile: Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13. BCa, bias-corrected and
accelerated: Efron 1987, doi:10.1080/01621459.1987.10478410; its acceleration comes from the jackknife over patients
(`resampling.leave_out`). Which one covers what it promises, and where, is tested by simulation (docs/evaluation.md).
"""

import numpy as np
from scipy.special import ndtr, ndtri

from bedside.cohort import share_text

ALIKE = 1e-6  # draws are sums in single precision
UNDEFINED_SHARE = 0.05  # more resamples than this without a value, and the others would flatter

Bounds = tuple[float | None, float | None, str]  # low, high, method


def percentile(draws: np.ndarray, *, level: float, n_patients: int) -> Bounds:
    """(low, high, method) of the percentile interval of (resamples,) draws, or no interval and why."""
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    low, high, method = _between(draws, tails)
    return low, high, method.format(kind="percentile", n=n_patients)


def bca(draws: np.ndarray, value: float, without: np.ndarray, *, level: float, n_patients: int) -> Bounds:
    """(low, high, method) of the BCa interval, or no interval and why.

    Args:
        draws: the metric on resampled patients, (resamples,), NaN where not defined.
        value: the metric on the data as given.
        without: the metric without each patient, or each block of patients, (m,), see `leave_out`.
        level: coverage, in 0..1.
        n_patients: number of patients, for the method.
    """
    tails = _tails(draws[np.isfinite(draws)], value, without[np.isfinite(without)], level)
    if tails is None or np.isfinite(without).mean() < 1 - UNDEFINED_SHARE:
        low, high, method = percentile(draws, level=level, n_patients=n_patients)
        reason = "not BCa, which has no correction where all resamples lie on one side of the value"
        if tails is not None:
            reason = "not BCa, because without single patients the value is not defined"
        return low, high, method if low is None else f"{method} ({reason})"
    low, high, method = _between(draws, tails)
    left_out = "one patient" if len(without) == n_patients else f"one of {len(without)} blocks of patients"
    return low, high, method.format(kind="BCa", n=n_patients) + ("" if low is None else f", leaving out {left_out}")


def acceleration(without: np.ndarray) -> float:
    """A sixth of the skewness of the metric, from its values without each patient or block, (m,)."""
    gaps = without.mean() - without
    size = float(gaps @ gaps)
    return float((gaps**3).sum() / (6 * size**1.5)) if size > 0 else 0.0


def _tails(draws: np.ndarray, value: float, without: np.ndarray, level: float) -> np.ndarray | None:
    """Shares of the draws below the two ends, (2,); None if all draws lie on one side of the value."""
    tie = ALIKE * abs(value)  # half of the draws that repeat the value count as below it
    below = (np.count_nonzero(draws < value - tie) + np.count_nonzero(draws <= value + tie)) / (2 * max(1, len(draws)))
    if not 0 < below < 1:
        return None
    bias, skew = ndtri(below), acceleration(without) if len(without) else 0.0
    reach = bias + ndtri([(1 - level) / 2, (1 + level) / 2])
    return ndtr(bias + reach / (1 - skew * reach))


def _between(draws: np.ndarray, tails: np.ndarray) -> Bounds:
    """The quantiles of the draws at two shares, with a method whose kind and number of patients are left open.

    Of R draws the (R + 1) p-th smallest is taken (Davison & Hinkley 1997, Bootstrap methods and their application,
    section 5.2), so few draws give an interval that is as wide on average as that of many.
    """
    defined = draws[np.isfinite(draws)]
    missing = 1 - len(defined) / len(draws)
    if missing > UNDEFINED_SHARE:
        return None, None, f"no interval: {share_text(missing)} of {len(draws)} resamples have no value"
    low, high = np.quantile(defined, tails, method="weibull")
    if high - low <= ALIKE * max(abs(low), abs(high)):
        return None, None, "no interval: every resample gives the same value, so resampling cannot tell"
    share = f", {len(draws) - len(defined)} of them without a value" if missing else ""
    low, high = (float(f"{end:.6g}") for end in (low, high))  # the last digits are those of single precision
    return low, high, f"{{kind}} bootstrap of {{n}} patients, {len(draws)} resamples{share}"
