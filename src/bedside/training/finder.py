"""Which learning rate? Raise it step by step on training samples and watch the loss fall, then explode.

Source: Smith 2017, doi:10.1109/WACV.2017.58 (learning-rate range test). The loss is taken on the same training samples
after every step, not on the batch of the step, so that the curve shows the rate and not the luck of the batch.
"""

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter1d
from torch import nn

from bedside.cohort import share_text
from bedside.errors import TrainingError
from bedside.models.losses import Objective
from bedside.settings import TrainSettings
from bedside.training.batches import Batches
from bedside.training.loop import judge, make_optimizer, step

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LOWEST, HIGHEST, STEPS = 1e-6, 1.0, 150
WATCHED = 512  # training samples on which the loss is taken
WIDTH = 2.0  # steps (standard deviation) over which the curve is smoothed, on both sides so that it is not late
EXPLODED = 4.0  # times the first loss: further steps tell nothing
LEAST_FALL = 0.02  # share of the first loss by which some rate must lower it


@dataclass(frozen=True)
class Sweep:
    """The curve of the finder and its choice."""

    learning_rates: np.ndarray  # (steps,)
    losses: np.ndarray  # (steps,), smoothed
    chosen: float


def find_learning_rate(
    fabric: "Fabric", model: nn.Module, train: Batches, objective: Objective, settings: TrainSettings
) -> Sweep:
    """Sweep the learning rate over a copy of `model`; only training samples are seen, and `model` stays as it was.

    Returns:
        The curve, and the rate that `suggest` takes from it.

    Raises:
        TrainingError: if no rate lowers the loss.
    """
    trial = copy.deepcopy(model)
    optimizer = make_optimizer(trial, settings, fabric)
    trial, optimizer = fabric.setup(trial, optimizer)
    watched = train.some(WATCHED)
    rates: list[float] = []
    losses: list[float] = []
    batches = iter(train)
    for rate in np.geomspace(LOWEST, HIGHEST, STEPS):
        batch = next(batches, None)
        if batch is None:
            batches = iter(train)
            batch = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = float(rate) * group["share"]
        trial.train()
        step(fabric, trial, optimizer, batch, objective, settings.clip_norm)
        found = float(judge(trial, watched, objective)[0][0])
        if not np.isfinite(found) or (losses and found > EXPLODED * losses[0]):
            break
        rates.append(float(rate))
        losses.append(found)
    if not losses or min(losses) > (1 - LEAST_FALL) * losses[0]:
        raise TrainingError(
            f"No learning rate from {LOWEST:g} to {HIGHEST:g} lowered the training loss by {share_text(LEAST_FALL)}. "
            "Leave out --find-lr and name one with --set train.learning_rate, or check the features."
        )
    tried, smooth = np.array(rates), gaussian_filter1d(np.array(losses), WIDTH, mode="nearest")
    return Sweep(tried, smooth, suggest(tried, smooth))


def suggest(rates: np.ndarray, losses: np.ndarray) -> float:
    """The rate at which the loss falls fastest, but at most a tenth of the rate of the lowest loss.

    Args:
        rates: learning rates of the sweep, rising, shape (steps,), at least two.
        losses: smoothed loss at each, shape (steps,).
    """
    lowest = int(np.argmin(losses))
    steepest = int(np.argmin(np.gradient(losses, np.log(rates))[: lowest + 1]))
    cautious = max(int(np.searchsorted(rates, rates[lowest] / 10, side="right")) - 1, 0)
    return float(rates[min(steepest, cautious)])
