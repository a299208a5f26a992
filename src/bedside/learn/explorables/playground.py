"""The playground: a network of bedside's `mlp` family that trains while one watches, and what each neuron sees.

The optimiser, the step and the judgement are those of bedside's training loop; trainings live on the server.
"""

import itertools
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from bedside.errors import SettingError
from bedside.learn.explorables.networks import NAMES, Activation, cpu, layers_of, make_network, packed
from bedside.learn.explorables.playground_data import TITLES, Points, points
from bedside.learn.explorables.quiet import one_at_a_time
from bedside.models.losses import Batch, Supervised
from bedside.settings import Settings, TrainSettings
from bedside.training.batches import TensorBatches
from bedside.training.isolated import own_random_numbers
from bedside.training.loop import judge, make_optimizer, step

GRID = 44  # places along each side of a surface
BATCH = 32
KEPT = 16  # trainings that the server remembers
_ANY = 0.5  # any dropout lays out its layers; how much of it acts is said with each step
_STEPS = 1_000_000  # more than anybody waits for


class Plan(Settings):
    """A data set and a network; changing any of these begins a new training."""

    data: Literal["breast", "diabetes", "extremes", "spirals"] = "extremes"
    noise: float = Field(default=0.0, ge=0, le=1)
    hidden: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(default=(4, 2), max_length=4)
    activation: Activation = "tanh"
    seed: int = Field(default=0, ge=0, le=10_000)


class More(Settings):
    """Some more steps of a training; learning rate and regularisation may change on the way."""

    session: str
    steps: int = Field(default=1, ge=0, le=200)
    learning_rate: float = Field(default=0.03, gt=0, le=10)
    weight_decay: float = Field(default=0.0, ge=0, le=10)
    dropout: float = Field(default=0.0, ge=0, le=0.9)


class Training:
    """A network on its way."""

    def __init__(self, plan: Plan) -> None:
        self.seed = plan.seed
        self.points = points(plan.data, plan.noise)
        self.centred = plan.activation == "sigmoid"
        self.network = make_network(2, plan.hidden, plan.activation, plan.seed, dropout=_ANY)
        self.optimiser = make_optimizer(self.network, TrainSettings(), cpu())
        self.objective = Supervised(self.points.task)
        self.rows = [_batches(self.points, part, None) for part in (~self.points.valid, self.points.valid)]
        self.batches = _endless(_batches(self.points, ~self.points.valid, plan.seed))
        self.steps = 0

    def go(self, more: More) -> None:
        for group in self.optimiser.param_groups:
            group.update(lr=more.learning_rate, weight_decay=more.weight_decay)
        for layer in self.network.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = more.dropout
        self.network.train()
        for batch in itertools.islice(self.batches, more.steps):
            with own_random_numbers(_STEPS * self.seed + self.steps):  # who drops out belongs to the step
                step(cpu(), self.network, self.optimiser, batch, self.objective, None)
            self.steps += 1

    def view(self) -> dict[str, Any]:
        """Losses, weights, and what each neuron and the network make of every place, from the top row down."""
        self.network.eval()
        (train, train_auroc), (valid, valid_auroc) = (judge(self.network, rows, self.objective) for rows in self.rows)
        linears = [layer for layer in (*self.network.hidden, self.network.output) if isinstance(layer, nn.Linear)]
        places = _places(self.points.edge)
        with torch.no_grad():
            chance = torch.sigmoid(self.network(places)).numpy()
        return {
            "steps": self.steps,
            "train": float(train[0]),
            "valid": float(valid[0]),
            "train_auroc": float(train_auroc[0]),
            "valid_auroc": float(valid_auroc[0]),
            "weights": [layer.weight.detach().numpy() for layer in linears],
            "layers": [[self._shades(one) for one in layer.T] for layer in layers_of(self.network, places)],
            "output": packed(chance),
        }

    def _shades(self, neuron: Tensor) -> str:
        """One half where the neuron is silent, 0 and 1 where it is farthest from it."""
        values = neuron.numpy() - (0.5 if self.centred else 0)
        return packed(0.5 + values / (2 * max(1e-6, float(np.abs(values).max()))))


_trainings: OrderedDict[str, Training] = OrderedDict()


def about(_: Plan) -> dict[str, Any]:
    """The data sets and activations to choose from."""
    return {"titles": TITLES, "activations": NAMES}


def begin(plan: Plan) -> dict[str, Any]:
    """A new training at step 0: its name, the patients, and the surfaces that chance gives."""
    name = secrets.token_hex(8)
    with one_at_a_time():
        training = _trainings[name] = Training(plan)
        while len(_trainings) > KEPT:
            _trainings.popitem(last=False)
        view = training.view()
    data = training.points
    inputs = [packed((column.numpy() / data.edge + 1) / 2) for column in _places(data.edge).T]
    return {
        "session": name,
        "points": data.values,
        "target": data.target,
        "validates": data.valid,
        "features": data.features,
        "classes": data.classes,
        "edge": data.edge,
        "n": GRID,
        "inputs": inputs,
        **view,
    }


def train(more: More) -> dict[str, Any]:
    """The same training some steps later.

    Raises:
        SettingError: the server has forgotten it, because it was restarted or many others began since.
    """
    with one_at_a_time():
        training = _trainings.get(more.session)
        if training is None:
            raise SettingError("This training is no longer kept here; press “Start again”.")
        _trainings.move_to_end(more.session)
        training.go(more)
        return training.view()


def _batches(data: Points, part: np.ndarray, seed: int | None) -> TensorBatches:
    """Shuffled by a seed to train, or in order and whole to judge."""
    inputs = torch.tensor(data.values[part], dtype=torch.float32)
    target = torch.tensor(data.target[part])
    generators = None if seed is None else [torch.Generator().manual_seed(seed)]
    size = len(target) if seed is None else BATCH
    return TensorBatches(inputs, target, torch.ones(len(target)), size, generators)


def _endless(batches: TensorBatches) -> Iterator[Batch]:
    """One epoch after the other."""
    while True:
        yield from batches


def _places(edge: float) -> Tensor:
    """The middle of every pixel of a surface, rows from the top, (GRID², 2)."""
    along = torch.linspace(-edge, edge, GRID, dtype=torch.float32)
    up, across = torch.meshgrid(along.flip(0), along, indexing="ij")
    return torch.stack([across.flatten(), up.flatten()], dim=1)


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"about": about, "begin": begin, "train": train}
