"""Encoder and decoder of images, and the error of what they give back, place by place."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.models.coders import Settled
from bedside.models.reconstruction import Reconstructor

_STRIDE = 2  # of each convolution
_KERNEL = 3


class ImageCoder(Reconstructor):
    """Convolutions that make an image smaller, a code, and convolutions that make it large again.

    What is given back is added to the average of the training images, so the code only holds what is an image's own.
    """

    average: Tensor

    def __init__(
        self, shape: tuple[int, ...], *, width: int, layers: int, code: int, hide: float, beta: float | None = None
    ) -> None:
        super().__init__()
        channels, self.size = shape[0], shape[-1]
        side = -(-self.size // _STRIDE**layers)
        there: list[nn.Module] = []
        back: list[nn.Module] = [nn.Linear(code, width * side**2), nn.Unflatten(1, (width, side, side)), nn.ReLU()]
        for number in range(layers):
            last = number == layers - 1
            there += [nn.Conv2d(width if number else channels, width, _KERNEL, _STRIDE, _KERNEL // 2), nn.ReLU()]
            back += [
                nn.Upsample(scale_factor=_STRIDE, mode="bilinear"),
                nn.Conv2d(width, channels if last else width, _KERNEL, padding=_KERNEL // 2),
                *([] if last else [nn.ReLU()]),
            ]
        self.padding = side * _STRIDE**layers - self.size
        self.coder = Settled(nn.Sequential(*there, nn.Flatten()), width * side**2, code, nn.Sequential(*back), beta)
        self.hide = nn.Dropout(hide)
        self.register_buffer("average", torch.zeros(shape))

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """See `Reconstructor`; the average is that of the training images at each place."""
        self.average.copy_(prepared.mean(dim=0))

    def _coded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        own = x - self.average
        if self.training and self.hide.p > 0:
            own = own * (self.hide(torch.ones_like(own[:, :1])) > 0)  # a place is hidden in all channels
        given, code, cost = self.coder(F.pad(own, (0, self.padding, 0, self.padding)))
        return given[..., : self.size, : self.size] + self.average, code, cost

    def embed(self, x: Tensor) -> Tensor:
        return self._coded(x)[1]

    def reconstruct(self, x: Tensor) -> Tensor:
        return self._coded(x)[0]

    def by_place(self, x: Tensor) -> Tensor:
        """Error at each place, (n, size, size); its mean is the error of the image."""
        return 0.5 * ((x - self.reconstruct(x)) ** 2).mean(dim=1)

    def errors(self, x: Tensor) -> Tensor:
        given, _, cost = self._coded(x)
        wrong, average = (0.5 * ((x - guess) ** 2).mean(dim=(1, 2, 3)) for guess in (given, self.average))
        return torch.stack([wrong, cost / x[0].numel(), average], dim=1)
