"""Drawing: the image as the network saw it, and the same with its evidence over it."""

from pathlib import Path
from typing import IO

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from PIL import Image

SIDE = 336  # longest side in pixels of what is drawn
QUALITY = 80
FADE = 0.15  # strength below which nothing is drawn over the image
COVER = 0.72  # how far the strongest evidence covers the image
GREY = 0.75  # how far the image under the evidence loses its colour, so that only evidence is colourful
_COLOURS = colormaps["inferno"]  # ordered by lightness, so readable without seeing colours too


def draw(path: Path | IO[bytes], pixels: np.ndarray, found: np.ndarray | None = None) -> None:
    """Write one WebP file.

    Args:
        path: of the file, or where it is held in memory.
        pixels: (size, size, channels) uint8.
        found: map of evidence, (size, size) in 0..1, laid over the image; None for the image alone.
    """
    image = _enlarged(Image.fromarray(pixels if pixels.shape[-1] == 3 else pixels[:, :, 0]).convert("RGB"))
    if found is not None:
        heat = Image.fromarray(found.astype(np.float32)).resize(image.size, Image.Resampling.BICUBIC)
        image = Image.fromarray(overlay(np.asarray(image), np.clip(np.asarray(heat), 0, 1)))
    image.save(path, "WEBP", quality=QUALITY, method=4)


def overlay(image: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Image (h, w, 3) uint8 with a map (h, w) in 0..1 over it: the stronger, the brighter and the less transparent."""
    plain = image.astype(np.float64)
    grey = plain @ np.array([0.299, 0.587, 0.114])
    base = GREY * grey[:, :, None] + (1 - GREY) * plain
    strength = np.clip((found - FADE) / (1 - FADE), 0, 1)[:, :, None]
    colour = _colour(strength[:, :, 0]) * 255
    alpha = COVER * strength**0.6
    return np.clip(base * (1 - alpha) + colour * alpha, 0, 255).round().astype(np.uint8)


def _colour(strength: np.ndarray) -> np.ndarray:
    """Strengths in 0..1 -> red, green, blue in 0..1; without the black end, which would read as shadow."""
    return np.asarray(_COLOURS(0.25 + 0.7 * strength))[..., :3]


def colours(count: int = 7) -> list[str]:
    """The colours of evidence from the least that is drawn to the most, as "#rrggbb", for a key."""
    return [to_hex(colour) for colour in _colour(np.linspace(0, 1, count))]


def _enlarged(image: Image.Image) -> Image.Image:
    """Small images get whole larger pixels, so that each one is seen; large ones are made smaller."""
    side = max(image.size)
    if side > SIDE:
        return image.resize(
            (round(image.width * SIDE / side), round(image.height * SIDE / side)), Image.Resampling.LANCZOS
        )
    times = SIDE // side
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
