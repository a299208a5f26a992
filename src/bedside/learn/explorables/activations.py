"""Activation functions and their slopes, and what depth is worth without them.

The functions are those of bedside's `mlp`, their slopes come from autograd. The deep network learns a real curve
whose truth everybody knows: the area of cell nuclei from their radius, which grows with its square.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from bedside.cohort import Task
from bedside.data.samples import load
from bedside.learn.explorables.networks import NAMES, Activation, cpu, layers_of, make_network
from bedside.learn.explorables.quiet import once
from bedside.models.losses import Supervised
from bedside.models.mlp import ACTIVATIONS
from bedside.settings import Settings, TrainSettings
from bedside.training.loop import make_optimizer, step

N = 250  # patients that the curve is learnt from
WIDTH = 8  # neurons in each hidden layer
STEPS = 350
SEED = 2
FEATURE, TARGET = "mean radius", "mean area"


class Function(Settings):
    """One activation function, looked at in one place."""

    activation: Literal["relu", "tanh", "sigmoid", "gelu", "leaky_relu", "elu"] = "relu"
    at: float = Field(default=1.0, ge=-4, le=4)
    layers: int = Field(default=2, ge=1, le=6)


class Deep(Settings):
    """A network to train; `none` has lost its activations."""

    activation: Activation = "relu"
    layers: int = Field(default=2, ge=1, le=6)


def begin(_: Function) -> dict[str, Any]:
    """The patients (n, 2) as they were measured, and what a straight line reaches at best."""
    x, y = _patients()
    slope, shift = np.polyfit(x, y, 1)
    names = {key: words for key, words in NAMES.items() if key != "none"}
    loss = float(np.mean((slope * x + shift - y) ** 2))
    return {"points": np.column_stack([x, y]), "line": [slope, shift], "line_loss": loss, "names": names}


def look(function: Function) -> dict[str, Any]:
    """The function and its slope from −4 to 4, at one place, and what of an error is left after all layers there."""
    z = torch.linspace(-4, 4, 201, dtype=torch.float64)
    value, slope = _with_slope(function.activation, z)
    here, steep = _with_slope(function.activation, torch.tensor([function.at], dtype=torch.float64))
    return {
        "z": z.numpy(),
        "value": value,
        "slope": slope,
        "here": here[0],
        "steep": steep[0],
        "left": float(steep[0]) ** function.layers,
        "steepest": slope.max(),
    }


def depth(deep: Deep) -> dict[str, Any]:
    """The trained network: what it predicts, (k,), and what each neuron of each layer passes on, as curves over x."""
    return _trained(deep.activation, deep.layers)


@once
def _trained(activation: Activation, layers: int) -> dict[str, Any]:
    x, y = _patients()
    to_x, to_y = (x.mean(), x.std()), (y.mean(), y.std())
    network = make_network(1, (WIDTH,) * layers, activation, seed=SEED)
    settings = TrainSettings(optimizer="adam", learning_rate=0.01, weight_decay=0.0)
    optimiser, objective = make_optimizer(network, settings, cpu()), Supervised(Task("regression"))
    inputs, target = (
        torch.tensor((part - mean) / deviation, dtype=torch.float32)
        for part, (mean, deviation) in ((x, to_x), (y, to_y))
    )
    for _ in range(STEPS):
        step(cpu(), network, optimiser, (inputs[:, None], target, torch.ones(len(x))), objective, None)
    grid = np.linspace(x.min(), x.max(), 81)
    rows = torch.tensor((grid - to_x[0]) / to_x[1], dtype=torch.float32)[:, None]
    with torch.no_grad():
        curve = network(rows)[:, 0].double().numpy() * to_y[1] + to_y[0]
        loss = float(((network(inputs[:, None])[:, 0] - target) ** 2).double().mean()) * to_y[1] ** 2
    straight = np.polyval(np.polyfit(grid, curve, 1), grid)
    return {
        "grid": grid,
        "curve": curve,
        "loss": loss,
        "bend": float(np.abs(curve - straight).max()),  # how far it is from any straight line, in units of the target
        "slope": float((curve[-1] - curve[0]) / (grid[-1] - grid[0])),
        "layers": [passed.T.double().numpy() for passed in layers_of(network, rows)],
        "weights": sum(weight.numel() for weight in network.parameters()),
    }


def _with_slope(activation: str, z: Tensor) -> tuple[np.ndarray, np.ndarray]:
    z = z.clone().requires_grad_()
    value = ACTIVATIONS[activation]()(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach().numpy(), slope.numpy()


@cache
def _patients() -> tuple[np.ndarray, np.ndarray]:
    """The first patients of the breast cancer data: mean radius and mean area, (n,) each."""
    frame = load("breast-cancer").inputs.take(np.arange(N)).frame
    return frame[FEATURE].to_numpy(float), frame[TARGET].to_numpy(float)


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "look": look, "depth": depth}
