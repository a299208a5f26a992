"""Brushes of the generator: smooth noise, strokes, and a look at a painted canvas from another angle."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array

REFERENCE_MM = 15.0  # usual side of the field of view


@lru_cache(maxsize=512)
def _spline(n: int, cells: int) -> csr_array:
    """Cubic B-spline from cells + 3 knots to n pixels, (n, cells + 3)."""
    position = (np.arange(n) + 0.5) * cells / n
    first = np.floor(position).astype(np.int32)
    t = position - first
    weights = np.column_stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    knots = first[:, None] + np.arange(4, dtype=np.int32)
    steps = np.arange(0, 4 * n + 1, 4, dtype=np.int32)
    return csr_array((weights.astype(np.float32).ravel(), knots.ravel(), steps), shape=(n, cells + 3))


def noise(rng: np.random.Generator, n: int, cells: float) -> np.ndarray:
    """Smooth random field, (n, n), mean 0 and standard deviation about 1, with about `cells` bumps along each side."""
    whole = max(1, min(round(cells), n))
    spline = _spline(n, whole)
    coarse = rng.standard_normal((whole + 3, whole + 3), dtype=np.float32) * np.float32(2.09)  # 1 / 0.48, lost below
    return np.asarray(spline @ np.ascontiguousarray((spline @ coarse).T))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def spots(rng: np.random.Generator, where: np.ndarray, count: int, radius: float) -> np.ndarray:
    """`count` round spots of about `radius` pixels, strength 0..1, where the chance `where` (n, n) allows them."""
    chance = np.cumsum(where.ravel(), dtype=np.float64)
    painted = np.zeros(where.size, dtype=np.float32)
    if chance[-1] > 0:
        places = np.searchsorted(chance, rng.uniform(0, chance[-1], count))
        np.add.at(painted, np.minimum(places, where.size - 1), rng.uniform(0.5, 1.2, count).astype(np.float32))
    spread = gaussian_filter(painted.reshape(where.shape), radius, mode="constant", truncate=3)
    return np.asarray(1 - np.exp(-2 * np.pi * radius**2 * spread))


def draw_lines(size: int, lines: list[np.ndarray], widths: list[float], finer: int = 2) -> np.ndarray:
    """Coverage 0..1, (size, size), of smooth lines; each line is (k, 2) points x, y in pixels, with its width."""
    sheet = Image.new("L", (size * finer, size * finer))
    pen = ImageDraw.Draw(sheet)
    for line, width in zip(lines, widths, strict=True):
        pen.line([tuple(p) for p in (line * finer).tolist()], fill=255, width=max(1, round(width * finer)))
    small = sheet.resize((size, size), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255


def look(canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Canvas (n, n, channels) seen at fractional pixel positions (size, size), bilinear; zero outside."""
    n = len(canvas)
    inside = np.flatnonzero((rows >= 0) & (columns >= 0) & (rows < n - 1) & (columns < n - 1))
    y, x = rows.ravel()[inside], columns.ravel()[inside]
    i, j = y.astype(np.int32), x.astype(np.int32)
    down, right = (y - i.astype(np.float32))[:, None], (x - j.astype(np.float32))[:, None]
    flat, first = canvas.reshape(n * n, -1), i * n + j
    top = flat.take(first, axis=0) * (1 - right) + flat.take(first + 1, axis=0) * right
    bottom = flat.take(first + n, axis=0) * (1 - right) + flat.take(first + n + 1, axis=0) * right
    seen = np.zeros((rows.size, flat.shape[1]), dtype=np.float32)
    seen[inside] = top + (bottom - top) * down
    return seen.reshape(*rows.shape, -1)
