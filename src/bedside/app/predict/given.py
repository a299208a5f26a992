"""Files that were dropped on a model: one image to look at closely, or many samples to score."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from nicegui import app

from bedside.app.data.arrivals import LIMITS, _known, _language, refusal
from bedside.app.home import home
from bedside.app.opened import Opened
from bedside.app.words import speaking, t
from bedside.data.decode import by_suffix
from bedside.data.description import kind_of
from bedside.data.files import SUFFIXES as TABLES
from bedside.errors import BedsideError, DataError
from bedside.folder import write_table
from bedside.scoring import Prediction
from bedside.seen_before import SeenBefore, seen_in
from bedside.web.archives import unpack
from bedside.web.uploads import refuse_large_table

ARRAYS = (".npy", ".npz")
SMALL_TABLE = 500_000  # bytes that are scored while the reader waits; larger tables wait in line
SMALL_IMAGES = 12


@dataclass(frozen=True)
class Given:
    """What was dropped: where it lies, what the reader calls it, and whether it is scored at once."""

    path: Path
    name: str
    kind: Literal["image", "many"]
    small: bool


def register() -> None:
    from fastapi import Request
    from fastapi.responses import JSONResponse

    @app.post("/predict/{name}/arrived/{batch}")
    async def arrived(name: str, batch: str, request: Request) -> JSONResponse:
        """The last file has come: refuse what the model cannot read, else say where the answer will be."""
        import asyncio

        with speaking(_language(request)):
            try:
                folder = _known(batch)
                kind = kind_of(home().run(name).description)
                await asyncio.to_thread(given_in, folder, kind)
                return JSONResponse({"place": f"/predict/{name}?batch={batch}"})
            except BedsideError as error:
                forget(batch)
                return JSONResponse(refusal(error), status_code=422)


def given(batch: str, kind: str) -> Given:
    """What came in a batch.

    Raises:
        DataError: if it is no longer there, or not what the model reads.
    """
    return given_in(_known(batch), kind)


def given_in(folder: Path, kind: str) -> Given:
    """See `given`."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    if len(files) == 1 and files[0].suffix.lower() == ".zip":
        archive = files[0]
        unpack(archive, folder / archive.stem, LIMITS, name=archive.name)
        archive.unlink()
        return given_in(folder, kind)
    return (
        _recordings(folder, files) if kind == "signal" else _images(folder, files) if kind == "image" else _table(files)
    )


def _table(files: list[Path]) -> Given:
    tables = [file for file in files if file.suffix.lower() in TABLES]
    if len(files) != 1 or len(tables) != 1:
        raise DataError(
            t("This model reads one table at a time: CSV, TSV, Excel or Parquet. {count} files came.", count=len(files))
        )
    table = tables[0]
    refuse_large_table(table, table.name, LIMITS)
    return Given(table, table.name, "many", table.stat().st_size <= SMALL_TABLE)


def _images(folder: Path, files: list[Path]) -> Given:
    found = [file for file in files if by_suffix(file)]
    arrays = [file for file in files if file.suffix.lower() in ARRAYS]
    if len(files) == 1 and arrays:
        return Given(arrays[0], arrays[0].name, "many", False)
    if not found:
        raise DataError(t("This model reads images, and none came."))
    if len(found) == 1 and len(files) == 1:
        return Given(found[0], found[0].name, "image", True)
    return Given(folder, t("{count} images", count=len(found)), "many", len(found) <= SMALL_IMAGES)


def _recordings(folder: Path, files: list[Path]) -> Given:
    """One file with many recordings, or a folder of records."""
    if not files:
        raise DataError(t("This model reads recordings, and none came."))
    place = files[0] if len(files) == 1 else folder
    size = sum(file.stat().st_size for file in files)
    return Given(
        place, files[0].name if len(files) == 1 else t("{count} files", count=len(files)), "many", size <= SMALL_TABLE
    )


def scored(run: Opened, found: Given) -> tuple[Prediction, SeenBefore]:
    """Scores of many samples, as `bedside predict` gives them, and which of them the model has learned from.

    Raises:
        DataError: if the data cannot be read.
    """
    return run.scorer.predict(found.path), seen_in(run.scorer, found.path)


def as_csv(table: pd.DataFrame) -> bytes:
    """The same bytes as `bedside predict -o`."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scores.csv"
        write_table(place, table)
        return place.read_bytes()


def forget(batch: str) -> None:
    """Remove what came in a batch."""
    try:
        shutil.rmtree(_known(batch), ignore_errors=True)
    except DataError:
        return


def forget_source(source: str) -> None:
    """Remove the upload that a finished job has read; files of the user's own stay."""
    uploads = home().uploads.resolve()
    place = Path(source).resolve()
    for batch in (place, *place.parents):
        if batch.parent == uploads:
            forget(batch.name)
