"""Which learning rate? Raise it step by step on training samples and watch the loss fall, then explode.

Source: Smith 2017, doi:10.1109/WACV.2017.58 (learning-rate range test).
"""

import copy
from dataclasses import dataclass

import numpy as np
from lightning_fabric import Fabric
from torch import nn

from bedside.models.losses import Objective
from bedside.settings import TrainSettings
from bedside.training.batches import TensorBatches
from bedside.training.loop import make_optimizer, step

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 100
SMOOTHING = 0.9  # weight of the past in the running mean of the loss
EXPLODED = 4.0  # times the lowest loss: further steps tell nothing


@dataclass(frozen=True)
class Sweep:
    """The curve of the finder and its choice."""

    learning_rates: np.ndarray  # (steps,)
    losses: np.ndarray  # (steps,), smoothed
    chosen: float


def find_learning_rate(
    fabric: Fabric, model: nn.Module, train: TensorBatches, objective: Objective, settings: TrainSettings
) -> Sweep:
    """Sweep the learning rate over a copy of `model`; only training samples are seen, and `model` stays as it was.

    Returns:
        The curve, and the rate at which the loss falls fastest on a logarithmic scale.
    """
    trial = copy.deepcopy(model)
    optimizer = make_optimizer(trial, settings, fabric)
    trial, optimizer = fabric.setup(trial, optimizer)
    trial.train()
    rates: list[float] = []
    losses: list[float] = []
    running = 0.0
    batches = iter(train)
    for k, rate in enumerate(np.geomspace(LOWEST, HIGHEST, STEPS)):
        batch = next(batches, None)
        if batch is None:
            batches = iter(train)
            batch = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        loss, _ = step(fabric, trial, optimizer, batch, objective, settings.clip_norm)
        running = SMOOTHING * running + (1 - SMOOTHING) * float(loss.detach())
        smooth = running / (1 - SMOOTHING ** (k + 1))  # the running mean starts at 0, not at the first loss
        if not np.isfinite(smooth) or (losses and smooth > EXPLODED * min(losses)):
            break
        rates.append(float(rate))
        losses.append(smooth)
    return Sweep(np.array(rates), np.array(losses), steepest(np.array(rates), np.array(losses)))


def steepest(rates: np.ndarray, losses: np.ndarray) -> float:
    """The rate before the lowest loss at which the smoothed loss falls fastest; two arrays of shape (steps,)."""
    end = max(int(np.argmin(losses)) + 1, 3)
    slopes = np.gradient(losses[:end], np.log(rates[:end]))
    return float(rates[int(np.argmin(slopes))])
