"""One neuron on two clinical features: its probability, its loss, and one step of learning.

The neuron is bedside's `mlp` without hidden layers: two weights and a bias; the loss is that of training.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pydantic import Field

from bedside.cohort import Task
from bedside.learn.explorables.data import breast_masses
from bedside.logistic import maximum_likelihood
from bedside.models.losses import Supervised
from bedside.settings import Settings

LIMIT = 8.0  # of weights and bias: far beyond the best ones


class Neuron(Settings):
    """Two weights, one per standard deviation of its feature, and a bias."""

    first: float = Field(default=0.0, ge=-LIMIT, le=LIMIT)
    second: float = Field(default=1.0, ge=-LIMIT, le=LIMIT)
    bias: float = Field(default=0.0, ge=-LIMIT, le=LIMIT)


class Lesson(Neuron):
    """A neuron that learns for some steps."""

    steps: int = Field(default=1, ge=1, le=200)
    learning_rate: float = Field(default=0.5, gt=0, le=10)


def begin(_: Neuron) -> dict[str, Any]:
    """The patients as points in standard deviations, (n, 2), and the loss that no neuron can beat here."""
    cloud = breast_masses()
    design = np.column_stack([cloud.standardised, np.ones(len(cloud.target))])
    best = maximum_likelihood(cloud.target.astype(float), design)
    return {
        "points": cloud.standardised,
        "target": cloud.target,
        "features": cloud.features,
        "classes": cloud.classes,
        "mean": cloud.values.mean(axis=0),
        "deviation": cloud.values.std(axis=0),
        "best": _loss(torch.tensor(best, dtype=torch.float64)).item(),
    }


def look(neuron: Neuron) -> dict[str, Any]:
    """The loss of these weights, its gradient, and the probability of each patient, (n,)."""
    weights = torch.tensor([neuron.first, neuron.second, neuron.bias], dtype=torch.float64, requires_grad=True)
    loss = _loss(weights)
    loss.backward()
    probability = torch.sigmoid(_logits(weights.detach())).numpy()
    wrong = int(((probability >= 0.5) != (breast_masses().target == 1)).sum())
    return {"loss": loss.item(), "gradient": weights.grad.numpy(), "probability": probability, "wrong": wrong}  # type: ignore[union-attr]


def learn(lesson: Lesson) -> dict[str, Any]:
    """The weights after some steps of gradient descent; they stay within what the sliders show."""
    weights = torch.tensor([lesson.first, lesson.second, lesson.bias], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weights], lr=lesson.learning_rate)
    for _ in range(lesson.steps):
        optimiser.zero_grad()
        _loss(weights).backward()
        optimiser.step()
    first, second, bias = weights.detach().clamp(-LIMIT, LIMIT).tolist()
    return {"first": first, "second": second, "bias": bias}


def _logits(weights: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(breast_masses().standardised) @ weights[:2] + weights[2]


def _loss(weights: torch.Tensor) -> torch.Tensor:
    target = torch.from_numpy(breast_masses().target)
    objective = Supervised(Task("binary", breast_masses().classes))
    return objective.per_row(_logits(weights).unsqueeze(-1), target).mean()


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "look": look, "learn": learn}
