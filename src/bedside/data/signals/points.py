"""A table with one row per time point: a column says which recording, others hold the channels."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data import roles as roles_of
from bedside.data.cells import read_text
from bedside.data.codes import count, finding, listing, plural
from bedside.data.files import refuse_idle
from bedside.data.signals.columns import columns_of, read_numbers, refuse_shared
from bedside.data.signals.gathered import Gathered, until_end
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import one_rate, resample
from bedside.errors import DataError
from bedside.settings import DataSettings

_OFF = 0.3  # of the spacing, that times may be away from an even one: they are often rounded
_MOST_LACKING = 100  # times more points than were recorded, beyond which times cannot be right


@dataclass(frozen=True)
class _Timed:
    """Points of one recording in order: values (channels, time), its rate, and what was off about its times."""

    values: np.ndarray
    rate: float | None
    lacking: int = 0
    uneven: bool = False


def gather_points(frame: pd.DataFrame, settings: DataSettings) -> Gathered:
    """Recordings of a table, in the order in which they begin; they are named by the column `settings.recording`.

    With `settings.at` the rows may come in any order and the rate follows from the times; where times are lacking is a gap.

    Raises:
        DataError: if columns are missing, a role changes within a recording, or times are uneven and no
            `settings.resample` asks for another rate.
    """
    columns, recording = list(frame.columns), str(settings.recording)
    roles_of.require(recording, columns, "recording")
    if settings.at is not None:
        roles_of.require(settings.at, columns, "at")
        refuse_idle(settings, ("rate",), f"a table whose column '{settings.at}' says the times")
    channels = _channels(frame, settings)
    values = read_numbers(frame, channels, settings)
    codes, ids = pd.factorize(_complete(frame, recording))
    frame_of = _steady(frame, codes, ids, settings)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    times = None if settings.at is None else _times(frame, settings.at, settings)
    timed = [
        _timed(values[part].T, None if times is None else times[part], str(name), settings)
        for part, name in zip(parts, ids, strict=True)
    ]
    traces = [until_end(one.values) for one in timed]
    empty = [str(name) for name, trace in zip(ids, traces, strict=True) if not trace.size]
    if empty:
        raise DataError(
            f"{count(len(empty), 'recording holds', 'recordings hold')} no recorded value: {listing(empty)}. Remove their rows."
        )
    traces, rate, about_rate = one_rate(traces, [one.rate for one in timed], settings)
    inputs = SignalInputs(tuple(traces), tuple(channels), rate)
    apart = _apart(codes) if times is None else []
    return Gathered(inputs, frame_of, own_names=False, findings=(*apart, *_told(timed), *about_rate))


def _times(frame: pd.DataFrame, at: str, settings: DataSettings) -> np.ndarray:
    """The times in seconds, (rows,)."""
    cells = frame[at].dropna().astype(str)
    if len(cells) and cells.head(100).str.contains(r"\d[-/:]\d").all():
        raise DataError(
            f"Column '{at}' holds dates or times of day, such as {cells.iloc[0]!r}; --at needs seconds since any moment, as numbers, such "
            "as 0.004. Add such a column, or leave --at away and say --rate HZ if the rows are in order."
        )
    return read_numbers(frame, [at], settings)[:, 0]


def _apart(codes: np.ndarray) -> list[Finding]:
    """A warning if rows of one recording do not stand together: then they may not be in order either."""
    begins = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    n = int((np.bincount(codes[begins]) > 1).sum())
    if not n:
        return []
    message = f"The rows of {count(n, 'recording')} do not stand together; they were read in the order of the file."
    return [finding("warning", "rows-apart", message, "If a column says the times, name it: --at COLUMN.")]


def _channels(frame: pd.DataFrame, settings: DataSettings) -> list[str]:
    if not settings.signal:
        raise DataError(
            f"--recording {settings.recording} says which recording a row belongs to; name the columns with its channels too: --signal COLUMN. "
            f"Columns: {listing(list(frame.columns), 20)}."
        )
    taken = [(pattern, columns_of(pattern, list(frame.columns), settings)) for pattern in settings.signal]
    refuse_shared(taken)
    return [name for _, names in taken for name in names]


def _complete(frame: pd.DataFrame, recording: str) -> np.ndarray:
    names = read_text(frame[recording])
    empty = np.flatnonzero(pd.isna(names))
    if len(empty):
        raise DataError(
            f"Column '{recording}' (recording) is empty in {count(len(empty), 'row')}, the first is row {empty[0] + 1}. Fill it in, or remove these rows."
        )
    return names


def _steady(frame: pd.DataFrame, codes: np.ndarray, ids: np.ndarray, settings: DataSettings) -> pd.DataFrame:
    """One row per recording with the columns that have a role, which must not change within it."""
    named = [settings.target, settings.patient, settings.site, settings.time, settings.split, *settings.subgroups]
    columns = [name for name in dict.fromkeys(named) if name is not None and name in frame.columns]
    first = np.unique(codes, return_index=True)[1]
    for name in columns:
        cells = pd.factorize(read_text(frame[name]))[0]
        differ = np.flatnonzero(cells != cells[first][codes])
        if len(differ):
            row = differ[0]
            one, other = frame[name].iloc[first[codes[row]]], frame[name].iloc[row]
            raise DataError(
                f"Column '{name}' changes within recording {str(ids[codes[row]])!r}: {str(one)!r} in row {first[codes[row]] + 1}, {str(other)!r} in row "
                f"{row + 1}. It must be the same in all rows of a recording; correct it, or give each part its own name in '{settings.recording}'."
            )
    chosen = columns or [str(settings.recording)]
    return frame[chosen].iloc[first].set_axis(pd.Index(ids.astype(str)), axis=0)


def _timed(values: np.ndarray, times: np.ndarray | None, name: str, settings: DataSettings) -> _Timed:
    """One recording, (channels, rows), brought in order of its times and to an even spacing."""
    if times is None:
        return _Timed(values, settings.rate)
    if np.isnan(times).any():
        raise DataError(
            f"Recording {name!r} has {count(int(np.isnan(times).sum()), 'row')} without a time in '{settings.at}'. Fill it in, or remove them."
        )
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[:, order]
    if len(times) < 3:
        raise DataError(f"Recording {name!r} has {count(len(times), 'row')}; at least 3 are needed to tell its rate.")
    steps = np.diff(times)
    if (steps == 0).any():
        at = times[:-1][steps == 0][0]
        raise DataError(f"Recording {name!r} has two rows at {at:g} s in '{settings.at}'. Keep one of them.")
    usual = float(np.median(steps))
    places = np.concatenate([[0], np.maximum(1, np.round(steps / usual)).cumsum()]).astype(np.int64)
    spacing = float(np.polyfit(places, times - times[0], 1)[0])
    off = np.abs(times - times[0] - places * spacing)
    if off.max() - off.min() <= _OFF * spacing and places[-1] < _MOST_LACKING * len(times):
        even = np.full((len(values), places[-1] + 1), np.nan)
        even[:, places] = values
        return _Timed(even, _rounded(1 / spacing), int(places[-1] + 1 - len(places)))
    if settings.resample is None:
        raise DataError(
            f"Recording {name!r} has times in '{settings.at}' that are not evenly spaced: steps from {steps.min():g} to {steps.max():g} s, {usual:g} s most "
            "often. Networks need even steps. Add --set data.resample=HZ to have values between them computed along straight lines."
        )
    return _Timed(_straight(values, times, usual, settings.resample), settings.resample, uneven=True)


def _straight(values: np.ndarray, times: np.ndarray, usual: float, wanted: float) -> np.ndarray:
    """Values at even steps along straight lines, as dense as the recorded ones, then filtered to the wanted rate; a point
    farther than two usual steps from a recorded one on either side is a gap."""
    rate = max(1 / usual, wanted)
    even = times[0] + np.arange(int((times[-1] - times[0]) * rate + 1e-6) + 1) / rate
    channels = []
    for channel in values:
        seen = np.isfinite(channel)
        if seen.sum() < 2:
            channels.append(np.full(len(even), np.nan))
            continue
        known = times[seen]
        line = np.interp(even, known, channel[seen], left=np.nan, right=np.nan)
        behind = np.clip(np.searchsorted(known, even), 1, len(known) - 1)
        far = (known[behind] - known[behind - 1]) > 4 * usual
        channels.append(np.where(far & ~np.isin(even, known), np.nan, line))
    return resample(np.array(channels), rate, wanted)


def _rounded(rate: float) -> float:
    """A rate without what the rounding of times left: 249.998 is 250."""
    whole = round(rate)
    return float(whole) if whole and abs(rate - whole) < 1e-3 * rate else float(f"{rate:.5g}")


def _told(timed: list[_Timed]) -> list[Finding]:
    found = []
    lacking = [one.lacking for one in timed if one.lacking]
    if lacking:
        message = f"{count(len(lacking), 'recording')} of {len(timed):,} {plural(len(lacking), 'lacks', 'lack')} rows at {count(sum(lacking), 'time')} between their first and last."
        found.append(finding("note", "lacking-times", message, "They are gaps of the recording."))
    uneven = sum(one.uneven for one in timed)
    if uneven:
        message = f"{count(uneven, 'recording')} of {len(timed):,} {plural(uneven, 'has', 'have')} times that are not evenly spaced; values between them were computed along straight lines."
        found.append(
            finding(
                "warning", "uneven-times", message, "Sharp waves between two times are lost; look at some recordings."
            )
        )
    return found
