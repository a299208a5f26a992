"""Files from a browser: kept under names of our own in a folder that only this user reads, and removed at the end.

The name that the user's file had is shown, never used as a path.
"""

import os
import re
import secrets
import shutil
import time
import unicodedata
import zipfile
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.data.packed import Size, excel_size, refuse_bomb
from bedside.errors import DataError
from bedside.folder import explained
from bedside.web.limits import MB, Limits

ENDINGS = (
    ".csv",
    ".tsv",
    ".xlsx",
    ".parquet",
    ".zip",
    ".npy",
    ".npz",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".tif",
    ".tiff",
    ".bmp",
    ".webp",
    ".dcm",
    ".dicom",
    ".ima",
)
LEFT_OVER = 24 * 3600  # seconds after which a folder without a lock is nobody's
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)(\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')


def safe_name(name: str, most: int = 120) -> str:
    """A file's name as it may be shown or offered for saving: one line, one direction, legal everywhere, short.

    >>> safe_name("../../etc/pass\\u202ewd\\x00.csv")
    'passwd.csv'
    >>> safe_name("CON.csv")
    '_CON.csv'
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")  # control, direction, unpaired
    plain = " ".join(_FORBIDDEN.sub("_", plain).split()).strip(". ")
    if _DEVICES.fullmatch(plain):
        plain = f"_{plain}"
    stem, dot, ending = plain.rpartition(".")
    if len(plain) > most:
        plain = f"{stem[: most - len(ending) - 1]}.{ending}" if dot and len(ending) < 12 else plain[:most]
    while len(plain.encode()) > 250:
        stem, dot, ending = plain.rpartition(".")
        plain = f"{stem[:-1]}.{ending}" if len(stem) > 1 and len(ending) < 12 else plain[:-1]
    return plain.strip(". ") or "file"


def is_legal(part: str, most: int) -> bool:
    """Whether a file or folder may bear that name on every system."""
    odd = any(unicodedata.category(letter)[0] == "C" for letter in part) or _FORBIDDEN.search(part)
    return not (
        odd or _DEVICES.fullmatch(part) or part != part.strip() or part.endswith(".") or not 0 < len(part) <= most
    )


@dataclass(frozen=True)
class Upload:
    """A file that came: where it lies, and the name under which the user knows it."""

    path: Path
    name: str

    def words(self, message: str) -> str:
        """A message of bedside with the user's name for the file instead of ours."""
        return message.replace(str(self.path), self.name).replace(self.path.name, self.name)

    def remove(self) -> None:
        shutil.rmtree(self.path.parent, ignore_errors=True)

    def keep(self, folder: Path) -> Path:
        """Move the file into another folder, such as a job's, where it outlives this server; returns its new path."""
        place = folder / self.path.name
        with explained(place):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.move(self.path, place)
        self.remove()
        return place


class Uploads:
    """The uploads of one server, in a folder of its own within `home`; those of servers that ended are removed.

    Use it as a context, or close it at the end.
    """

    def __init__(self, home: Path, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        with explained(home):
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            home.chmod(0o700)
            remove_left_overs(home)
            self.folder = home / f"{os.getpid()}-{secrets.token_hex(8)}"
            self.folder.mkdir(mode=0o700)
            self._lock = _lock(self.folder)

    def __enter__(self) -> "Uploads":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove everything that came."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def place(self, name: str, endings: Iterable[str] = ENDINGS) -> Upload:
        """An empty place for a file of that name.

        Raises:
            DataError: if its ending is not one that bedside reads.
        """
        shown = safe_name(name, self.limits.name)
        ending, known = Path(shown).suffix.lower(), tuple(endings)
        if ending not in known:
            claim = f"ends in '{ending}', which is" if ending else "has no ending that tells its kind, which are"
            raise DataError(f"{shown} {claim} not read here. Read are {', '.join(known)}.")
        folder = self.folder / secrets.token_hex(12)
        with explained(folder):
            folder.mkdir(mode=0o700)
        return Upload(folder / f"upload{ending}", shown)

    def save(self, name: str, content: bytes, endings: Iterable[str] = ENDINGS) -> Upload:
        """Keep a file that lies in memory.

        Raises:
            DataError: if it is too large, or of a kind that is not read.
        """
        upload = self.place(name, endings)
        try:
            self._refuse(len(content), upload)
            with explained(upload.path), open(upload.path, "xb", opener=_private) as file:
                file.write(content)
        except BaseException:
            upload.remove()
            raise
        return upload

    async def stream(self, name: str, chunks: AsyncIterator[bytes], endings: Iterable[str] = ENDINGS) -> Upload:
        """Keep a file that arrives in pieces; nothing of it stays if it is too large or breaks off.

        Raises:
            DataError: if it is too large, or of a kind that is not read.
        """
        upload = self.place(name, endings)
        read = 0
        try:
            with explained(upload.path):
                file = open(upload.path, "xb", opener=_private)  # noqa: SIM115 - closed two lines below
            with file:
                async for chunk in chunks:
                    read += len(chunk)
                    self._refuse(read, upload)
                    with explained(upload.path):
                        file.write(chunk)
        except BaseException:
            upload.remove()
            raise
        return upload

    def _refuse(self, read: int, upload: Upload) -> None:
        if read > self.limits.body:
            raise DataError(
                f"{upload.name} is larger than {self.limits.body // MB} MB, the most that is taken at once."
            )


def refuse_large_table(path: Path, name: str, limits: Limits) -> None:
    """Refuse a table that has too many rows or columns, or arrays that unpack to too much, before they are read.

    Raises:
        DataError: if it has, or is damaged.
    """
    size = Size()
    if path.suffix.lower() == ".npz":
        _refuse_packed_arrays(path, name, limits)
    elif path.suffix.lower() == ".xlsx":
        size = excel_size(path, limits.unpacked)
    elif path.suffix.lower() == ".parquet":
        size = _parquet_size(path)
    refuse_large(size.rows, size.columns, name, limits)


def refuse_large(rows: int, columns: int, name: str, limits: Limits) -> None:
    """Refuse a table of that size if it is too large.

    Raises:
        DataError: if it is.
    """
    for found, most, what in ((rows, limits.rows, "rows"), (columns, limits.columns, "columns")):
        if found > most:
            raise DataError(
                f"{name} has {found:,} {what}; at most {most:,} are read here. `bedside` in a terminal reads more."
            )


def _refuse_packed_arrays(path: Path, name: str, limits: Limits) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(archive, name, limits.unpacked, limits.ratio, limits.small)
    except (zipfile.BadZipFile, OSError, ValueError):
        return  # reading it will say what is wrong


def _parquet_size(path: Path) -> Size:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        found = read_metadata(path)
    except (ArrowException, OSError, ValueError):
        return Size()  # reading it will say what is wrong
    return Size(found.num_rows, found.num_columns)


def remove_left_overs(home: Path) -> None:
    """Remove uploads of servers that ended without doing so: their lock is free, or there is none and they are old."""
    for folder in home.iterdir():
        if not re.fullmatch(r"\d+-[0-9a-f]{16}", folder.name) or folder.is_symlink():
            continue
        with suppress(OSError):
            lock = _lock(folder)
            if lock is None and time.time() - folder.stat().st_mtime < LEFT_OVER:
                continue
            if lock is not None:
                lock.close()
            shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> Any | None:
    """A lock that the operating system frees however its process ends; None where there are no such locks.

    Raises:
        BlockingIOError: if another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        return None
    file = open(folder / ".lock", "w", opener=_private)  # noqa: SIM115 - held until the end
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
