"""A table with one row per recording: its columns are time points, one pattern of columns per channel."""

import re

import numpy as np
import pandas as pd

from bedside.data.codes import count, quoted
from bedside.data.files import refuse_idle
from bedside.data.roles import sample_ids
from bedside.data.signals.columns import columns_of, in_order, read_numbers, refuse_shared
from bedside.data.signals.gathered import Gathered, until_end
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import one_rate
from bedside.errors import DataError
from bedside.settings import DataSettings


def gather_rows(frame: pd.DataFrame, settings: DataSettings) -> Gathered:
    """Recordings of a table, in the order of its rows; empty cells at the end of a row are behind the end of the recording.

    Raises:
        DataError: if columns are missing, channels differ in their number of columns, or a recording is empty.
    """
    refuse_idle(settings, ("at",), "a table with one row per recording")
    taken = [(pattern, columns_of(pattern, list(frame.columns), settings)) for pattern in settings.signal]
    refuse_shared(taken)
    _refuse_uneven(taken)
    values = np.stack([read_numbers(frame, names, settings) for _, names in taken], axis=1)
    traces = [until_end(trace) for trace in values]
    empty = [row + 1 for row, trace in enumerate(traces) if not trace.size]
    if empty:
        raise DataError(
            f"{count(len(empty), 'row holds', 'rows hold')} no recorded value, the first is row {empty[0]}. Remove such rows."
        )
    found = [one for pattern, names in taken for one in in_order(pattern, names)]
    traces, rate, about_rate = one_rate(traces, [settings.rate] * len(traces), settings)
    inputs = SignalInputs(tuple(traces), channel_names(settings.signal), rate)
    frame = frame.set_axis(pd.Index(sample_ids(len(frame))), axis=0)
    return Gathered(inputs, frame, own_names=False, findings=(*found, *about_rate))


def _refuse_uneven(taken: list[tuple[str, list[str]]]) -> None:
    sizes = {len(names) for _, names in taken}
    if len(sizes) > 1:
        shown = ", ".join(f"{quoted(pattern)} {count(len(names), 'column')}" for pattern, names in taken)
        raise DataError(
            f"Channels of a recording have the same time points, but --signal takes {shown}. Write patterns that fit."
        )
    if sizes == {1}:
        raise DataError(
            f"--signal {' --signal '.join(quoted(pattern) for pattern, _ in taken)} takes one column per channel, so each recording would be one point long. "
            "If rows are time points, add --recording COLUMN; if columns are, write a pattern such as 't*'."
        )


def channel_names(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """What is left of each pattern without wildcards: `II_*` is II; the patterns themselves where that names none or two."""
    names = tuple(re.sub(r"\[[^\]]*\]|[*?]", "", pattern).strip(" _.-") for pattern in patterns)
    if len(names) == 1:
        return (names[0] if len(names[0]) > 1 else "signal",)
    return names if all(names) and len(set(names)) == len(names) else patterns
