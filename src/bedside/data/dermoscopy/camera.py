"""From paint to picture: where the camera stands, its light and colours, and another hospital's camera."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from bedside.data.dermoscopy import artefacts, skin
from bedside.data.dermoscopy.canvas import REFERENCE_MM, look, noise
from bedside.data.dermoscopy.lesion import Lesion

# Red, green and blue gain, extra darkness of the corners, blur (pixels of 224), share of the pixels kept per side.
_SITE_CAMERAS = (
    ((1.00, 1.00, 1.00), 0.00, 0.0, 1.00),
    ((0.90, 0.99, 1.16), 0.35, 0.6, 1.00),
    ((1.10, 0.97, 0.78), 0.10, 0.0, 0.60),
    ((0.88, 1.03, 0.95), 0.55, 0.3, 0.80),
    ((1.06, 0.86, 1.05), 0.00, 1.1, 0.70),
)


@dataclass(frozen=True)
class Picture:
    """A finished image (size, size, 3) uint8 with the masks of lesion and ruler, (size, size) bool."""

    image: np.ndarray
    lesion: np.ndarray
    ruler: np.ndarray


@dataclass(frozen=True)
class Streams:
    """Independent chance for each part of an image, so that hair or a ruler change nothing else in it."""

    view: np.random.Generator
    hair: np.random.Generator
    ruler: np.random.Generator


def photograph(
    streams: Streams,
    lesion: Lesion,
    *,
    size: int,
    tone: float,
    with_hair: bool,
    with_ruler: bool,
    site: int,
    site_shift: float,
) -> Picture:
    """Take one picture of a lesion on skin of the given tone."""
    rng = streams.view
    field_mm = REFERENCE_MM * rng.uniform(0.88, 1.1)
    layers = _view(rng, lesion, size, field_mm)
    inside = layers[..., 4] > 0.5
    light = artefacts.dark_corners(rng, size, inside)
    density = skin.paint(rng, tone, field_mm, size) + layers[..., :3]
    image = np.exp(-density)
    haze = layers[..., 3:4]
    image = image * (1 - haze) + np.array([0.74, 0.74, 0.80], dtype=np.float32) * haze
    image = artefacts.gel(rng, image)
    ruled = np.zeros_like(inside)
    if with_hair:
        image = artefacts.hair(streams.hair, image)
    if with_ruler:
        image, ruled = artefacts.ruler(streams.ruler, image, inside, field_mm)
    image = _develop(rng, image, light)
    return Picture(_at_site(image, site, site_shift), inside, ruled & (light > 0.35))


def _view(rng: np.random.Generator, lesion: Lesion, size: int, field_mm: float) -> np.ndarray:
    """The lesion's layers from a random angle and place, (size, size, 5)."""
    turn = rng.uniform(-np.pi, np.pi)
    room = max(0.2, 0.5 * field_mm - 0.75 * lesion.diameter_mm)  # the lesion stays in the picture
    away = np.clip(0.35 * room * rng.standard_normal(2), -0.6 * room, 0.6 * room)
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5) * np.float32(field_mm)
    x, y = axis - np.float32(away[0]), (axis - np.float32(away[1]))[:, None]
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    scale, middle = np.float32(lesion.pixels_per_mm), np.float32(len(lesion.layers) / 2 - 0.5)
    return look(lesion.layers, (s * x + c * y) * scale + middle, (c * x - s * y) * scale + middle)


def _develop(rng: np.random.Generator, image: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Lamp, white balance, focus, contrast and grain of one picture."""
    size = len(image)
    pink = rng.uniform(-0.5, 1.0)  # from a cool to a reddish rendering
    gain = np.array([1.07 + 0.03 * pink, 1.04 - 0.085 * pink, 1.08 - 0.08 * pink], dtype=np.float32)
    gain *= np.exp(0.035 * rng.standard_normal(3)).astype(np.float32) * np.float32(rng.uniform(0.88, 1.08))
    uneven = 1 + 0.025 * noise(rng, size, 2)
    image = image * gain * (light * uneven)[..., None]
    sigma = rng.uniform(0.35, 0.85) * size / 224
    image = gaussian_filter(image, (sigma, sigma, 0), truncate=3)
    curve = np.float32(rng.uniform(0.85, 1.15))
    image = np.clip(image, 0, 1) ** curve
    grain = rng.uniform(0.004, 0.012) * rng.standard_normal((size, size), dtype=np.float32)
    return np.asarray(image + grain[..., None], dtype=np.float32)


def _at_site(image: np.ndarray, site: int, shift: float) -> np.ndarray:
    """The picture as the camera of a hospital gives it, uint8; the first hospital's changes nothing."""
    gain, corners, blur, kept = _SITE_CAMERAS[site]
    size = len(image)
    if site > 0 and shift > 0:
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
        r = np.sqrt(axis**2 + axis[:, None] ** 2) / 0.7
        image = image * np.array(gain, dtype=np.float32) ** np.float32(shift)
        image = image * (1 - min(0.9, corners * shift) * r**3)[..., None]
        image = gaussian_filter(image, (blur * shift * size / 224,) * 2 + (0,)) if blur else image
    pixels = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    smaller = round(size * kept**shift)
    if site > 0 and smaller < size:
        reduced = Image.fromarray(pixels).resize((smaller, smaller), Image.Resampling.BOX)
        pixels = np.asarray(reduced.resize((size, size), Image.Resampling.BILINEAR))
    return pixels
