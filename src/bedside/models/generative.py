"""Networks that know what the samples of each class are like, so well that they can draw new ones.

A density of samples by class is a classifier by Bayes' rule: log p(class | x) = log p(x | class) + log p(class) + constant.
So a generative family gives logits like any other. What it knows of the density is a lower bound, the variational one.

`Generative` is what such networks can do, for a class that inherits it beside another one, such as `models.classifier.
Classifier` for images; `Generator` is a module with these abilities. `Generation` is the objective that they bring to the loop.

Sources: Ng & Jordan 2001, Advances in Neural Information Processing Systems 14:841 (generative classifiers); Kingma & Welling
2014, arXiv:1312.6114 (the bound); Li et al. 2023, arXiv:2303.16203 (a diffusion model as a classifier).
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.models.losses import Batch, weighted_mean

_AT_ONCE = 512  # samples whose bounds are computed together
_PULL = 1.0  # of offsets towards 0, as if each had a standard normal prior


class Judge(nn.Module):
    """Bounds of log p(x | class), (n, classes) -> logits, (n, outputs): one for two classes, one per class for more.

    The logits are `sharpness` times the bounds, plus the logarithm of each class's share, plus an offset. Bounds are sums over
    many values that depend on each other, so their differences between classes are far too sure; and a bound may be looser
    for one class than for another. Both numbers are learned from samples that trained nothing. That calibrates, and
    hardly changes the order of samples.
    """

    sharpness: Tensor
    offset: Tensor
    share: Tensor

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.classes = max(2, n_outputs)
        self.register_buffer("sharpness", torch.tensor(1.0))
        self.register_buffer("offset", torch.zeros(self.classes))
        self.register_buffer("share", torch.full((self.classes,), 1 / self.classes))

    @torch.no_grad()
    def count(self, label: Tensor) -> None:
        """Take the classes of the training samples (n,) as the shares that are to be expected."""
        counts = torch.bincount(label.long(), minlength=self.classes).to(self.share.dtype)
        self.share.copy_((counts + 1) / (counts.sum() + self.classes))

    @torch.no_grad()
    def learn(self, bounds: Tensor, label: Tensor) -> None:
        """Fit sharpness and offsets to held-out samples, by their cross-entropy.

        Targets are smoothed by one sample of each class, so that few samples that are told apart without an error do not make
        scores of 0 and 1 (Platt 1999, Advances in Large Margin Classifiers, section 3).

        Args:
            bounds: of held-out samples, (n, classes); samples with one that is no number do not count.
            label: their classes, (n,).
        """
        known = torch.isfinite(bounds).all(dim=1)
        found, own = bounds[known].double().numpy(), label[known].long().numpy()
        if not len(own):
            return
        found = found - found.mean(axis=1, keepdims=True)
        unit = float(np.sqrt(np.mean(found**2))) or 1.0
        found = found / unit
        truth = (np.eye(self.classes)[own] * len(own) + 1 / self.classes) / (len(own) + 1)
        start = self.share.double().log().numpy()

        def loss(guess: np.ndarray) -> tuple[float, np.ndarray]:
            logs = log_softmax(guess[0] * found + start + guess[1:], axis=1)
            wrong = np.exp(logs) - truth
            value = -float((truth * logs).sum()) + 0.5 * _PULL * float((guess[1:] ** 2).sum())
            return value, np.array([(wrong * found).sum(), *(wrong.sum(axis=0) + _PULL * guess[1:])])

        limits = [(0.0, None), *[(None, None)] * self.classes]  # a class that is more probable has a larger bound
        best = minimize(loss, np.eye(1 + self.classes)[0], jac=True, method="L-BFGS-B", bounds=limits).x
        self.sharpness.fill_(best[0] / unit)
        self.offset.copy_(torch.from_numpy(best[1:]))

    def forward(self, bounds: Tensor) -> Tensor:
        logits = self.sharpness * bounds + self.share.log() + self.offset
        return logits if self.classes > 2 else logits[:, 1:] - logits[:, :1]


class Generative:
    """What a network that knows the density of its samples by class can do. A sample is prepared, of shape `shape`.

    A family's network says how probable a sample is (`bound`) and draws new ones (`draw`); it sets `judge` in its
    constructor and lets `forward` give `logits`. In evaluation mode nothing is left to chance, except in `draw`, whose random
    numbers all come from the generator that it is given.
    """

    judge: Judge

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """What the numbers of a prepared sample are, from the preparation and the training samples (n, *shape), or some of them."""

    def bound(self, x: Tensor, label: Tensor) -> Tensor:
        """Lower bounds of log p(x | class) in nats, (n,), of prepared samples (n, *shape) as members of the classes (n,)."""
        raise NotImplementedError

    def loss(self, x: Tensor, label: Tensor) -> Tensor:
        """What training makes small, (n,); the bound, unless a network has something that teaches better."""
        return -self.bound(x, label)

    def draw(self, label: Tensor, random: torch.Generator) -> Tensor:
        """New prepared samples of the given classes, (n,) -> (n, *shape)."""
        raise NotImplementedError

    def evidence(self, x: Tensor) -> Tensor:
        """The bound for each class, (n, classes)."""
        return torch.stack([self.bound(x, each_of(x, k)) for k in range(self.judge.classes)], dim=1)

    def logits(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> logits of the classes, (n, outputs)."""
        found: Tensor = self.judge(self.evidence(x))
        return found


def each_of(x: Tensor, label: int) -> Tensor:
    """The same class for every sample of a batch, (n,)."""
    return torch.full((x.shape[0],), label, dtype=torch.long, device=x.device)


class Generator(Generative, nn.Module):
    """A module with these abilities and nothing else."""

    def __init__(self, n_outputs: int) -> None:
        super().__init__()
        self.judge = Judge(n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Prepared samples (n, *shape) -> logits (n, n_outputs)."""
        return self.logits(x)


class Learner(nn.Module):
    """What the loop sees of a generator: the loss of samples as members of their own class, (n, 1)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Samples and classes; vectors may bring their class with them, see `with_class`."""
        network: Any = self.network
        if label is None:
            classes = network.judge.classes
            x, label = x[:, :-classes], x[:, -classes:].argmax(dim=1)
        loss: Tensor = network.loss(x, label)
        return loss[:, None]


def with_class(x: Tensor, label: Tensor, classes: int) -> Tensor:
    """Vectors (..., n, columns) with their class (..., n) in as many columns more as there are classes: a stack of networks
    reads one tensor."""
    return torch.cat([x, F.one_hot(label.long(), classes).to(x.dtype)], dim=-1)


class Generation:
    """The mean loss of samples as members of their own class: each class is learned by itself, on shared weights."""

    metric = "bound"
    marks_gaps = normal_scores = True

    def __init__(self, task: Task, settings: Any) -> None:
        self.classes = len(task.classes)

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        inputs, target, weight = batch
        vectors = inputs.dim() == target.dim() + 1
        found = model(self.shown(inputs, target)) if vectors else model(inputs, target.long())
        return weighted_mean(found[..., 0], weight), found.detach()

    def shown(self, inputs: Tensor, target: Tensor) -> Tensor:
        """What the trained module is called with, for vectors."""
        return with_class(inputs, target, self.classes)

    def measure(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The mean of the negative loss, (...): larger is better."""
        return -weighted_mean(outputs[..., 0], weight)

    def learns_from(self, target: Tensor) -> Tensor:
        return torch.ones_like(target, dtype=torch.bool)

    def begin(self, network: nn.Module, preparation: Any, prepared: Tensor, target: Tensor) -> nn.Module:
        """What the loop trains; `target` are the classes of the training samples."""
        assert isinstance(network, Generative)
        network.judge.count(target)
        network.learn_layout(preparation, prepared)
        return Learner(network)

    @torch.no_grad()
    def finish(self, trained: nn.Module, held_out: Tensor, target: Tensor) -> nn.Module:
        """The network as a classifier, which knows from samples that it did not learn from how sure it may be."""
        assert isinstance(trained, Learner)
        network: Any = trained.network.cpu().eval()
        network.judge.learn(torch.cat([network.evidence(some) for some in held_out.split(_AT_ONCE)]), target)
        whole: nn.Module = network
        return whole


def objective(task: Task, settings: Any) -> Generation:
    return Generation(task, settings)
