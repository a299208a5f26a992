"""The images that explorables look at: generated skin lesions, or one of the reader's own, and how they reach a page."""

import base64
import binascii
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import colormaps
from PIL import Image
from pydantic import Field

from bedside.data.decode import Unreadable, read_bytes
from bedside.data.dermoscopy import DermoscopySettings, Generated, generate
from bedside.errors import DataError
from bedside.settings import Settings
from bedside.splits.images import ImagePreparation

EXAMPLES, SIDE = 6, 224
LARGEST = 30_000_000  # pixels of an image of one's own, as cameras make them: about 100 MB while it is decoded
_BLUE, _WHITE, _ORANGE = ((27, 85, 131), (255, 255, 255), (196, 88, 26))  # of reports: told apart by all


class Picture(Settings):
    """Which image: one of the examples, or a data URL as `take` gives it."""

    example: int = Field(default=0, ge=0, lt=EXAMPLES)
    image: str = ""


class Upload(Settings):
    """A file of the reader's as a data URL; it stays on this computer, in memory."""

    image: str


def take(upload: Upload) -> dict[str, Any]:
    """The square in the middle of an image, as a PNG small enough to travel with each question."""
    return {"image": png(_square(_decoded(upload.image), SIDE))}


def pixels_of(picture: Picture, side: int) -> np.ndarray:
    """The image at the resolution of the figure, (side, side, 3) uint8."""
    return _square(_decoded(picture.image) if picture.image else examples().images[picture.example], side)


def grey_of(picture: Picture, side: int) -> np.ndarray:
    """The same by brightness alone, (side, side) from 0, black, to 1, white."""
    return np.asarray(Image.fromarray(pixels_of(picture, side)).convert("L"), dtype=np.float64) / 255


@cache
def examples() -> Generated:
    """Generated lesions of patients on whom no network here is trained."""
    return generate(DermoscopySettings(patients=EXAMPLES, size=SIDE, seed=5, malignant=0.5, hair=0.2, noise=0.1))


def words() -> list[str]:
    """What the page calls the examples."""
    return [f"Generated lesion {k + 1}, {target}" for k, target in enumerate(examples().truth["target"])]


def _decoded(url: str) -> np.ndarray:
    """Pixels of a data URL.

    Raises:
        DataError: it holds no image that can be read.
    """
    head, _, body = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        raise DataError("The image did not arrive as a file; choose it again.")
    try:
        return read_bytes(base64.b64decode(body, validate=True), LARGEST)
    except binascii.Error:
        raise DataError("The image did not arrive whole; choose it again.") from None
    except Unreadable as reason:
        raise DataError(f"This file {reason}.") from None


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    white = int(pixels.max()) or 1 if pixels.dtype == np.uint16 else 255
    preparation = ImagePreparation(side, "crop", "bicubic", 1.0, 3, white, (0.0,) * 3, (1.0,) * 3)
    return preparation.prepare_one(pixels)


# Towards the page


def png(pixels: np.ndarray) -> str:
    """An image (h, w) or (h, w, 3) uint8 as a data URL, losslessly."""
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def shades(values: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Values (h, w) as grey, black at `low` and white at `high`, (h, w) uint8."""
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)


def signed(values: np.ndarray, limit: float) -> np.ndarray:
    """Values (h, w) as colours, blue below zero, white at zero, orange above it, (h, w, 3) uint8."""
    share = np.clip(values / limit, -1, 1)[..., None]
    ends = np.where(share < 0, np.array(_BLUE), np.array(_ORANGE))
    return np.asarray(np.array(_WHITE) + (ends - np.array(_WHITE)) * np.abs(share)).round().astype(np.uint8)


def lights(values: np.ndarray) -> np.ndarray:
    """Values (h, w) from the lowest, dark, to the highest, bright, (h, w, 3) uint8; ordered by lightness (viridis)."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.asarray(colormaps["viridis"](share)[..., :3] * 255).round().astype(np.uint8)
