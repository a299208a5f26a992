"""The decoded-pixel store: every image is read and resized once, whatever the number of epochs, folds and runs.

A file in the cache folder is named by what is in it (the pixels of all images and the preparation), so one that is
there is right; it takes its name only when it is whole.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from bedside.cache import cache_folder
from bedside.data.pixels import ImageInputs
from bedside.splits.images import ImagePreparation

SMALL = 64 * 2**20  # bytes that are kept in memory without a file
SPARE = 2 * 2**30  # bytes of the disk that are left free
MANY = 200_000_000  # pixels in all files together from which worker processes gain more than their start costs
CHUNK = 64  # images that a worker hands back at once
ABANDONED = 24 * 3600  # seconds after which an unfinished file has lost its writer


def decoded(inputs: ImageInputs, preparation: ImagePreparation, *, workers: int = 1) -> np.ndarray:
    """The images as the preparation gives them, shape (n, size, size, channels), uint8.

    Mapped from a file of the cache folder if they are large and fit there with room to spare, else in memory. A cache
    that cannot be written is done without.

    Args:
        inputs: images in the order of the rows.
        preparation: framing, size and white.
        workers: processes that decode many files at once.

    Raises:
        DataError: if an image cannot be read any more.
    """
    shape = (len(inputs), preparation.size, preparation.size, preparation.channels)
    path = _place(inputs, preparation, int(np.prod(shape)))
    if path is not None:
        kept = _stored(path, shape)
        if kept is None and shutil.disk_usage(path.parent).free > int(np.prod(shape)) + SPARE:
            kept = _store(path, shape, _chunks(inputs, preparation, workers))
        if kept is not None:
            return kept
    pixels = np.empty(shape, dtype=np.uint8)
    filled = 0
    for chunk in _chunks(inputs, preparation, workers):
        pixels[filled : filled + len(chunk)] = chunk
        filled += len(chunk)
    return pixels


def _place(inputs: ImageInputs, preparation: ImagePreparation, size: int) -> Path | None:
    """The file for these pixels, its folder made; None if they stay in memory."""
    if size < SMALL or (inputs.records["sha256"] == "").any():
        return None
    digest = hashlib.sha256(f"{preparation.key()}\n{inputs.fingerprint()}".encode()).hexdigest()
    path = cache_folder() / "pixels" / f"{digest[:40]}.npy"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return path


def _stored(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """The pixels of an earlier time; None if there are none, or if they are not what the name promises."""
    try:
        pixels: np.ndarray = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _store(path: Path, shape: tuple[int, ...], chunks: Iterator[np.ndarray]) -> np.ndarray | None:
    """Write the pixels beside their place, then rename; None if the cache cannot be written."""
    _sweep(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # Written in order, not through a memory map: a full disk is then an error and not the end of the process.
        with open(temporary, "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks:
                file.write(chunk.tobytes())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError:
        return None
    finally:
        temporary.unlink(missing_ok=True)
    return _stored(path, shape)


def _sweep(folder: Path) -> None:
    """Remove what killed writers left behind."""
    for part in folder.glob(".*.part"):
        try:
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink(missing_ok=True)
        except OSError:
            continue  # another process was faster


def _chunks(inputs: ImageInputs, preparation: ImagePreparation, workers: int) -> Iterator[np.ndarray]:
    """Prepared images in order, some at a time; in worker processes if there are many files."""
    parts = (inputs.take(np.arange(start, min(start + CHUNK, len(inputs)))) for start in range(0, len(inputs), CHUNK))
    records = inputs.records
    work = (records["width"] * records["height"])[records["format"] != "array"].sum()
    if workers == 1 or work < MANY:
        yield from map(preparation, parts)
        return
    tasks = (delayed(preparation)(part) for part in parts)
    yield from Parallel(n_jobs=workers, prefer="processes", return_as="generator")(tasks)
