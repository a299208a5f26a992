"""Whether two thumbnails show the same picture: laid over each other first, then compared in their details.

All lesions are dark blobs on skin and all chest X-rays have two lungs, so likeness in the large says nothing. What
is compared is what remains without the coarse light and dark, field by field: a ruler, a label or a border that many
images share makes only some fields agree.

Reads:  pairs of thumbnails, shape (pairs, SIDE, SIDE), the second turned as the first.
Gives:  their agreement, shape (pairs,), 1 for the same picture and about 0 for two pictures.

Source:
    Baker & Matthews 2004, doi:10.1023/B:VISI.0000011205.11775.fd (alignment by Gauss-Newton steps).
"""

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter1d

SIDE = 64  # pixels of a thumbnail's side
_HALF = SIDE // 2
_COARSE = (1.5, 6.0)  # pixels: what is smaller than the first or larger than the second is ignored while aligning
_DETAIL = (1.0, 4.0)  # pixels: the details that are compared
_HALF_DETAIL = (0.6, 2.0)  # the same in thumbnails of half the size
_FIELDS = 4  # fields along a side
_FEWEST_FIELDS = 4  # with detail in them, below which nothing is said
_FLAT = 0.5  # standard deviation in grey levels of 255, below which a field has no detail
_HOPELESS = 0.75  # correlation in thumbnails of half the size, below which the full ones are not looked at
_FARTHEST = 0.15  # of half a side: how far a copy may be shifted and stretched against the other


def agreement(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The correlation of details that three quarters of the fields exceed; shape (pairs,), 0 where hopeless.

    Args:
        one, other: grey thumbnails of 0 to 255, shape (pairs, SIDE, SIDE).
    """
    result = np.zeros(len(one))
    a, b = _halved(one), _halved(other)
    place = np.zeros((len(one), 4), np.float32)
    place = _align(_band(a, _COARSE), _band(b, _COARSE), place, steps=3)
    likely = _correlation(_band(a, _HALF_DETAIL), *_moved(_band(b, _HALF_DETAIL), place)) > _HOPELESS
    rest = np.flatnonzero(likely)  # few: only these are looked at closely
    if len(rest):
        one, other = one[rest], other[rest]
        place = _align(_band(one, _COARSE), _band(other, _COARSE), place[rest], steps=3)
        result[rest] = _fields_agree(_band(one, _DETAIL), *_moved(_band(other, _DETAIL), place))
    return result


def _halved(thumbnails: np.ndarray) -> np.ndarray:
    return thumbnails.reshape(-1, _HALF, 2, _HALF, 2).mean((2, 4), dtype=np.float32)


def _band(pictures: np.ndarray, sizes: tuple[float, float]) -> np.ndarray:
    """What is larger than the first and smaller than the second size; shape as `pictures`."""
    fine, coarse = (_blur(pictures.shape[-1], size) for size in sizes)
    pictures = pictures.astype(np.float32)
    return fine @ pictures @ fine.T - coarse @ pictures @ coarse.T


@cache
def _blur(side: int, size: float) -> np.ndarray:
    """The Gaussian filter as a matrix, shape (side, side): for small pictures a product is faster than a convolution."""
    return np.asarray(gaussian_filter1d(np.eye(side, dtype=np.float32), size, axis=0))


def _centres(side: int) -> np.ndarray:
    """Centres of pixels along a side that reaches from -1 to 1, shape (side,)."""
    return ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)


def _moved(pictures: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures shifted and stretched, and 1 where there is something of them, 0 outside; both shape (pairs, s, s).

    Args:
        place: stretch and shift along x, then along y, shape (pairs, 4).
    """
    x, inside_x = _interpolation(place[:, :2], pictures.shape[-1])
    y, inside_y = _interpolation(place[:, 2:], pictures.shape[-1])
    return y @ pictures @ x.transpose(0, 2, 1), inside_y[:, :, None] * inside_x[:, None, :]


def _interpolation(place: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights of linear interpolation along one axis, shape (pairs, side, side), and 1 inside, shape (pairs, side)."""
    position = (_centres(side) * (1 + place[:, :1]) + place[:, 1:] + 1) / 2 * side - 0.5
    weights = np.maximum(0, 1 - np.abs(position[:, :, None] - np.arange(side, dtype=np.float32)))
    return weights, ((position >= 0) & (position <= side - 1)).astype(np.float32)


def _align(one: np.ndarray, other: np.ndarray, place: np.ndarray, *, steps: int) -> np.ndarray:
    """Improve the `place` at which the other picture lies best over the first, shape (pairs, 4)."""
    x = _centres(one.shape[-1])
    for _ in range(steps):
        moved, inside = _moved(other, place)
        target, moved = _standard(one, inside), _standard(moved, inside)
        slope_y, slope_x = (inside * slope for slope in np.gradient(moved, 2 / len(x), axis=(1, 2)))
        change = np.stack([slope_x * x, slope_x, slope_y * x[:, None], slope_y], axis=1).reshape(len(one), 4, -1)
        curvature = change @ change.transpose(0, 2, 1)
        damping = 1e-3 * np.trace(curvature, axis1=1, axis2=2) / 4 + 1e-9  # a flat picture gives no direction
        curvature = curvature + damping[:, None, None] * np.eye(4, dtype=np.float32)
        step = np.linalg.solve(curvature, change @ (target - moved).reshape(len(one), -1, 1))[..., 0]
        place = np.clip(place + step, -_FARTHEST, _FARTHEST).astype(np.float32)
    return place


def _standard(pictures: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mean 0 and length 1 over what is inside; shape as `pictures`."""
    mean = (pictures * inside).sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1)
    centred = (pictures - mean[:, None, None]) * inside
    length = np.sqrt((centred * centred).sum((1, 2)))
    return np.asarray(centred / np.maximum(length, 1e-6)[:, None, None])


def _correlation(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> np.ndarray:
    return np.asarray((_standard(one, inside) * _standard(other, inside)).sum((1, 2)))


def _fields_agree(one: np.ndarray, other: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Correlation in each field that has detail, and of these the lower quartile; shape (pairs,)."""
    a, b, there = _fields(one), _fields(other), _fields(inside)
    correlation = _correlation(a, b, there).reshape(len(one), -1)
    detail = np.maximum(_spread(a, there), _spread(b, there)).reshape(len(one), -1) > _FLAT
    correlation[~detail] = np.nan
    enough = detail.sum(axis=1) >= _FEWEST_FIELDS
    result = np.zeros(len(one))
    result[enough] = np.nanquantile(correlation[enough], 0.25, axis=1)
    return result


def _fields(pictures: np.ndarray) -> np.ndarray:
    """Shape (pairs, SIDE, SIDE) -> (pairs * fields, SIDE / _FIELDS, SIDE / _FIELDS)."""
    width = SIDE // _FIELDS
    return pictures.reshape(-1, _FIELDS, width, _FIELDS, width).swapaxes(2, 3).reshape(-1, width, width)


def _spread(fields: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Root mean square of the details inside, in grey levels; shape (fields,)."""
    return np.asarray(np.sqrt((fields * fields * inside).sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1)))
