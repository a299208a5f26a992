"""Read a table from a file as it stands: names and raw cells, nothing interpreted, nothing guessed.

A file that does not fit is refused with the option that would read it. Text files are read as text, so that
whether '007' is a number or a code, and what '1,5' means, is decided in one place (`cells`).
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.data.codes import count, listing
from bedside.data.packed import CELLS, excel_size
from bedside.errors import DataError, SettingError, nearest
from bedside.settings import DataSettings

SUFFIXES = (".csv", ".tsv", ".parquet", ".xlsx")
_TEXT = (".csv", ".tsv")
_SEPARATORS = {
    ";": "add --separator ';'",
    "\t": "save it as .tsv, or add --separator $'\\t'",
    "|": "add --separator '|'",
    ",": "add --separator ','",
}
_CONTENTS = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet", b"\xd0\xcf\x11\xe0": ".xls"}  # first bytes of other formats
_ONE_BYTE = ("cp1252", "iso8859-1", "iso8859-15")  # fit nearly any file, so a wrong choice goes unnoticed
_ENCODINGS = ("utf-8", "cp1252", "latin-1")  # tried, in this order, only to suggest one


def read_file(path: Path, settings: DataSettings) -> pd.DataFrame:
    """The cells of a CSV, TSV, Parquet or Excel file, one row per sample; text files give text cells.

    Raises:
        DataError: if the file is missing, empty, damaged, of another kind, or its rows and columns do not fit.
        SettingError: if `separator`, `decimal`, `encoding` or `sheet` cannot act on this kind of file.
    """
    suffix = path.suffix.lower()
    _refuse_missing(path)
    _refuse_kind(path, suffix)
    idle = ("sheet",) if suffix in _TEXT else ("separator", "decimal", "encoding")
    refuse_idle(settings, idle if suffix != ".parquet" else (*idle, "sheet"), f"{suffix} files")
    try:
        if suffix in _TEXT:
            separator = settings.separator or ("\t" if suffix == ".tsv" else ",")
            frame = _read_text(path.read_bytes(), path.name, settings, separator)
        else:
            frame = _read_excel(path, settings.sheet) if suffix == ".xlsx" else _read_parquet(path)
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from None
    return named_columns(frame, path.name)


def refuse_idle(settings: DataSettings, names: tuple[str, ...], where: str) -> None:
    """Refuse settings that cannot act on `where`; defaults are fine."""
    for name in names:
        if getattr(settings, name) != DataSettings.model_fields[name].get_default(call_default_factory=True):
            raise SettingError(f"Setting {name}={getattr(settings, name)!r} has no effect on {where}; leave it away.")


def refuse_missing(path: Path) -> None:
    """Refuse a path where there is nothing, with the nearest names that are there."""
    if path.exists():
        return
    if not path.parent.is_dir():
        raise DataError(f"There is no {path}: the folder {path.parent} does not exist.")
    raise DataError(
        f"There is no file or folder {path}.{nearest(path.name, (entry.name for entry in path.parent.iterdir()))}"
    )


def named_columns(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The same table with every column under a text name of its own; a named index becomes a column.

    Raises:
        DataError: if there are no rows, or a column name is empty or stands twice.
    """
    if any(label is not None for label in frame.index.names):
        frame = frame.reset_index(allow_duplicates=True)
    names = ["" if pd.isna(label) else str(label).strip() for label in frame.columns]
    for position, label in enumerate(names):
        if not label:
            empty = frame.iloc[:, position].isin(["", None]).all()
            remedy = (
                "It is empty: delete it."
                if empty
                else "Row numbers? Delete the column; otherwise give it a name in the first row."
            )
            raise DataError(f"Column {position + 1} of {name} has no name. {remedy}")
    twice = (
        list(dict.fromkeys(label for label in names if names.count(label) > 1)) if len(set(names)) < len(names) else []
    )
    if twice:
        places = " and ".join(str(i + 1) for i, label in enumerate(names) if label == twice[0])
        more = f" So do {listing(twice[1:])}." if twice[1:] else ""
        raise DataError(
            f"Column name '{twice[0]}' stands twice or more in {name} (columns {places}).{more} Give each column its own name."
        )
    if frame.empty:
        raise DataError(f"{name} has column names ({listing(names)}) but no rows; one row per sample is needed.")
    return frame.set_axis(names, axis=1)


def _refuse_missing(path: Path) -> None:
    if path.is_dir():
        files = sorted(file.name for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        inside = f"It holds {listing(files)}; name one of them." if files else "It holds no table."
        raise DataError(f"{path} is a folder, not a file. {inside}")
    if path.exists():
        return
    if not path.parent.is_dir():
        raise DataError(f"There is no file {path}: the folder {path.parent} does not exist.")
    near = {file.stem: file.name for file in path.parent.iterdir()}  # the ending alone makes no two names alike
    hint = nearest(path.stem, near)
    for stem, name in near.items():
        hint = hint.replace(repr(stem), repr(name))
    raise DataError(f"There is no file {path}.{hint} Check the path.")


def _refuse_kind(path: Path, suffix: str) -> None:
    if suffix == ".xls":
        raise DataError(
            f"{path.name} is in the old Excel format. Open it in Excel or LibreOffice and save it as .xlsx."
        )
    if suffix not in SUFFIXES:
        ending = f"ends in '{suffix}', which is not read" if suffix else "has no ending that tells its kind"
        raise DataError(
            f"{path.name} {ending}. Known kinds: {', '.join(SUFFIXES)}. "
            "A text file may be renamed to .csv; name its --separator."
        )
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        raise DataError(f"{path.name} is empty (0 bytes). Export it again.")
    found = _CONTENTS.get(start)
    if found and found != suffix:
        raise DataError(
            f"{path.name} ends in '{suffix}' but its content is that of a {found} file. Rename it, then try again."
        )


def read_csv(
    content: bytes, name: str, settings: DataSettings, *, rows: int | None = None, columns: int | None = None
) -> pd.DataFrame:
    """The cells of a CSV file that lies in memory, as `read_file` gives them.

    Args:
        content: of the file.
        name: stands in messages.
        settings: how it is read.
        rows: after so many the reading ends, one row beyond them.
        columns: that it may have.

    Raises:
        DataError: if it is empty, no text, or its rows and columns do not fit.
    """
    if not content:
        raise DataError(f"{name} is empty (0 bytes). Export it again.")
    if other := _CONTENTS.get(content[:4]):
        raise DataError(f"{name} is no CSV: its content is that of a {other} file. Save it as CSV, then try again.")
    return named_columns(_read_text(content, name, settings, settings.separator or ",", rows, columns), name)


def _read_text(
    content: bytes,
    name: str,
    settings: DataSettings,
    separator: str,
    most_rows: int | None = None,
    most_columns: int | None = None,
) -> pd.DataFrame:
    text = _decode(content, name, settings.encoding)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    try:
        header = next((row for row in lines if any(cell.strip() for cell in row)), None)
        if header is None:
            raise DataError(f"{name} is empty: it holds no text. Export it again.")
        if most_columns is not None and len(header) > most_columns:
            raise DataError(f"{name} has {len(header):,} columns; at most {most_columns:,} are read here.")
        _refuse_excel_hint(name, header, separator)
        _refuse_separator(name, header, separator, text)
        for row in lines:
            if len(row) != len(header) and row:
                raise DataError(
                    f"Line {lines.line_num} of {name} has {count(len(row), 'cell')}, but the first row names "
                    f"{count(len(header), 'column')}. {_ragged_remedy(row, header, separator)}"
                )
            if row:
                rows.append(row)
            if most_rows is not None and len(rows) > most_rows:
                break
    except csv.Error as error:
        raise DataError(
            f"Line {lines.line_num} of {name} cannot be read ({error}). Look for a quotation mark that is not closed."
        ) from None
    cells = np.array(rows, dtype=object).reshape(len(rows), len(header))
    return pd.DataFrame(cells, columns=pd.Index(header, dtype=object), dtype=object)


def _ragged_remedy(row: list[str], header: list[str], separator: str) -> str:
    if len(header) == 1:
        return f"The first line, {_short(header[0])}, may be a title: delete it, so that the file begins with the column names."
    if len(row) > len(header) and separator == ",":
        return "A text or a number with a comma in it must stand in quotation marks; correct the line."
    return "Correct the line."


def _refuse_separator(name: str, header: list[str], separator: str, text: str) -> None:
    """One column whose name holds another separator: the file was written with that one."""
    if len(header) > 1:
        return
    for other, remedy in _SEPARATORS.items():
        if other != separator and other in header[0]:
            commas = re.search(rf"(^|{re.escape(other)})-?\d+,\d+({re.escape(other)}|\s*$)", text, re.MULTILINE)
            decimal = " Its numbers have decimal commas: add --decimal ',' too." if other != "," and commas else ""
            raise DataError(
                f"{name} has one column only, named {_short(header[0])}, when its cells are separated by {separator!r}. "
                f"It looks separated by {other!r}: {remedy}.{decimal}"
            )


def _refuse_excel_hint(name: str, header: list[str], separator: str) -> None:
    """'sep=;' in the first line is read by Excel only."""
    hint = re.fullmatch(r"sep=(.)", separator.join(header).strip(), re.IGNORECASE)
    if hint:
        remedy = _SEPARATORS.get(hint[1], f"add --separator '{hint[1]}'")
        raise DataError(
            f"{name} begins with the line '{hint[0]}', which only Excel understands. Delete that line"
            f"{'' if hint[1] == separator else f', then {remedy}'}."
        )


def _short(cell: str) -> str:
    """A cell in quotation marks, cut to what fits a message."""
    return repr(cell if len(cell) <= 60 else cell[:57] + "...")


def _decode(content: bytes, name: str, encoding: str) -> str:
    """The text of a file; a byte order mark is dropped."""
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)
    except LookupError:
        raise DataError(
            f"There is no character encoding '{encoding}'.{nearest(encoding, (*_ENCODINGS, 'utf-16'))} "
            "Usual ones: utf-8, cp1252 (Windows, Western Europe), latin-1, utf-16."
        ) from None
    try:
        text = content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeError as error:
        raise DataError(f"{name} is not {encoding}: {_place(content, error)}. {_suggest(content, codec)}") from None
    if codec in _ONE_BYTE and not content.isascii() and _fits(content, "utf-8"):
        raise DataError(
            f"{name} reads as utf-8, so as {encoding} its letters with accents would be garbled. Leave --encoding away."
        )
    if "\0" in text:
        raise DataError(f"{name} holds zero bytes when read as {encoding}. {_suggest(content, codec)}")
    return text


def _place(content: bytes, error: UnicodeError) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    line = content.count(b"\n", 0, error.start) + 1
    return f"byte 0x{content[error.start]:02x} in line {line} does not fit"


def _suggest(content: bytes, codec: str) -> str:
    """The encoding the bytes look like, as an option to try."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "It looks like utf-16: add --encoding utf-16."
    for other in _ENCODINGS:
        if codecs.lookup(other).name != codec and b"\0" not in content and _fits(content, other):
            return f"It may be {other}: try --encoding {other}, then look whether letters with accents are right."
    return "Save it as UTF-8 and try again."


def _fits(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def sheets_of(path: Path) -> list[str]:
    """The names of the sheets of an Excel file.

    Raises:
        DataError: if it is damaged or no Excel file.
    """
    with _workbook(path) as book:
        return [str(name) for name in book.sheet_names]


@contextmanager
def _workbook(path: Path) -> Iterator[pd.ExcelFile]:
    excel_size(path)
    try:
        with pd.ExcelFile(path, engine="openpyxl") as book:
            yield book
    except DataError:
        raise
    except Exception as error:  # broken files make openpyxl raise nearly everything
        raise DataError(
            f"{path.name} is damaged, locked with a password, or no Excel file ({type(error).__name__}). Save it again as .xlsx."
        ) from None


def _read_excel(path: Path, sheet: str | None) -> pd.DataFrame:
    with _workbook(path) as book:
        chosen = _sheet(path.name, [str(name) for name in book.sheet_names], sheet)
        cells: pd.DataFrame = pd.read_excel(book, sheet_name=chosen, header=None, dtype=object, na_filter=False)
    if cells.empty:
        raise DataError(f"Sheet '{chosen}' of {path.name} is empty.")
    header: list[Any] = cells.iloc[0].tolist()
    cells = cells.mask(cells.isin([""]), None)
    return cells.iloc[1:].reset_index(drop=True).set_axis(pd.Index(header, dtype=object), axis=1)


def _sheet(name: str, sheets: list[str], sheet: str | None) -> str:
    """The sheet to read: the one that is named, or the only one."""
    if sheet is None and len(sheets) > 1:
        raise DataError(f"{name} has {len(sheets)} sheets: {listing(sheets)}. Add --sheet NAME.")
    if sheet is not None and sheet not in sheets:
        raise DataError(f"{name} has no sheet '{sheet}'.{nearest(sheet, sheets)} Its sheets: {listing(sheets)}.")
    return sheet or sheets[0]


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        from pyarrow.parquet import read_metadata

        found = read_metadata(path)
        if found.num_rows * found.num_columns > 10 * CELLS:
            raise DataError(
                f"{path.name} says that it has {found.num_rows:,} rows and {found.num_columns:,} columns, more than fits into memory. Split it."
            )
        return pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError, NotImplementedError) as error:
        raise DataError(f"{path.name} is damaged or no Parquet file ({error}). Write it again.") from None
