"""What a packed file would become before it is unpacked: an Excel file of a few kilobytes can ask for all memory.

An .xlsx file is a zip of XML. Three things in it can be hostile: sizes (a zip bomb), a document type with entities that
expand (no spreadsheet program writes one), and a cell far out, which makes a table of everything up to it.
"""

import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from xml.parsers import expat

from bedside.errors import DataError

UNPACKED = 2 * 1024**3  # bytes of an .xlsx file, unpacked
RATIO, SMALL = 200, 64 * 1024**2  # deflate makes at most 1,032 of one byte; of sheets about 10
CELLS = 50_000_000  # rows times columns of a sheet
_CHUNK = 1024**2
_LETTERS = re.compile(r"[A-Z]{1,3}")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError)


@dataclass(frozen=True)
class Size:
    """The larger sides of the sheets of a file."""

    rows: int = 0
    columns: int = 0


def refuse_bomb(archive: zipfile.ZipFile, name: str, unpacked: int, ratio: int, small: int = SMALL) -> None:
    """Refuse an archive that says it unpacks to too much; reading a member never gives more than it says.

    Raises:
        DataError: if it does.
    """
    told = sum(member.file_size for member in archive.infolist())
    packed = sum(member.compress_size for member in archive.infolist())
    if told > unpacked:
        raise DataError(
            f"{name} would unpack to {told / 1024**2:,.0f} MB; at most {unpacked // 1024**2:,} MB are read. Split it, or leave out what is not needed."
        )
    if told > small and told > ratio * max(packed, 1):
        raise DataError(
            f"{name} would unpack to {told // max(packed, 1):,} times its size, as files made to fill a disk do; it is not read."
        )


def excel_size(path: Path, unpacked: int = UNPACKED) -> Size:
    """How large the sheets of an .xlsx file are, after making sure that it can be read safely.

    Raises:
        DataError: if it is damaged, would fill the memory, or its XML holds a document type.
    """
    rows = columns = 0
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(archive, path.name, unpacked, RATIO)
            for member in archive.infolist():
                if member.filename.lower().endswith((".xml", ".rels", ".vml")):
                    with archive.open(member) as file:
                        found = _scan(file, path.name, sheet="worksheets/" in member.filename)
                    rows, columns = max(rows, found.rows), max(columns, found.columns)
                    if found.rows * found.columns > CELLS:
                        raise DataError(
                            f"A sheet of {path.name} reaches to row {found.rows:,} and column {found.columns:,}. Is there a stray cell "
                            "far out? Delete the rows and columns that are empty, then save it again."
                        )
    except (*_BROKEN, expat.ExpatError) as error:
        raise DataError(
            f"{path.name} is damaged, locked with a password, or no Excel file ({error}). Save it again as .xlsx."
        ) from None
    return Size(rows, columns)


def _scan(file: IO[bytes], name: str, *, sheet: bool) -> Size:
    """Read XML without keeping it: only its prolog, or, of a sheet, where its cells lie."""
    row = column = rows = columns = 0
    begun = False

    def doctype(*_: object) -> None:
        raise DataError(f"{name} holds XML with a document type, which no spreadsheet program writes; it is not read.")

    def element(tag: str, given: dict[str, str]) -> None:
        nonlocal row, column, rows, columns, begun
        begun = True
        kind = tag.rpartition(":")[2]
        if kind == "row":
            row = int(given["r"]) if given.get("r", "").isdecimal() else row + 1
            column, rows = 0, max(rows, row)
        elif kind == "c":
            place = _LETTERS.match(given.get("r", ""))
            column = _number(place[0]) if place else column + 1
            columns = max(columns, column)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = element
    while chunk := file.read(_CHUNK if sheet else 4096):
        parser.Parse(chunk, False)
        if begun and not sheet:
            return Size()
    parser.Parse(b"", True)
    return Size(rows, columns)


def _number(letters: str) -> int:
    """Column A is 1."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


def is_link(member: zipfile.ZipInfo) -> bool:
    """Whether a member of an archive is a link or a device rather than a file or folder."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind not in (0, stat.S_IFREG, stat.S_IFDIR)
