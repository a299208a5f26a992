"""Five steps of learning on a network of two inputs, two hidden neurons and one output: every number, from autograd.

The network is bedside's `mlp` with hidden=(2,) and sigmoid; loss and update are those of training.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from bedside.cohort import Task
from bedside.learn.explorables.data import breast_masses
from bedside.learn.explorables.networks import cpu, make_network
from bedside.models.losses import Supervised
from bedside.models.mlp import MLP
from bedside.settings import Settings, TrainSettings
from bedside.training.loop import make_optimizer

N_PATIENTS = 5  # of each class, to choose from
SHAPES = ((2, 2), (2,), (1, 2), (1,))  # weights and biases of the hidden layer, then of the output
N_WEIGHTS = 9


class Lesson(Settings):
    """One patient, nine weights, one learning rate."""

    patient: int = Field(default=0, ge=0, lt=2 * N_PATIENTS)
    weights: tuple[Annotated[float, Field(ge=-1e3, le=1e3)], ...] | None = Field(
        default=None, min_length=N_WEIGHTS, max_length=N_WEIGHTS
    )
    learning_rate: float = Field(default=1.0, gt=0, le=20)
    seed: int = Field(default=3, ge=0, le=10_000)


def begin(lesson: Lesson) -> dict[str, Any]:
    """The patients to choose from, as they were measured, and the weights that chance gives."""
    cloud = breast_masses()
    patients = [
        {"row": row, "values": cloud.values[row], "inputs": cloud.standardised[row], "target": int(cloud.target[row])}
        for row in _patients()
    ]
    weights = _flat(list(make_network(2, (2,), "sigmoid", lesson.seed).parameters()))
    return {"patients": patients, "features": cloud.features, "classes": cloud.classes, "weights": weights}


def look(lesson: Lesson) -> dict[str, Any]:
    """All five steps: forward with the error, the error sent back, the gradients, the new weights, the new error.

    Weights and their gradients are flat, (9,): w1 and w2 into h1, into h2, biases of h1 and h2, into the output, its bias.
    `sums` are what a neuron adds up, `passed` what it gives on; `*_back` is how the loss changes with each of them.
    """
    network = _network(lesson)
    optimiser = make_optimizer(
        network,
        TrainSettings(optimizer="sgd", momentum=0.0, learning_rate=lesson.learning_rate, weight_decay=0.0),
        cpu(),
    )
    before = _flat(list(network.parameters()))
    forward, tensors = _forward(network, lesson.patient)
    optimiser.zero_grad()
    tensors["loss"].backward()
    back = {f"{name}_back": _list(tensors[name].grad) for name in ("sums", "passed", "logit")}
    gradients = _flat([weight.grad for weight in network.parameters() if weight.grad is not None])
    optimiser.step()
    after, _ = _forward(network, lesson.patient)
    return {
        "weights": before,
        **forward,
        **back,
        "gradients": gradients,
        "new_weights": _flat(list(network.parameters())),
        "new": after,
    }


def _forward(network: MLP, patient: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Every number on the way from the patient to the loss, and the tensors that will hold what is sent back."""
    cloud, row = breast_masses(), _patients()[patient]
    inputs = torch.tensor(cloud.standardised[row], dtype=torch.float64)
    linear, activation = network.hidden
    sums = linear(inputs)
    passed = activation(sums)
    logit = network.output(passed)
    loss = Supervised(Task("binary", cloud.classes)).per_row(logit, torch.tensor(int(cloud.target[row])))
    tensors = {"sums": sums, "passed": passed, "logit": logit, "loss": loss}
    for tensor in tensors.values():
        tensor.retain_grad()
    numbers = {name: _list(tensor) for name, tensor in tensors.items()}
    return {**numbers, "probability": torch.sigmoid(logit).item()}, tensors


def _network(lesson: Lesson) -> MLP:
    network = make_network(2, (2,), "sigmoid", lesson.seed).double()
    if lesson.weights is not None:
        lengths = [parameter.numel() for parameter in network.parameters()]
        parts = torch.tensor(lesson.weights, dtype=torch.float64).split(lengths)
        with torch.no_grad():
            for parameter, part, shape in zip(network.parameters(), parts, SHAPES, strict=True):
                parameter.copy_(part.view(shape))
    return network


@cache
def _patients() -> tuple[int, ...]:
    """Rows of the first patients of each class, benign and malignant in turn."""
    target = breast_masses().target
    benign, malignant = ((target == k).nonzero()[0][:N_PATIENTS].tolist() for k in (0, 1))
    return tuple(row for pair in zip(malignant, benign, strict=True) for row in pair)


def _flat(tensors: list[Tensor]) -> list[float]:
    return [number for tensor in tensors for number in tensor.detach().flatten().tolist()]


def _list(tensor: Tensor | None) -> Any:
    assert tensor is not None
    return tensor.detach().tolist()


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "look": look}
