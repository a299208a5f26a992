"""One WFDB record: read by the package `wfdb`, with the unit and the rate that its header says.

A header could send the package to other folders or to addresses on the internet by the names of files in it; such headers are
refused before it sees them.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.data.signals.gathered import until_end
from bedside.data.signals.units import plain_unit
from bedside.errors import DataError

SUFFIX = ".hea"
_PLAIN = re.compile(r"[\w.+-]+|~")  # a name of a file in the same folder; ~ stands for none


@dataclass(frozen=True)
class Record:
    """Values (channels, time) of one record in the unit of each channel, and its rate in Hz."""

    values: np.ndarray
    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float


def read_record(file: Path, name: str) -> Record:
    """One record in physical units, NaN where a value is marked as invalid.

    Raises:
        DataError: if the package is not installed, the header names files elsewhere, or the record cannot be read.
    """
    wfdb = package()
    _refuse_elsewhere(file, name)
    try:
        with outdated():
            found = wfdb.rdrecord(str(file.with_suffix("")))
        values = np.asarray(found.p_signal, dtype=np.float64)
    except Exception as error:  # a damaged header fails anywhere in the package
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"Record {name!r} cannot be read: {reason}. Is each file that {file.name} names there, and complete?"
        ) from None
    if values.ndim != 2 or not values.size:
        raise DataError(f"Record {name!r} holds no signals. Leave it out.")
    words = [str(word or f"channel {k + 1}") for k, word in enumerate(found.sig_name)]
    channels = tuple(
        word if words[:k].count(word) == 0 else f"{word} {words[:k].count(word) + 1}" for k, word in enumerate(words)
    )
    trace = until_end(values.T)
    if not trace.size:
        raise DataError(f"Record {name!r} holds no valid value. Leave it out.")
    return Record(trace, channels, tuple(plain_unit(unit) for unit in found.units), float(found.fs))


@contextmanager
def outdated() -> Iterator[None]:
    """Where the package uses forms of pandas and numpy that are to go; whoever reads data can do nothing about that."""
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", kind)
        yield


def package() -> Any:
    """The package `wfdb`, imported when it is needed.

    Raises:
        DataError: if it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # it uses forms of pandas that are to go; whoever reads data can do nothing about that
            import wfdb
    except ImportError:
        raise DataError("WFDB records need the package wfdb. Install it: pip install 'bedside[signals]'.") from None
    return wfdb


def _lines(file: Path) -> list[list[str]]:
    """Words of the lines of a header, without comments."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"Cannot read {file}: {error.strerror or error}.") from None
    return [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def segments(file: Path) -> list[str]:
    """Names of the segments that a record is made of; none for most."""
    lines = _lines(file)
    return [line[0] for line in lines[1:]] if lines and "/" in lines[0][0] else []


def _refuse_elsewhere(file: Path, name: str) -> None:
    """Refuse a header that names files in other places than its own folder."""
    lines = _lines(file)
    odd = next((line[0] for line in lines[1:] if not _PLAIN.fullmatch(line[0])), None)
    if odd is not None or "://" in str(file) or "::" in str(file):
        raise DataError(
            f"The header of record {name!r} names the file {odd or str(file)!r}. Only files in the folder of the header are read, whose names are letters, "
            "digits, '.', '-', '+' and '_'. Put them there and correct the header."
        )
    for segment in segments(file):
        part = file.parent / f"{segment}{SUFFIX}"
        if segment != "~" and part != file and part.is_file():
            _refuse_elsewhere(part, name)
