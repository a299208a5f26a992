"""Images as a cohort holds them: where each one lies, what was seen when it was read, and its pixels on demand."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd

# One row of `ImageInputs.records` per image, in this order.
RECORD = ("sha256", "width", "height", "channels", "bits", "largest", "format")


class Pictures(Protocol):
    """A source of images: files, or an array. Small enough to be sent to a worker process."""

    def __len__(self) -> int: ...

    def read(self, number: int) -> np.ndarray:
        """Pixels of one image, (height, width) if grey or (height, width, 3) in red, green, blue; uint8 or uint16.

        Raises:
            DataError: if the file cannot be read (any more).
        """
        ...


@dataclass(frozen=True)
class ImageInputs:
    """The images of the samples, one per sample.

    `rows` numbers the pictures, shape (n,). `records` has one row per sample and the columns `RECORD`: sha256 of the
    pixels as `read` gives them with their shape (text), width and height in pixels, channels (1 or 3), bits (8 or 16),
    the largest pixel value, and the file format (JPEG, PNG, DICOM, array ...). `unreadable` lists the images that were left
    out: (name, reason); `lost_patients` is the number of patients of whom no image is left, None if that is not known.
    """

    pictures: Pictures
    rows: np.ndarray
    records: pd.DataFrame
    kind: str = "image"
    features: tuple[Any, ...] = ()  # images have no columns
    unreadable: tuple[tuple[str, str], ...] = ()
    lost_patients: int | None = 0

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> "ImageInputs":
        """The given rows, shape (k,), in that order."""
        rows = np.asarray(rows)
        return replace(self, rows=self.rows[rows], records=self.records.iloc[rows].reset_index(drop=True))

    def read(self, row: int) -> np.ndarray:
        """Pixels of the sample in `row`; see `Pictures.read`."""
        return self.pictures.read(int(self.rows[row]))

    def fingerprint(self) -> str:
        """sha256 over the pixels of all images in order, 64 hexadecimal digits; file names do not count."""
        return hashlib.sha256("\n".join(self.records["sha256"]).encode()).hexdigest()


def pixel_sha256(pixels: np.ndarray) -> str:
    """sha256 of an image's shape, type and pixels, 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype.str}".encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()
