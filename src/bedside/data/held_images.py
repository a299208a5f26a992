"""New images that lie in memory, as those from a browser or from a program do: decoded once, and read as those in files are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import Aligned
from bedside.data.arrays import ArrayPictures, record
from bedside.data.codes import count
from bedside.data.decode import MOST_PIXELS, Decoded, Unreadable, decode_bytes
from bedside.data.image_files import SHOWN, header_findings
from bedside.data.new_images import noticed
from bedside.data.pixels import RECORD, ImageInputs
from bedside.errors import DataError


@dataclass(frozen=True)
class Held:
    """n images in memory: pixels and format of each, names of their samples, and what is to be said of them."""

    images: tuple[tuple[np.ndarray, str], ...]
    names: list[str]
    findings: tuple[Finding, ...]


def held_images(
    files: Sequence[tuple[str, bytes]], known: Mapping[str, Any], *, most_pixels: int = MOST_PIXELS
) -> Held:
    """Images whose files lie in memory, as those from a browser do; each is decoded once.

    Args:
        files: name of the sample and content of the file of each image.
        known: what training saw; see `read_new_images`.
        most_pixels: that all of them together may have.

    Raises:
        DataError: naming each image that cannot be read, or if they do not fit what training saw.
    """
    decoded = _decoded(files, most_pixels)
    images, names = tuple((one.pixels, one.form) for one in decoded), [name for name, _ in files]
    return Held(images, names, (*noticed(images, names, known), *header_findings([one.header for one in decoded])))


def _decoded(files: Sequence[tuple[str, bytes]], most_pixels: int) -> list[Decoded]:
    found: list[Decoded] = []
    bad, left = list[str](), most_pixels
    for name, data in files:
        try:
            decoded = decode_bytes(data, name, most_pixels=min(most_pixels, MOST_PIXELS))
        except Unreadable as reason:
            bad.append(f"{name!r} {reason}")
            continue
        if decoded.header is not None and decoded.header.private:
            bad.append("A DICOM file has a name that holds an identifier of its patient; send it under another name")
            continue
        left -= decoded.pixels.shape[0] * decoded.pixels.shape[1]
        if left < 0:
            raise DataError(
                f"The images have more than {most_pixels / 1e6:g} million pixels together; send them in parts, or smaller."
            )
        found.append(decoded)
    if bad:
        more = f"; and {len(bad) - SHOWN:,} more" if len(bad) > SHOWN else ""
        raise DataError(f"{len(bad):,} of {count(len(files), 'image')} cannot be read: {'; '.join(bad[:SHOWN])}{more}.")
    return found


def sent_images(
    files: Sequence[tuple[str, bytes]], known: Mapping[str, Any], *, most_pixels: int = MOST_PIXELS
) -> Aligned:
    """Images that lie in memory, as `read_new_images` reads those in files.

    Args:
        files: name of the sample and content of the file of each image.
        known: what training saw; see `read_new_images`.
        most_pixels: that all of them together may have.

    Raises:
        DataError: naming each image that cannot be read.
    """
    held = held_images(files, known, most_pixels=most_pixels)
    return Aligned(
        held_inputs(held.images), pd.DataFrame(index=pd.Index(held.names, dtype=object, name="sample")), held.findings
    )


def held_inputs(images: Sequence[tuple[np.ndarray, str]]) -> ImageInputs:
    """Inputs from pixels and format of each image."""
    records = pd.DataFrame([record(*one) for one in images], columns=list(RECORD))
    return ImageInputs(ArrayPictures([one for one, _ in images]), np.arange(len(images)), records)
