"""Learning without the target: a network gives its samples back, and how badly it does so is how unusual they are.

`Reconstructor` is what such networks have in common, `Reconstruction` the objective that they bring to the loop.
"""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.models.losses import Batch, weighted_mean

KNOTS = 21  # of the curve from errors to scores
_AT_ONCE = 64  # samples: large enough to be fast, and images of them fit into memory


class HowItLearns(Protocol):
    """Settings of a family that reconstructs."""

    learn_from: str


class Noise(nn.Module):
    """Numbers from the standard normal distribution in training, none in use. `strength` 0 makes training silent too."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """Noise of the shape of x."""
        return self.strength * torch.randn_like(x) if self.training and self.strength else torch.zeros_like(x)


class Rank(nn.Module):
    """Errors (n,) -> logits of the share of held-out samples with a smaller error, (n,).

    The share rises from one held-out error to the next in straight lines, and goes on rising beyond the largest, so that
    no two errors get one score: below the smallest of n held-out errors it is less than 1 / (n + 1), above the largest more
    than n / (n + 1).
    """

    errors: Tensor
    share: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("errors", torch.linspace(0.1, 2, KNOTS))
        self.register_buffer("share", torch.tensor(0.01))

    @torch.no_grad()
    def learn(self, errors: Tensor) -> None:
        """Take held-out errors (n,) as what is usual."""
        found = errors.double()
        found = found[torch.isfinite(found)]
        if not len(found):
            return
        self.errors.copy_(torch.quantile(found, torch.linspace(0, 1, KNOTS, dtype=torch.float64)).clamp(min=1e-12))
        self.share.fill_(1 / (len(found) + 1))

    def forward(self, errors: Tensor) -> Tensor:
        low, high = self.errors[0], self.errors[-1]
        climbed = (errors[:, None] - self.errors[:-1]) / (self.errors[1:] - self.errors[:-1]).clamp(min=1e-12)
        middle = self.share + (1 - 2 * self.share) * climbed.clamp(0, 1).mean(dim=1)
        below, beyond = errors < low, errors > high
        above = self.share * high / torch.where(beyond, errors, high)  # what is left to 1
        share = torch.where(below, self.share * (errors / low).clamp(min=1e-9), middle)
        rest = torch.where(beyond, above, 1 - share)
        return torch.where(beyond, 1 - above, share).log() - rest.log()


class Reconstructor(nn.Module):
    """A network that gives its samples back through a narrow code.

    A family's network says what its code is (`embed`), what it gives back (`reconstruct`) and how far that is from the
    sample (`errors`). As a classifier it scores by that distance; see `Rank`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rank = Rank()

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """What the numbers of a prepared sample are, from the preparation and the training samples (n, *shape)."""
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> codes (n, code)."""
        raise NotImplementedError

    def reconstruct(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> the same without noise, (n, *shape)."""
        raise NotImplementedError

    def errors(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> (n, 3): mean error over what is known of each, what its code costs, and the
        error of a model that gives everybody the average."""
        raise NotImplementedError

    def side_by_side(self, places: int) -> int:
        """Places of a sample at which the same weights are used at once."""
        return 1

    def forward(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> logits of the anomaly score, (n, 1)."""
        found = self.errors(x)
        logits: Tensor = self.rank(found[:, 0] + found[:, 1])
        return logits[:, None]


class Learner(nn.Module):
    """What the loop sees of a reconstructor: its errors, (n, 3)."""

    def __init__(self, network: Reconstructor) -> None:
        super().__init__()
        self.network = network

    def side_by_side(self, places: int) -> int:
        return self.network.side_by_side(places)

    def forward(self, x: Tensor) -> Tensor:
        return self.network.errors(x)


class Reconstruction:
    """The mean error of giving samples back, plus what their codes cost; the target is not asked."""

    metric = "error_explained"
    marks_gaps = True
    normal_scores = False

    def __init__(self, task: Task, settings: HowItLearns) -> None:
        self.other_only = settings.learn_from == "other"

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        inputs, _, weight = batch
        found = model(inputs)
        return weighted_mean(found[..., 0] + found[..., 1], weight), found.detach()

    def measure(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The share of the error of the average that is gone, (...)."""
        return 1 - weighted_mean(outputs[..., 0], weight) / weighted_mean(outputs[..., 2], weight)

    def learns_from(self, target: Tensor) -> Tensor:
        """True for samples that train, or that stop the training, (n,)."""
        return target == 0 if self.other_only else torch.ones_like(target, dtype=torch.bool)

    def shown(self, inputs: Tensor, target: Tensor) -> Tensor:
        return inputs

    def begin(self, network: nn.Module, preparation: Any, prepared: Tensor, target: Tensor) -> nn.Module:
        """What the loop trains."""
        assert isinstance(network, Reconstructor)
        network.learn_layout(preparation, prepared)
        return Learner(network)

    @torch.no_grad()
    def finish(self, trained: nn.Module, held_out: Tensor, target: Tensor) -> nn.Module:
        """The network as a classifier, which knows what errors are usual from samples it did not learn from."""
        assert isinstance(trained, Learner)
        network = trained.network.cpu().eval()
        found = torch.cat([network.errors(some) for some in held_out.split(_AT_ONCE)])
        network.rank.learn(found[:, 0] + found[:, 1])
        return network


def objective(task: Task, settings: HowItLearns) -> Reconstruction:
    return Reconstruction(task, settings)
