"""Numbers that a person could state about an image without looking at what it shows: the input of the simple baseline.

If a network is no better than brightness, sharpness and the size of the file, it has not seen the disease.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.preprocessing import StandardScaler

from bedside.data.pixels import ImageInputs
from bedside.settings import PreparationSettings
from bedside.splits.images import eight_bit, learned_white, remembered
from bedside.splits.preparation import load_skops

LONGEST = 256  # pixels of the longer side on which the numbers are taken
DARK, SATURATED = 12, 250  # of 255: at most this is dark, at least this is saturated

_PER_CHANNEL = ("mean", "standard deviation", "5th percentile", "median", "95th percentile")
_LEFT_OUT = ("5th", "median", "95th", "aspect")  # of `measured`: they say little that the others do not
_OVERALL = ("dark share", "saturated share", "sharpness", "entropy", "width", "height", "aspect")


class StatisticsPreparation:
    """Statistics of images, each with mean 0 and standard deviation 1 over the training images."""

    def __init__(self, channels: int, white: int, scaler: StandardScaler) -> None:
        self.channels, self.white, self.scaler = channels, white, scaler

    @classmethod
    def fit(cls, inputs: Any, settings: PreparationSettings) -> "StatisticsPreparation":
        """Learn means and standard deviations from training samples.

        Args:
            inputs: `ImageInputs` of the training samples of one fold, and of nobody else.
            settings: with scale=none the numbers stay as they are.
        """
        channels = int(inputs.records["channels"].max())
        scaled = settings.scale == "standard"
        preparation = cls(channels, learned_white(inputs), StandardScaler(with_mean=scaled, with_std=scaled))
        preparation.scaler.fit(preparation._raw(inputs))
        if scaled:  # what never varied in training teaches nothing; another value later must not act unscaled
            preparation.scaler.scale_[preparation.scaler.var_ == 0] = np.inf
        return preparation

    @property
    def names(self) -> list[str]:
        """One name per column, such as "mean red"; grey images have no colour in the name."""
        colours = [" red", " green", " blue"] if self.channels == 3 else [""]
        return [f"{statistic}{colour}" for statistic in _PER_CHANNEL for colour in colours] + list(_OVERALL)

    def __call__(self, inputs: Any) -> np.ndarray:
        """Images -> numbers, shape (n, len(names)), 32-bit floats."""
        return self.scaler.transform(self._raw(inputs)).astype(np.float32)

    def _raw(self, inputs: ImageInputs) -> np.ndarray:
        what = f"statistics {self.channels}ch-white{self.white}"
        return np.stack([remembered(inputs, row, what, self._statistics) for row in range(len(inputs))])

    def _statistics(self, pixels: np.ndarray) -> np.ndarray:
        """One image -> its numbers in the order of `names`, shape (k,)."""
        height, width = pixels.shape[:2]
        image = Image.fromarray(eight_bit(pixels, self.white)).convert("RGB" if self.channels == 3 else "L")
        image.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
        grey = image.convert("L")
        counts = np.array(image.histogram()).reshape(self.channels, 256)  # how many pixels have each level
        share = np.array(grey.histogram()) / (grey.width * grey.height)
        overall = [
            share[: DARK + 1].sum(),
            share[SATURATED:].sum(),
            _sharpness(np.asarray(grey, dtype=np.int16)),
            -(share[share > 0] * np.log2(share[share > 0])).sum(),
            width,
            height,
            width / height,
        ]
        return np.concatenate([*_per_channel(counts / counts.sum(axis=1, keepdims=True)), overall])

    def save(self, path: Path) -> None:
        import skops.io

        skops.io.dump({"channels": self.channels, "white": self.white, "scaler": self.scaler}, path)

    @classmethod
    def load(cls, path: Path) -> "StatisticsPreparation":
        return cls(**load_skops(path))


def measured(inputs: ImageInputs, channels: int, white: int) -> tuple[list[str], np.ndarray]:
    """Brightness, contrast, sharpness and size of images, unscaled: names, and numbers of shape (n, len(names)).

    Args:
        channels: 3 or 1, as which all images are measured.
        white: raw value of a 16-bit image that counts as white.
    """
    preparation = StatisticsPreparation(channels, white, StandardScaler())
    kept = [k for k, name in enumerate(preparation.names) if not name.startswith(_LEFT_OUT)]
    return [preparation.names[k] for k in kept], preparation._raw(inputs)[:, kept]


def _per_channel(share: np.ndarray) -> list[np.ndarray]:
    """The statistics `_PER_CHANNEL` from the share of pixels at each level, (channels, 256); each (channels,)."""
    levels = np.arange(256.0)
    mean = share @ levels
    spread = np.sqrt(np.maximum(share @ levels**2 - mean**2, 0))
    below = share.cumsum(axis=1)
    return [mean, spread, *((below >= part - 1e-9).argmax(axis=1) for part in (0.05, 0.5, 0.95))]


def _sharpness(grey: np.ndarray) -> float:
    """Mean difference between neighbours along the rows plus along the columns, in grey levels."""
    return float(sum(np.abs(np.diff(grey, axis=axis)).mean() for axis in (0, 1) if grey.shape[axis] > 1))
