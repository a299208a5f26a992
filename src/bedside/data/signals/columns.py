"""Columns of a table that hold recordings: which ones a pattern means, and their cells as numbers."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.cells import MISSING, as_numbers, text_cells
from bedside.data.codes import count, finding, listing, quoted
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings


def columns_of(pattern: str, columns: Sequence[str], settings: DataSettings) -> list[str]:
    """The column of that name, or all that fit the pattern and have no role, in the order of the file.

    Raises:
        DataError: if there are none.
    """
    if pattern in columns:
        return [pattern]
    roles = {
        settings.target,
        settings.patient,
        settings.site,
        settings.time,
        settings.split,
        settings.recording,
        settings.at,
    }
    found = [name for name in columns if fnmatchcase(name, pattern) and name not in {*roles, *settings.subgroups}]
    if not found:
        stars = (
            "" if re.search(r"[*?\[]", pattern) else f" To take all columns that begin so, write --signal '{pattern}*'."
        )
        raise DataError(
            f"No column fits --signal {quoted(pattern)}.{nearest(pattern, columns)}{stars} Columns: {listing(list(columns), 20)}."
        )
    return found


def refuse_shared(taken: Sequence[tuple[str, list[str]]]) -> None:
    """Refuse two patterns that mean the same column."""
    owner: dict[str, str] = {}
    for pattern, names in taken:
        for name in names:
            if name in owner:
                raise DataError(
                    f"Column '{name}' fits both --signal {quoted(owner[name])} and --signal {quoted(pattern)}, but belongs to one channel. "
                    "Write narrower patterns, such as 'II_*' or 't[0-9]*'."
                )
            owner[name] = pattern


def read_numbers(frame: pd.DataFrame, names: Sequence[str], settings: DataSettings) -> np.ndarray:
    """Cells of some columns as numbers, NaN where nothing was recorded, shape (rows, columns).

    Raises:
        DataError: if a cell holds something else.
    """
    if all(pd.api.types.is_numeric_dtype(frame[name]) for name in names):
        values = frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = np.column_stack([_numbers(frame[name], settings) for name in names])
    if np.isinf(values).any():
        row, column = np.argwhere(np.isinf(values))[0]
        raise DataError(
            f"Column '{names[column]}' holds an infinite value in row {row + 1}. Leave the cell empty, or write NaN."
        )
    return values


def _numbers(series: pd.Series, settings: DataSettings) -> np.ndarray:
    cells = pd.Series(text_cells(series), dtype=object).str.strip()
    values = as_numbers(cells.to_numpy(object), settings.decimal)
    odd = np.flatnonzero(np.isnan(values) & ~cells.isin(MISSING).to_numpy())
    if len(odd):
        comma = " If the decimal mark is a comma, add --decimal ','." if "," in cells[odd[0]] else ""
        raise DataError(
            f"Column '{series.name}' holds {cells[odd[0]]!r} in row {odd[0] + 1}, where a recorded number is needed.{comma} If it is no "
            "part of the recording, write a narrower --signal, such as 't[0-9]*'."
        )
    return values


def in_order(pattern: str, names: Sequence[str]) -> list[Finding]:
    """A warning if the columns of one channel are called as if they were not its time points in order."""
    if len(names) < 2:
        return []
    stems = {re.sub(r"\d+", "", name) for name in names}
    numbers = [[int(digits) for digits in re.findall(r"\d+", name)] for name in names]
    if len(stems) == 1 and numbers == sorted(numbers):
        return []
    message = f"--signal {quoted(pattern)} takes {count(len(names), 'column')} as time points in the order of the file: {listing(list(names), 4)}."
    remedy = "Their names do not count up: look whether all belong to the recording, and in this order."
    return [finding("warning", "signal-columns", message, remedy, names[:20])]
