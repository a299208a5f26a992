"""Networks for recordings and images, unfolded: their features learn to give back what is hidden from them.

Patches are hidden, and the features must say what was there, so that they learn what goes together in such recordings or
images before anybody tells them a target. What gives back is small and is thrown away afterwards.

Sources: Vincent et al. 2010, Journal of Machine Learning Research 11:3371 (denoising as a start); Pathak et al. 2016,
doi:10.1109/CVPR.2016.278 (patches that are hidden); He et al. 2022, doi:10.1109/CVPR52688.2022.01553 (many of them).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.models.classifier import Classifier
from bedside.models.reconstruction import Reconstructor
from bedside.models.sequence import SequenceClassifier

PATCHES = 16  # along a recording, or along a side of an image
HIDE = 0.4  # of the patches


class Unfolded(Reconstructor):
    """What both have in common: samples `own` with their average taken away, hidden in patches while they train.

    The error counts all that is known, hidden or not: what is seen must not be forgotten.
    """

    average: Tensor

    def __init__(self, average: tuple[int, ...]) -> None:
        super().__init__()
        self.hide = nn.Dropout(HIDE)
        self.register_buffer("average", torch.zeros(average))

    def _hidden(self, own: Tensor) -> Tensor:
        """1 where something is left to see, (n, 1, ...), in patches."""
        n, sides = own.shape[0], own.shape[2:]
        cells = self.hide(own.new_ones(n, 1, *(min(PATCHES, side) for side in sides)))
        return F.interpolate((cells > 0).to(own.dtype), size=sides, mode="nearest")


class UnfoldedSequence(Unfolded):
    """A network for recordings (n, channels + 1, time), and what gives them back from its features along time."""

    def __init__(self, network: SequenceClassifier, shape: tuple[int, ...], width: int) -> None:
        channels, time = shape[0] - 1, shape[1]
        super().__init__((channels, time))
        self.network = network
        self.back = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=network.stride, mode="linear") if network.stride > 1 else nn.Identity(),
            nn.Conv1d(width, channels, 7, padding=3),
        )

    def side_by_side(self, places: int) -> int:
        return self.network.side_by_side(places)

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """See `Reconstructor`; the average is that of the training recordings at each point of time."""
        recorded = prepared[:, -1:]
        self.average.copy_((prepared[:, :-1] * recorded).sum(dim=0) / recorded.sum(dim=0).clamp(min=1))

    def _given(self, x: Tensor) -> Tensor:
        recorded = x[:, -1:]
        own = x[:, :-1] * recorded
        seen = own * self._hidden(own) if self.training else own
        found: Tensor = self.back(self.network.steps(torch.cat([seen, recorded], dim=1), x[:, -1]))
        return found[..., : x.shape[-1]]

    def embed(self, x: Tensor) -> Tensor:
        return self.network.embed(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        return torch.cat([self._given(x) * x[:, -1:], x[:, -1:]], dim=1)

    def errors(self, x: Tensor) -> Tensor:
        recorded = x[:, -1:]
        points = (recorded.sum(dim=(1, 2)) * (x.shape[1] - 1)).clamp(min=1)
        average = self.average[:, : x.shape[-1]]
        wrong, usual = (
            0.5 * (((x[:, :-1] - guess) ** 2) * recorded).sum(dim=(1, 2)) / points
            for guess in (self._given(x), average)
        )
        return torch.stack([wrong, torch.zeros_like(wrong), usual], dim=1)


class UnfoldedImage(Unfolded):
    """A network for images (n, channels, size, size), and what gives them back from its maps."""

    def __init__(self, network: Classifier, shape: tuple[int, ...], width: int) -> None:
        super().__init__(shape)
        self.network = network
        self.back = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(size=tuple(shape[1:]), mode="bilinear"),
            nn.Conv2d(width, shape[0], 3, padding=1),
        )

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """See `Reconstructor`; the average is that of the training images at each place."""
        self.average.copy_(prepared.mean(dim=0))

    def _given(self, x: Tensor) -> Tensor:
        own = x - self.average
        seen = own * self._hidden(own) if self.training else own
        found: Tensor = self.back(self.network.grid(self.network.maps(seen + self.average)))
        return found + self.average

    def embed(self, x: Tensor) -> Tensor:
        return self.network.embed(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self._given(x)

    def errors(self, x: Tensor) -> Tensor:
        wrong, usual = (0.5 * ((x - guess) ** 2).mean(dim=(1, 2, 3)) for guess in (self._given(x), self.average))
        return torch.stack([wrong, torch.zeros_like(wrong), usual], dim=1)
