"""From images of any size and depth to the square of 8-bit pixels that a network sees, learned from training images.

Geometry follows from the settings; what is learned is which raw value of a 16-bit image counts as white and, without
pretrained weights, the mean and standard deviation of each channel. `fit` takes the training images of one fold and
nothing else, so no other image speaks before it is asked.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from bedside.data.pixels import ImageInputs
from bedside.data.resizing import resized
from bedside.errors import RunError
from bedside.folder import write_json

SAMPLE = 1000  # training images that mean and standard deviation are taken from; more would not change them visibly
FILE = "preparation.json"

Framing = Literal["crop", "whole", "stretch"]
Resample = Literal["bicubic", "bilinear"]

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class ImagePreparation:
    """How raw pixels become the network's; the network gets (pixels / 255 - mean) / std, channels first.

    framing:  "crop"    the shorter side becomes size / crop_share, the square in the centre is kept
              "whole"   the longer side becomes size, black borders fill the square
              "stretch" both sides become size
    white:    raw value of a 16-bit image that becomes 255; larger ones become 255 too
    mean, std: per channel, of pixels in 0..1
    """

    size: int
    framing: Framing
    resample: Resample
    crop_share: float
    channels: int
    white: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(
        cls,
        inputs: ImageInputs,
        *,
        size: int,
        framing: Framing,
        resample: Resample,
        crop_share: float,
        channels: int,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> "ImagePreparation":
        """Learn from training images what the weights do not say.

        Args:
            inputs: images of the training samples of one fold, and of nobody else.
            size: side of the square in pixels.
            framing: "crop", "whole" or "stretch".
            resample: how pixels between pixels are found.
            crop_share: share of the shorter side that "crop" keeps.
            channels: 3 or 1; grey images are repeated, colour images become their luminance.
            mean: per channel, if pretrained weights expect one.
            std: per channel, if pretrained weights expect one.
        """
        given = (size, framing, resample, crop_share, channels, learned_white(inputs))
        preparation = cls(*given, mean=(0.0,) * channels, std=(1.0,) * channels)
        if mean is None or std is None:
            mean, std = preparation._moments(inputs).tolist()
        return cls(*given, mean=tuple(mean), std=tuple(std))

    def __call__(self, inputs: ImageInputs) -> np.ndarray:
        """Images -> pixels, shape (n, size, size, channels), uint8; one image is in memory at a time."""
        prepared = np.empty((len(inputs), self.size, self.size, self.channels), dtype=np.uint8)
        for row in range(len(inputs)):
            prepared[row] = self.prepare_one(inputs.read(row))
        return prepared

    def prepare_one(self, pixels: np.ndarray) -> np.ndarray:
        """One image (height, width) or (height, width, 3), uint8 or uint16 -> (size, size, channels), uint8."""
        image = Image.fromarray(eight_bit(pixels, self.white))
        if self.channels == 1:
            image = image.convert("L")
        framed = np.asarray(self._framed(image))
        if framed.ndim == 2:
            framed = np.repeat(framed[:, :, None], self.channels, axis=2)
        return framed

    def _framed(self, image: Image.Image) -> Image.Image:
        size, (width, height) = self.size, image.size
        if self.framing == "stretch":
            return self._resized(image, size, size)
        crop = self.framing == "crop"
        scale = round(size / self.crop_share) / min(width, height) if crop else size / max(width, height)
        image = self._resized(image, max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = round((image.width - size) / 2), round((image.height - size) / 2)
        return image.crop((left, top, left + size, top + size))  # what lies outside the image is black

    def _resized(self, image: Image.Image, width: int, height: int) -> Image.Image:
        return resized(image, width, height, _FILTERS[self.resample])

    def _moments(self, inputs: ImageInputs) -> np.ndarray:
        """Mean and standard deviation of each channel over an even sample of the images, shape (2, channels)."""

        def histogram(pixels: np.ndarray) -> np.ndarray:
            prepared = Image.fromarray(self.prepare_one(pixels).squeeze())
            return np.array(prepared.histogram()).reshape(self.channels, 256)

        rows = np.unique(np.linspace(0, len(inputs) - 1, min(SAMPLE, len(inputs))).round().astype(int))
        counts = sum(remembered(inputs, row, f"histogram {self.key()}", histogram) for row in rows)
        share, levels = counts / (len(rows) * self.size**2), np.arange(256) / 255
        mean, square = share @ levels, share @ levels**2
        std = np.sqrt(np.maximum(square - mean**2, 0))
        return np.stack([mean, np.where(std > 0, std, 1.0)])  # a channel that never varies is centred only

    def key(self) -> str:
        """Everything that changes pixels, in words fit for a file name; names stored pixels and features."""
        share = f"{self.crop_share:g}" if self.framing == "crop" else ""
        return f"{self.size}px-{self.framing}{share}-{self.resample}-{self.channels}ch-white{self.white}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """What a network sees of one image: (channels, size, size)."""
        return self.channels, self.size, self.size

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, asdict(self))

    @classmethod
    def load(cls, folder: Path) -> "ImagePreparation":
        """Read what `save` wrote.

        Raises:
            RunError: if the file is missing or damaged.
        """
        try:
            record: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
            record["mean"], record["std"] = tuple(record["mean"]), tuple(record["std"])
            return cls(**record)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise RunError(
                f"{folder / FILE} cannot be read ({type(error).__name__}: {error}); remake the run."
            ) from None


def learned_white(inputs: ImageInputs) -> int:
    """Raw value that becomes 255: for 16-bit images 2^k - 1, the smallest that holds all of these; else 255."""
    deep = inputs.records.loc[inputs.records["bits"] == 16, "largest"]
    return 2 ** int(deep.max()).bit_length() - 1 if len(deep) and deep.max() > 0 else 255


def eight_bit(pixels: np.ndarray, white: int) -> np.ndarray:
    """16-bit pixels -> uint8 with `white` and what is above it as 255; 8-bit pixels stay as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((np.minimum(pixels, white).astype(np.uint32) * 510 + white) // (2 * white)).astype(np.uint8)


_REMEMBERED: dict[tuple[str, str], np.ndarray] = {}


def remembered(inputs: ImageInputs, row: int, what: str, compute: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """A few numbers computed from one image's pixels, once per process: folds share most of their images.

    Args:
        inputs: the images.
        row: which of them.
        what: names the computation with everything that changes its result.
        compute: pixels as read -> a small array.
    """
    name = (str(inputs.records["sha256"].iloc[row]), what)
    if not name[0]:  # images that were never hashed
        return compute(inputs.read(row))
    if name not in _REMEMBERED:
        _REMEMBERED[name] = compute(inputs.read(row))
    return _REMEMBERED[name]
