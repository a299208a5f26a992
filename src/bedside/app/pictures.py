"""Images and recordings as web pages show them, also with the network's evidence."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from bedside.explain.images import draw
from bedside.explain.trace_drawing import drawing
from bedside.reasons import Evidence, Heard
from bedside.splits.images import eight_bit

THUMBNAIL = 160  # longest side in pixels


@dataclass(frozen=True)
class Seen:
    """The image or recording as the network saw it, the same with its evidence, both WebP or SVG, and the method."""

    image: bytes
    map: bytes
    method: str


def thumbnail(inputs: Any, row: int, side: int = THUMBNAIL) -> bytes:
    """The image of one sample, small, as WebP; or its recording as SVG."""
    if inputs.kind == "signal":
        return drawing(inputs.traces[row], inputs.channels, rate=inputs.rate).encode()
    pixels = inputs.read(row)
    white = int(pixels.max()) or 1
    image = Image.fromarray(eight_bit(pixels, white)).convert("RGB")
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = BytesIO()
    image.save(file, "WEBP", quality=80)
    return file.getvalue()


def seen(found: Evidence) -> Seen:
    """The first of the images; the brightest place of its map is where the evidence is strongest."""
    top = float(found.maps[0].max())
    return Seen(
        _drawn(found.pixels[0]),
        _drawn(found.pixels[0], found.maps[0] / top if top > 0 else found.maps[0]),
        found.method,
    )


def heard(found: Heard, inputs: Any) -> Seen:
    """The first of the recordings."""
    trace = inputs.traces[0][:, : found.lengths[0]]
    plain, marked = (drawing(trace, inputs.channels, maps, rate=inputs.rate) for maps in (None, found.maps[0]))
    return Seen(plain.encode(), marked.encode(), found.method)


def _drawn(pixels: np.ndarray, found: np.ndarray | None = None) -> bytes:
    file = BytesIO()
    draw(file, pixels, found)
    return file.getvalue()
