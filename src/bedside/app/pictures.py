"""Images, recordings and molecules as web pages show them, also with the network's evidence."""

import base64
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from bedside.app.vector import vector
from bedside.explain.images import draw
from bedside.reasons import AtomEvidence, Evidence, Heard
from bedside.splits.images import eight_bit

THUMBNAIL = 160  # longest side in pixels


@dataclass(frozen=True)
class Seen:
    """The image, recording or molecule as the network saw it, the same with its evidence, both WebP or SVG, and the method."""

    image: bytes
    map: bytes
    method: str


def thumbnail(inputs: Any, row: int, side: int = THUMBNAIL) -> bytes:
    """The image of one sample, small, as WebP; its recording or molecule as SVG."""
    if inputs.kind != "image":
        return vector(inputs, row, small=True).encode()
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
        _pixels_drawn(found.pixels[0]),
        _pixels_drawn(found.pixels[0], found.maps[0] / top if top > 0 else found.maps[0]),
        found.method,
    )


def drawn(found: Heard | AtomEvidence, inputs: Any) -> Seen:
    """The first of the recordings or molecules."""
    if isinstance(found, Heard):  # the network read no more of it
        inputs = replace(inputs, traces=(inputs.traces[0][:, : found.lengths[0]],))
    plain, marked = (vector(inputs, 0, maps).encode() for maps in (None, found.maps[0]))
    return Seen(plain, marked, found.method)


def address(picture: bytes) -> str:
    """A small WebP image or SVG drawing as an address that holds it, so that nothing of a patient gets an address of its own."""
    kind = "svg+xml" if picture.startswith(b"<svg") else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _pixels_drawn(pixels: np.ndarray, found: np.ndarray | None = None) -> bytes:
    file = BytesIO()
    draw(file, pixels, found)
    return file.getvalue()
