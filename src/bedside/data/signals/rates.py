"""One sampling rate for all recordings: those taken faster are brought down, with what would alias filtered out.

Resampling is by a polyphase filter (a Kaiser window of 20 periods), which keeps the frequencies that the lower of the two rates
can hold. Gaps are bridged by straight lines for the filter and put back afterwards, so they do not spread.
"""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from scipy.signal import resample_poly

from bedside.cohort import Finding
from bedside.data.codes import count, finding, plural
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings

_FINEST = 2000  # largest denominator of the ratio of two rates
FAR = 20  # times that a recording may be slower than half of the others
FEWEST = 8  # time points that must be left of the longest recording
_EQUAL = 1e-3  # relative difference up to which two rates are one, as when times were rounded


class UnknownRate(SettingError):
    """Recordings are to be brought to a rate, but nobody knows theirs."""


def one_rate(
    traces: Sequence[np.ndarray], rates: Sequence[float | None], settings: DataSettings
) -> tuple[list[np.ndarray], float | None, list[Finding]]:
    """The same recordings at one rate, that rate in Hz (None if nobody knows it), and what was done.

    Args:
        traces: (channels, time) each.
        rates: of each recording in Hz; all of them None if unknown.
        settings: `resample` says which rate is wanted; otherwise it is the lowest.

    Raises:
        UnknownRate: if another rate is wanted and theirs is not known.
        DataError: if no rate is wanted and a recording is so much slower than others that its rate must be wrong.
        SettingError: if nothing is left of the recordings at that rate.
    """
    known = sorted({rate for rate in rates if rate is not None})
    if not known:
        if settings.resample is not None:
            raise UnknownRate(
                f"data.resample={settings.resample:g} cannot act, because the rate of these recordings is not known. Add --rate HZ, the "
                "time points per second that they have."
            )
        return list(traces), None, []
    wanted = settings.resample or known[0]
    if settings.resample is None:
        _refuse_far(rates)
    resampled = [resample(trace, rate or wanted, wanted) for trace, rate in zip(traces, rates, strict=True)]
    before, after = (max((trace.shape[1] for trace in some), default=0) for some in (traces, resampled))
    if after < min(FEWEST, before):
        raise SettingError(
            f"At {wanted:g} Hz the longest recording has {count(after, 'time point')} left of {before:,}. Set data.resample to more "
            f"points per second; these recordings have {known[0]:g}{f' to {known[-1]:g}' if len(known) > 1 else ''} Hz."
        )
    return resampled, wanted, _told(rates, wanted)


def _refuse_far(rates: Sequence[float | None]) -> None:
    """A recording that is so much slower than the others has a mistake in its rate, and would bring all of them down to it."""
    told = np.array([np.nan if rate is None else rate for rate in rates])
    usual = float(np.nanmedian(told))
    slow = np.flatnonzero(told * FAR < usual)
    if len(slow):
        raise DataError(
            f"{count(len(slow), 'recording')} of {len(rates):,} {plural(len(slow), 'has', 'have')} {told[slow[0]]:g} Hz, where half of all have "
            f"{usual:g} or more; the first is number {slow[0] + 1:,}. Are its times in other units, such as milliseconds? Mend "
            f"or remove it, or ask for that rate: --set data.resample={told[slow].min():g}."
        )


def _told(rates: Sequence[float | None], wanted: float) -> list[Finding]:
    others = Counter(f"{rate:g} Hz" for rate in rates if rate is not None and not same_rate(rate, wanted))
    if not others:
        return []
    n = others.total()
    shown = ", ".join(f"{rate} ({times:,})" for rate, times in others.most_common(6))
    slower = any(rate is not None and rate < wanted and not same_rate(rate, wanted) for rate in rates)
    message = (
        f"{count(n, 'recording')} of {len(rates):,} {plural(n, 'was', 'were')} brought to {wanted:g} Hz, from {shown}."
    )
    remedy = (
        "Some were slower: what is faster than half their own rate is missing from them, and a network may notice that."
        if slower
        else "If the rate differs between classes or sites, a network may notice that."
    )
    return [finding("warning" if slower else "note", "resampled", message, remedy)]


def same_rate(one: float, other: float) -> bool:
    return abs(one - other) <= _EQUAL * max(one, other)


def resample(trace: np.ndarray, rate: float, wanted: float) -> np.ndarray:
    """A trace (channels, time) at `rate` brought to `wanted` time points per second, 32-bit floats; gaps stay gaps."""
    if same_rate(rate, wanted) or not trace.shape[1]:
        return trace
    ratio = (Fraction(wanted) / Fraction(rate)).limit_denominator(_FINEST)
    if not ratio.numerator:
        ratio = Fraction(1, _FINEST)
    channels = [_resampled(channel.astype(np.float64), ratio) for channel in trace]
    return np.array(channels, dtype=np.float32)


def _resampled(values: np.ndarray, ratio: Fraction) -> np.ndarray:
    """One channel; a new point is a gap if the recorded point before or behind it is one."""
    seen = np.isfinite(values)
    n = -(-len(values) * ratio.numerator // ratio.denominator)
    if not seen.any():
        return np.full(n, np.nan)
    places = np.arange(len(values))
    bridged = values if seen.all() else np.interp(places, places[seen], values[seen])
    new = resample_poly(bridged, ratio.numerator, ratio.denominator, padtype="edge")
    old = np.arange(len(new)) * ratio.denominator / ratio.numerator
    before = np.minimum(np.floor(old + 1e-9).astype(int), len(values) - 1)
    behind = np.minimum(np.ceil(old - 1e-9).astype(int), len(values) - 1)
    return np.where(seen[before] & seen[behind], new, np.nan)
