"""Several versions of one image: the original, and augmented ones that are the same whenever they are made."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bedside.training.augment import Augmentation, image_seeds


@dataclass(frozen=True)
class Versions:
    """How many versions of each image are looked at, and how the ones beside the original are made."""

    count: int
    augmentation: Augmentation
    seed: int

    def of(self, pixels: np.ndarray, sha256: Sequence[str]) -> Iterator[np.ndarray]:
        """(n, size, size, channels) uint8 -> `count` times the same shape; the first is the original."""
        yield pixels
        if self.count > 1:
            seeds = image_seeds(sha256, self.seed)
            views = self.augmentation.views(torch.from_numpy(pixels), self.count, seeds)
            next(views)
            for view in views:
                yield eight_bits(view)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Versions":
        return cls(record["count"], Augmentation(**record["augmentation"]), record["seed"])


def eight_bits(images: Tensor) -> np.ndarray:
    """(n, channels, size, size) in 0..1 -> (n, size, size, channels) uint8."""
    return images.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
