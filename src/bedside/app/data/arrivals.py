"""Files that come from the browser: kept below the app's folder, unpacked if they are packed, and made a draft.

A batch gathers what was dropped at once. What is refused leaves nothing behind.
"""

import asyncio
import re
import secrets
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.app.data import drafts
from bedside.app.home import home
from bedside.app.words import language, language_asked, speaking, t, tongue
from bedside.data.decode import by_suffix
from bedside.data.files import SUFFIXES as TABLES
from bedside.errors import BedsideError, DataError
from bedside.folder import explained
from bedside.web import Limits
from bedside.web.archives import unpack
from bedside.web.uploads import Uploads, refuse_large_table, safe_name

if TYPE_CHECKING:
    from fastapi import APIRouter, Request

LIMITS = Limits()
_BATCH = re.compile(r"[0-9a-f]{24}")
_counted: Counter[str] = Counter()  # files of each batch


def arrivals(uploads: Uploads) -> "APIRouter":
    """POST /arrive begins a batch, PUT /arrive/{batch}?name= adds a file, POST /arrive/{batch} makes a draft of it."""
    from fastapi import APIRouter, Request
    from fastapi.responses import JSONResponse

    router = APIRouter(prefix="/arrive")

    @router.post("")
    def begin() -> dict[str, str]:
        batch = secrets.token_hex(12)
        _folder(batch).mkdir(parents=True, mode=0o700)
        return {"batch": batch}

    @router.put("/{batch}")
    async def add(batch: str, name: str, request: Request) -> JSONResponse:
        with speaking(_language(request)):
            try:
                folder = _known(batch)
                upload = await uploads.stream(name, request.stream())
                await asyncio.to_thread(_place, upload.path, folder, name)
                upload.remove()
                return JSONResponse({})
            except BedsideError as error:
                return JSONResponse(refusal(error), status_code=422)

    @router.post("/{batch}")
    async def end(batch: str, request: Request) -> JSONResponse:
        with speaking(_language(request)):
            try:
                draft = await asyncio.to_thread(draft_of, _known(batch))
                return JSONResponse({"place": f"/data/{draft.id}"})
            except BedsideError as error:
                if _BATCH.fullmatch(batch):
                    shutil.rmtree(_folder(batch), ignore_errors=True)
                return JSONResponse(refusal(error), status_code=422)

    return router


def refusal(error: BedsideError) -> dict[str, str]:
    """Why files were not taken, and in which language, for the page that sent them."""
    return {"error": str(error), "lang": tongue(str(error)) or language()}


def draft_of(folder: Path) -> drafts.Draft:
    """A draft of the files in a batch.

    Raises:
        DataError: if they are not one table, images, or a table and its images.
    """
    files = [file for file in folder.rglob("*") if file.is_file()]
    if len(files) == 1 and files[0].suffix.lower() == ".zip":
        archive = files[0]
        unpack(archive, folder / archive.stem, LIMITS, name=archive.name)
        archive.unlink()
        return _draft(folder / archive.stem, archive.name)
    return _draft(folder, files[0].name if len(files) == 1 else "")


def _draft(folder: Path, name: str) -> drafts.Draft:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    tables = [file for file in files if file.suffix.lower() in (*TABLES, ".npz")]
    images = [file for file in files if by_suffix(file)]
    if len(tables) > 1:
        named = ", ".join(sorted(file.name for file in tables)[:6])
        raise DataError(t("These are {count} tables: {names}. Choose one.", count=len(tables), names=named))
    if not tables and not images:
        raise DataError(
            t("There is no table and no image in what you chose. bedside reads CSV, TSV, Excel, Parquet and images.")
        )
    if tables:
        refuse_large_table(tables[0], tables[0].name, LIMITS)
        return drafts.begin(str(tables[0]), home().drafts, name=tables[0].name, own=True)
    root = _root(folder)
    if len(images) == 1:
        raise DataError(t("This is one image; training needs many. Choose them all, a folder, or a zip of one."))
    return drafts.begin(str(root), home().drafts, name=name or root.name, own=True)


def _root(folder: Path) -> Path:
    """The folder whose folders are the classes: a folder that holds nothing but one other is only its wrapping."""
    inside = [one for one in folder.iterdir() if not one.name.startswith(".")]
    if len(inside) == 1 and inside[0].is_dir() and any(one.is_dir() for one in inside[0].iterdir()):
        return _root(inside[0])
    return folder


def _place(file: Path, folder: Path, name: str) -> None:
    """A file at its place in the batch, in the folders that the reader had it in, under names that are legal everywhere."""
    parts = [safe_name(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts or len(parts) > 12:
        raise DataError(t("'{name}' is no name of a file.", name=safe_name(name)))
    _counted[folder.name] += 1
    if _counted[folder.name] > LIMITS.files:
        raise DataError(
            t("These are more than {most} files; give the path of their folder instead.", most=LIMITS.files)
        )
    place = folder.joinpath(*parts)
    if place.exists():
        raise DataError(t("'{name}' came twice. Give each file its own name.", name="/".join(parts)))
    with explained(place):
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(file, place)


def _folder(batch: str) -> Path:
    return home().uploads / batch


def _known(batch: str) -> Path:
    if not _BATCH.fullmatch(batch) or not _folder(batch).is_dir():
        raise DataError(t("This upload is no longer known; begin again."))
    return _folder(batch)


def _language(request: "Request") -> str:
    return language_asked(request.cookies, request.headers)
