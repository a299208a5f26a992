"""The three losses of the course on real patients: predictions to drag, what each costs, and where each should move.

Losses are those of bedside's training; gradients come from autograd.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from bedside.cohort import Task
from bedside.data.samples import load
from bedside.errors import SettingError
from bedside.learn.explorables.data import breast_masses
from bedside.models.losses import Supervised
from bedside.settings import Settings

LIMITS = {"mse": 3.0, "bce": 4.0, "ce": 4.0}  # of an output: standard deviations, or logits of 1.8 % and 98.2 %
LIMIT = max(LIMITS.values())
N = 6  # patients to drag; cross-entropy has one patient and three outputs
LEVELS = ("little", "medium", "much")  # thirds of the progression of diabetes


class Predictions(Settings):
    """The raw outputs of a network for some patients: numbers in standard deviations, or logits."""

    kind: Literal["mse", "bce", "ce"] = "mse"
    outputs: tuple[Annotated[float, Field(ge=-LIMIT, le=LIMIT)], ...] = (0.0,) * N
    selected: int = Field(default=0, ge=0, lt=N)

    @model_validator(mode="after")
    def _selected_exists(self) -> "Predictions":
        if self.selected >= len(self.outputs):
            raise ValueError(f"there is no output {self.selected} among {len(self.outputs)}")
        return self


class Push(Predictions):
    """One step of each output against its gradient."""

    learning_rate: float = Field(default=1.0, gt=0, le=20)


def begin(predictions: Predictions) -> dict[str, Any]:
    """Who the patients are, what is true of them, and first outputs that are neither good nor hopeless."""
    target = _target(predictions.kind)
    if predictions.kind == "mse":
        values, mean, deviation = _progression()
        truth = {
            "target": target.numpy(),
            "measured": values,
            "mean": mean,
            "deviation": deviation,
            "limit": LIMITS["mse"],
        }
        return {**truth, "outputs": [0.6, -0.3, 1.2, -1.0, 0.2, 1.5], "names": [f"{k + 1}" for k in range(N)]}
    limit = {"target": target.numpy(), "limit": LIMITS[predictions.kind]}
    if predictions.kind == "bce":
        names = [breast_masses().classes[k] for k in target.tolist()]
        return {**limit, "outputs": [1.2, 0.4, -0.8, -1.5, 2.2, 0.6], "names": names}
    return {**limit, "outputs": [1.0, 0.2, -0.6], "names": LEVELS}


def look(predictions: Predictions) -> dict[str, Any]:
    """Loss of each patient, their mean, its gradient by output, and the loss over all values of the selected output."""
    outputs = torch.tensor(predictions.outputs, dtype=torch.float64, requires_grad=True)
    rows = _per_patient(predictions.kind, outputs)
    rows.sum().backward()
    limit = LIMITS[predictions.kind]
    sweep = torch.linspace(-limit, limit, 121, dtype=torch.float64)
    curve = [_of_selected(predictions, value) for value in sweep]
    return {
        "rows": rows.detach().numpy(),
        "mean": rows.mean().item(),
        "gradient": outputs.grad.numpy(),  # type: ignore[union-attr]
        "probability": _probability(predictions.kind, outputs.detach()),
        "sweep": sweep.numpy(),
        "curve": curve,
        "selected_loss": _of_selected(predictions, torch.tensor(predictions.outputs[predictions.selected])),
    }


def push(wish: Push) -> dict[str, Any]:
    """The outputs after one step of gradient descent on the losses of their own patients."""
    outputs = torch.tensor(wish.outputs, dtype=torch.float64, requires_grad=True)
    _per_patient(wish.kind, outputs).sum().backward()
    with torch.no_grad():
        moved = outputs - wish.learning_rate * outputs.grad  # type: ignore[operator]
    return {"outputs": moved.clamp(-LIMITS[wish.kind], LIMITS[wish.kind]).numpy()}


def _of_selected(predictions: Predictions, value: Tensor) -> float:
    """The loss of the selected output's patient if that output were `value`."""
    outputs = torch.tensor(predictions.outputs, dtype=torch.float64)
    outputs[predictions.selected] = value
    rows = _per_patient(predictions.kind, outputs)
    return rows[0 if predictions.kind == "ce" else predictions.selected].item()


def _per_patient(kind: str, outputs: Tensor) -> Tensor:
    """Loss of each patient, (n,); cross-entropy has one patient whose outputs they all are."""
    target = _target(kind)
    rows = outputs.unsqueeze(0) if kind == "ce" else outputs.unsqueeze(-1)
    if rows.numel() != (len(LEVELS) if kind == "ce" else N):
        raise SettingError(f"{kind} has {len(LEVELS) if kind == 'ce' else N} outputs here, not {outputs.numel()}.")
    tasks = {
        "mse": Task("regression"),
        "bce": Task("binary", breast_masses().classes),
        "ce": Task("multiclass", LEVELS),
    }
    return Supervised(tasks[kind]).per_row(rows, target)


def _probability(kind: str, outputs: Tensor) -> np.ndarray | None:
    if kind == "mse":
        return None
    return np.asarray((outputs.softmax(-1) if kind == "ce" else torch.sigmoid(outputs)).numpy())


@cache
def _progression() -> tuple[np.ndarray, float, float]:
    """Progression of the first diabetes patients, (n,), with mean and standard deviation of all of them."""
    target = load("diabetes").samples["target"].to_numpy(float)
    return target[:N], float(target.mean()), float(target.std())


@cache
def _target(kind: str) -> Tensor:
    values, mean, deviation = _progression()
    if kind == "mse":
        return torch.tensor((values - mean) / deviation)
    if kind == "bce":
        target = breast_masses().target
        rows = np.sort(np.concatenate([(target == k).nonzero()[0][: N // 2] for k in (0, 1)]))
        return torch.tensor(target[rows])
    everyone = load("diabetes").samples["target"].to_numpy(float)
    third = int(np.searchsorted(np.quantile(everyone, [1 / 3, 2 / 3]), values[2]))
    return torch.tensor([third])


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "look": look, "push": push}
