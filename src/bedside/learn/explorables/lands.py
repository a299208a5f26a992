"""Two real problems with two weights each, whose loss can be drawn as a landscape."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from bedside.cohort import Task
from bedside.data.samples import load
from bedside.learn.explorables.data import breast_masses
from bedside.learn.explorables.networks import make_network
from bedside.models.losses import Supervised
from bedside.models.mlp import MLP


@dataclass(frozen=True)
class Land:
    """A network of which two weights move, its patients, and what is known about its loss."""

    names: tuple[str, str]
    network: MLP
    weights: tuple[str, str]  # the tensors that hold them, in order
    inputs: Tensor  # (n, columns)
    target: Tensor  # (n,)
    task: Task
    view: tuple[tuple[float, float], tuple[float, float]]
    start: tuple[float, float]

    def loss(self, pair: Tensor) -> Tensor:
        """Loss at two weights, shape (2,) -> ()."""
        shapes = {name: value.shape for name, value in self.network.named_parameters()}
        names = tuple(dict.fromkeys(self.weights))
        sizes = [shapes[name].numel() for name in names]
        moved = {name: part.view(shapes[name]) for name, part in zip(names, pair.split(sizes), strict=True)}
        outputs = functional_call(self.network, moved, (self.inputs,))
        return Supervised(self.task).per_row(outputs, self.target).mean()


@cache
def land_named(name: str) -> Land:
    if name == "valley":
        cohort = load("diabetes")
        columns = cohort.inputs.take(np.arange(len(cohort))).frame[["total_cholesterol", "ldl"]].to_numpy(float)
        values = cohort.samples["target"].to_numpy(float)
        x, y = (torch.tensor((part - part.mean(axis=0)) / part.std(axis=0)).float() for part in (columns, values))
        names = ("Weight of total cholesterol", "Weight of LDL")
        view, task = ((-2.6, 3.0), (-2.8, 2.8)), Task("regression")
        return Land(names, _linear(), ("output.weight", "output.weight"), x, y, task, view, (-2.0, -0.4))
    cloud = breast_masses()
    x = torch.tensor(cloud.standardised[:, :1]).float()
    target = torch.tensor(2.0 * cloud.target - 1).float()  # −1 benign, 1 malignant, as far as tanh reaches
    names, task = ("Weight into the hidden neuron", "Weight out of it"), Task("regression")
    weights = ("hidden.0.weight", "output.weight")
    return Land(names, _one_neuron(), weights, x, target, task, ((-4.0, 4.0), (-2.4, 2.4)), (0.5, -1.3))


def _linear() -> MLP:
    return _only_weights(make_network(2, (), "none", 0))


def _one_neuron() -> MLP:
    return _only_weights(make_network(1, (1,), "tanh", 0))


def _only_weights(network: MLP) -> MLP:
    """Biases stay at 0, so that two weights are all there is."""
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.requires_grad_(False).zero_()
    return network


@torch.no_grad()
def put(network: MLP, land: Land, place: tuple[float, float]) -> None:
    state = dict(network.named_parameters())
    if land.weights[0] == land.weights[1]:
        state[land.weights[0]].copy_(torch.tensor([place], dtype=torch.float32))
    else:
        for name, value in zip(land.weights, place, strict=True):
            state[name].fill_(value)


def where(network: MLP, land: Land) -> tuple[float, float]:
    state = dict(network.named_parameters())
    flat = torch.cat([state[name].detach().flatten() for name in dict.fromkeys(land.weights)])
    return float(flat[0]), float(flat[1])
