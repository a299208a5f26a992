"""What lies between the skin and the camera and says nothing about the diagnosis: hair, gel, a ruler, dark corners."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from bedside.data.dermoscopy.canvas import draw_lines

_FINER = 3  # the ruler is drawn this much larger, then reduced


def hair(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Curved hairs with a soft shadow over an image (size, size, 3) in 0..1."""
    size = len(image)
    count = int(rng.choice([rng.integers(2, 7), rng.integers(6, 28)], p=[0.6, 0.4]))
    main, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
    t = np.linspace(0, 1, 24)[:, None]
    lines, widths = [], []
    for _ in range(count):
        direction = main + spread * rng.standard_normal()
        along = np.array([np.cos(direction), np.sin(direction)])
        aside = np.array([-along[1], along[0]])
        length, bend = rng.uniform(0.3, 1.3), 0.25 * rng.standard_normal()
        middle = rng.uniform(0.05, 0.95, 2)
        start, end = middle - along * length / 2, middle + along * length / 2
        knee = middle + aside * bend * length
        lines.append(size * ((1 - t) ** 2 * start + 2 * t * (1 - t) * knee + t**2 * end))
        widths.append(size / 224 * rng.uniform(0.7, 1.7))
    stroke = gaussian_filter(draw_lines(size, lines, widths), 0.45 * size / 224)[..., None]
    shift = max(1, round(size / 110))
    shadow = gaussian_filter(np.roll(stroke[..., 0], (shift, shift), (0, 1)), 1.2 * size / 224)[..., None]
    light = rng.random() < 0.2
    colour = np.array([0.86, 0.78, 0.66] if light else [0.16, 0.11, 0.09], dtype=np.float32)
    colour = colour * np.float32(rng.uniform(0.8, 1.15))
    shaded = image * (1 - 0.22 * shadow)
    strength = stroke * np.float32(rng.uniform(0.55, 0.9))
    return np.asarray(shaded * (1 - strength) + colour * strength)


def gel(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Bubbles of the contact gel and small reflections of the lamps."""
    size = len(image)
    sheet = Image.new("L", (size * 2, size * 2))
    pen = ImageDraw.Draw(sheet)
    for _ in range(int(rng.integers(0, 5))):
        x, y, r = *rng.uniform(0, 2 * size, 2), 2 * size * rng.uniform(0.008, 0.03)
        pen.ellipse((x - r, y - r, x + r, y + r), outline=int(rng.integers(60, 130)), width=max(1, size // 150))
        pen.arc((x - r, y - r, x + r, y + r), 190, 280, fill=230, width=max(1, size // 110))
    for _ in range(int(rng.integers(0, 7))):
        x, y, w = *rng.uniform(0.1, 1.9, 2) * size, 2 * size * rng.uniform(0.004, 0.014)
        for k in range(int(rng.integers(1, 4))):
            pen.line((x, y + k * size / 40, x + w, y + k * size / 40 - w * 0.2), fill=255, width=max(1, size // 90))
    shine = np.asarray(sheet.resize((size, size), Image.Resampling.BOX), dtype=np.float32)[..., None] / 255
    return np.asarray(image + (1 - image) * 0.85 * shine)


def ruler(
    rng: np.random.Generator, image: np.ndarray, lesion: np.ndarray, field_mm: float
) -> tuple[np.ndarray, np.ndarray]:
    """A millimetre ruler along an edge: the image with it, and its mask (size, size).

    A white strip, or a scale printed on the contact plate. It lies where it hides least of the `lesion` mask.
    """
    size = len(image)
    strip, depth = rng.random() < 0.55, rng.uniform(0.11, 0.15)
    white = not strip and rng.random() < 0.4 and image.mean() < 0.5  # white lines would not show on light skin
    ink = np.array([0.95, 0.95, 0.92] if white else [0.08, 0.08, 0.1], dtype=np.float32)
    sheet = _sheet(rng, size, field_mm, depth, strip)
    turned = rng.permutation(4)
    masks = [np.rot90(sheet[..., 0] > 0.5, k) for k in turned]
    hidden = [np.sum(mask & lesion) / max(1, lesion.sum()) for mask in masks]
    best = next((k for k, share in enumerate(hidden) if share < 0.02), int(np.argmin(hidden)))
    seen, mask = np.rot90(sheet, turned[best]), masks[best]
    paper, lines = seen[..., :1], seen[..., 1:]
    if strip:
        plastic = np.array([0.93, 0.93, 0.9], dtype=np.float32) * (0.75 + 0.25 * image.mean())
        image = image * (1 - 0.94 * paper) + plastic * 0.94 * paper
    return np.asarray(image * (1 - 0.9 * lines) + ink * 0.9 * lines), mask


def _sheet(rng: np.random.Generator, size: int, field_mm: float, depth: float, strip: bool) -> np.ndarray:
    """The ruler along the lower edge: where it lies and where it is inked, (size, size, 2) in 0..1."""
    side = size * _FINER
    rows = int(np.ceil(size * (depth + 0.06)))  # all that a slightly turned ruler reaches
    spare = int(np.ceil(size * 0.05))  # drawn beyond the picture, so that no end shows
    paper, lines = (Image.new("L", ((size + 2 * spare) * _FINER, (rows + spare) * _FINER)) for _ in range(2))
    pen, right = ImageDraw.Draw(lines), paper.width
    top, mm = rows * _FINER - side * depth, side / field_mm
    ImageDraw.Draw(paper).rectangle((0, top, right, paper.height), fill=255)
    font = ImageFont.load_default(size=max(8.0, side * depth * 0.4))
    start, first = -rng.uniform(0, 3) * mm, int(rng.integers(0, 4)) * 10
    for k in range(int(right / mm) + 4):
        x, long = start + k * mm, {0: 0.55, 5: 0.42}.get(k % 10, 0.28)
        begin = top + (0.04 * side * depth if strip else 0)
        pen.line((x, begin, x, begin + long * side * depth), fill=255, width=max(1, round(side / 200)))
        if k % 10 == 0 or (k % 5 == 0 and not strip):
            pen.text((x + 0.12 * mm, top + 0.48 * side * depth), str(first + k), fill=255, font=font)
    if not strip:
        pen.line((0, top, right, top), fill=255, width=max(1, round(side / 250)))
    tilt = rng.uniform(-4, 4)
    both = [s.rotate(tilt, Image.Resampling.BILINEAR, center=(right / 2, top)) for s in (paper, lines)]
    small = np.dstack([np.asarray(s.reduce(_FINER), dtype=np.float32) / 255 for s in both])
    return np.pad(small[:rows, spare : spare + size], ((size - rows, 0), (0, 0), (0, 0)))


def dark_corners(rng: np.random.Generator, size: int, lesion: np.ndarray) -> np.ndarray:
    """Light that reaches the camera, (size, size) in 0..1: some fall-off, and in some images the round rim of the tube.

    The rim leaves the lesion in sight.
    """
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = axis - np.float32(0.06 * rng.standard_normal()), axis[:, None] - np.float32(0.06 * rng.standard_normal())
    r = np.sqrt(x * x + y * y)
    light = 1 - rng.uniform(0.0, 0.42) * np.clip(r / 0.7, 0, 1.2) ** 2.5
    rim, sharp = rng.uniform(0.53, 0.66), rng.uniform(40, 110)
    if rng.random() < 0.22:
        needed = float(np.quantile(r[lesion], 0.98)) + 0.02 if lesion.any() else 0.0
        light = light / (1 + np.exp(np.clip(sharp * (r - max(rim, needed)), -40, 40)))
    return np.asarray(light, dtype=np.float32)
