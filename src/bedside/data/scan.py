"""Look at every image file once before anything is trained: what is in it, or why it cannot be read.

What would take long is shared out to worker processes; a file comes back as a small record, never with its pixels.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bedside.data.arrays import record
from bedside.data.decode import Unreadable, decode, read_pixels
from bedside.data.dicom import Header
from bedside.errors import DataError

LONG = 6.0  # seconds of work from which worker processes repay their start
_BATCH = 100  # files


@dataclass(frozen=True)
class Seen:
    """One file: its row of `ImageInputs.records`, or the reason it cannot be read; `header` if it is DICOM."""

    record: dict[str, Any] | None
    reason: str = ""
    header: Header | None = None


@dataclass(frozen=True)
class FilePictures:
    """Images in files; only the paths are held."""

    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, number: int) -> np.ndarray:
        """Pixels of one image; see `Pictures.read`."""
        path = Path(self.paths[number])
        try:
            return read_pixels(path)
        except Unreadable as reason:
            raise DataError(f"{path} {reason}. It could be read before; look whether the file changed.") from None


def scan(paths: Sequence[Path], names: Sequence[str]) -> list[Seen]:
    """What is in each file, in the order given; `names` are the samples' names, looked through for identifiers.

    Raises:
        DataError: if a file is DICOM and pydicom is not installed.
    """
    import joblib

    start = time.perf_counter()
    seen = look(paths[:_BATCH], names[:_BATCH])
    rest = range(_BATCH, len(paths), _BATCH)
    expected = (time.perf_counter() - start) * len(rest)
    workers = min(joblib.cpu_count(), len(rest)) if expected > LONG else 1
    tasks = (joblib.delayed(look)(paths[i : i + _BATCH], names[i : i + _BATCH]) for i in rest)
    return [*seen, *chain.from_iterable(joblib.Parallel(n_jobs=workers)(tasks))]


def look(paths: Sequence[Path], names: Sequence[str]) -> list[Seen]:
    """As `scan`, in this process; what decoders warn about is no news once the pixels are there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_look(path, name) for path, name in zip(paths, names, strict=True)]


def _look(path: Path, name: str) -> Seen:
    try:
        decoded = decode(path, name)
    except Unreadable as reason:
        return Seen(None, str(reason), reason.header)
    return Seen(record(decoded.pixels, decoded.form), "", decoded.header)
