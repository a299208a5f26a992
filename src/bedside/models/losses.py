"""What a network is asked to make small, and how its raw output becomes a score.

The three losses of the course: mean squared error for numbers, binary cross-entropy on logits for two classes,
cross-entropy for several. A family with another aim brings its own objective; the loop stays the same.
"""

from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.cohort import Task

Batch = tuple[Tensor, Tensor, Tensor]
"""Inputs (..., rows, features), targets (..., rows), weights (..., rows). A weight of 0 marks a row that only fills
the batch. The leading dimension, if any, is the member of a stack of models that train at once."""


class Objective(Protocol):
    """(model, batch) -> mean loss over rows, shape (...), and the model's raw outputs."""

    metric: str  # name of the number that history.csv tracks beside the loss
    marks_gaps: bool  # whether the preparation of a table marks the gaps of all columns
    normal_scores: bool  # whether it brings numbers to the standard normal distribution

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]: ...

    def measure(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """The tracked metric over all rows, shape (...)."""
        ...

    def learns_from(self, target: Tensor) -> Tensor:
        """True for samples (n,) that take part in training and its stopping."""
        ...

    def shown(self, inputs: Tensor, target: Tensor) -> Tensor:
        """What the trained module is called with, for vectors (..., rows, features) and their targets (..., rows)."""
        ...

    def begin(self, network: nn.Module, preparation: Any, prepared: Tensor, target: Tensor) -> nn.Module:
        """What the loop trains of a new network, which is told how its training samples (n, ...) were prepared; of images
        it is given some."""
        ...

    def finish(self, trained: nn.Module, held_out: Tensor, target: Tensor) -> nn.Module:
        """The network that gives logits, from what was trained and the prepared samples (k, ...) that stopped it, or
        some of them."""
        ...


class Supervised:
    """The loss of a task, averaged over rows by weight."""

    marks_gaps = normal_scores = False

    def __init__(self, task: Task) -> None:
        self.task = task
        self.metric = {"binary": "auroc", "multiclass": "accuracy", "regression": "r2"}[task.kind]

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        inputs, target, weight = batch
        outputs = model(inputs)
        return weighted_mean(self.per_row(outputs, target), weight), outputs.detach()

    def learns_from(self, target: Tensor) -> Tensor:
        return torch.ones_like(target, dtype=torch.bool)

    def shown(self, inputs: Tensor, target: Tensor) -> Tensor:
        return inputs

    def begin(self, network: nn.Module, preparation: Any, prepared: Tensor, target: Tensor) -> nn.Module:
        return network

    def finish(self, trained: nn.Module, held_out: Tensor, target: Tensor) -> nn.Module:
        return trained

    def per_row(self, outputs: Tensor, target: Tensor) -> Tensor:
        """Loss of each row, shape (..., rows), from logits (..., rows, outputs)."""
        if self.task.kind == "multiclass":
            flat = F.cross_entropy(outputs.flatten(0, -2), target.flatten().long(), reduction="none")
            return flat.view(target.shape)
        single = outputs.squeeze(-1)
        if self.task.kind == "binary":
            return F.binary_cross_entropy_with_logits(single, target.to(single.dtype), reduction="none")
        return F.mse_loss(single, target.to(single.dtype), reduction="none")

    def loss_and_gradient(self, outputs: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The mean loss over rows, shape (...), and its gradient with respect to the outputs (..., rows, n).

        For the logits z of both cross-entropies it is the probability minus the truth, for the mean squared error
        twice the residual: what is sent back is how wrong each output was.
        """
        shares = _shares(weight)
        loss = (self.per_row(outputs, target) * shares).sum(-1)
        if self.task.kind == "multiclass":
            wrong = outputs.softmax(-1).scatter_add(-1, target.unsqueeze(-1), -torch.ones_like(outputs[..., :1]))
        elif self.task.kind == "binary":
            wrong = torch.sigmoid(outputs) - target.unsqueeze(-1)
        else:
            wrong = 2 * (outputs - target.unsqueeze(-1))
        return loss, wrong * shares.unsqueeze(-1)

    def measure(self, outputs: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        rows = (weight > 0).to(outputs.dtype)
        if self.task.kind == "multiclass":
            return weighted_mean((outputs.argmax(-1) == target).to(outputs.dtype), rows)
        if self.task.kind == "binary":
            return auroc(outputs.squeeze(-1), target, rows)
        truth = target.to(outputs.dtype)
        residual = weighted_mean((truth - outputs.squeeze(-1)) ** 2, rows)
        spread = weighted_mean((truth - weighted_mean(truth, rows).unsqueeze(-1)) ** 2, rows)
        return 1 - residual / spread

    def scores(self, outputs: Tensor) -> Tensor:
        """Logits (rows, outputs) -> probabilities (rows, classes), or numbers (rows,) for regression."""
        if self.task.kind == "regression":
            return outputs.squeeze(-1)
        if self.task.kind == "multiclass":
            return outputs.softmax(-1)
        positive = outputs.squeeze(-1)
        return torch.stack([torch.sigmoid(-positive), torch.sigmoid(positive)], dim=-1)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean over the last dimension, (..., rows) -> (...); 0 where nothing has weight, as in a batch of filling rows."""
    return (values * _shares(weight)).sum(-1)  # a sum of shares has less to go back through than a quotient of sums


def _shares(weight: Tensor) -> Tensor:
    """Weights (..., rows) that add up to 1, or to 0 where nothing has weight."""
    return weight / weight.sum(-1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)


def auroc(logits: Tensor, target: Tensor, rows: Tensor) -> Tensor:
    """Area under the ROC curve, (..., n) -> (...): how often a positive row outranks a negative one; ties count half.

    Rows with `rows` = 0 do not count. Not a number if one class is absent. Computed on the CPU in numpy, whose sort is
    ten times as fast as torch's.
    """
    shape, n = logits.shape[:-1], logits.shape[-1]
    tables = (part.detach().cpu().reshape(-1, n).numpy() for part in (logits, target, rows))
    areas = [_auroc(score[real > 0], positive[real > 0] > 0) for score, positive, real in zip(*tables, strict=True)]
    return torch.tensor(areas, dtype=logits.dtype).reshape(shape).to(logits.device)


def _auroc(score: np.ndarray, positive: np.ndarray) -> float:
    above, below = np.sort(score[positive]), np.sort(score[~positive])
    if not (len(above) and len(below)) or np.isnan(score).any():
        return float("nan")
    wins = np.searchsorted(below, above, "left").sum() + np.searchsorted(below, above, "right").sum()
    return float(wins / (2 * len(above) * len(below)))


def class_weights(target: Tensor, n_classes: int) -> Tensor:
    """Weight of each training row so that every class counts the same, shape (rows,), mean 1."""
    counts = torch.bincount(target.long(), minlength=n_classes).clamp(min=1)
    return (len(target) / (n_classes * counts))[target.long()].float()
