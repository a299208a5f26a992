"""What a single cell means: text, a number, a date, or nothing; one rule for every file and every role."""

import re
from typing import Any

import numpy as np
import pandas as pd

# Exactly as written here: 'None' is a gap that a program left, 'none' is an answer.
MISSING = frozenset(
    ["", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NaT", "NULL", "null", "None", "?", "-", "."]
) | frozenset(["#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"])
_WHOLE = re.compile(r"(-?)(0|[1-9]\d*)\.0+")


def read_text(series: pd.Series) -> np.ndarray:
    """A column as text and None: patients, sites, classes, categories; 1.0 is '1'; shape (n,)."""
    cells = np.array([cell.strip() for cell in text_cells(series)], dtype=object)
    cells[pd.Series(cells, dtype=object).isin(MISSING).to_numpy()] = None
    return as_levels(cells)


def text_cells(series: pd.Series) -> np.ndarray:
    """Cells as text, gaps as '', whole numbers without decimals; a fresh object array, shape (n,)."""
    cells = np.array(series.to_numpy(dtype=object))
    if pd.api.types.infer_dtype(cells, skipna=False) == "string":
        return cells
    codes, values = pd.factorize(cells, use_na_sentinel=True)
    return np.array([*map(_text, values), ""], dtype=object)[codes]


def _text(value: Any) -> str:
    if isinstance(value, (float, np.floating)) and np.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, pd.Timestamp) or hasattr(value, "isoformat"):
        return str(value).removesuffix(" 00:00:00")
    return str(value)


def as_levels(cells: np.ndarray) -> np.ndarray:
    """Category levels as they are shown and compared: '1.0' is '1'."""
    codes, levels = pd.factorize(cells, use_na_sentinel=True)
    names = [_WHOLE.sub(r"\1\2", level) if _WHOLE.fullmatch(level) else level for level in map(str.strip, levels)]
    return np.array([*names, None], dtype=object)[codes]


def as_numbers(cells: np.ndarray, decimal: str) -> np.ndarray:
    """Text as numbers, NaN where it is none; under a decimal comma a point makes it none. Shape as `cells`."""
    if decimal == ",":
        text = pd.Series(cells, dtype=object)
        cells = text.str.replace(",", ".", regex=False).mask(text.str.contains(".", regex=False), "").to_numpy(object)
    return np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)


def decimal_years(dates: pd.Series) -> np.ndarray:
    """Dates as years: 2026-07-02 is about 2026.5; shape (n,), NaN where missing."""
    if getattr(dates.dtype, "tz", None) is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    days = dates.dt.day_of_year - 1 + (dates - dates.dt.normalize()) / pd.Timedelta(days=1)
    return np.asarray(dates.dt.year + days / np.where(dates.dt.is_leap_year, 366, 365), dtype=np.float64)
