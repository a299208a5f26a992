"""What training gives: something that scores samples and can be kept as plain files.

A member scores in two steps. Its `reader` turns samples into what it computes on; members of an ensemble may share a
reader, and then its work is done once. `score` does the rest.
"""

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import nn

from bedside.cohort import Task
from bedside.errors import RunError
from bedside.models import build_model, families, family_named, model_settings
from bedside.models.losses import Supervised
from bedside.splits.graphs import FingerprintPreparation, GraphPreparation
from bedside.splits.image_statistics import StatisticsPreparation
from bedside.splits.preparation import NoPreparation, TablePreparation, load_skops
from bedside.splits.signals import SignalPreparation, TracePreparation
from bedside.training.features import ahead

ROWS_AT_ONCE = {"table": 65_536, "image": 256, "signal": 1024, "graph": 1024}  # bounds the memory of scoring
_NUMBERS_AT_ONCE = 100_000  # of recordings that a network sees together, each of which it makes many more of

Reader = Callable[[Any], np.ndarray]


class Fitted(Protocol):
    """What every family gives after training on a fold, torch or scikit-learn."""

    @property
    def frozen(self) -> bool:
        """Whether vectors of samples are the same whichever samples the member was trained on."""
        ...

    @property
    def reader(self) -> Reader:
        """Samples -> what `score` reads, samples first."""
        ...

    def score(self, prepared: np.ndarray) -> np.ndarray:
        """Probabilities (n, classes) in the order of the task's classes, or numbers (n,) for regression."""
        ...

    def place(self, prepared: np.ndarray) -> np.ndarray:
        """What `reader` gives -> the vector in which a new sample's distance from training is taken, (n, d)."""
        ...

    def latent(self, prepared: np.ndarray) -> np.ndarray | None:
        """What `reader` gives -> the last hidden layer, (n, d); None without one."""
        ...

    def save(self, folder: Path) -> None:
        """Write the member as plain files into an existing folder; what members share goes beside it, once."""
        ...


class Scoring:
    """Reader and `score` in one call."""

    @property
    def frozen(self) -> bool:
        return False

    def scores(self: "Any", inputs: Any) -> np.ndarray:
        """Probabilities (n, classes), or numbers (n,), of samples."""
        return scores([self], inputs)[0]


def scores(members: Sequence[Fitted], inputs: Any) -> np.ndarray:
    """Scores of samples by each member, (members, n, classes) or (members, n); each reader reads a sample once."""
    return each(members, inputs, lambda _, member, prepared: member.score(prepared))[0]


def each(
    members: Sequence[Fitted], inputs: Any, *asked: Callable[[int, Any, np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """What each function gives for every member, stacked over members and samples: (members, n, ...) per function.

    Args:
        asked: functions of a member's number, the member, and samples as its reader gives them; each reader reads a
            sample once for all of them.
    """
    rows, n = ROWS_AT_ONCE[inputs.kind], len(inputs)
    readers = {id(member.reader): member.reader for member in members}

    def read(start: int) -> dict[int, np.ndarray]:
        some = inputs.take(np.arange(start, min(start + rows, n)))
        return {name: reader(some) for name, reader in readers.items()}

    starts = iter(range(0, max(n, 1), rows))
    blocks = ahead(read, starts, workers=1) if inputs.kind == "image" else map(read, starts)
    parts: list[list[np.ndarray]] = [[] for _ in asked]
    for block in blocks:
        for part, function in zip(parts, asked, strict=True):
            found = [function(k, member, block[id(member.reader)]) for k, member in enumerate(members)]
            part.append(np.stack(found))
    return [np.concatenate(part, axis=1) for part in parts]


@dataclass(frozen=True)
class FittedNetwork(Scoring):
    """A trained network for samples that are prepared as arrays in memory, with the preparation of its fold.

    Regression targets were learned as (y - centre) / scale. `average` (d,) is the mean of the prepared samples of a table
    that it learned from, which explanations start from; None if the run was to keep nothing of its patients.
    """

    preparation: TablePreparation | SignalPreparation | GraphPreparation
    network: nn.Module
    task: Task
    shape: tuple[int, ...]
    centre: float = 0.0
    scale: float = 1.0
    average: np.ndarray | None = None

    @property
    def reader(self) -> Reader:
        return self.preparation

    def score(self, prepared: np.ndarray) -> np.ndarray:
        return network_scores(self.network, prepared, self.task, self.centre, self.scale)

    def place(self, prepared: np.ndarray) -> np.ndarray:
        """Prepared features themselves, because a network may fold what is unusual onto an ordinary place; of recordings,
        whose points have no distance that means anything, and of graphs, the last hidden layer."""
        latent = self.latent(prepared) if prepared.ndim > 2 else None
        return prepared.reshape(len(prepared), -1) if latent is None else latent

    def latent(self, prepared: np.ndarray) -> np.ndarray | None:
        """What the hidden layers make of prepared samples, (n, width); None for a network without any."""
        if callable(getattr(self.network, "embed", None)):
            return outputs_in_64_bits(Part(self.network, "embed"), prepared).numpy()
        hidden = getattr(self.network, "hidden", None)
        if not isinstance(hidden, nn.Sequential) or not len(hidden):
            return None
        return outputs_in_64_bits(hidden, prepared).numpy()

    def given_back(self, prepared: np.ndarray) -> np.ndarray:
        """Prepared samples as a network that reconstructs them gives them back, of the same shape."""
        return outputs_in_64_bits(Part(self.network, "reconstruct"), prepared).numpy()

    def save(self, folder: Path) -> None:
        self.preparation.save(folder / "preparation.skops")
        save_weights(self.network, folder / "weights.safetensors")
        average = None if self.average is None else self.average.tolist()
        data = next(name for name, kind in PREPARATIONS.items() if type(self.preparation) is kind)
        facts = {"kind": "network", "data": data, "shape": self.shape, "centre": self.centre, "scale": self.scale}
        (folder / "member.json").write_text(json.dumps({**facts, "average": average}))

    @classmethod
    def load(cls, folder: Path, family: str, settings: dict[str, Any], task: Task, facts: dict[str, Any]) -> Self:
        shape = tuple(facts["shape"])
        network = build_model(family, shape, task.n_outputs, model_settings(family, settings))
        load_weights(network, folder / "weights.safetensors", family)
        preparation = preparation_of(family, facts.get("data")).load(folder / "preparation.skops")
        average = None if facts.get("average") is None else np.array(facts["average"], dtype=np.float64)
        return cls(preparation, network, task, shape, facts["centre"], facts["scale"], average)


@dataclass(frozen=True)
class FittedEstimator(Scoring):
    """A fitted scikit-learn estimator with the preparation of its fold."""

    preparation: TablePreparation | StatisticsPreparation | SignalPreparation | FingerprintPreparation | NoPreparation
    estimator: Any
    task: Task

    @property
    def reader(self) -> Reader:
        return self.preparation

    def score(self, prepared: np.ndarray) -> np.ndarray:
        x = rows_of(prepared)
        if self.task.kind == "regression":
            return np.asarray(self.estimator.predict(x), dtype=np.float64)
        return np.asarray(self.estimator.predict_proba(x), dtype=np.float64)

    def place(self, prepared: np.ndarray) -> np.ndarray:
        return prepared.reshape(len(prepared), -1)

    def latent(self, prepared: np.ndarray) -> np.ndarray | None:
        """Nothing: what an estimator computes on are the patients' own data."""
        return None

    def save(self, folder: Path) -> None:
        import skops.io

        self.preparation.save(folder / "preparation.skops")
        skops.io.dump(self.estimator, folder / "estimator.skops")
        (folder / "member.json").write_text(json.dumps({"kind": "estimator"}))

    @classmethod
    def load(cls, folder: Path, family: str, settings: dict[str, Any], task: Task, facts: dict[str, Any]) -> Self:
        estimator = load_skops(folder / "estimator.skops", families()[family].trusted)
        preparation = preparation_of(family).load(folder / "preparation.skops")
        return cls(preparation, estimator, task)


# What reads samples into memory, by the kind of data of a family; networks for images have a way of their own.
PREPARATIONS: dict[str, Any] = {
    "table": TablePreparation,
    "image": StatisticsPreparation,
    "signal": SignalPreparation,
    "graph": GraphPreparation,
    "any": NoPreparation,
}
_FOR_ESTIMATORS: dict[str, Any] = {
    "graph": FingerprintPreparation,
    "signal": TracePreparation,
}  # where they read something else than networks


def preparation_of(name: str, data: str | None = None) -> Any:
    """The class that prepares samples for a family, of the kind `data` where it reads several."""
    family = family_named(name)
    kind = data or family.kinds[0]
    return PREPARATIONS[kind] if family.network else _FOR_ESTIMATORS.get(kind, PREPARATIONS[kind])


def rows_of(prepared: np.ndarray) -> np.ndarray:
    """Prepared samples as an estimator reads them: one row of 64-bit numbers each, (n, k)."""
    return prepared.reshape(len(prepared), -1).astype(np.float64)


class Part(nn.Module):
    """What a network computes on the way, by the name of its method: `embed` or `reconstruct`."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = getattr(self.network, self.method)(x)
        return found


def save_weights(network: nn.Module, path: Path) -> None:
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    path.write_bytes(save(weights))


def load_weights(network: nn.Module, path: Path, family: str) -> None:
    """Put saved weights into a network of the same architecture.

    Raises:
        RunError: if they do not fit.
    """
    try:
        network.load_state_dict(load_file(path))
    except Exception as error:
        raise RunError(f"The weights in {path} do not fit the family '{family}': {error}") from error


def network_scores(
    network: nn.Module, prepared: np.ndarray, task: Task, centre: float = 0.0, scale: float = 1.0
) -> np.ndarray:
    """Prepared features (n, columns) -> probabilities (n, classes), or numbers (n,) in the target's own unit."""
    return outputs_to_scores(outputs_in_64_bits(network, prepared), task, centre, scale)


@torch.no_grad()
def outputs_in_64_bits(network: nn.Module, prepared: np.ndarray) -> torch.Tensor:
    """Raw outputs of a network, (n, ...).

    Computed on the CPU in 64 bits, so that a sample's score does not depend on which samples it is scored with.
    """
    tensors = (*network.parameters(), *network.buffers())
    exact = {id(value): value.double().cpu() if value.is_floating_point() else value.cpu() for value in tensors}
    alone = copy.deepcopy(network, exact).eval()  # of its own, because others may score with the network meanwhile
    samples = torch.from_numpy(np.ascontiguousarray(prepared))
    usual = len(samples) if samples.dim() == 2 else _NUMBERS_AT_ONCE // max(1, samples[:1].numel())
    size = getattr(network, "at_once", usual)
    return torch.cat([alone(some.double()) for some in samples.split(max(1, size))])


def outputs_to_scores(outputs: torch.Tensor, task: Task, centre: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """Raw outputs (n, n_outputs) -> probabilities (n, classes), or numbers (n,) in the target's own unit; 64 bits."""
    result = Supervised(task).scores(outputs.double()).numpy()
    return result * scale + centre if task.kind == "regression" else result
