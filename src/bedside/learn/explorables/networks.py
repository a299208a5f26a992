"""Small networks of bedside's `mlp` family for explorables, and how their surfaces travel to a page."""

import base64
from threading import Lock
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from bedside.models.mlp import MLP, MLPSettings
from bedside.settings import DeviceSettings
from bedside.training.hardware import make_fabric

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
_RANDOM = Lock()  # torch has one random state for all threads of the server


def make_network(n_inputs: int, hidden: tuple[int, ...], activation: Activation, seed: int, n_outputs: int = 1) -> MLP:
    """The family's network without dropout; `none` takes its activations out, which the family itself never does."""
    kind = "relu" if activation == "none" else activation
    settings = MLPSettings(hidden=hidden, activation=kind, dropout=0.0) if hidden else MLPSettings(hidden=())
    with _RANDOM, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = MLP(n_inputs, n_outputs, settings).float()  # whatever a notebook has made torch's default
    if activation == "none":
        network.hidden = nn.Sequential(
            *[one if isinstance(one, nn.Linear) else nn.Identity() for one in network.hidden]
        )
    return network


@torch.no_grad()
def layers_of(network: MLP, rows: torch.Tensor) -> list[torch.Tensor]:
    """What each hidden layer passes on for rows (n, inputs): one (n, neurons) per layer, after its activation."""
    found = []
    for layer in network.hidden:
        rows = layer(rows)
        if not isinstance(layer, nn.Linear):
            found.append(rows)
    return found


def cpu() -> Fabric:
    """These networks are far too small for anything else."""
    return make_fabric(DeviceSettings(accelerator="cpu"), work=1)


def packed(shares: np.ndarray) -> str:
    """Numbers from 0 to 1 as one byte each, in base64: a picture is no heavier than its pixels."""
    return base64.b64encode(np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8).tobytes()).decode()
