"""Small networks of bedside's `mlp` family for explorables, and how their surfaces travel to a page."""

import base64
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from bedside.learn.explorables.quiet import one_at_a_time
from bedside.models.mlp import MLP, MLPSettings
from bedside.settings import DeviceSettings
from bedside.training.hardware import make_fabric
from bedside.training.isolated import own_random_numbers

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Activation = Literal["none", "relu", "tanh", "sigmoid", "gelu", "leaky_relu", "elu"]
NAMES = {
    "relu": "ReLU",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "gelu": "GELU",
    "leaky_relu": "leaky ReLU",
    "elu": "ELU",
    "none": "none",
}


def make_network(
    n_inputs: int, hidden: tuple[int, ...], activation: Activation, seed: int, dropout: float = 0.0
) -> MLP:
    """The family's network; `none` takes its activations out, which the family itself never does."""
    kind = "relu" if activation == "none" else activation
    settings = MLPSettings(hidden=hidden, activation=kind, dropout=dropout) if hidden else MLPSettings(hidden=())
    with one_at_a_time(), own_random_numbers(seed):
        network = MLP(n_inputs, 1, settings).float()  # whatever a notebook has made torch's default
    if activation == "none":
        network.hidden = nn.Sequential(
            *[one if isinstance(one, nn.Linear | nn.Dropout) else nn.Identity() for one in network.hidden]
        )
    return network


@torch.no_grad()
def layers_of(network: MLP, rows: torch.Tensor) -> list[torch.Tensor]:
    """What each hidden layer passes on for rows (n, inputs): one (n, neurons) per layer, after its activation; in evaluation mode."""
    found = []
    for layer in network.hidden:
        rows = layer(rows)
        if not isinstance(layer, nn.Linear | nn.Dropout):
            found.append(rows)
    return found


def cpu() -> "Fabric":
    """These networks are far too small for anything else."""
    return make_fabric(DeviceSettings(accelerator="cpu"), work=1)


def packed(shares: np.ndarray) -> str:
    """Numbers from 0 to 1 as one byte each, in base64: a picture is no heavier than its pixels."""
    return base64.b64encode(np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8).tobytes()).decode()
