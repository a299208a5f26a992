"""Recurrent networks: a recording is read step by step, and a memory keeps what mattered.

Sources: Hochreiter & Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735 (LSTM); Cho et al. 2014, arXiv:1406.1078 (GRU);
Schuster & Paliwal 1997, doi:10.1109/78.650093 (both directions).
"""

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn

from bedside.models.sequence import SequenceClassifier, at_steps, front, traces_of
from bedside.settings import Settings

Memory = Callable[..., nn.Module]  # nn.LSTM or nn.GRU


class RecurrentSettings(Settings):
    """The architecture: how much is remembered, how often time is looked at."""

    width: int = Field(default=64, ge=1, le=4096)
    """Numbers in the memory of each layer and direction."""
    layers: int = Field(default=1, ge=1, le=8)
    """Layers that read one after the other."""
    bidirectional: bool = True
    """Read from the end to the beginning as well; each step then knows what comes after it."""
    stride: int = Field(default=4, ge=1, le=256)
    """Time points that a step stands for; the memory takes one step after the other, so longer ones are faster."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of what a layer passes on that is switched off at random in each training step."""


class Layer(nn.Module):
    """One layer of memory, in one direction or in both."""

    def __init__(self, kind: Memory, n_inputs: int, width: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.forwards = kind(n_inputs, width, batch_first=True)
        self.backwards = kind(n_inputs, width, batch_first=True) if bidirectional else None

    def forward(self, x: Tensor, turned: Tensor) -> Tensor:
        """(n, steps, n_inputs), and (n, steps) of the step that is read instead on the way back -> (n, steps, width)."""
        there: Tensor = self.forwards(x)[0]
        if self.backwards is None:
            return there
        back = in_order(self.backwards(in_order(x, turned))[0], turned)
        return torch.cat([there, back], dim=-1)


class Recurrent(SequenceClassifier):
    """Steps of several points, layers of memory, the mean over what was recorded, the last layer."""

    def __init__(self, kind: Memory, shape: tuple[int, ...], n_outputs: int, settings: RecurrentSettings) -> None:
        width = settings.width * (2 if settings.bidirectional else 1)
        super().__init__(width, n_outputs, settings.dropout, stride=settings.stride)
        self.front = front(shape[0] - 1, settings.width, settings.stride)
        self.activation = nn.ReLU()
        inputs = [settings.width, *[width] * (settings.layers - 1)]
        self.layers = nn.ModuleList(
            Layer(kind, n_inputs, settings.width, bidirectional=settings.bidirectional) for n_inputs in inputs
        )
        self.dropout = nn.Dropout(settings.dropout)

    def side_by_side(self, time: int) -> int:
        """One step: the next one waits for what is remembered of it."""
        return 1

    def steps(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, channels + 1, time) -> (n, width, steps)."""
        there = at_steps(recorded, self.stride)
        turned = way_back(there)
        features = (self.activation(self.front(traces_of(x))) * there.sign()[:, None]).transpose(1, 2)
        for number, layer in enumerate(self.layers):
            features = layer(self.dropout(features) if number else features, turned)
        return features.transpose(1, 2)


def way_back(recorded: Tensor) -> Tensor:
    """The order in which each recording is read from its own end: (n, steps) -> numbers of steps, (n, steps).

    What lies behind the end stays there, so that the way back begins with what was recorded. The same order leads back.
    """
    step = torch.arange(recorded.shape[-1], device=recorded.device)
    length = ((recorded > 0) * (step + 1)).amax(dim=-1, keepdim=True)
    return torch.where(step < length, length - 1 - step, step)


def in_order(x: Tensor, order: Tensor) -> Tensor:
    """Steps of (n, steps, width) in the order (n, steps)."""
    return x.gather(1, order[:, :, None].expand_as(x))


def lstm(shape: tuple[int, ...], n_outputs: int, settings: RecurrentSettings) -> nn.Module:
    return Recurrent(nn.LSTM, shape, n_outputs, settings)


def gru(shape: tuple[int, ...], n_outputs: int, settings: RecurrentSettings) -> nn.Module:
    return Recurrent(nn.GRU, shape, n_outputs, settings)
