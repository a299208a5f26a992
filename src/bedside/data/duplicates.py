"""Images that are there twice: the same pixels, or the same picture saved, sized, lit, cut, mirrored or turned anew.

Three steps, each on what the one before left. Equal sha256 of the pixels: exact. A perceptual hash of 63 numbers, low
frequencies of the cosine transform, in which mirroring and turning only change signs and order: candidates. Details
laid over each other (see `likeness`): near duplicates. The hash is kept as numbers instead of bits, because then all
pairs are one matrix product, and because a picture cut a little moves these numbers less than it flips bits.

Found are copies saved as JPEG, resized, brighter or darker, mirrored, turned by right angles, or with up to about 5 %
of each side cut off. Not found are copies turned by other angles, cut more, drawn over or with borders added.
Images without detail, such as a plain field, are duplicates only if they are exactly equal.

Source:
    Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions (the hash from a cosine transform).
"""

import time
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pandas as pd
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bedside.data.likeness import SIDE, agreement
from bedside.data.pixels import ImageInputs

LONG = 6.0  # seconds of work from which worker processes repay their start
_BATCH = 100  # images read, or pairs compared, at a time
_FREQUENCIES = 8  # along each axis of the hash
_LEAST_SHRINK = 0.2  # of second moments; more in cohorts with fewer images than there are moments
_ALIKE = 0.5  # product of two hashes from which a pair is a candidate
_NEAREST = 10  # candidates per image at most
_BLOCK = 512  # images transformed at a time
_PRODUCTS = 4_000_000  # of two hashes, held at a time
# Smallest side in pixels -> agreement from which a pair is a near duplicate: little detail must agree better.
_SAME = {32: 0.95, 128: 0.85}


@dataclass(frozen=True)
class Duplicates:
    """Numbers of samples whose pixels another one has too (`exact`), and of those only nearly like others (`near`);
    `groups` of more than one sample; `pairs` are the links found, (row, row, "exact" or "near")."""

    exact: int = 0
    near: int = 0
    groups: int = 0
    pairs: list[tuple[int, int, str]] = field(default_factory=list)


def link_images(inputs: ImageInputs) -> tuple[np.ndarray, Duplicates]:
    """Number groups of images that repeat each other, shape (n,) from 0 in order of appearance, and say what was found."""
    same = pd.factorize(inputs.records["sha256"])[0].astype(np.int64)
    first = np.unique(same, return_index=True)[1]  # a row of each different image; `same` numbers them in this order
    twins = np.flatnonzero(first[same] != np.arange(len(same)))
    near = near_pairs(inputs.take(first)) if len(first) > 1 else np.empty((0, 2), dtype=np.int64)
    edges = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(first), len(first)))
    linked = np.asarray(connected_components(edges, directed=False)[1][same], dtype=np.int64)
    exact = np.bincount(same)[same] > 1
    sizes = np.bincount(linked)
    pairs = [(int(first[same[row]]), int(row), "exact") for row in twins]
    pairs += [(int(first[a]), int(first[b]), "near") for a, b in near]
    n_near = int((~exact & (sizes[linked] > 1)).sum())
    return pd.factorize(linked)[0], Duplicates(int(exact.sum()), n_near, int((sizes > 1).sum()), pairs)


def near_pairs(inputs: ImageInputs) -> np.ndarray:
    """Rows of images that show the same picture, shape (pairs, 2); `inputs` must all differ."""
    thumbnails = read_thumbnails(inputs)
    rows, turns = _candidates(thumbnails)
    values = np.zeros(len(rows))
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        others = np.array([_turned(thumbnails[b], turn) for (_, b), turn in zip(rows[part], turns[part], strict=True)])
        values[part] = agreement(thumbnails[rows[part, 0]], others)
    side = inputs.records[["width", "height"]].to_numpy().min(axis=1)
    needed = np.interp(side[rows].min(axis=1), list(_SAME), list(_SAME.values()))
    return rows[values >= needed]


def read_thumbnails(inputs: ImageInputs) -> np.ndarray:
    """Every image grey, SIDE x SIDE and from 0 to at most 255, shape (n, SIDE, SIDE); worker processes share long work."""
    import joblib

    start = time.perf_counter()
    parts = [range(begin, min(begin + _BATCH, len(inputs))) for begin in range(0, len(inputs), _BATCH)]
    first = _thumbnails(inputs, parts[0])
    expected = (time.perf_counter() - start) * (len(parts) - 1)
    in_memory = bool((inputs.records["format"] == "array").all())
    workers = 1 if in_memory or expected < LONG else min(joblib.cpu_count(), len(parts) - 1)
    tasks = (joblib.delayed(_thumbnails)(inputs, rows) for rows in parts[1:])
    return np.concatenate(list(chain([first], joblib.Parallel(n_jobs=workers)(tasks))))


def _thumbnails(inputs: ImageInputs, rows: range) -> np.ndarray:
    return np.array([thumbnail(inputs.read(row)) for row in rows])


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A grey image of SIDE x SIDE whatever its proportions, 0 to 255, shape (SIDE, SIDE)."""
    from PIL import Image

    from bedside.data.resizing import resized

    if pixels.dtype != np.uint8:
        pixels = (pixels * (255 / max(int(pixels.max()), 1))).astype(np.uint8)
    grey = Image.fromarray(pixels).convert("L")
    return np.asarray(resized(grey, SIDE, SIDE, Image.Resampling.BICUBIC))


def _candidates(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs with similar hashes, shape (pairs, 2), and how the second must be turned, 0 to 7, shape (pairs,)."""
    hashes = _told_apart(perceptual_hash(thumbnails))
    versions = [version.reshape(len(hashes), -1) for version in _versions(hashes)]
    hashes = hashes.reshape(len(hashes), -1)
    pairs, step = [], max(16, _PRODUCTS // len(hashes))
    for start in range(0, len(hashes), step):
        block = hashes[start : start + step]
        likeness = block @ versions[0].T
        for version in versions[1:]:
            np.maximum(likeness, block @ version.T, out=likeness)
        likeness[np.arange(len(block)), np.arange(start, start + len(block))] = -1
        most = min(_NEAREST, len(hashes) - 1)
        limit = np.maximum(_ALIKE, -np.partition(-likeness, most - 1, axis=1)[:, most - 1])
        one, other = np.nonzero(likeness >= limit[:, None])
        pairs.append(np.sort(np.column_stack([one + start, other]), axis=1))
    rows = np.unique(np.concatenate(pairs), axis=0)
    turned = np.array([(hashes[rows[:, 0]] * version[rows[:, 1]]).sum(axis=1) for version in versions])
    return rows, turned.argmax(axis=0)


def perceptual_hash(thumbnails: np.ndarray) -> np.ndarray:
    """Cosine transform at low frequencies, weighted so that none stands out, length 1; shape (n, 8, 8).

    Natural images have amplitudes that fall with the frequency; multiplying by it ^ 1.5 makes up for that and a
    little more, and takes away the mean brightness.
    """
    n = _FREQUENCIES
    spectra = [
        dctn(thumbnails[i : i + _BLOCK].astype(np.float32), axes=(1, 2), norm="ortho")[:, :n, :n]
        for i in range(0, len(thumbnails), _BLOCK)
    ]
    hashes = np.concatenate(spectra) * (np.hypot(*np.mgrid[:n, :n]) ** 1.5).astype(np.float32)
    length = np.sqrt((hashes**2).sum((1, 2), keepdims=True))
    return np.asarray(hashes / np.maximum(length, 1e-6))


def _told_apart(hashes: np.ndarray) -> np.ndarray:
    """Hashes in which what most images of this cohort share counts little, length 1; shape as `hashes`.

    The second moments over all images and all ways to turn them are shrunk towards independence and divided out
    (whitening), so that the dark middle of lesions or the black rim of a fundus does not make every pair alike.
    """
    flat = hashes.reshape(len(hashes), -1)
    size = flat.shape[1]
    moments = np.mean(
        [turned.reshape(flat.shape).T @ turned.reshape(flat.shape) for turned in _versions(hashes)], axis=0
    )
    shrink = max(_LEAST_SHRINK, size / (size + len(flat)))
    moments = (1 - shrink) * moments + (shrink * np.trace(moments) / size + 1e-9) * np.eye(size)
    values, axes = np.linalg.eigh(moments)
    white = (flat @ ((axes / np.sqrt(values)) @ axes.T)).astype(np.float32)
    return np.asarray(white / np.maximum(np.linalg.norm(white, axis=1), 1e-6)[:, None]).reshape(hashes.shape)


def _versions(hashes: np.ndarray) -> list[np.ndarray]:
    """The hashes that the images would have if `_turned` by 0 to 7."""
    sign = (-1.0) ** np.arange(_FREQUENCIES, dtype=np.float32)
    turned = []
    for turn in range(8):
        version = hashes.transpose(0, 2, 1) if turn & 4 else hashes
        version = version * sign[:, None] if turn & 2 else version
        turned.append(version * sign if turn & 1 else version)
    return turned


def _turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight ways to mirror a square and turn it by right angles; 0 leaves it as it is."""
    picture = picture.T if turn & 4 else picture
    picture = picture[::-1] if turn & 2 else picture
    return picture[:, ::-1] if turn & 1 else picture
