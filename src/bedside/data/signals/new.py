"""New recordings for a trained model: read as in training, brought to its channels and rate, with what differs said."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import Aligned, new_samples
from bedside.data.codes import count, finding, listing, plural
from bedside.data.files import SUFFIXES
from bedside.data.samples import COHORTS
from bedside.data.signals.arrays import numbered
from bedside.data.signals.gathered import Gathered
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import UnknownRate
from bedside.data.signals.read import gather, is_signals
from bedside.data.signals.units import factor, plain_unit
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings

_WIDER = 0.1  # of the range of training, that values may lie outside it before it is said
_SMALL = 0.05  # of the range of training, that no recording exceeds if it is in another unit
_OTHER_DEVICE = "If they come from another device, their scores may be off."


def read_new_signals(source: str | Path, known: Mapping[str, Any], settings: DataSettings) -> Aligned:
    """Read recordings to predict for from any source that training could read; what they show is not needed.

    Channels are put in the order of training by their names, a recording at another rate is brought to that of training,
    and other units of the same quantity are converted.

    Args:
        source: where the recordings are.
        known: what training saw, as `describe_signals` says it.
        settings: `signal`, `recording` and `at` name the columns of a table, by default those of training; `rate`, `patient`, `target`,
            and how tables are read.

    Raises:
        DataError: if recordings cannot be read, lack a channel, or do not say their rate while those of training did.
    """
    path = Path(source)
    if str(source) in COHORTS and not path.exists():
        raise DataError(f"'{source}' is a built-in cohort, not new recordings; name a file, a table or a folder.")
    if path.suffix.lower() in SUFFIXES and not is_signals(path, settings):
        settings = settings.model_copy(update=_columns_of_training(known))
    if path.exists() and not is_signals(path, settings) and path.suffix.lower() != ".npz":
        raise DataError(
            f"{path} does not say where its recordings are. Name an .npz file, a file in UCR layout, a folder of WFDB records, or a table "
            "with --signal (and --recording, if its rows are time points)."
        )
    try:
        gathered = gather(path, settings.model_copy(update={"resample": known["rate"]}), labelled=False)
    except UnknownRate:
        raise DataError(
            f"The model was trained on recordings at {known['rate']:g} Hz, but those of {path.name} do not say their rate. Add --rate HZ, the time "
            "points per second that they have."
        ) from None
    inputs, found = _as_trained(gathered.inputs, known)
    samples = _samples(gathered, settings)
    return Aligned(inputs, samples, (*gathered.findings, *found, *_differences(inputs, samples.index.tolist(), known)))


def _columns_of_training(known: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that named the columns of the table of training; empty if it was none."""
    columns = dict(known.get("columns") or {})
    return columns if "signal" not in columns else {**columns, "signal": tuple(columns["signal"])}


def _samples(gathered: Gathered, settings: DataSettings) -> pd.DataFrame:
    """Ids of the recordings, and patients and outcomes if they are there."""
    samples = new_samples(gathered.frame, [], settings)
    return samples if "sample" in gathered.frame else samples.set_axis(gathered.frame.index.rename("sample"), axis=0)


def _as_trained(inputs: SignalInputs, known: Mapping[str, Any]) -> tuple[SignalInputs, list[Finding]]:
    """The recordings with the channels of training, in their order and units."""
    wanted, found = list(known["channels"]), list[Finding]()
    names = inputs.channels
    if names != tuple(wanted) and names == numbered(len(wanted)):
        message = f"The new recordings do not name their channels; they were taken to be {listing(wanted, 12)}, in this order."
        found.append(finding("warning", "new-channels", message, "Look whether that is so, or name them in the file."))
        names = tuple(wanted)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"The new recordings lack {count(len(missing), 'channel')} that the model needs: {listing(missing, 12)}.{nearest(missing[0], names)} Theirs: "
            f"{listing(list(names), 12)}. Add {plural(len(missing), 'it', 'them')}, or rename the channels as in training."
        )
    extra = [name for name in names if name not in wanted]
    if extra:
        n = len(extra)
        message = f"{count(n, 'channel')} of the new recordings {plural(n, 'is', 'are')} not used by the model: {listing(extra)}."
        found.append(finding("note", "new-extra", message))
    places = [names.index(name) for name in wanted]
    factors, converted = _factors(inputs, places, known)
    if converted:
        found.append(
            finding("note", "converted-units", f"Channels were brought to the unit of training: {listing(converted)}.")
        )
    traces = tuple(trace[places] * factors[:, None] for trace in inputs.traces)
    return SignalInputs(traces, tuple(wanted), inputs.rate, tuple(known["units"])), found


def _factors(inputs: SignalInputs, places: list[int], known: Mapping[str, Any]) -> tuple[np.ndarray, list[str]]:
    """What each channel is multiplied by, (channels,) in 32 bits, and the channels for which that is not 1."""
    factors, converted = np.ones(len(places), dtype=np.float32), list[str]()
    if not inputs.units or not known["units"]:
        return factors, converted
    for k, (place, word) in enumerate(zip(places, known["units"], strict=True)):
        unit, wanted = plain_unit(inputs.units[place]), plain_unit(word)
        if not unit or not wanted or unit == wanted:
            continue
        times = factor(unit, wanted)
        if times is None:
            raise DataError(
                f"Channel {known['channels'][k]!r} is in {inputs.units[place]!r}, but the model learned from {word!r}. Convert it, and save it again."
            )
        factors[k] = times
        converted.append(str(known["channels"][k]))
    return factors, converted


def _differences(inputs: SignalInputs, names: list[str], known: Mapping[str, Any]) -> list[Finding]:
    """What the model never saw in training: other lengths, other amplitudes, channels that nothing came from."""
    found, n = [], len(inputs)
    lengths = inputs.lengths
    outside = np.flatnonzero((lengths < known["shortest"]) | (lengths > known["longest"]))
    if len(outside):
        row = int(outside[0])
        message = (
            f"{len(outside):,} of {count(n, 'recording')} {plural(len(outside), 'has', 'have')} a length that training did not see, such as "
            f"{names[row]!r} ({count(int(lengths[row]), 'time point')}); in training {known['shortest']:,} to {known['longest']:,}."
        )
        found.append(
            finding("warning", "new-range", message, "A network that never saw such lengths may judge them wrongly.")
        )
    return [*found, *_amplitudes(inputs, names, known)]


def _amplitudes(inputs: SignalInputs, names: list[str], known: Mapping[str, Any]) -> list[Finding]:
    found, empty = [], []
    for k, channel in enumerate(inputs.channels):
        low, high = known["low"][k], known["high"][k]
        parts = [trace[k][np.isfinite(trace[k])] for trace in inputs.traces]
        if not any(part.size for part in parts):
            empty.append(channel)
            continue
        if low is None:
            continue
        room = _WIDER * (high - low)
        beyond = [
            row for row, part in enumerate(parts) if part.size and (part.min() < low - room or part.max() > high + room)
        ]
        spread = max(float(np.ptp(part)) for part in parts if part.size)
        if beyond:
            message = (
                f"Channel {channel!r} of {len(beyond):,} of {count(len(parts), 'recording')}, such as {names[beyond[0]]!r}, has values outside "
                f"those of training ({low:.4g} to {high:.4g})."
            )
            found.append(finding("warning", "new-range", message, f"Check the unit. {_OTHER_DEVICE}"))
        elif spread < _SMALL * (high - low):
            message = f"Channel {channel!r} varies by at most {spread:.4g}, but by {high - low:.4g} in training."
            found.append(finding("warning", "new-range", message, f"Check the unit. {_OTHER_DEVICE}"))
    if empty:
        message = f"{listing(empty)} {plural(len(empty), 'is', 'are')} empty in all new recordings."
        found.append(finding("warning", "new-missing", message, "The model sees what was usual in training instead."))
    return found
