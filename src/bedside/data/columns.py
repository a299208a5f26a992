"""What kind a column is: numbers, booleans, dates or categories.

Nothing is guessed. A column that is mostly numbers but holds other cells is refused with the cells named;
numbers with a leading zero ('007') are codes; text is a category unless all of it is dates or yes and no.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.cells import MISSING, as_levels, as_numbers, decimal_years, text_cells
from bedside.data.codes import count, finding, listing, plural, quoted
from bedside.errors import DataError

Kind = Literal["number", "boolean", "date", "category"]

BOOLEANS = (("false", "true"), ("no", "yes"), ("nein", "ja"), ("falsch", "wahr"))
_EXAMPLES = {"number": "numbers", "date": "dates such as 2026-11-22", "boolean": "yes or no"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_MEASURED = re.compile(r"[<>≤≥~]\s*-?\d+([.,]\d+)?|-?\d+([.,]\d+)?( ?%| [A-Za-zµ°/²\d]+)")  # '<5', '12 mg', '45%'
LARGEST = 1e30  # models compute in float32, which ends at about 3e38
_FEW_LEVELS = 10  # up to which cells with units, such as '10 mg' and '20 mg', are a category
_LOCAL = re.compile(r"\d{1,2}([./-])\d{1,2}\1(\d{4}|\d{2})")


@dataclass(frozen=True)
class Column:
    """One column, read. Numbers, booleans (0, 1) and dates (decimal years) are float64 with NaN; categories
    are an object array of text and None; shape (n,)."""

    name: str
    kind: Kind
    values: np.ndarray
    words: tuple[str, ...] = ()  # of a boolean: the word for false, the word for true

    @property
    def missing(self) -> np.ndarray:
        """True where the cell is empty, shape (n,)."""
        return np.asarray(pd.isna(self.values))


def read_columns(
    frame: pd.DataFrame, *, decimal: str = ".", categories: Iterable[str] = (), kinds: dict[str, Kind] | None = None
) -> tuple[list[Column], list[Finding]]:
    """Read every column of a table of raw cells.

    Args:
        frame: raw cells, one row per sample.
        decimal: decimal mark of cells that are text.
        categories: columns whose numbers are codes.
        kinds: for new data, the kind each column had in training; a column that does not fit is refused.

    Raises:
        DataError: if a column mixes numbers with other cells, has another decimal mark, or holds infinite or
            absurdly large values.
    """
    forced: dict[str, Kind] = {
        str(n): "category" for n, dtype in frame.dtypes.items() if isinstance(dtype, pd.CategoricalDtype)
    }
    forced |= dict.fromkeys(categories, "category")
    forced |= kinds or {}
    done: dict[str, Column] = {}
    text: dict[str, np.ndarray] = {}
    for name, series in frame.items():
        column = None if forced.get(str(name)) == "category" else _typed(str(name), series)
        if column is None:
            text[str(name)] = text_cells(series)
        else:
            done[str(name)] = column
    found: list[Finding] = []
    if text:
        block = _Block(list(text), np.stack(list(text.values())), decimal, new=bool(kinds))
        for row, name in enumerate(text):
            done[name] = block.require(row, forced[name]) if name in forced else block.recognise(row)
        found = block.findings()
    columns = [done[str(name)] for name in frame.columns]
    for column in columns:
        if kinds:
            _refuse_other_kind(column, kinds[column.name])
        if column.kind == "number":
            _refuse_infinite(column)
            _refuse_huge(column)
    return columns, found


def _typed(name: str, series: pd.Series) -> Column | None:
    """A column whose type the file itself states; None if its cells are text."""
    if series.dtype == object:
        seen = pd.api.types.infer_dtype(series, skipna=True)
        if seen in ("datetime", "datetime64", "date"):
            series = pd.to_datetime(series.where(series.notna(), None), errors="coerce")
        elif seen in ("integer", "floating", "mixed-integer-float", "decimal"):
            series = series.astype(np.float64)
        elif seen == "boolean":
            series = series.astype("boolean")
    if pd.api.types.is_bool_dtype(series.dtype):
        return Column(name, "boolean", series.to_numpy(np.float64, na_value=np.nan), ("false", "true"))
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return Column(name, "date", decimal_years(series))
    if pd.api.types.is_numeric_dtype(series.dtype):
        return Column(name, "number", series.to_numpy(np.float64, na_value=np.nan))
    return None


class _Block:
    """Many text columns parsed in one pass, so that 10,000 columns cost no more than their cells."""

    def __init__(self, names: list[str], cells: np.ndarray, decimal: str, *, new: bool) -> None:
        """`cells`: text, shape (columns, n), changed in place; `new`: training has decided the kinds."""
        self.names, self.cells, self.decimal, self.new = names, cells, decimal, new
        self.zeros: list[str] = []  # names of columns read as codes because of leading zeros
        flat = cells.reshape(-1)
        self.numbers = as_numbers(flat, decimal).reshape(cells.shape)
        other = np.flatnonzero(np.isnan(self.numbers.reshape(-1)))
        flat[other] = [cell.strip() for cell in flat[other]]
        missing = np.zeros(flat.shape, dtype=bool)
        missing[other] = pd.Series(flat[other], dtype=object).isin(MISSING).to_numpy()
        self.missing = missing.reshape(cells.shape)
        self.n_other = (np.isnan(self.numbers) & ~self.missing).sum(axis=1)
        self.n_present = (~self.missing).sum(axis=1)

    def recognise(self, row: int) -> Column:
        """The column in that row of the block, of the kind that all its cells agree on."""
        if self.n_other[row]:
            values = self._values(row)
            return self._words(row, values) or self._dates(row, values) or self._category(row, values)
        if self._has_leading_zeros(row):
            self.zeros.append(self.names[row])
            return self.require(row, "category")
        return Column(self.names[row], "number", self.numbers[row])

    def require(self, row: int, kind: Kind) -> Column:
        """The column in that row, of a kind decided elsewhere: by the user, or in training."""
        name, values = self.names[row], self._values(row)
        if kind == "category":
            return Column(name, "category", as_levels(values))
        if not self.n_present[row]:
            return Column(name, kind, self.numbers[row])
        if kind == "number":
            other = np.flatnonzero(np.isnan(self.numbers[row]) & ~self.missing[row])
            if len(other):
                self._refuse(row, other, kind)
            return Column(name, kind, self.numbers[row])
        column = self._words(row, values) if kind == "boolean" else self._dates(row, values)
        if column is None:
            self._refuse(row, np.flatnonzero(~self.missing[row]), kind)
        return column

    def _values(self, row: int) -> np.ndarray:
        values = self.cells[row].copy()
        values[self.missing[row]] = None
        return values

    def _words(self, row: int, values: np.ndarray) -> Column | None:
        codes, levels = pd.factorize(values, use_na_sentinel=True)
        folded = [str(level).casefold() for level in levels]
        pair = next((pair for pair in BOOLEANS if folded and set(folded) <= set(pair)), None)
        if pair is None:
            return None
        numbers = np.array([*map(pair.index, folded), np.nan])[codes]
        own = dict(zip(folded, map(str, levels), strict=True)) if len(set(folded)) == len(folded) else {}
        return Column(self.names[row], "boolean", numbers, (own.get(pair[0], pair[0]), own.get(pair[1], pair[1])))

    def _dates(self, row: int, values: np.ndarray) -> Column | None:
        codes, levels = pd.factorize(values, use_na_sentinel=True)
        looks = np.array([_DATE.fullmatch(level) is not None for level in levels], dtype=bool)
        if not len(levels) or looks.mean() < 0.5:
            return None
        dates = pd.to_datetime(pd.Series(levels, dtype=object), errors="coerce", format="ISO8601", utc=True)
        bad = set(levels[~looks | dates.isna().to_numpy()])
        if bad:
            self._refuse(row, np.flatnonzero([value in bad for value in values]), "date")
        return Column(self.names[row], "date", np.append(decimal_years(dates), np.nan)[codes])

    def _category(self, row: int, values: np.ndarray) -> Column:
        """Text that is neither words nor dates; refused if most of it is numbers."""
        other = np.flatnonzero(np.isnan(self.numbers[row]) & ~self.missing[row])
        texts = self.cells[row][other]
        swap, mark = (".", "point") if self.decimal == "," else (",", "comma")
        if np.isfinite(as_numbers(texts, swap)).all():
            raise DataError(
                f"Column '{self.names[row]}' has {count(len(other), 'cell')} with a {mark}, such as {texts[0]!r} "
                f"(row {other[0] + 1}). If it is the decimal mark, add --decimal '{swap}'; if it separates thousands, "
                f"remove it; if these are codes, add --category {quoted(self.names[row])}."
            )
        half, plain = self.n_present[row] / 2, self.n_present[row] - len(other)
        measured = sum(_MEASURED.fullmatch(text) is not None for text in texts)
        if plain > half or (plain + measured > half and len(set(texts)) > _FEW_LEVELS):
            self._refuse(row, other, "number")
        return Column(self.names[row], "category", as_levels(values))

    def _has_leading_zeros(self, row: int) -> bool:
        """'007' among whole numbers; '0' and '0.5' are plain numbers."""
        numbers = self.numbers[row][~self.missing[row]]
        whole = bool(np.all(numbers % 1 == 0)) if np.isfinite(numbers).all() else False
        return whole and any(cell[:1] == "0" and cell[1:2].isdigit() for cell in self.cells[row])

    def _refuse(self, row: int, rows: np.ndarray, kind: Kind) -> NoReturn:
        """Name the cells that do not fit, and the ways out."""
        name, cells = self.names[row], _bad_cells(self.cells[row], rows)
        ways = f"Write {plural(len(rows), 'it as', 'them as')} {_EXAMPLES[kind]} or leave {plural(len(rows), 'it', 'them')} empty"
        if self.new:
            raise DataError(f"Column '{name}' was a {kind} in training, but here {cells}. {ways}.")
        raise DataError(
            f"Column '{name}' is mostly {kind}s, but {cells}. {ways}; or add --category {quoted(name)} to use the "
            f"column as categories, or --exclude {quoted(name)} to leave it out."
        )

    def findings(self) -> list[Finding]:
        """Which codes were read as missing, and which numbers as codes."""
        codes, counts = np.unique(self.cells[self.missing].astype(str), return_counts=True)
        seen = [(str(code), number) for code, number in zip(codes, counts, strict=True) if code]
        found = []
        if seen:
            named = ", ".join(f"{code!r} ({number:,})" for code, number in seen)
            gaps = ((self.cells != "") & self.missing).any(axis=1)
            where = [name for name, has in zip(self.names, gaps, strict=True) if has]
            message = f"Read as missing: {named}, in {plural(len(where), 'column', 'columns')} {listing(where)}."
            remedy = "If one of these is an answer and not a gap, write it in words, such as 'none' or 'negative'."
            found.append(finding("note", "missing-codes", message, remedy, where))
        if self.zeros:
            verb = plural(len(self.zeros), "holds", "hold")
            message = f"{listing(self.zeros)} {verb} numbers with leading zeros, such as '007'; they are read as codes."
            remedy = "If they are amounts, write them without the zeros."
            found.append(finding("note", "leading-zeros", message, remedy, self.zeros))
        return found


def _bad_cells(cells: np.ndarray, rows: np.ndarray) -> str:
    """`3 cells are not: '<5' (row 4), '12 mg' (row 9), ...`, rows counted from 1 below the column names."""
    first = {cells[row]: row for row in rows[::-1]}
    shown = ", ".join(f"{cell!r} (row {row + 1})" for cell, row in sorted(first.items(), key=lambda item: item[1])[:4])
    return f"{count(len(rows), 'cell is', 'cells are')} not: {shown}{', ...' if len(first) > 4 else ''}"


def _refuse_infinite(column: Column) -> None:
    rows = np.flatnonzero(np.isinf(column.values))
    if len(rows):
        raise DataError(
            f"Column '{column.name}' has {count(len(rows), 'infinite value')}, the first in row {rows[0] + 1}. "
            "Often this is a division by zero: correct it or leave the cell empty."
        )


def _refuse_huge(column: Column) -> None:
    rows = np.flatnonzero(np.abs(column.values) > LARGEST)
    if len(rows):
        raise DataError(
            f"Column '{column.name}' has {count(len(rows), 'value')} beyond {LARGEST:g}, the first in row {rows[0] + 1} "
            f"({column.values[rows[0]]:g}). Check the units; use 0..1e30, negative or positive. If these are codes, add "
            f"--category {quoted(column.name)}."
        )


def _refuse_other_kind(column: Column, kind: Kind) -> None:
    """New data must be of the kind that training saw; a column without any value fits every kind."""
    if column.kind == kind or column.missing.all():
        return
    rows = np.flatnonzero(~column.missing)
    cells = listing(list(dict.fromkeys(column.values[rows[:1000]])), 4)
    raise DataError(
        f"Column '{column.name}' was a {kind} in training but is a {column.kind} here: {cells} (first in row {rows[0] + 1}). "
        "Write it as in the training data."
    )


def looks_like_local_dates(column: Column) -> bool:
    """Most levels read like 22.11.2026 or 11/22/26: dates, but it is not sure which number is the month."""
    if column.kind != "category":
        return False
    levels = pd.unique(column.values[~column.missing])
    return len(levels) > 0 and sum(_LOCAL.fullmatch(level) is not None for level in levels) > len(levels) / 2
