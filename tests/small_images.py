"""Images held in memory, as a cohort would hold them; shared by the tests of images."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.data.pixels import RECORD, ImageInputs, pixel_sha256


@dataclass
class Held:
    """Pictures that count how often each one was read."""

    images: list[np.ndarray]

    def __post_init__(self) -> None:
        self.reads = np.zeros(len(self.images), dtype=int)

    def __len__(self) -> int:
        return len(self.images)

    def read(self, number: int) -> np.ndarray:
        self.reads[number] += 1
        return self.images[number]


def image_inputs(images: list[np.ndarray], *, file_format: str = "PNG") -> ImageInputs:
    records = [
        (
            pixel_sha256(image),
            image.shape[1],
            image.shape[0],
            image.shape[2] if image.ndim == 3 else 1,
            8 * image.itemsize,
            int(image.max()),
            file_format,
        )
        for image in images
    ]
    return ImageInputs(Held(images), np.arange(len(images)), pd.DataFrame(records, columns=list(RECORD)))


def noise(count: int, *, seed: int = 0, shape: tuple[int, ...] = (20, 24, 3), top: int = 256) -> list[np.ndarray]:
    """Images of even noise below `top`; uint16 if `top` needs it."""
    rng = np.random.default_rng(seed)
    return [rng.integers(top, size=shape).astype(np.uint8 if top <= 256 else np.uint16) for _ in range(count)]
