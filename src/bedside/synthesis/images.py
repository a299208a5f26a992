"""What the tests of synthetic samples must know of images: distance, what can be measured of them, and how they are written."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bedside.cohort import Cohort
from bedside.data.arrays import array_inputs
from bedside.data.pixels import ImageInputs
from bedside.data.table import Feature, TableInputs
from bedside.folder import write_table
from bedside.splits.image_statistics import measured
from bedside.synthesis import tables
from bedside.synthesis.nearest import nearest

MOST: int | None = 500  # images of all folds together: each takes many passes to draw, and as many to be judged
GRID = 16  # cells a side whose means say how near two images are
FOLDER, PAIRS = "images", "pairs"
EACH, CLASSES = 8, 6  # images of a class, and classes, beside their nearest training images
MARK = "Synthetic image, drawn by a model: no patient is behind it."
_WHITE = 255


def seen(cohort: Cohort, members: Sequence[Any]) -> Cohort:
    """The cohort as the network sees it: what is drawn has that size and framing, and is held against nothing else.

    Folds see images alike, but for the value of 16-bit images that is white; that of the first fold is taken for all.
    """
    return replace(cohort, inputs=array_inputs(_plain(members[0].preparation(cohort.inputs))), truth=None)


def place_of(known: ImageInputs) -> tuple[Callable[[Any], np.ndarray], int]:
    """Where images lie, as a function of inputs to (n, d), and d: brightness, 0 to 1, of each channel in a grid of cells.

    The sum of absolute differences of two places, divided by d, is the mean difference of brightness. A copy that was
    moved or turned is not near.
    """
    size, channels = (int(known.records[name].iloc[0]) for name in ("width", "channels"))
    share = _shares(size)

    def place(inputs: Any) -> np.ndarray:
        pixels = pixels_of(inputs).reshape(-1, size, size, channels) / _WHITE
        return np.asarray(np.einsum("rh,cw,nhwk->nrck", share, share, pixels, optimize=True).reshape(len(pixels), -1))

    return place, len(share) ** 2 * channels


def _shares(size: int) -> np.ndarray:
    """How much of each cell every row of pixels makes up, (cells, size); rows add up to 1."""
    edges = np.linspace(0, size, min(GRID, size) + 1)
    inside = np.minimum(edges[1:, None], np.arange(1, size + 1)) - np.maximum(edges[:-1, None], np.arange(size))
    inside = np.maximum(inside, 0)
    return np.asarray(inside / inside.sum(axis=1, keepdims=True))


def joined(parts: Sequence[ImageInputs]) -> ImageInputs:
    """One after the other."""
    return array_inputs(np.concatenate([pixels_of(part) for part in parts]))


def columns_of(inputs: ImageInputs) -> list[tuple[str, str, np.ndarray]]:
    """Name, kind and values of what can be measured without knowing what an image shows: brightness, contrast, sharpness."""
    return tables.columns_of(_measured(inputs))


def associations_of(inputs: ImageInputs) -> np.ndarray:
    """See `tables.associations_of`."""
    return tables.associations_of(_measured(inputs))


def written(inputs: ImageInputs, names: Sequence[str], folder: Path | None) -> pd.DataFrame:
    """The path of each image's file, relative to `folder`, where they are written to; each file says that it is synthetic."""
    paths = [f"{FOLDER}/{name}.png" for name in names]
    if folder is not None:
        (folder / FOLDER).mkdir()
        said = PngInfo()
        said.add_text("Description", MARK)
        for path, pixels in zip(paths, pixels_of(inputs), strict=True):
            Image.fromarray(pixels).save(folder / path, pnginfo=said)
    return pd.DataFrame({"image": paths})


def beside_nearest(
    folder: Path, label: np.ndarray, drawn: ImageInputs, target: np.ndarray, train: ImageInputs, *, keep: bool
) -> None:
    """pairs.csv and pairs/: some drawn images of each class, each beside the training image that is nearest to it.

    Args:
        folder: where they are written to.
        label: classes of the drawn images, (n,).
        drawn: those images.
        target: classes of the training images, (k,).
        train: those images.
        keep: whether training images may be written.
    """
    place, columns = place_of(train)
    (folder / PAIRS).mkdir()
    rows: list[dict[str, Any]] = []
    for own in np.unique(label)[:CLASSES]:
        some, others = np.flatnonzero(label == own), np.flatnonzero(target == own)
        some = some[np.unique(np.linspace(0, len(some) - 1, min(EACH, len(some))).round().astype(int))]
        if not len(others):
            continue
        far, who = nearest(place(drawn.take(some)), place(train.take(others)), columns)
        for k, row in enumerate(some):
            name = f"{PAIRS}/{len(rows) + 1:02d}"
            Image.fromarray(drawn.read(int(row))).save(folder / f"{name}-drawn.png")
            if keep:
                Image.fromarray(train.read(int(others[who[k]]))).save(folder / f"{name}-nearest.png")
            rows.append(
                {
                    "class": int(own),
                    "distance": far[k],
                    "drawn": f"{name}-drawn.png",
                    "nearest": f"{name}-nearest.png" if keep else "",
                }
            )
    write_table(folder / f"{PAIRS}.csv", pd.DataFrame(rows, columns=["class", "distance", "drawn", "nearest"]))


def pixels_of(inputs: ImageInputs) -> np.ndarray:
    """Images of one size, (n, size, size) if they are grey or (n, size, size, 3), uint8."""
    return np.stack([inputs.read(row) for row in range(len(inputs))])


def _measured(inputs: ImageInputs) -> TableInputs:
    """Statistics that can differ between images of one size."""
    names, values = measured(inputs, int(inputs.records["channels"].max()), _WHITE)
    kept = [k for k, name in enumerate(names) if name not in ("width", "height")]
    frame = pd.DataFrame(values[:, kept], columns=[names[k] for k in kept])
    return TableInputs(frame, tuple(Feature(name, "number") for name in frame.columns))


def _plain(pixels: np.ndarray) -> np.ndarray:
    """Without the axis of a single channel."""
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
