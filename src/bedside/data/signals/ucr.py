"""Recordings in text files as the UCR archive has them: one recording per line, its label first.

Source: Dau et al. 2019, The UCR time series archive, doi:10.1109/JAS.2019.1911747. The values of a line are separated by
blanks, tabulators or commas; recordings shorter than the longest end in NaN.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.data.codes import count, listing
from bedside.data.roles import sample_ids
from bedside.data.signals.gathered import Gathered, until_end
from bedside.data.signals.inputs import SignalInputs
from bedside.data.signals.rates import one_rate
from bedside.errors import DataError
from bedside.settings import DataSettings

SUFFIXES = (".txt", ".tsv")
_PART = re.compile(r"(?P<name>.+)_(?P<part>train|test)", re.IGNORECASE)
_LAYOUT = "Each line is one recording: its label, then its values, separated by blanks, tabulators or commas."


def part_of(path: Path) -> tuple[str, str] | None:
    """Name of the data set and "train" or "test", if the file is called `NAME_TRAIN` or `NAME_TEST`."""
    found = _PART.fullmatch(path.stem)
    return (found["name"], found["part"].lower()) if found and path.suffix.lower() in SUFFIXES else None


def parts_in(folder: Path) -> list[Path]:
    """Files of a folder that are called `NAME_TRAIN` or `NAME_TEST`, training first."""
    parts = {file: part for file in sorted(folder.iterdir()) if file.is_file() and (part := part_of(file)) is not None}
    return sorted(parts, key=lambda file: parts[file][1] != "train")


def gather_ucr(path: Path, settings: DataSettings) -> Gathered:
    """Recordings of one file, or of the training and test file in a folder, which then are the split that came with them.

    Raises:
        DataError: if a folder holds files of several data sets, or a file does not fit the layout.
    """
    files = parts_in(path) if path.is_dir() else [path]
    _refuse_several(path, files)
    labels, traces, split = list[str](), list[np.ndarray](), list[str]()
    for file in files:
        for label, trace in _recordings(file):
            labels.append(label)
            traces.append(trace)
            split.append((part_of(file) or ("", ""))[1])
    traces, rate, found = one_rate(traces, [settings.rate] * len(traces), settings)
    frame = pd.DataFrame({"class": np.array(labels, dtype=object)}, index=pd.Index(sample_ids(len(labels))))
    inputs = SignalInputs(tuple(traces), ("signal",), rate)
    parts = np.array(split, dtype=object) if len(files) == 2 else None
    return Gathered(inputs, frame, split=parts, findings=tuple(found))


def _refuse_several(path: Path, files: list[Path]) -> None:
    names = sorted({(part_of(file) or ("",))[0] for file in files})
    if len(names) > 1:
        raise DataError(
            f"The folder {path} holds files of {count(len(names), 'data set')}: {listing(names)}. Move each into a folder of its "
            "own, or name one file."
        )
    if len(files) > 2:
        raise DataError(
            f"The folder {path} holds {listing([file.name for file in files])}. One training and one test file are needed; move the others elsewhere."
        )


def _recordings(file: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Label and trace (1, time) of each line of a file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name} cannot be read as text: {error}. {_LAYOUT}") from None
    n = 0
    for number, line in enumerate(lines, start=1):
        cells = line.replace(",", " ").split()
        if cells:
            n += 1
            yield _label(cells[0]), _values(file, number, cells[1:])
    if not n:
        raise DataError(f"{file.name} is empty. {_LAYOUT}")


def _values(file: Path, number: int, cells: list[str]) -> np.ndarray:
    """The values behind the label, (1, time), without NaN at the end."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        odd = next(cell for cell in cells if not _is_number(cell))
        raise DataError(
            f"Line {number} of {file.name} holds {odd!r} among its values, which is no number. {_LAYOUT} A value that is not known "
            "is NaN. If the file is a table with column names, save it as .csv and name its columns: --signal 't*' --target COLUMN."
        ) from None
    if np.isinf(values).any():
        raise DataError(f"Line {number} of {file.name} holds an infinite value. Write NaN where nothing was recorded.")
    trace = until_end(values[None])
    if not trace.size:
        raise DataError(f"Line {number} of {file.name} holds a label and no recorded value. {_LAYOUT} Remove the line.")
    return trace


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _label(cell: str) -> str:
    """The class as it is meant: `1.0000000e+00` is 1."""
    if not _is_number(cell) or not np.isfinite(float(cell)):
        return cell
    number = float(cell)
    return str(int(number)) if number == int(number) else repr(number)
