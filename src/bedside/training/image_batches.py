"""Mini-batches of images: picked from the decoded pixels, augmented if they train, as the network sees them."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from bedside.models.losses import Batch
from bedside.training.augment import Augmentation, normalised, unit_pixels
from bedside.training.batches import evenly, n_batches
from bedside.training.order import Sampling, epoch_order


class ImageBatches:
    """Batches of some rows of a pixel store.

    With a generator the rows are training samples: shuffled and augmented anew in every epoch. Without one they come
    in order and as they are, so validation and test images are never augmented.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        rows: np.ndarray,
        target: Tensor,
        weight: Tensor,
        batch_size: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        device: torch.device,
        generator: torch.Generator | None = None,
        augmentation: Augmentation | None = None,
        sampling: Sampling = "shuffle",
        channels_last: bool = True,
    ) -> None:
        """
        Args:
            pixels: (images, height, width, channels), uint8, in memory or mapped from a file; see `decoded`.
            rows: which images these samples are, shape (rows,).
            target: (rows,).
            weight: (rows,).
            batch_size: rows per step.
            mean: of each channel, for pixels in 0..1.
            std: of each channel.
            device: where the batches go; images travel as 8-bit pixels and are augmented there.
            generator: on the CPU; decides order and augmentation.
            augmentation: for training images.
            sampling: see `epoch_order`.
            channels_last: how the images are stored; see `hardware.suits_channels_last`.
        """
        self.pixels, self.rows = pixels, np.asarray(rows)
        self.target, self.weight = target.to(device), weight.to(device)
        self.batch_size, self.device = batch_size, device
        self.mean, self.std = mean, std
        self.generator, self.augmentation, self.sampling = generator, augmentation, sampling
        self.channels_last = channels_last
        self.counts = [len(self.rows)]
        self.n_batches = n_batches(len(self.rows), batch_size)
        self._mean, self._std = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (mean, std))

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        count, size, last = len(self.rows), self.batch_size, self.n_batches - 1
        if self.generator is None:
            order = torch.arange(count)
        else:
            order = epoch_order(self.generator, count, self.target, self.sampling)
        for k in range(self.n_batches):
            chosen = order[k * size :] if k == last else order[k * size : (k + 1) * size]
            there = chosen.to(self.device)
            yield self._images(chosen), self.target[there], self.weight[there]

    def _images(self, chosen: Tensor) -> Tensor:
        """The chosen rows as the network sees them, shape (b, channels, height, width)."""
        pixels = torch.from_numpy(self.pixels[self.rows[chosen.numpy()]]).to(self.device)
        if self.generator is not None and self.augmentation is not None:
            images = self.augmentation(pixels, self.generator)
        else:
            images = unit_pixels(pixels)
        images = normalised(images, self._mean, self._std)
        return images if self.channels_last else images.contiguous()

    def some(self, k: int) -> "ImageBatches":
        """At most `k` of these rows, evenly spaced, in order and as they are."""
        chosen = evenly(len(self.rows), k)
        there = chosen.to(self.device)
        return ImageBatches(
            self.pixels,
            self.rows[chosen.numpy()],
            self.target[there],
            self.weight[there],
            self.batch_size,
            mean=self.mean,
            std=self.std,
            device=self.device,
            channels_last=self.channels_last,
        )
