"""WFDB records, as PhysioNet has them: which ones a table or a folder names, brought to the same channels, units and rate."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data import folders
from bedside.data.cells import read_text
from bedside.data.codes import count, finding, listing, plural
from bedside.data.files import refuse_idle
from bedside.data.signals.gathered import Gathered
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import one_rate
from bedside.data.signals.record import SUFFIX, Record, read_record, segments
from bedside.data.signals.units import factor
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings

_SHOWN = 20


def are_records(series: pd.Series) -> bool:
    """Whether a column names files instead of holding numbers."""
    cells = pd.Series(read_text(series)).dropna()
    return bool(len(cells)) and bool(pd.to_numeric(cells, errors="coerce").isna().all())


def gather_listed(frame: pd.DataFrame, table: Path, column: str, settings: DataSettings) -> Gathered:
    """Records that a table names in `column`, without their ending, relative to the folder of the table.

    Raises:
        DataError: if a cell is empty or stands twice, a record does not exist or cannot be read.
    """
    names = read_text(frame[column])
    empty = np.flatnonzero(pd.isna(names))
    if len(empty):
        raise DataError(
            f"Column '{column}' (signal) is empty in {count(len(empty), 'row')}, the first is row {empty[0] + 1}. Fill it in, or remove these rows."
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise DataError(
            f"Column '{column}' (signal) names {listing(twice)} more than once. Each record may stand in one row; remove the copies."
        )
    files = [table.parent / f"{name}{SUFFIX}" for name in names]
    missing = [row for row, file in enumerate(files) if not file.is_file()]
    if missing:
        lost = [names[row] for row in missing]
        raise DataError(
            f"{len(missing):,} of {count(len(files), 'record')} in column '{column}' of {table.name} {plural(len(missing), 'does', 'do')} not exist: "
            f"{listing(lost, _SHOWN)}.{_hint(files[missing[0]], lost[0])} Paths count from the folder of the table ({table.parent.resolve()}) and have no ending."
        )
    inputs, found = _read(files, list(names), settings)
    return Gathered(inputs, frame.set_axis(pd.Index(names), axis=0), own_names=False, findings=tuple(found))


def _hint(file: Path, name: str) -> str:
    if "\\" in name:
        return " Write paths with / instead of \\."
    if Path(name).suffix in (SUFFIX, ".dat") and file.with_suffix("").with_suffix(SUFFIX).is_file():
        return " Leave the ending away."
    if not file.parent.is_dir():
        return f" The folder {file.parent} does not exist."
    return nearest(file.stem, (entry.stem for entry in file.parent.glob(f"*{SUFFIX}")))


def records_below(root: Path) -> folders.Folder:
    """All headers of records below a folder, without those of segments that other records are made of."""
    folder = folders.walk(root, lambda file: file.suffix.lower() == SUFFIX, thing="record")
    parts = {file.parent / f"{name}{SUFFIX}" for file in folder.files for name in segments(file)}
    return folders.Folder(
        root, tuple(f for f in folder.files if f not in parts), folder.ignored, folder.empty, "record"
    )


def gather_folder(folder: folders.Folder, settings: DataSettings, *, labelled: bool = True) -> Gathered:
    """Records in a folder per class, or whose names `settings.label_pattern` fits.

    Raises:
        DataError: if it is not clear what they show, or one cannot be read.
    """
    names = [name.removesuffix(SUFFIX) for name in folder.names]
    split = folders.own_split(folder) if labelled else None
    frame = pd.DataFrame(index=pd.Index(names))
    if labelled:
        by_name = settings.label_pattern is not None
        known = folders.by_name(names, str(settings.label_pattern)) if by_name else folders.by_folder(folder, split)
        frame = known.set_axis(pd.Index(names), axis=0)
    inputs, found = _read(folder.files, names, settings)
    return Gathered(inputs, frame, split=split, findings=tuple(found))


def _read(files: Sequence[Path], names: Sequence[str], settings: DataSettings) -> tuple[SignalInputs, list[Finding]]:
    """The records as inputs with the channels of all of them, at one rate."""
    refuse_idle(settings, ("rate", "at"), "WFDB records, whose headers say the rate")
    records = [read_record(file, name) for file, name in zip(files, names, strict=True)]
    channels = tuple(dict.fromkeys(channel for record in records for channel in record.channels))
    units = _units(records, names, channels)
    traces = [_aligned(record, channels, units) for record in records]
    traces, rate, found = one_rate(traces, [record.rate for record in records], settings)
    known = tuple(units[channel] for channel in channels)
    inputs = SignalInputs(tuple(traces), channels, rate, known if any(known) else ())
    return inputs, [*_lacking(records, names, channels), *_converted(records, units), *found]


def _units(records: Sequence[Record], names: Sequence[str], channels: Sequence[str]) -> dict[str, str]:
    """The unit of each channel: that of the first record that says it.

    Raises:
        DataError: if another record has it in a unit that measures something else.
    """
    units = dict.fromkeys(channels, "")
    first = dict.fromkeys(channels, "")
    for record, name in zip(records, names, strict=True):
        for channel, unit in zip(record.channels, record.units, strict=True):
            if not units[channel]:
                units[channel], first[channel] = unit, name
            elif unit and factor(unit, units[channel]) is None:
                raise DataError(
                    f"Channel {channel!r} is in {units[channel]!r} in record {first[channel]!r} but in {unit!r} in record {name!r}. Bring all records to one "
                    "unit, or leave one kind out."
                )
    return units


def _aligned(record: Record, channels: Sequence[str], units: dict[str, str]) -> np.ndarray:
    """The trace with all channels of the cohort, NaN in those that the record lacks."""
    trace = np.full((len(channels), record.values.shape[1]), np.nan, dtype=np.float32)
    for values, channel, unit in zip(record.values, record.channels, record.units, strict=True):
        trace[list(channels).index(channel)] = values * (factor(unit, units[channel]) or 1.0)
    return trace


def _lacking(records: Sequence[Record], names: Sequence[str], channels: Sequence[str]) -> list[Finding]:
    lacking = {
        channel: [n for n, record in zip(names, records, strict=True) if channel not in record.channels]
        for channel in channels
    }
    lacking = {channel: without for channel, without in lacking.items() if without}
    if not lacking:
        return []
    shown = ", ".join(
        f"{channel!r} ({count(len(without), 'record')}, such as {without[0]!r})"
        for channel, without in list(lacking.items())[:6]
    )
    message = f"Not all records have all channels; lacking are {shown}. They are gaps there."
    return [
        finding("warning", "missing-channels", message, "If one class or site lacks them, a network may notice that.")
    ]


def _converted(records: Sequence[Record], units: dict[str, str]) -> list[Finding]:
    pairs = [(c, u) for record in records for c, u in zip(record.channels, record.units, strict=True)]
    other = Counter(f"{unit} to {units[channel]}" for channel, unit in pairs if unit and unit != units[channel])
    unknown = sum(not unit and bool(units[channel]) for channel, unit in pairs)
    found = []
    if other:
        shown = ", ".join(f"{words} ({n:,})" for words, n in other.items())
        found.append(
            finding("note", "converted-units", f"Channels of some records were brought to another unit: {shown}.")
        )
    if unknown:
        message = f"{count(unknown, 'channel')} of some records {plural(unknown, 'has', 'have')} no unit and {plural(unknown, 'was', 'were')} taken to be in that of the others."
        found.append(finding("warning", "converted-units", message, "Compare their amplitudes."))
    return found
