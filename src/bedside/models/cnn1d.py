"""Convolutional network along time: short filters slide over a recording, stage by stage they see more of it at once.

Sources: Wang, Yan & Oates 2017, doi:10.1109/IJCNN.2017.7966039 (residual networks for time series); He et al. 2016,
doi:10.1109/CVPR.2016.90 (residual blocks); He et al. 2019, doi:10.1109/CVPR.2019.00065 (averaging in the shortcut).
"""

from typing import Literal

from pydantic import Field, field_validator
from torch import Tensor, nn

from bedside.models.sequence import SequenceClassifier, at_steps, shortened, traces_of
from bedside.settings import Settings

LONG = 1024  # time points up to which the stem keeps every one


class CNN1dSettings(Settings):
    """The architecture: how wide, how deep, how much a filter sees."""

    width: int = Field(default=16, ge=1, le=1024)
    """Filters in the first stage; each further stage has twice as many and sees half the time points."""
    stages: int = Field(default=3, ge=1, le=8)
    """Number of resolutions the network works at."""
    blocks: int = Field(default=1, ge=1, le=16)
    """Residual blocks in each stage."""
    kernel: int = Field(default=15, ge=3, le=101)
    """Time points that a filter sees, an odd number."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the last features switched off at random in each training step."""
    start: Literal["random", "autoencoder"] = "random"
    """Random first weights, or filters that first learned to fill hidden parts of the training samples, without the target."""

    @field_validator("kernel")
    @classmethod
    def _has_a_middle(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"a filter of {kernel} points has no middle; take {kernel - 1} or {kernel + 1}")
        return kernel


class Norm(nn.Module):
    """Batch normalisation over what was recorded.

    Ordinary batch normalisation would count what lies behind the end, so that the same recordings would train another network
    when a longer one is among them. Normalising each recording by itself has no such trouble, but takes away how large
    its waves are, which a diagnosis may rest on.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.over_batch = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, width, steps) and (n, steps) -> (n, width, steps), 0 behind the end."""
        if not self.training or bool(recorded.all()):
            return self.over_batch(x) * recorded[:, None]
        there, points = recorded.bool(), x.transpose(1, 2)
        result = points.new_zeros(points.shape)
        result[there] = self.over_batch(points[there])
        return result.transpose(1, 2)


class Convolution(nn.Module):
    """Convolution and normalisation; the normalisation has its own offset, so the convolution needs none."""

    def __init__(self, n_inputs: int, n_outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.filters = nn.Conv1d(n_inputs, n_outputs, size, stride, padding=size // 2, bias=False)
        self.norm = Norm(n_outputs)

    def forward(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, n_inputs, steps), and (n, steps / stride) of what will be there -> (n, n_outputs, steps / stride)."""
        result: Tensor = self.norm(self.filters(x), recorded)
        return result


class Block(nn.Module):
    """Two convolutions whose result is added to their input: the block only has to learn what is missing."""

    def __init__(self, n_inputs: int, n_outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.first = Convolution(n_inputs, n_outputs, kernel, stride)
        self.second = Convolution(n_outputs, n_outputs, kernel)
        self.activation = nn.ReLU()
        self.shortcut = Convolution(n_inputs, n_outputs, 1) if n_inputs != n_outputs or stride > 1 else None

    def forward(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, n_inputs, steps), and (n, steps / stride) of what will be there -> (n, n_outputs, steps / stride)."""
        learned = self.second(self.activation(self.first(x, recorded)), recorded)
        same = x if self.shortcut is None else self.shortcut(shortened(x, self.stride), recorded)
        result: Tensor = self.activation(learned + same)
        return result


class CNN1d(SequenceClassifier):
    """Stem, stages of residual blocks, the mean over what was recorded, the last layer."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, settings: CNN1dSettings) -> None:
        channels, length = shape[0] - 1, shape[-1]
        widths = [settings.width * 2**k for k in range(settings.stages)]
        shorter = 1
        while (
            length > LONG * shorter
        ):  # a long recording is made shorter first, or every layer would cost that much more
            shorter *= 2
        super().__init__(widths[-1], n_outputs, settings.dropout, stride=shorter * 2 ** (settings.stages - 1))
        self.stem = Convolution(channels, widths[0], settings.kernel + 2 * (shorter - 1), shorter)
        self.activation = nn.ReLU()
        self.shorter = shorter
        blocks: list[nn.Module] = []
        before = widths[0]
        for k, width in enumerate(widths):
            for number in range(settings.blocks):
                blocks.append(Block(before, width, settings.kernel, stride=2 if k > 0 and number == 0 else 1))
                before = width
        self.body = nn.ModuleList(blocks)

    def steps(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, channels + 1, time) -> (n, width, steps)."""
        recorded = seen(recorded, self.shorter)
        features: Tensor = self.activation(self.stem(traces_of(x), recorded))
        for block in self.body:
            assert isinstance(block, Block)
            recorded = seen(recorded, block.stride)
            features = block(features, recorded)
        return features


def seen(recorded: Tensor, stride: int) -> Tensor:
    """Steps that stand for at least one recorded point: (n, steps) of 0 and 1 -> (n, steps / stride) of 0 and 1."""
    return recorded if stride == 1 else at_steps(recorded, stride).sign()


def build(shape: tuple[int, ...], n_outputs: int, settings: CNN1dSettings) -> nn.Module:
    return CNN1d(shape, n_outputs, settings)
