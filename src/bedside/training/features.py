"""What a frozen backbone sees in each image, computed once and kept on the disk for the next run.

Images are decoded by threads while the network works on those before; only a few batches are in memory. A kept
feature belongs to the pixels of one image, the weights, the preparation and the version: whatever changes, only what
it touches is computed again.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from bedside.data.pixels import ImageInputs
from bedside.splits.images import ImagePreparation
from bedside.training.engine import Engine
from bedside.training.kept import Kept
from bedside.training.versions import Versions

FORMAT = "1"  # of kept features; raised when the same key would mean other numbers
KEEP_EVERY = 2048  # images after which features are written, so that an interrupted run loses few


@dataclass(frozen=True)
class Features:
    """Features of n images, shape (n, versions, width), float32, and how they came about.

    `problem` says why they could not be kept for the next run; None if they were, or were not to be.
    """

    features: np.ndarray
    computed: int
    reused: int
    problem: str | None = None


def extract(
    inputs: ImageInputs,
    preparation: ImagePreparation,
    versions: Versions,
    engine: Callable[[], Engine],
    *,
    weights: str | None,
    device: torch.device | str = "cpu",
    workers: int = 2,
) -> Generator[int, None, Features]:
    """Features of every version of every image, from the cache where it has them.

    Args:
        inputs: n images; those whose record has no sha256 are computed every time.
        preparation: makes an image of any size and depth the network's own.
        versions: of each image; their `repr` without the count names them in the cache.
        engine: makes, or returns, what runs the backbone; not called if the cache has everything.
        weights: sha256 of the backbone's weights and architecture, see `Weights`; None to neither read nor write the cache.
        device: where the engine runs, since a GPU rounds differently.
        workers: threads that decode.

    Yields:
        Images done so far, after each batch.

    Returns:
        The features: `result = yield from extract(...)`, or `complete(extract(...))`.

    Raises:
        DataError: if an image can no longer be read.
    """
    names = [str(sha256) or f"row {row}" for row, sha256 in enumerate(inputs.records["sha256"])]
    kept = None if weights is None else Kept(*_key(weights, preparation, versions, device), versions.count)
    known = {} if kept is None else kept.read(set(names))
    reused = sum(name in known for name in names)
    rows = {name: row for row, name in reversed(list(enumerate(names))) if name not in known}
    todo = np.array(sorted(rows.values()), dtype=int)  # one row for each image that was not seen before
    done, waiting, problem = reused, {}, None
    if reused:
        yield done
    try:
        for part, features in encoded(inputs, preparation, versions, engine, todo, workers=workers):
            waiting.update({names[row]: one for row, one in zip(part, features, strict=True)})
            known.update({names[row]: waiting[names[row]] for row in part})
            if kept is not None and len(waiting) >= KEEP_EVERY:
                problem, waiting = problem or kept.add(waiting), {}
            done += len(part)
            yield done
    finally:
        if kept is not None and waiting:
            problem = problem or kept.add(waiting)
    return Features(np.stack([known[name] for name in names]), len(todo), reused, problem)


def missing(
    inputs: ImageInputs,
    preparation: ImagePreparation,
    versions: Versions,
    *,
    weights: str,
    device: torch.device | str = "cpu",
) -> int:
    """Images whose features `extract` would have to compute."""
    names = [str(sha256) for sha256 in inputs.records["sha256"]]
    known = Kept(*_key(weights, preparation, versions, device), versions.count).read(set(names))
    return sum(name not in known for name in names)


def encoded(
    inputs: ImageInputs,
    preparation: ImagePreparation,
    versions: Versions,
    engine: Callable[[], Engine],
    rows: np.ndarray | None = None,
    *,
    workers: int = 2,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Outputs of an engine for images in order, a batch at a time: memory does not grow with their number.

    Args:
        inputs: the images.
        preparation: makes an image of any size and depth the network's own.
        versions: of each image.
        engine: makes, or returns, what runs the network; called if there is something to run.
        rows: which images, shape (k,); by default all.
        workers: threads that decode.

    Yields:
        Rows of a batch, shape (b,), and their outputs, shape (b, versions, ...).
    """
    rows = np.arange(len(inputs)) if rows is None else rows
    if not len(rows):
        return
    running = engine()
    sha256 = inputs.records["sha256"].to_numpy()

    def prepared(part: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        pixels = np.stack([preparation.prepare_one(inputs.read(int(row))) for row in part])
        return part, list(versions.of(pixels, sha256[part].tolist()))

    parts = (rows[start : start + running.batch] for start in range(0, len(rows), running.batch))
    for part, pixels in ahead(prepared, parts, workers=workers):
        yield part, np.stack([running.run(version) for version in pixels], axis=1)


def ahead(work: Callable[[Any], Any], items: Iterator[Any], *, workers: int) -> Iterator[Any]:
    """`map(work, items)` on threads, in order, at most two items per thread ahead of the reader."""
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        waiting: deque[Future[Any]] = deque(pool.submit(work, item) for item in islice(items, 2 * workers))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, item) for item in islice(items, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()


def complete(extraction: Generator[int, None, Features]) -> Features:
    """Run an extraction to its end without looking at its progress."""
    while True:
        try:
            next(extraction)
        except StopIteration as end:
            result: Features = end.value
            return result


def _key(
    weights: str, preparation: ImagePreparation, versions: Versions, device: torch.device | str
) -> tuple[dict[str, str], dict[str, str]]:
    """What features of the original depend on, and what those of other versions depend on beside that."""
    normalisation = f"{preparation.mean} {preparation.std}"
    same = {
        "format": FORMAT,
        "weights": weights,
        "preparation": f"{preparation.key()} {normalisation}",
        "device": torch.device(device).type,
    }
    return same, {"versions": repr(versions).replace(f"count={versions.count}", "")}
