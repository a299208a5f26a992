"""Read a table from a file as it stands: names and raw cells, nothing interpreted, nothing guessed.

A file that does not fit is refused with the option that would read it. Text files are read as text, so that
whether '007' is a number or a code, and what '1,5' means, is decided in one place (`cells`).
"""

import codecs
import csv
import io
import re
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from bedside.data.codes import count, listing
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
            frame = _read_text(path, settings)
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


def _read_text(path: Path, settings: DataSettings) -> pd.DataFrame:
    text = _decode(path, settings.encoding)
    separator = settings.separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    try:
        header = next((row for row in lines if any(cell.strip() for cell in row)), None)
        if header is None:
            raise DataError(f"{path.name} is empty: it holds no text. Export it again.")
        _refuse_excel_hint(path.name, header, separator)
        _refuse_separator(path.name, header, separator, text)
        for row in lines:
            if len(row) != len(header) and row:
                raise DataError(
                    f"Line {lines.line_num} of {path.name} has {count(len(row), 'cell')}, but the first row names "
                    f"{count(len(header), 'column')}. {_ragged_remedy(row, header, separator)}"
                )
            if row:
                rows.append(row)
    except csv.Error as error:
        raise DataError(
            f"Line {lines.line_num} of {path.name} cannot be read ({error}). Look for a quotation mark that is not closed."
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


def _decode(path: Path, encoding: str) -> str:
    """The text of a file; a byte order mark is dropped."""
    try:
        codec = codecs.lookup(encoding).name
        "".encode(codec)
    except LookupError:
        raise DataError(
            f"There is no character encoding '{encoding}'.{nearest(encoding, (*_ENCODINGS, 'utf-16'))} "
            "Usual ones: utf-8, cp1252 (Windows, Western Europe), latin-1, utf-16."
        ) from None
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig" if codec == "utf-8" else codec)
    except UnicodeError as error:
        raise DataError(
            f"{path.name} is not {encoding}: {_place(content, error)}. {_suggest(content, codec)}"
        ) from None
    if codec in _ONE_BYTE and not content.isascii() and _fits(content, "utf-8"):
        raise DataError(
            f"{path.name} reads as utf-8, so as {encoding} its letters with accents would be garbled. Leave --encoding away."
        )
    if "\0" in text:
        raise DataError(f"{path.name} holds zero bytes when read as {encoding}. {_suggest(content, codec)}")
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


def _read_excel(path: Path, sheet: str | None) -> pd.DataFrame:
    try:
        book = pd.ExcelFile(path, engine="openpyxl")
    except (BadZipFile, KeyError, ValueError) as error:
        raise DataError(
            f"{path.name} is damaged, locked with a password, or no Excel file ({error}). Save it again as .xlsx."
        ) from None
    with book:
        sheets = [str(name) for name in book.sheet_names]
        if sheet is None and len(sheets) > 1:
            raise DataError(f"{path.name} has {len(sheets)} sheets: {listing(sheets)}. Add --sheet NAME.")
        if sheet is not None and sheet not in sheets:
            raise DataError(
                f"{path.name} has no sheet '{sheet}'.{nearest(sheet, sheets)} Its sheets: {listing(sheets)}."
            )
        cells: pd.DataFrame = pd.read_excel(
            book, sheet_name=sheet or sheets[0], header=None, dtype=object, na_filter=False
        )
    if cells.empty:
        raise DataError(f"Sheet '{sheet or sheets[0]}' of {path.name} is empty.")
    header: list[Any] = cells.iloc[0].tolist()
    cells = cells.mask(cells.isin([""]), None)
    return cells.iloc[1:].reset_index(drop=True).set_axis(pd.Index(header, dtype=object), axis=1)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except ValueError as error:
        raise DataError(f"{path.name} is damaged or no Parquet file ({error}). Write it again.") from None
