"""What every network for recordings has in common: features along time, their mean where something was recorded, the last layer."""

import torch.nn.functional as F
from torch import Tensor, nn


class SequenceClassifier(nn.Module):
    """A network that reads a recording, and a last layer that decides.

    The input is (n, channels + 1, time); its last row is 1 where something was recorded and 0 behind the end of a shorter
    recording. What lies behind the end never changes the answer. `stride` says how many time points a step stands for.
    """

    def __init__(self, width: int, n_outputs: int, dropout: float, *, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, n_outputs))

    def steps(self, x: Tensor, recorded: Tensor) -> Tensor:
        """Recordings (n, channels + 1, time), and (n, time) of 0 and 1 -> features along time (n, width, steps)."""
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """Recordings -> the vector that the last layer reads, (n, width): the mean of the features over what was recorded."""
        recorded = x[:, -1]
        features = self.steps(x, recorded)
        weight = at_steps(recorded, self.stride)[:, None]
        mean: Tensor = (features * weight).sum(dim=-1) / weight.sum(dim=-1).clamp(min=1e-9)
        return mean

    def side_by_side(self, time: int) -> int:
        """How many of `time` points are computed together; those that wait for each other give threads nothing to share."""
        return time

    def forward(self, x: Tensor) -> Tensor:
        """Recordings (n, channels + 1, time) -> logits (n, n_outputs)."""
        logits: Tensor = self.head(self.embed(x))
        return logits


def at_steps(recorded: Tensor, stride: int) -> Tensor:
    """How much of what each step stands for was recorded: (n, time) -> (n, steps), between 0 and 1."""
    return shortened(recorded[:, None], stride)[:, 0]


def shortened(x: Tensor, stride: int) -> Tensor:
    """Means of `stride` points each, (n, width, time) -> (n, width, time / stride, rounded up).

    A last step that is not full counts as if zeros followed, so that it is the same whether they do or not.
    """
    return x if stride == 1 else F.avg_pool1d(F.pad(x, (0, -x.shape[-1] % stride)), stride)


def traces_of(x: Tensor) -> Tensor:
    """The channels of recordings (n, channels + 1, time), with zeros wherever nothing was recorded."""
    return x[:, :-1] * x[:, -1:]


def front(n_inputs: int, n_outputs: int, stride: int) -> nn.Conv1d:
    """A convolution that makes one step of `stride` points; a step sees half of its neighbours' points as well."""
    return nn.Conv1d(n_inputs, n_outputs, 2 * stride - 1, stride, padding=stride - 1)
