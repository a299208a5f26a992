"""Convolutional network: small filters slide over the image, layer by layer they see more of it at once.

Sources: He et al. 2016, doi:10.1109/CVPR.2016.90 (residual blocks; section 4.2 for small images); He et al. 2019,
doi:10.1109/CVPR.2019.00065 (averaging in the shortcut, which throws no pixel away).
"""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from bedside.models.classifier import Classifier
from bedside.settings import Settings

SMALL = 64  # side in pixels up to which the stem keeps every pixel


class CNNSettings(Settings):
    """The architecture: how wide, how deep."""

    width: int = Field(default=16, ge=1, le=1024)
    """Filters in the first stage, each looking for one pattern; every further stage has twice as many and sees half the detail."""
    stages: int = Field(default=3, ge=1, le=6)
    """How many times the image is looked at, each time coarser and with a wider view."""
    blocks: int = Field(default=1, ge=1, le=16)
    """Pairs of layers in each stage; more make the network deeper."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the last features switched off at random in each training step, so that the network relies on none of them alone."""
    start: Literal["random", "autoencoder"] = "random"
    """Random first weights, or filters that first learned to fill hidden parts of the training samples, without the target."""


class Block(nn.Module):
    """Two 3x3 convolutions whose result is added to their input: the block only has to learn what is missing."""

    def __init__(self, n_inputs: int, n_outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(n_inputs, n_outputs, stride=stride)
        self.second = convolution(n_outputs, n_outputs)
        self.activation = nn.ReLU()
        same = n_inputs == n_outputs and stride == 1
        smaller = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = nn.Identity() if same else nn.Sequential(smaller, convolution(n_inputs, n_outputs, size=1))

    def forward(self, x: Tensor) -> Tensor:
        """(n, n_inputs, h, w) -> (n, n_outputs, h / stride, w / stride)."""
        learned = self.second(self.activation(self.first(x)))
        result: Tensor = self.activation(learned + self.shortcut(x))
        return result


def convolution(n_inputs: int, n_outputs: int, *, size: int = 3, stride: int = 1) -> nn.Module:
    """Convolution and batch normalisation; the normalisation has its own offset, so the convolution needs none."""
    filters = nn.Conv2d(n_inputs, n_outputs, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(filters, nn.BatchNorm2d(n_outputs))


class CNN(Classifier):
    """Stem, stages of residual blocks, the mean over the image, the last layer."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, settings: CNNSettings) -> None:
        channels, side = shape[0], shape[-1]
        widths = [settings.width * 2**k for k in range(settings.stages)]
        super().__init__(widths[-1], n_outputs, settings.dropout)
        stem: list[nn.Module] = [convolution(channels, widths[0]), nn.ReLU()]
        if side > SMALL:  # a large image is made smaller first, or every layer would cost 16 times as much
            stem = [convolution(channels, widths[0], size=7, stride=2), nn.ReLU(), nn.MaxPool2d(2)]
        self.stem = nn.Sequential(*stem)
        stages: list[nn.Module] = []
        before = widths[0]
        for k, width in enumerate(widths):
            blocks: list[nn.Module] = []
            for number in range(settings.blocks):
                blocks.append(Block(before, width, stride=2 if k > 0 and number == 0 else 1))
                before = width
            stages.append(nn.Sequential(*blocks))
        self.body = nn.Sequential(*stages)

    def maps(self, x: Tensor) -> Tensor:
        """(n, channels, size, size) -> (n, width, rows, columns)."""
        maps: Tensor = self.body(self.stem(x))
        return maps

    def pool(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(-2, -1))

    def stages(self) -> list[list[nn.Parameter]]:
        parts = [self.stem, *self.body, self.head]
        return [list(part.parameters()) for part in parts]


def build(shape: tuple[int, ...], n_outputs: int, settings: CNNSettings) -> nn.Module:
    return CNN(shape, n_outputs, settings)
