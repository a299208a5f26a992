"""A zip of a stranger's becomes a folder, or a reason why not; nothing is ever written outside that folder.

Refused as a whole, in words: paths that leave the folder, links, locked and nested archives, names that are not legal on
every system or stand twice, too many files, and more bytes than allowed - counted while unpacking.
"""

import os
import shutil
import unicodedata
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bedside.data.packed import is_link, refuse_bomb
from bedside.errors import DataError
from bedside.folder import explained
from bedside.web.limits import MB, Limits
from bedside.web.uploads import is_legal, safe_name

NESTED = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".jar", ".iso")
_ZIPPED = (".xlsx", ".npz", ".docx")  # zips by content, read as what they are
_LITTER = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")
_DEEP = 20  # folders within folders
_CHUNK = 1024**2
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Unpacked:
    """The files of an archive by their paths in it, and those left out because nothing here reads their kind."""

    folder: Path
    files: tuple[str, ...]
    left_out: tuple[str, ...]


def unpack(
    archive: Path, folder: Path, limits: Limits | None = None, *, endings: Collection[str] | None = None, name: str = ""
) -> Unpacked:
    """Unpack a zip into a folder that is made for it; on a refusal nothing of it stays.

    Args:
        endings: kinds of files to unpack, such as (".png",); all by default.
        name: what the user calls the archive.

    Raises:
        DataError: saying why it is not unpacked.
    """
    limits, shown = limits or Limits(), name or archive.name
    with explained(folder):
        folder.mkdir(parents=True, mode=0o700)
    try:
        with zipfile.ZipFile(archive) as packed:
            members = _members(packed, shown, limits)
            wanted = [
                one for one in members if endings is None or PurePosixPath(one.filename).suffix.lower() in endings
            ]
            taken = {one.filename for one in wanted}
            left_out = tuple(one.filename for one in members if one.filename not in taken)
            _unpack(packed, wanted, folder, shown, limits)
    except _BROKEN as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(f"{shown} is damaged or no zip ({type(error).__name__}). Pack it again.") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Unpacked(folder, tuple(unicodedata.normalize("NFC", one.filename) for one in wanted), left_out)


def _members(packed: zipfile.ZipFile, name: str, limits: Limits) -> list[zipfile.ZipInfo]:
    """The files of an archive, after everything that can be told without unpacking."""
    everything = packed.infolist()
    if len(everything) > 2 * limits.files:  # folders count too
        raise DataError(f"{name} holds {len(everything):,} entries; at most {limits.files:,} files are read at once.")
    refuse_bomb(packed, name, limits.unpacked, limits.ratio, limits.small)
    members, seen = [], set[str]()
    for one in everything:
        _refuse_entry(one, name, limits)
        parts = one.filename.split("/")
        if one.is_dir() or any(part.lower() in _LITTER for part in parts):
            continue
        same = unicodedata.normalize("NFC", one.filename).casefold()
        if same in seen:
            raise DataError(f"{name} holds '{safe_name(one.filename)}' twice. Give each file its own name.")
        seen.add(same)
        members.append(one)
    if len(members) > limits.files:
        raise DataError(f"{name} holds {len(members):,} files; at most {limits.files:,} are read at once.")
    above = {str(parent) for same in seen for parent in PurePosixPath(same).parents}
    if clash := sorted(seen & above):
        raise DataError(f"{name} holds '{safe_name(clash[0])}' both as a file and as a folder. Pack it again.")
    if not members:
        raise DataError(f"{name} holds no files.")
    return members


def _refuse_entry(one: zipfile.ZipInfo, name: str, limits: Limits) -> None:
    """Refuse an entry for what it says about itself."""
    told = getattr(one, "orig_filename", one.filename)
    parts = one.filename.removesuffix("/").split("/")
    shown = safe_name(told)
    if told.startswith(("/", "\\")) or "\\" in told or ".." in parts or (len(told) > 1 and told[1] == ":"):
        raise DataError(f"{name} holds a path that leads out of its folder ('{shown}'); it is not unpacked.")
    if is_link(one):
        raise DataError(f"{name} holds '{shown}', which is a link and no file. Pack the file itself.")
    if one.flag_bits & 0x1:
        raise DataError(
            f"{name} is locked with a password ('{shown}'). Pack it without one; it stays on this computer."
        )
    if one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{name} is packed in a rare way ('{shown}'). Pack it as an ordinary zip.")
    if len(parts) > _DEEP or len(one.filename) > 5 * limits.name:
        raise DataError(f"{name} holds folders within folders beyond {_DEEP}. Pack it flatter.")
    if "\0" in told or not all(is_legal(part, limits.name) for part in parts):
        raise DataError(
            f"{name} holds a name that is not possible on every computer (like '{shown}'). Rename it: letters, digits, spaces, - and _, "
            f"at most {limits.name} characters."
        )
    if not one.is_dir() and PurePosixPath(one.filename).suffix.lower() in NESTED:
        raise DataError(f"{name} holds another archive, '{shown}'. Unpack it first, then pack the files themselves.")


def _unpack(packed: zipfile.ZipFile, members: list[zipfile.ZipInfo], folder: Path, name: str, limits: Limits) -> None:
    left = limits.unpacked
    root = folder.resolve()
    for one in members:
        place = (root / unicodedata.normalize("NFC", one.filename)).resolve()
        if not place.is_relative_to(root):
            raise DataError(f"{name} holds a path that leads out of its folder; it is not unpacked.")
        with explained(place):
            place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with packed.open(one) as source, explained(place), open(place, "xb", opener=_private) as target:
            start = True
            while chunk := source.read(_CHUNK):
                if start and chunk.startswith(b"PK\x03\x04") and place.suffix.lower() not in _ZIPPED:
                    raise DataError(f"{name} holds another archive, '{safe_name(one.filename)}', under another ending.")
                start, left = False, left - len(chunk)
                if left < 0:
                    raise DataError(f"{name} unpacks to more than {limits.unpacked // MB:,} MB. Split it.")
                target.write(chunk)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
