"""Recordings in an .npz file: `signals`, `labels`, and what else is known of each."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.data.arrays import named_classes, opened
from bedside.data.codes import finding, listing
from bedside.data.files import refuse_idle
from bedside.data.roles import read_split, sample_ids
from bedside.data.signals.gathered import Gathered, until_end
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import one_rate
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings

KNOWN = ("signals", "labels", "patients", "sites", "split", "rate", "channels", "units", "classes")
_SHAPES = "(n, time) or (n, channels, time)"


def holds_signals(path: Path) -> bool:
    """Whether an .npz file has an array `signals`; files that cannot be read hold none."""
    try:
        with opened(path) as file:
            return "signals" in file.files
    except DataError:
        return False


def gather_arrays(path: Path, settings: DataSettings, *, labelled: bool = True) -> Gathered:
    """Recordings of an .npz file: `signals` (n, time) or (n, channels, time), NaN where nothing was recorded; a recording ends
    where only NaN follow. `labels` (n,), and, as far as they are known, `patients`, `sites` and `split` (n,), `rate` in Hz,
    `channels` and `units`, one word each, and `classes`, which names the labels 0, 1, ...

    Args:
        path: the file.
        settings: `rate` and `resample`.
        labelled: whether `labels` are needed.

    Raises:
        DataError: if arrays are missing, of another shape or type.
        SettingError: if a rate is given and the file has one.
    """
    with opened(path) as file:
        names = list(file.files)
        for name in ("signals", "labels") if labelled else ("signals",):
            if name not in names:
                raise DataError(
                    f"{path.name} holds no array '{name}'.{nearest(name, names)} Its arrays: {listing(names, 20)}. Needed are signals, "
                    f"of shape {_SHAPES}, and labels, of shape (n,)."
                )
        held = {name: file[name] for name in KNOWN if name in names}
    signals = _signals(path, held["signals"])
    traces = [until_end(trace) for trace in signals]
    empty = [row for row, trace in enumerate(traces) if not trace.size]
    if empty:
        raise DataError(f"Recording {empty[0] + 1} of {path.name} holds nothing but NaN. Leave such recordings out.")
    channels, units = _words(path, held, "channels", signals.shape[1]), _words(path, held, "units", signals.shape[1])
    traces, rate, found = one_rate(traces, [_rate(path, held, settings)] * len(traces), settings)
    unused = [name for name in names if name not in KNOWN]
    if unused:
        found.append(finding("note", "not-signals", f"Arrays that were not used: {listing(unused)}."))
    frame = _frame(path, held, len(traces))
    split = read_split(frame, "split") if "split" in frame else None
    inputs = SignalInputs(tuple(traces), channels or numbered(signals.shape[1]), rate, units)
    return Gathered(inputs, frame, split=split, findings=tuple(found))


def _signals(path: Path, signals: np.ndarray) -> np.ndarray:
    """Recordings (n, channels, time); integers become numbers with gaps nowhere."""
    where = f"Array 'signals' of {path.name}"
    if signals.dtype.kind not in "iuf":
        raise DataError(f"{where} holds {signals.dtype}; needed are numbers, NaN where nothing was recorded.")
    if signals.ndim not in (2, 3) or not signals.size:
        raise DataError(f"{where} has shape {signals.shape}; needed is {_SHAPES}, with at least one recording.")
    signals = signals[:, None] if signals.ndim == 2 else signals
    if signals.dtype.kind == "f" and np.isinf(signals).any():
        raise DataError(f"{where} holds infinite values. Write NaN where nothing was recorded.")
    if signals.shape[1] > 4 * signals.shape[2]:
        raise DataError(
            f"{where} has {signals.shape[1]:,} channels of {signals.shape[2]:,} time points. Is time the last axis? If it is the second, "
            "save numpy.moveaxis(signals, 1, 2)."
        )
    return signals


def _rate(path: Path, held: dict[str, np.ndarray], settings: DataSettings) -> float | None:
    if "rate" not in held:
        return settings.rate
    refuse_idle(settings, ("rate",), f"{path.name}, which says the rate itself")
    rate = held["rate"]
    if rate.size != 1 or rate.dtype.kind not in "iuf" or not np.isfinite(rate).all() or rate.item() <= 0:
        raise DataError(f"Array 'rate' of {path.name} is {rate}; needed is one positive number, in Hz.")
    return float(rate.item())


def _words(path: Path, held: dict[str, np.ndarray], name: str, channels: int) -> tuple[str, ...]:
    """Names or units of the channels; empty if the file has none."""
    if name not in held:
        return ()
    words = tuple(map(str, np.atleast_1d(held[name]).tolist()))
    if held[name].dtype.kind not in "US" or len(words) != channels:
        raise DataError(
            f"Array '{name}' of {path.name} is {listing(words)}; needed is one word for each of the {channels} channels."
        )
    if name == "channels" and len(set(words)) < len(words):
        raise DataError(f"Array 'channels' of {path.name} has a name twice: {listing(words, 20)}. Give each its own.")
    return words


def numbered(n: int) -> tuple[str, ...]:
    """Names of channels that nobody named."""
    return ("signal",) if n == 1 else tuple(f"channel {k + 1}" for k in range(n))


def _frame(path: Path, held: dict[str, np.ndarray], n: int) -> pd.DataFrame:
    """What the file says of each recording; the first column is the label, if there are any."""
    columns: dict[str, Any] = {}
    for name, column in (("labels", "label"), ("patients", "patient"), ("sites", "site"), ("split", "split")):
        if name in held:
            columns[column] = _one_each(path, name, held[name], n)
    labels = columns.pop("label", None)
    if labels is not None:
        classes = labels.dtype.kind != "f" or bool(np.all(labels % 1 == 0))
        if "classes" in held:
            labels = named_classes(path, labels, held["classes"], "classes")
        columns = {"class" if classes else "label": labels, **columns}
    elif "classes" in held:
        raise DataError(
            f"{path.name} has an array 'classes' but no 'labels' that they name. Leave it out, or add labels."
        )
    return pd.DataFrame(columns, index=pd.Index(sample_ids(n)))


def _one_each(path: Path, name: str, values: np.ndarray, n: int) -> np.ndarray:
    where = f"Array '{name}' of {path.name}"
    if values.size != n or values.ndim > 2:
        raise DataError(
            f"{where} has shape {values.shape}, but there are {n:,} recordings; needed is one value for each."
        )
    if values.dtype.kind not in "biufUS":
        raise DataError(f"{where} holds {values.dtype}; needed are numbers or text.")
    values = values.reshape(-1)
    return values.astype(np.int64) if values.dtype.kind == "b" else values
