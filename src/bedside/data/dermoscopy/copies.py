"""Copies of an image as they slip into collections: saved again, cropped, brightened, mirrored."""

import io

import numpy as np
from PIL import Image

from bedside.data.dermoscopy.camera import Picture


def alter(rng: np.random.Generator, picture: Picture, how: str) -> Picture:
    """The same picture altered in the given way; `how` is one of `truth.COPIES`."""
    if how == "exact":
        return picture
    if how == "recompressed":
        return Picture(_saved(picture.image, int(rng.integers(60, 90))), picture.lesion, picture.ruler)
    if how == "brighter":
        factor = rng.uniform(1.05, 1.15)
        image = np.minimum(picture.image * factor, 255).astype(np.uint8)
        return Picture(_saved(image, 90), picture.lesion, picture.ruler)
    if how == "mirrored":
        return Picture(*(np.ascontiguousarray(a[:, ::-1]) for a in (picture.image, picture.lesion, picture.ruler)))
    size = len(picture.image)
    left, top = rng.uniform(0, 0.04 * size, 2)
    box = (left, top, left + 0.95 * size, top + 0.95 * size)
    smooth, nearest = Image.Resampling.BICUBIC, Image.Resampling.NEAREST
    image = np.asarray(Image.fromarray(picture.image).resize((size, size), smooth, box=box))
    masks = [Image.fromarray(m).resize((size, size), nearest, box=box) for m in (picture.lesion, picture.ruler)]
    return Picture(image, *(np.asarray(mask) for mask in masks))


def _saved(image: np.ndarray, quality: int) -> np.ndarray:
    """Pixels after one journey through a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
