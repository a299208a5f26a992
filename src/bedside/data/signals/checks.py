"""Look at recordings before any model does: electrodes that fell off, amplifiers at their limit, and shortcuts.

Recordings of the sick and of the healthy often come from different devices or wards. Their length, their amplitude or
where they lack a channel then tells the classes apart, and a network finds that sooner than the disease.
"""

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, share_text
from bedside.data.codes import count, finding, listing, plural
from bedside.data.leaks import SUSPICIOUS_AUC, SUSPICIOUS_CORRELATION
from bedside.data.shortcuts import Look, shortcuts
from bedside.data.signals.inputs import SignalInputs

CLIPPED_RUN = 4  # equal extreme values in a row from which an amplifier was at its limit
CLIPPED_SHARE = 0.01  # of the points of a recording
_FEWEST_LEVELS = 16  # different values below which equal ones are no sign of a limit
_STANDARD = 0.02  # how far mean and standard deviation may be from 0 and 1
_REMEDY = {
    "shortcut-length": "Cut all recordings to one length (preparation.length), or look why one class was recorded for longer.",
    "shortcut-amplitude": "Right if the disease itself is large or small; otherwise gain or units differ between classes: compare them, or use preparation.scale=each.",
    "shortcut-level": "Right if the disease itself moves the level; otherwise devices or filters differ between classes: compare them, or use preparation.scale=each.",
    "shortcut-gaps": "Look why recordings of one class lack more: devices or electrodes may differ between classes.",
    "shortcut-site": "Compare within sites, with --folds site or with sites that have all classes.",
}


def check(cohort: Cohort) -> list[Finding]:
    """What only recordings can have."""
    inputs: SignalInputs = cohort.inputs
    numbers = summary(inputs)
    looks = (_flat, _clipped, _gaps, _standardised)
    return [
        *shortcuts(cohort, _looks(inputs, numbers), _REMEDY),
        *(found for look in looks for found in look(cohort, numbers)),
        *_unknown(inputs),
    ]


def alike(cohort: Cohort) -> str:
    """What linked samples have in common."""
    linked = pd.Series(cohort.linked).duplicated(keep=False)
    equal = int((linked & pd.Series(cohort.inputs.digests()).duplicated(keep=False)).sum())
    return f"the same recording, {equal:,} of them value by value and {int(linked.sum()) - equal:,} nearly"


def summary(inputs: SignalInputs) -> pd.DataFrame:
    """One row per recording and channel: mean, sd and ptp of what was recorded (NaN if nothing was), share of gaps, and
    whether the extreme values look clipped; indexed by (row, channel number)."""
    rows = [(row, k, *_numbers(values)) for row, trace in enumerate(inputs.traces) for k, values in enumerate(trace)]
    columns = ["row", "channel", "mean", "sd", "ptp", "gaps", "clipped"]
    return pd.DataFrame(rows, columns=columns).set_index(["row", "channel"])


def _numbers(values: np.ndarray) -> tuple[float, float, float, float, bool]:
    seen = values[np.isfinite(values)].astype(np.float64)
    if not len(seen):
        return np.nan, np.nan, np.nan, 1.0, False
    gaps = 1 - len(seen) / len(values)
    return float(seen.mean()), float(seen.std()), float(np.ptp(seen)), gaps, _at_limit(seen)


def _at_limit(seen: np.ndarray) -> bool:
    """Whether the highest or lowest value stands several times in a row, and often, among values that vary otherwise."""
    for limit in (seen.max(), seen.min()):
        at = seen == limit
        if at.sum() < max(CLIPPED_RUN, CLIPPED_SHARE * len(seen)):
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[False], at, [False]]).astype(np.int8)))
        if (edges[1::2] - edges[::2]).max() >= CLIPPED_RUN and len(np.unique(seen)) >= _FEWEST_LEVELS:
            return True
    return False


def _looks(inputs: SignalInputs, numbers: pd.DataFrame) -> list[Look]:
    """What of a recording is not its shape."""
    looks = [Look("shortcut-length", "The length of the recording", inputs.lengths.astype(np.float64))]
    high = (None, SUSPICIOUS_AUC, SUSPICIOUS_CORRELATION)  # a disease may well be loud
    for k, name in enumerate(inputs.channels):
        of = numbers.xs(k, level="channel")
        which = f" of channel {name!r}" if len(inputs.channels) > 1 else ""
        looks.append(Look("shortcut-gaps", f"The share of gaps{which}", of["gaps"].to_numpy()))
        mean, sd = of["mean"].to_numpy(np.float64), of["sd"].to_numpy(np.float64)
        digits = 1e-6 * float(np.nanmax(np.abs([mean, sd]), initial=0)) or 1.0  # what summing leaves is no difference
        looks.append(
            Look("shortcut-amplitude", f"The standard deviation{which}", digits * np.round(sd / digits), *high)
        )
        looks.append(Look("shortcut-level", f"The mean{which}", digits * np.round(mean / digits), *high))
    return looks


def _flat(cohort: Cohort, numbers: pd.DataFrame) -> list[Finding]:
    inputs: SignalInputs = cohort.inputs
    flat = numbers[numbers["ptp"] == 0].reset_index()
    if flat.empty:
        return []
    n = flat["row"].nunique()
    example = str(cohort.samples.index[flat["row"].iloc[0]])
    names = listing([inputs.channels[k] for k in sorted(set(flat["channel"]))])
    message = f"{count(n, 'recording')} of {len(cohort):,} {plural(n, 'has', 'have')} a flat channel ({names}), such as sample {example!r}."
    return [
        finding(
            "warning", "flat-channel", message, "An electrode that fell off? Leave such recordings out, or write NaN."
        )
    ]


def _clipped(cohort: Cohort, numbers: pd.DataFrame) -> list[Finding]:
    rows = numbers.index.get_level_values("row")[numbers["clipped"]].unique()
    if rows.empty:
        return []
    message = (
        f"{count(len(rows), 'recording')} of {len(cohort):,} {plural(len(rows), 'stays', 'stay')} at the highest or lowest value for several "
        f"points, such as sample {str(cohort.samples.index[rows[0]])!r}: the amplifier may have been at its limit."
    )
    return [finding("note", "clipped", message, "If one class or site has more of them, a network may notice that.")]


def _gaps(cohort: Cohort, numbers: pd.DataFrame) -> list[Finding]:
    share = numbers["gaps"].groupby("row").mean()
    some = share[share > 0]
    if some.empty:
        return []
    most = cohort.samples.index[int(share.to_numpy().argmax())]
    message = (
        f"{count(len(some), 'recording')} of {len(cohort):,} {plural(len(some), 'has', 'have')} gaps, {share_text(float(some.mean()))} of the "
        f"points on average; sample {str(most)!r} most ({share_text(float(some.max()))})."
    )
    return [finding("note", "signal-gaps", message, "A network sees the mean of the channel there.")]


def _standardised(cohort: Cohort, numbers: pd.DataFrame) -> list[Finding]:
    """Every channel of every recording has mean 0 and standard deviation 1."""
    varied = numbers[numbers["ptp"] > 0]
    if len(varied) < 2 or (varied["mean"].abs() > _STANDARD).any() or ((varied["sd"] - 1).abs() > _STANDARD).any():
        return []
    message = "Each recording was standardised by itself before it came here (mean 0, standard deviation 1): amplitudes are lost, and so are units."
    remedy = "New recordings must be standardised in the same way before they are predicted for."
    return [finding("note", "prepared-each", message, remedy)]


def _unknown(inputs: SignalInputs) -> list[Finding]:
    found = []
    if inputs.rate is None:
        message = "The sampling rate of the recordings is not known, so time is counted in points, and recordings at another rate cannot be told from these."
        found.append(finding("note", "no-rate", message, "If you know it, add --rate HZ."))
    if not inputs.units:
        message = "The unit of the recordings is not known; new recordings in another unit are noticed by their amplitude at best."
        found.append(finding("note", "no-unit", message, "WFDB records and .npz files can say it."))
    return found
