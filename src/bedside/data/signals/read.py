"""Recordings from wherever they lie: which reader a source needs, and the cohort that comes of it."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from bedside.cohort import Cohort
from bedside.data.assemble import ONLY_FILES, ONLY_TABLES, class_roles
from bedside.data.files import read_file, refuse_idle, refuse_missing
from bedside.data.signals import records, ucr
from bedside.data.signals.arrays import gather_arrays, holds_signals
from bedside.data.signals.cohort import make_signal_cohort
from bedside.data.signals.columns import columns_of
from bedside.data.signals.gathered import Gathered
from bedside.data.signals.points import gather_points
from bedside.data.signals.records import are_records, gather_folder, gather_listed, records_below
from bedside.data.signals.rows import gather_rows
from bedside.errors import DataError
from bedside.settings import DataSettings

_OF_IMAGES = ("image", "modality", "skip_unreadable", "synthetic")
_ROLES = ("target", "patient", "site")


def is_signals(path: Path, settings: DataSettings) -> bool:
    """Whether a source holds recordings: by its settings, its name, or, in an .npz file, the names of its arrays."""
    if settings.signal or settings.recording:
        return True
    if path.is_dir():
        return bool(ucr.parts_in(path)) or _has_records(path)
    if path.suffix.lower() == ".npz":
        return path.is_file() and holds_signals(path)
    if path.suffix.lower() == records.SUFFIX:
        return True
    is_text = path.suffix.lower() == ".txt" or ucr.part_of(path) is not None
    return is_text and path.is_file() and settings.target is None


def read_signals(source: str | Path, settings: DataSettings) -> Cohort:
    """Read recordings and what they show into a cohort.

    Args:
        source: a file in UCR layout, or a folder with a training and a test file; an .npz file with `signals`; a table with
            `settings.signal`; or a folder of WFDB records.
        settings: what columns are for, and the rate.

    Raises:
        DataError: if files are missing or cannot be read, or it is not clear what they show.
        SettingError: if a setting cannot act on this kind of source.
    """
    path = Path(source)
    gathered = gather(path, settings)
    given = class_roles(gathered.frame, settings) if gathered.own_names else {}
    return make_signal_cohort(
        gathered.inputs,
        gathered.frame,
        settings.model_copy(update=given),
        name=path.resolve().stem,
        about={"source": path.name or path.resolve().name},
        split=gathered.split,
        findings=gathered.findings,
    )


def gather(path: Path, settings: DataSettings, *, labelled: bool = True) -> Gathered:
    """The recordings of a source; `labelled` says whether it must tell what they show. If not, settings that are left from
    training and cannot act here do no harm.

    Raises:
        DataError: if files are missing or cannot be read, or it is not clear what they show.
        SettingError: if a setting cannot act on this kind of source.
    """
    refuse_missing(path)
    if path.suffix.lower() == ".npz":
        _refuse(settings, labelled, "an .npz file, whose arrays say what they are", "label_pattern")
        return gather_arrays(path, settings, labelled=labelled)
    if path.is_dir() and not ucr.parts_in(path):
        _refuse(settings, labelled, "a folder of records, which has no columns")
        return gather_folder(records_below(path), settings, labelled=labelled)
    if path.is_dir() or not _is_table(path, settings):
        _refuse(settings, labelled, "files in UCR layout, which have no columns", "label_pattern")
        return ucr.gather_ucr(path, settings)
    return _gather_table(path, settings)


def _is_table(path: Path, settings: DataSettings) -> bool:
    """Whether columns of the file are named; one record alone is refused."""
    if path.suffix.lower() == records.SUFFIX:
        raise DataError(f"{path} is one record. Name the folder or the table that says what each of many shows.")
    return path.suffix.lower() != ".txt" and bool(settings.signal or settings.recording)


def _gather_table(path: Path, settings: DataSettings) -> Gathered:
    """A table with a row per recording, a row per time point, or a row per record that it names."""
    refuse_idle(settings, (*_OF_IMAGES, "label_pattern"), "a table with --signal")
    frame = read_file(path, settings)
    gathered = _gather_frame(frame, path, settings)
    columns = {"signal": list(settings.signal), "recording": settings.recording, "at": settings.at}
    named = {name: value for name, value in columns.items() if value}
    return replace(gathered, inputs=replace(gathered.inputs, columns=named))


def _gather_frame(frame: pd.DataFrame, path: Path, settings: DataSettings) -> Gathered:
    if settings.recording is not None:
        return gather_points(frame, settings)
    first = columns_of(settings.signal[0], list(frame.columns), settings)
    if len(settings.signal) == 1 and len(first) == 1 and are_records(frame[first[0]]):
        return gather_listed(frame, path, first[0], settings)
    return gather_rows(frame, settings)


def _has_records(folder: Path) -> bool:
    """Whether a folder, or one of those in it down to two levels, holds headers of records."""
    return any(next(folder.glob(f"{deeper}*{records.SUFFIX}"), None) is not None for deeper in ("", "*/", "*/*/"))


def _refuse(settings: DataSettings, labelled: bool, where: str, *more: str) -> None:
    """Refuse what can act on tables or images only."""
    if labelled:
        refuse_idle(
            settings, (*_ROLES, "signal", "recording", "at", *_OF_IMAGES, *more, *ONLY_TABLES, *ONLY_FILES), where
        )
