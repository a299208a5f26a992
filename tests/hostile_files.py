"""Files that somebody made to do harm, small enough to make in a test."""

import io
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{ENTITIES}]>'


def zipped(path: Path, members: Iterable[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def link(name: str) -> zipfile.ZipInfo:
    """An entry that a careless program makes a link of."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def locked(path: Path) -> Path:
    """A zip whose entry says that it is encrypted."""
    zipped(path, [("a.png", b"secret")])
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def liar(path: Path, said: int) -> Path:
    """A zip whose entry says that it unpacks to fewer bytes than it does."""
    zipped(path, [("a.csv", b"0" * 5_000_000)])
    content = bytearray(path.read_bytes())
    content[22:26] = said.to_bytes(4, "little")
    place = content.index(b"PK\x01\x02") + 24
    content[place : place + 4] = said.to_bytes(4, "little")
    path.write_bytes(content)
    return path


def excel(
    path: Path, *, prolog: str = '<?xml version="1.0"?>', cells: str = "", more: bytes = b"", encoding: str = "utf-8"
) -> Path:
    """An .xlsx file whose sheet begins with `prolog` and holds `cells` besides a small table."""
    import openpyxl

    book = openpyxl.Workbook()
    book.active.append(["age", "sick"])
    book.active.append([50, "no"])
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as plain:
        members = [(name, plain.read(name)) for name in plain.namelist()]
    changed = []
    for name, content in members:
        if name == "xl/worksheets/sheet1.xml":
            text = content.decode().removeprefix('<?xml version="1.0"?>')
            content = (prolog + text.replace("</sheetData>", f"{cells}</sheetData>")).encode(encoding) + more
        changed.append((name, content))
    return zipped(path, changed)
