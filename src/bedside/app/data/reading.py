"""How a text file is read: as it stands if that works, else as the first way that fits, which the page then says."""

from pathlib import Path
from typing import Any

import pandas as pd

from bedside.app.words import t
from bedside.data.decode import content, first_bytes
from bedside.data.files import read_file, sheets_of
from bedside.errors import BedsideError, DataError
from bedside.settings import DataSettings, build

TEXT = (".csv", ".tsv")
SEPARATORS = (";", "\t", "|", ",")
ENCODINGS = ("utf-8", "cp1252", "utf-16")
OPTIONS = ("separator", "decimal", "encoding", "sheet")


def read(path: Path, given: dict[str, Any]) -> pd.DataFrame:
    """The raw cells, read as these settings say.

    Raises:
        DataError: with what does not fit.
    """
    asked = {name: value for name, value in given.items() if name in OPTIONS}
    return read_file(path, build(DataSettings, asked, prefix="data."))


def sheets(path: Path) -> list[str]:
    """The sheets of an Excel file that has several; of others none."""
    if path.suffix.lower() != ".xlsx":
        return []
    try:
        found = sheets_of(path)
    except BedsideError:  # the reader itself says what is wrong
        return []
    return found if len(found) > 1 else []


def propose(path: Path) -> tuple[dict[str, Any], str]:
    """Settings with which the file can be read, and a sentence that says so; nothing where the usual ones do.

    Raises:
        DataError: what is wrong with the file, if no way fits.
    """
    _refuse_disguised(path)
    try:
        read(path, {})
        return {}, ""
    except DataError as error:
        first = error
    if several := sheets(path):
        raise DataError(
            t("This file has {count} sheets. Choose the one with a row for each sample.", count=len(several))
        )
    if path.suffix.lower() not in TEXT:
        raise first
    for encoding in ENCODINGS:
        for separator in SEPARATORS:
            found = {"separator": separator, "encoding": encoding}
            if (frame := _tried(path, found)) is not None and frame.shape[1] > 1:
                return _told(found | ({"decimal": ","} if separator != "," and _commas(frame) else {}))
    raise first


def _refuse_disguised(path: Path) -> None:
    """Refuse what calls itself text and is something else, such as a PDF that was renamed."""
    kind = content(first_bytes(path))
    if path.suffix.lower() in TEXT and kind is not None:
        what = t("{name} ends in {ending}, but its content is that of a {kind} file. Export the table itself as CSV or Excel.",
                 name=path.name, ending=path.suffix, kind=kind)  # fmt: skip
        raise DataError(what)


def _tried(path: Path, found: dict[str, Any]) -> pd.DataFrame | None:
    try:
        return read(path, found)
    except BedsideError:
        return None


def _commas(frame: pd.DataFrame) -> bool:
    """Whether a column holds numbers with decimal commas and none with points."""
    for _, cells in frame.items():
        text = cells.dropna().astype(str).str.strip()
        text = text[text != ""]
        if len(text) and text.str.fullmatch(r"-?\d+(,\d+)?").all() and text.str.contains(",").any():
            return True
    return False


def _told(found: dict[str, Any]) -> tuple[dict[str, Any], str]:
    usual = {"separator": ",", "encoding": "utf-8"}
    kept = {name: value for name, value in found.items() if usual.get(name) != value}
    names = {";": t("semicolons"), "\t": t("tabulators"), "|": t("vertical bars"), ",": t("commas")}
    parts = [t("its cells are separated by {mark}", mark=names[found["separator"]])]
    if "decimal" in kept:
        parts.append(t("numbers have decimal commas"))
    if "encoding" in kept:
        parts.append(t("its letters are written in {encoding}", encoding=kept["encoding"]))
    return kept, t("This file was not written in the usual way: {what}. It is read so; change it below if that is wrong.",
                   what=", ".join(parts))  # fmt: skip
