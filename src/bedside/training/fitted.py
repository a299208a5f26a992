"""What training gives: something that scores samples and can be kept as plain files."""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from bedside.cohort import Task
from bedside.errors import RunError
from bedside.models import build_model, families, model_settings
from bedside.models.losses import Supervised
from bedside.splits.preparation import TablePreparation, load_skops

ROWS_AT_ONCE = 65_536  # bounds the memory of scoring


class Fitted(Protocol):
    """What every family gives after training on a fold, torch or scikit-learn."""

    def scores(self, inputs: Any) -> np.ndarray:
        """Probabilities (n, classes) in the order of the task's classes, or numbers (n,) for regression."""
        ...

    def save(self, folder: Path) -> None:
        """Write the member as plain files into an existing folder."""
        ...


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with the preparation of its fold. Regression targets were learned as (y - centre) / scale."""

    preparation: TablePreparation
    network: nn.Module
    task: Task
    n_inputs: int
    centre: float = 0.0
    scale: float = 1.0

    def scores(self, inputs: Any) -> np.ndarray:
        return network_scores(self.network, self.preparation(inputs), self.task, self.centre, self.scale)

    def save(self, folder: Path) -> None:
        self.preparation.save(folder / "preparation.skops")
        weights = {name: value.detach().cpu().contiguous() for name, value in self.network.state_dict().items()}
        (folder / "weights.safetensors").write_bytes(save(weights))
        shape = {"n_inputs": self.n_inputs, "centre": self.centre, "scale": self.scale}
        (folder / "member.json").write_text(json.dumps(shape))

    @classmethod
    def load(cls, folder: Path, family: str, settings: dict[str, Any], task: Task) -> Self:
        shape = json.loads((folder / "member.json").read_text())
        network = build_model(family, shape["n_inputs"], task.n_outputs, model_settings(family, settings))
        try:
            network.load_state_dict(load_file(folder / "weights.safetensors"))
        except Exception as error:
            raise RunError(f"The weights in {folder} do not fit the family '{family}': {error}") from error
        return cls(TablePreparation.load(folder / "preparation.skops"), network, task, **shape)


@dataclass(frozen=True)
class FittedEstimator:
    """A fitted scikit-learn estimator with the preparation of its fold."""

    preparation: TablePreparation
    estimator: Any
    task: Task

    def scores(self, inputs: Any) -> np.ndarray:
        x = self.preparation(inputs).astype(np.float64)
        if self.task.kind == "regression":
            return np.asarray(self.estimator.predict(x), dtype=np.float64)
        return np.asarray(self.estimator.predict_proba(x), dtype=np.float64)

    def save(self, folder: Path) -> None:
        import skops.io

        self.preparation.save(folder / "preparation.skops")
        skops.io.dump(self.estimator, folder / "estimator.skops")

    @classmethod
    def load(cls, folder: Path, family: str, settings: dict[str, Any], task: Task) -> Self:
        estimator = load_skops(folder / "estimator.skops", families()[family].trusted)
        return cls(TablePreparation.load(folder / "preparation.skops"), estimator, task)


@torch.no_grad()
def network_scores(
    network: nn.Module, prepared: np.ndarray, task: Task, centre: float = 0.0, scale: float = 1.0
) -> np.ndarray:
    """Prepared features (n, columns) -> probabilities (n, classes), or numbers (n,) in the target's own unit.

    Computed on the CPU in 64 bits, so that a sample's score does not depend on which samples it is scored with.
    """
    exact = copy.deepcopy(network).cpu().double().eval()
    objective = Supervised(task)
    parts = [
        objective.scores(exact(torch.from_numpy(prepared[start : start + ROWS_AT_ONCE]).double()))
        for start in range(0, len(prepared), ROWS_AT_ONCE)
    ]
    scores = torch.cat(parts).numpy()
    return scores * scale + centre if task.kind == "regression" else scores
