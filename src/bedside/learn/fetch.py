"""A public archive of pictures, fetched because the reader asked for it by name; nothing else in the course downloads.

The archive is believed only if its checksum is the published one, and only pictures with plain names leave it: no links,
no paths, nothing that could land outside the folder.
"""

import hashlib
import re
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from rich.progress import wrap_file

from bedside.errors import BedsideError, DataError, StorageError

PATIENCE = 20  # seconds until a server that does not answer counts as not reachable
LARGEST = 30_000_000  # bytes of one picture
_CHUNK = 1 << 20
_PICTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\.jpg")


class Unreachable(BedsideError):
    """The download could not be reached, or broke off; there may be other pictures."""


def fetch_pictures(address: str, md5: str, folder: Path) -> Path:
    """The pictures of a tar archive, in `folder`; there at once if an earlier call has brought them.

    Args:
        address: of a .tar.gz file.
        md5: that its publishers give.
        folder: made by this call, complete or not at all.

    Raises:
        Unreachable: there is no connection, or it broke off.
        DataError: the file is not the one that was published, or holds no pictures.
        StorageError: it cannot be kept.
    """
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as place:
            archive, pictures = Path(place) / "archive.tar.gz", Path(place) / "pictures"
            found = _download(address, archive)
            if found != md5:
                raise DataError(
                    f"What came from {address} has the md5 {found}, not {md5}: it is damaged or not what was published, and "
                    "was thrown away. Try again; if this repeats, do without download=True."
                )
            _extract(archive, pictures)
            pictures.rename(folder)
    except OSError as error:
        raise StorageError(
            f"The pictures cannot be kept in {folder} ({error.strerror or error}); they need 1.6 GB of room for a while. "
            "BEDSIDE_CACHE names another place."
        ) from None
    return folder


def _download(address: str, archive: Path) -> str:
    """Write what the address gives, and return its md5."""
    digest = hashlib.md5(usedforsecurity=False)
    with _asked(address) as answer, open(archive, "wb") as file:
        total = int(answer.headers.get("Content-Length") or 0)
        with wrap_file(answer, total=total, description=address.rsplit("/", 1)[-1], transient=True) as stream:
            came = 0
            while chunk := _next(stream, address):
                digest.update(chunk)
                file.write(chunk)
                came += len(chunk)
    if came < total:
        raise Unreachable(f"{address} broke off after {came:,} of {total:,} bytes")
    return digest.hexdigest()


def _asked(address: str) -> Any:
    try:
        return urllib.request.urlopen(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise Unreachable(f"{address} cannot be reached ({_reason(error)})") from None


def _next(stream: Any, address: str) -> bytes:
    try:
        chunk: bytes = stream.read(_CHUNK)
        return chunk
    except Exception as error:  # sockets and http raise many kinds
        raise Unreachable(f"{address} broke off ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _extract(archive: Path, folder: Path) -> None:
    """Pictures under their own plain names, wherever in the archive they stand; everything else stays inside."""
    folder.mkdir()
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = member.name.rsplit("/", 1)[-1]
                inside = packed.extractfile(member) if member.isreg() and _PICTURE.fullmatch(name) else None
                if inside is not None and member.size <= LARGEST:
                    with open(folder / name, "wb") as file:
                        shutil.copyfileobj(inside, file)
    except (tarfile.TarError, EOFError) as error:
        raise DataError(f"The archive cannot be opened ({error}); it was thrown away.") from None
    if not any(folder.iterdir()):
        raise DataError("The archive holds no pictures; it was thrown away.")
