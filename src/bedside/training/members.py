"""A member of a training before it trains: a network, the samples of its own fold, and what becomes of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from bedside.cohort import Cohort, Fold, Task
from bedside.models import build_model, model_settings, objective_of
from bedside.models.losses import Batch, Objective, class_weights
from bedside.models.told import FoldSamples
from bedside.seeds import derive
from bedside.settings import RunSettings, TrainSettings
from bedside.splits.folds import join_groups
from bedside.training.augment import Augmentation
from bedside.training.batches import Augmented, Batches, TensorBatches, to_device
from bedside.training.fitted import Fitted, FittedNetwork, preparation_of
from bedside.training.image_batches import ImageBatches
from bedside.training.isolated import own_random_numbers
from bedside.training.pretraining import asked as starts_from_autoencoder
from bedside.training.pretraining import unfolded
from bedside.training.signal_augment import augmentation_of

# What a seed is for; the last number of its path.
WEIGHTS, ORDER, DROPOUT, ESTIMATOR = range(4)
JUDGED_AT_ONCE = 8192  # rows of a validation batch of vectors
_NUMBERS = 4_000_000  # in a validation batch of larger samples
_SOME = 1000  # images that an objective is shown at once


@dataclass(frozen=True)
class Arrays:
    """Samples as arrays in memory, ready for the loop: vectors of a table, recordings of one length,
    padded graphs.

    `augmentation` changes a batch of training samples at random, with the random numbers of a generator.
    """

    train: Batch
    valid: Batch
    augmentation: Callable[[torch.Tensor, torch.Generator], torch.Tensor] | None = None

    def batches(
        self, settings: TrainSettings, device: torch.device, generator: torch.Generator
    ) -> tuple[Batches, Batches]:
        rows = TensorBatches(*to_device(self.train, device), settings.batch_size, [generator], settings.sampling)
        train = rows if self.augmentation is None else Augmented(rows, self.augmentation, generator)
        return train, TensorBatches(*to_device(self.valid, device), judged_at_once(self.valid[0]))


@dataclass(frozen=True)
class Images:
    """Samples as pixels, which may lie on the disk; only training images are augmented."""

    pixels: np.ndarray  # (all samples, size, size, channels) uint8
    train: tuple[np.ndarray, torch.Tensor, torch.Tensor]  # rows, target, weight
    valid: tuple[np.ndarray, torch.Tensor, torch.Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation
    channels_last: bool

    def batches(
        self, settings: TrainSettings, device: torch.device, generator: torch.Generator
    ) -> tuple[Batches, Batches]:
        size = settings.batch_size
        train = ImageBatches(
            self.pixels, *self.train, size, mean=self.mean, std=self.std, device=device, generator=generator,
            augmentation=self.augmentation, sampling=settings.sampling, channels_last=self.channels_last,
        )  # fmt: skip
        valid = ImageBatches(
            self.pixels,
            *self.valid,
            2 * size,
            mean=self.mean,
            std=self.std,
            device=device,
            channels_last=self.channels_last,
        )
        return train, valid

    def some(self, part: tuple[np.ndarray, torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Of `train` or `valid` at most a thousand images, evenly spaced, as the network sees them without augmentation, and
        their targets."""
        rows, target, weight = part
        device = torch.device("cpu")
        every = ImageBatches(self.pixels, rows, target, weight, _SOME, mean=self.mean, std=self.std, device=device)
        return next(iter(every.some(_SOME)))[:2]


@dataclass(frozen=True)
class Member:
    """`finish` makes what is kept out of the trained network, which learned the `objective`.

    `before` trains a part of the same network first, in place, towards another aim.
    """

    fold: Fold
    network: nn.Module
    data: Arrays | Images
    objective: Objective
    finish: Callable[[nn.Module], Fitted] = field(repr=False)
    trained_before: bool = False
    before: "Member | None" = None

    @property
    def n_train(self) -> int:
        return len(self.data.train[1])


@dataclass(frozen=True)
class Target:
    """What a network learns to give: classes as numbers from 0, or numbers with mean 0 and standard deviation 1."""

    values: np.ndarray  # of all samples, shape (n,)
    centre: float
    scale: float

    @classmethod
    def of(cls, cohort: Cohort, fold: Fold) -> "Target":
        """Regression targets are centred and scaled by their training samples."""
        target = cohort.target
        if cohort.task.kind != "regression":
            return cls(target, 0.0, 1.0)
        centre, scale = float(target[fold.train].mean()), float(target[fold.train].std()) or 1.0
        return cls((target - centre) / scale, centre, scale)

    def tensors(
        self, rows: np.ndarray, task: Task, settings: TrainSettings, *, judged: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets (k,) and weights (k,) of the given rows.

        Args:
            judged: they stop the training; if it draws classes equally often, they must count equally too.
        """
        kind = torch.long if task.kind == "multiclass" else torch.float32
        goal = torch.from_numpy(self.values[rows]).to(kind)
        drawn = settings.sampling == "balanced" and judged
        balanced = (settings.class_weights == "balanced" or drawn) and task.kind != "regression"
        return goal, class_weights(goal, len(task.classes)) if balanced else torch.ones(len(goal))


def judged_at_once(samples: torch.Tensor) -> int:
    """Rows of a validation batch: many vectors, fewer of what is larger."""
    return int(min(JUDGED_AT_ONCE, max(64, _NUMBERS // max(1, samples[:1].numel()))))


def array_member(family: str, cohort: Cohort, fold: Fold, settings: RunSettings) -> Member:
    """Preparation fitted on the training samples, arrays, and a network with its own initial weights."""
    kind, objective = cohort.inputs.kind, objective_of(family, cohort.task, settings.model)
    target = Target.of(cohort, fold)
    train, valid = (learned_from(objective, target, rows) for rows in (fold.train, fold.valid))
    asked = {"every_gap": objective.marks_gaps, "normal": objective.normal_scores} if kind == "table" else {}
    preparation = preparation_of(family, kind).fit(cohort.inputs.take(train), settings.preparation, **asked)
    prepared = torch.from_numpy(preparation(cohort.inputs.take(np.concatenate([train, valid]))))
    learned, held = prepared[: len(train)], prepared[len(train) :]
    shape = tuple(learned.shape[1:])
    network: Any = new_network(family, cohort.task, fold, settings, shape)
    given = learned, held
    if hasattr(network, "meet"):
        units = join_groups(cohort)
        given = network.meet(FoldSamples(preparation, learned, held, units[train], units[valid]))
    data = Arrays(
        (given[0], *target.tensors(train, cohort.task, settings.train)),
        (given[1], *target.tensors(valid, cohort.task, settings.train, judged=True)),
        augmentation_of(cohort, settings, learned),
    )
    network = objective.begin(network, preparation, learned, data.train[1])
    keeps = kind == "table" and settings.reference.keep != "nothing"
    average = learned.numpy().mean(axis=0, dtype=np.float64) if keeps else None

    def finish(trained: nn.Module) -> Fitted:
        scoring: Any = objective.finish(trained, held, data.valid[1])
        if hasattr(scoring, "settle"):
            scoring.settle()
        return FittedNetwork(preparation, scoring, cohort.task, shape, target.centre, target.scale, average)

    before = None
    if starts_from_autoencoder(family, settings):
        learner, aim = unfolded(network, preparation, learned, fold, settings, cohort.task)
        before = Member(fold, learner, data, aim, lambda trained: finish(network))
    return Member(fold, network, data, objective, finish, before=before)


def learned_from(objective: Objective, target: Target, rows: np.ndarray) -> np.ndarray:
    """Those of some samples that the objective learns from."""
    kept: np.ndarray = rows[objective.learns_from(torch.from_numpy(target.values[rows])).numpy()]
    return kept


def new_network(family: str, task: Task, fold: Fold, settings: RunSettings, shape: tuple[int, ...]) -> nn.Module:
    """A network with initial weights that belong to this fold alone."""
    with own_random_numbers(derive(settings.seed, fold.repeat, fold.number, WEIGHTS)):
        network: nn.Module = build_model(family, shape, task.n_outputs, model_settings(family, settings.model))
    return network
