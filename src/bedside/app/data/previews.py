"""The first rows of a table as text, and small pictures of the first images."""

import base64
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from bedside.app.vector import vector
from bedside.app.words import t
from bedside.cohort import Cohort
from bedside.data.cells import as_numbers, read_text, text_cells
from bedside.data.decode import Unreadable, read_pixels
from bedside.data.folders import walk
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import read_molecule
from bedside.data.table import TableInputs
from bedside.errors import DataError

ROWS, COLUMNS, IMAGES, SIDE = 6, 40, 12, 112
LONGEST = 28  # characters of a cell
MOLECULES, MOST_READ = 6, 60  # that are shown before anything is confirmed, and that are tried for it


@dataclass(frozen=True)
class Thumbnail:
    """A small picture as an address with the picture in it, and the name of its file."""

    place: str
    name: str


def rows_of(frame: pd.DataFrame, *, decimal: str = ".") -> tuple[list[str], list[list[str]], list[int]]:
    """Names, rows and the places of columns with numbers, as a table that fits a page."""
    head = frame.iloc[:ROWS, :COLUMNS]
    columns = [text_cells(head.iloc[:, k]) for k in range(head.shape[1])]
    numbers = [k for k in range(head.shape[1]) if _numeric(columns[k], decimal)]
    rows = [[_short(str(column[row])) for column in columns] for row in range(len(head))]
    return [str(name) for name in head.columns], rows, numbers


def frame_of(cohort: Cohort) -> pd.DataFrame:
    """The features of a cohort that came from no file, with its target first."""
    assert isinstance(cohort.inputs, TableInputs)
    target = cohort.samples["target"].rename(cohort.roles.target).reset_index(drop=True)
    return pd.concat([target, cohort.inputs.frame], axis=1)


def thumbnails_of(cohort: Cohort) -> list[Thumbnail]:
    """Images, recordings or molecules of a cohort, as many of each class as there is room for; the name is the class."""
    inputs = cohort.inputs
    target = cohort.samples["target"].astype(str).to_numpy()
    rows = [
        row
        for name in pd.unique(target)
        for row in np.flatnonzero(target == name)[: max(1, IMAGES // len(set(target)))]
    ]
    if inputs.kind != "image":
        return [Thumbnail(_svg(vector(inputs, int(row))), str(target[row])) for row in rows[:IMAGES]]
    return [Thumbnail(thumbnail(inputs.read(int(row))), str(target[row])) for row in rows[:IMAGES]]


def molecules_in(frame: pd.DataFrame, column: str) -> list[Thumbnail]:
    """The first molecules of a column that can be read, named by their rows; none where RDKit is not installed."""
    found: list[Thumbnail] = []
    for row, cell in enumerate(read_text(frame[column].head(MOST_READ))):
        try:
            molecule = read_molecule("" if pd.isna(cell) else str(cell))
        except ValueError:
            continue
        except DataError:
            break
        found.append(Thumbnail(_svg(vector(GraphInputs((molecule,)), 0)), t("row {row}", row=row + 1)))
        if len(found) == MOLECULES:
            break
    return found


def _svg(drawn: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.encode()).decode()


def thumbnails_below(folder: Path) -> list[Thumbnail]:
    """The first images below a folder that can be read."""
    found: list[Thumbnail] = []
    known = walk(folder)
    step = max(1, len(known.files) // IMAGES)
    for file, name in list(zip(known.files, known.names, strict=True))[::step]:
        try:
            found.append(Thumbnail(thumbnail(read_pixels(file)), name))
        except Unreadable:
            continue
        if len(found) == IMAGES:
            break
    return found


def thumbnail(pixels: np.ndarray) -> str:
    """Pixels, (height, width) or (height, width, 3), uint8 or uint16, as a data: address of a small PNG or JPEG."""
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255 / max(high - low, 1))).astype(np.uint8)
    image = Image.fromarray(pixels)
    image.thumbnail((2 * SIDE, 2 * SIDE))
    file = BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _numeric(cells: np.ndarray, decimal: str) -> bool:
    known = [cell for cell in cells if cell]
    return bool(known) and not bool(np.isnan(as_numbers(np.array(known, dtype=object), decimal)).any())


def _short(cell: str) -> str:
    try:
        return f"{float(cell):.5g}" if "." in cell else cell
    except ValueError:
        return cell if len(cell) <= LONGEST else cell[: LONGEST - 1] + "…"
