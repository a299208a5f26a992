"""The skin around the lesion: tone, flush, fine lines, pores and small vessels."""

import numpy as np

from bedside.data.dermoscopy.canvas import noise, spots
from bedside.data.dermoscopy.lesion import BLOOD, MELANIN


def paint(rng: np.random.Generator, tone: float, field_mm: float, size: int) -> np.ndarray:
    """Optical density of bare skin, (size, size, 3); `tone` 0..1 from very light to dark brown."""
    melanin = (0.05 + 1.0 * tone) * (
        1 + 0.09 * noise(rng, size, field_mm / 2.5) + 0.07 * noise(rng, size, field_mm / 0.4)
    )
    blood = 0.16 + 0.24 * rng.random() + 0.07 * noise(rng, size, field_mm / 4) + 0.05 * noise(rng, size, field_mm / 0.8)
    blood += rng.uniform(0.05, 0.3) * _vessels(rng, field_mm, size)
    melanin += 0.05 * _lines(rng, field_mm, size) + _freckles(rng, field_mm, size)
    pores = spots(rng, np.ones((size, size), dtype=np.float32), int(field_mm**2 * 0.35), 0.07 * size / field_mm)
    melanin += rng.uniform(-0.07, 0.12) * pores
    blood, melanin = np.maximum(blood, 0.05), np.maximum(melanin, 0.01)
    return np.dstack([melanin * MELANIN[c] + blood * BLOOD[c] for c in range(3)]).astype(np.float32)


def _vessels(rng: np.random.Generator, field_mm: float, size: int) -> np.ndarray:
    """Thin branching red threads, 0..1, where a slow field crosses zero."""
    threads = np.exp(-((noise(rng, size, field_mm / 1.6) + 0.3 * noise(rng, size, field_mm / 0.5)) ** 2) / 0.02)
    return np.asarray(threads * np.clip(noise(rng, size, field_mm / 4), 0, 1))


def _lines(rng: np.random.Generator, field_mm: float, size: int) -> np.ndarray:
    """Fine relief of the skin: furrows around small plateaus, and grain."""
    furrows = np.abs(noise(rng, size, field_mm / 0.32)) + 0.7 * np.abs(noise(rng, size, field_mm / 0.22))
    return np.asarray(1 - furrows + 0.5 * noise(rng, size, field_mm / 0.12))


def _freckles(rng: np.random.Generator, field_mm: float, size: int) -> np.ndarray:
    """In every third image some pale brown flecks beside the lesion."""
    if rng.random() > 0.33:
        return np.zeros((size, size), dtype=np.float32)
    blotches = noise(rng, size, field_mm / 1.2) + 0.4 * noise(rng, size, field_mm / 0.4)
    return np.asarray(rng.uniform(0.08, 0.22) * np.clip(blotches - 1.3, 0, 1.2))
