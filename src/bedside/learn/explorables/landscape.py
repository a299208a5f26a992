"""The loss over all pairs of two weights, and the walk of an optimiser across it.

Two real problems with two weights each, both built by bedside's `mlp`: a linear model of diabetes, whose loss is an
exact valley, and a network of one hidden neuron on breast masses, whose loss has two valleys and a saddle between.
"""

import copy
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from contourpy import contour_generator
from pydantic import Field
from scipy.optimize import minimize
from torch.func import vmap

from bedside.learn.explorables.lands import Land, land_named, put, where
from bedside.learn.explorables.networks import cpu, packed
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.models.losses import Supervised
from bedside.settings import Settings, TrainSettings
from bedside.training.loop import make_optimizer, step

GRID = 81
LEVELS = 14
FAR = 1e4  # weights beyond this are told as gone
ARRIVED = 0.01  # share of the first excess of the loss that may be left


class Walk(Settings):
    """Where the walk begins, and how it goes on."""

    land: Literal["valley", "saddle"] = "valley"
    start: tuple[float, float] | None = None
    optimizer: Literal["sgd", "momentum", "adam"] = "sgd"
    learning_rate: float = Field(default=0.1, gt=0, le=100)
    steps: int = Field(default=40, ge=1, le=200)


def look(walk: Walk) -> dict[str, Any]:
    """The landscape: heights as bytes from the top row down, contour lines, its lowest place and what it allows."""
    return _landscape(walk.land)


def go(walk: Walk) -> dict[str, Any]:
    """The path (steps + 1, 2) and its losses; it ends early where weights are lost beyond all measure."""
    land, known = land_named(walk.land), _landscape(walk.land)
    network = copy.deepcopy(land.network)
    settings = _settings(walk)
    put(network, land, walk.start or land.start)
    optimiser = make_optimizer(network, settings, cpu())
    objective = Supervised(land.task)
    path, losses = [where(network, land)], [land.loss(torch.tensor(where(network, land), dtype=torch.float32)).item()]
    with one_at_a_time():
        for _ in range(walk.steps):
            step(cpu(), network, optimiser, (land.inputs, land.target, torch.ones(len(land.target))), objective, None)
            place = where(network, land)
            loss = land.loss(torch.tensor(place, dtype=torch.float32)).item()
            if not (math.isfinite(loss) and max(map(abs, place)) < FAR):
                break
            path.append(place)
            losses.append(loss)
    return {"path": path, "losses": losses, **_verdict(np.array(losses), known["lowest"], walk.steps)}


def _verdict(losses: np.ndarray, lowest: float, steps: int) -> dict[str, Any]:
    """How it went: arrived (and after how many steps it stayed), on its way, or worse than where it began."""
    excess = (losses - lowest) / max(losses[0] - lowest, 1e-12)
    if len(losses) <= steps or excess[-1] > 1:
        return {"how": "diverges", "steps": None, "left": float(excess[-1])}
    outside = np.flatnonzero(excess > ARRIVED)
    stays = 0 if len(outside) == 0 else int(outside[-1]) + 1  # the first step from which on it is near
    if stays == len(losses):
        return {"how": "has not arrived", "steps": None, "left": float(excess[-1])}
    return {"how": "arrives", "steps": stays, "left": float(excess[-1])}


def _settings(walk: Walk) -> TrainSettings:
    if walk.optimizer == "adam":
        return TrainSettings(optimizer="adam", learning_rate=walk.learning_rate, weight_decay=0.0)
    momentum = 0.9 if walk.optimizer == "momentum" else 0.0
    return TrainSettings(optimizer="sgd", momentum=momentum, learning_rate=walk.learning_rate, weight_decay=0.0)


@once
def _landscape(name: str) -> dict[str, Any]:
    land = land_named(name)
    (left, right), (low, high) = land.view
    across, up = np.linspace(left, right, GRID), np.linspace(low, high, GRID)
    pairs = torch.tensor(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), dtype=torch.float32)
    with torch.no_grad():
        loss = vmap(land.loss, chunk_size=512)(pairs).double().numpy().reshape(GRID, GRID)
    place, lowest = _lowest(land)
    curvature = np.linalg.eigvalsh(
        torch.autograd.functional.hessian(land.loss, torch.tensor(place, dtype=torch.float32)).double().numpy()
    )
    height = np.sqrt(np.clip((loss - lowest) / (loss.max() - lowest), 0, 1))  # the bottom deserves most of the lines
    levels = lowest + (loss.max() - lowest) * ((np.arange(LEVELS) + 0.6) / LEVELS) ** 2
    lines = contour_generator(across, up, loss)
    return {
        "names": land.names,
        "view": land.view,
        "start": land.start,
        "n": GRID,
        "heights": packed(height[::-1]),
        "levels": levels,
        "contours": [lines.lines(level) for level in levels],
        "lowest": lowest,
        "place": place,
        "curvature": curvature,
        "limit": 2 / float(curvature[-1]),  # above it, steps of plain gradient descent grow at the bottom
    }


def _lowest(land: Land) -> tuple[tuple[float, float], float]:
    """The lowest place that a careful search from the start finds, and its loss."""

    def both(pair: np.ndarray) -> tuple[float, np.ndarray]:
        weights = torch.tensor(pair, dtype=torch.float32, requires_grad=True)
        loss = land.loss(weights)
        (gradient,) = torch.autograd.grad(loss, weights)
        return loss.item(), gradient.double().numpy()

    found = minimize(both, np.array(land.start), jac=True, method="BFGS")
    return (float(found.x[0]), float(found.x[1])), float(found.fun)


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"look": look, "go": go}
