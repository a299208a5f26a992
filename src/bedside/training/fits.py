"""Train a family on every fold: networks of one shape together as a stack, everything else one by one."""

import warnings
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from bedside.cohort import Cohort, Fold, Task
from bedside.errors import TrainingError
from bedside.models import build_model, family_named, model_settings
from bedside.models.losses import Batch, Supervised, class_weights
from bedside.seeds import derive
from bedside.settings import RunSettings, TrainSettings
from bedside.splits.preparation import TablePreparation
from bedside.training.batches import TensorBatches, n_batches, stack_members, to_device
from bedside.training.finder import Sweep, find_learning_rate
from bedside.training.fitted import Fitted, FittedEstimator, FittedNetwork
from bedside.training.hardware import limited_threads, make_fabric, threads_for
from bedside.training.isolated import isolated, own_random_numbers
from bedside.training.loop import EpochRecord, fit, refuse_broken
from bedside.training.stack import Stack, can_stack

# What a seed is for; the last number of its path.
WEIGHTS, ORDER, DROPOUT, ESTIMATOR = range(4)
JUDGED_AT_ONCE = 8192  # rows of a validation batch


@dataclass(frozen=True)
class Plan:
    """What is about to train, and where."""

    device: str
    threads: int
    parameters: int | None  # weights of one member; None for estimators that do not count them
    stacks: tuple[int, ...]  # members that train together


@dataclass(frozen=True)
class Progress:
    """One epoch of the folds that train together."""

    folds: tuple[Fold, ...]
    record: EpochRecord
    epochs: int


@dataclass(frozen=True)
class FoldFit:
    """A fold, what was fitted on its training samples, and the learning-rate sweep if one was asked for."""

    fold: Fold
    fitted: Fitted
    sweep: Sweep | None = None


def train_folds(
    family: str, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, *, finished: Container[str] = ()
) -> Iterator[Plan | Progress | FoldFit]:
    """Train one member per fold on that fold's training samples; validation samples only stop it.

    Args:
        family: a name in `FAMILIES`.
        cohort: samples; test rows of a fold are never read here.
        folds: from `splits.folds.make_folds`.
        settings: model, train and device settings; `settings.model` belongs to `family`.
        finished: names of folds that need no training; a stack is left out only if all of its folds are named.

    Yields:
        One `Plan`, a `Progress` after each epoch of a network, and one `FoldFit` per fold.
    """
    if family_named(family).network:
        yield from _networks(family, cohort, folds, settings, finished)
    else:
        yield from _estimators(family, cohort, folds, settings, finished)


def train_everything(
    family: str, cohort: Cohort, fold: Fold, settings: RunSettings, *, epochs: int | None
) -> Iterator[Progress | FoldFit]:
    """Train once on every sample, for `--final refit`; nobody is left to stop it or to test it.

    Args:
        fold: from `splits.folds.everything`.
        epochs: how long a network trains, such as the median of the epochs that the folds kept; None for others.
    """
    if family_named(family).network:
        assert epochs is not None
        train = settings.train.model_copy(update={"early_stopping": False})
        settings = settings.model_copy(update={"train": train})
        member = _member(family, cohort, fold, settings)
        work = _work(member, settings)
        fabric = make_fabric(settings.device, work=work)
        events = _train_group(fabric, [member], cohort.task, settings, stop_after=epochs)
        yield from _apart(events, settings, fold, threads_for(settings.device, work=work), fabric)
    else:
        for event in _estimators(family, cohort, [fold], settings, ()):
            if isinstance(event, FoldFit):
                yield event


def _estimators(
    family: str, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, finished: Container[str]
) -> Iterator[Plan | FoldFit]:
    options = model_settings(family, settings.model)
    threads = threads_for(settings.device, work=len(cohort) * len(cohort.inputs.features))
    yield Plan("cpu", threads, None, (1,) * len(folds))
    for fold in folds:
        if fold.name in finished:
            continue
        inputs = cohort.inputs.take(fold.train)
        preparation = TablePreparation.fit(inputs, settings.preparation)
        seed = derive(settings.seed, fold.repeat, fold.number, ESTIMATOR)
        estimator = build_model(family, cohort.task, options, seed)
        x = preparation(inputs).astype(np.float64)
        with limited_threads(threads), warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*failed to converge")
            try:
                estimator.fit(x, cohort.target[fold.train])
            except Warning as warning:
                raise TrainingError(f"Family '{family}' did not converge in {fold.name}: {warning}") from None
        yield FoldFit(fold, FittedEstimator(preparation, estimator, cohort.task))


@dataclass(frozen=True)
class _Member:
    """A network before training, with the tensors of its own fold."""

    fold: Fold
    preparation: TablePreparation
    network: nn.Module
    train: Batch
    valid: Batch
    centre: float
    scale: float

    @property
    def n_inputs(self) -> int:
        return self.train[0].shape[-1]


def _networks(
    family: str, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, finished: Container[str]
) -> Iterator[Plan | Progress | FoldFit]:
    members = [_member(family, cohort, fold, settings) for fold in folds]
    groups = list(_groups(members, settings))
    work = max(_work(member, settings) for member in members)
    fabric = make_fabric(settings.device, work=work)
    threads = threads_for(settings.device, work=work)
    parameters = sum(weight.numel() for weight in members[0].network.parameters())
    yield Plan(str(fabric.device), threads, parameters, tuple(map(len, groups)))
    for group in groups:
        if not all(member.fold.name in finished for member in group):
            yield from _apart(
                _train_group(fabric, group, cohort.task, settings), settings, group[0].fold, threads, fabric
            )


def _work(member: _Member, settings: RunSettings) -> int:
    """Multiplications of one forward pass of one batch, about one per weight and row."""
    return settings.train.batch_size * sum(weight.numel() for weight in member.network.parameters())


def _apart(
    events: Iterator[Progress | FoldFit], settings: RunSettings, fold: Fold, threads: int, fabric: Fabric
) -> Iterator[Progress | FoldFit]:
    """Train with dropout seeded by the first fold of the group, on a fixed number of threads."""
    seed = derive(settings.seed, fold.repeat, fold.number, DROPOUT)
    return isolated(events, seed=seed, threads=threads, device=fabric.device)


def _member(family: str, cohort: Cohort, fold: Fold, settings: RunSettings) -> _Member:
    """Preparation fitted on the training samples, tensors, and a network with its own initial weights."""
    preparation = TablePreparation.fit(cohort.inputs.take(fold.train), settings.preparation)
    target = cohort.target
    centre, scale = 0.0, 1.0
    if cohort.task.kind == "regression":
        centre, scale = float(target[fold.train].mean()), float(target[fold.train].std()) or 1.0
    train, valid = (
        _tensors(preparation(cohort.inputs.take(rows)), (target[rows] - centre) / scale, cohort.task, settings.train)
        for rows in (fold.train, fold.valid)
    )
    with own_random_numbers(derive(settings.seed, fold.repeat, fold.number, WEIGHTS)):
        options = model_settings(family, settings.model)
        network = build_model(family, train[0].shape[1], cohort.task.n_outputs, options)
    return _Member(fold, preparation, network, train, valid, centre, scale)


def _tensors(prepared: np.ndarray, target: np.ndarray, task: Task, settings: TrainSettings) -> Batch:
    """Prepared features (n, columns), targets (n,) and weights (n,) as tensors."""
    inputs = torch.from_numpy(prepared)
    kind = torch.long if task.kind == "multiclass" else torch.float32
    goal = torch.from_numpy(target).to(kind)
    balanced = settings.class_weights == "balanced" and task.kind != "regression"
    weight = class_weights(goal, len(task.classes)) if balanced else torch.ones(len(goal))
    return inputs, goal, weight


def _groups(members: list[_Member], settings: RunSettings) -> Iterator[list[_Member]]:
    """Members that can train as one stack: same shapes and as many steps per epoch; others stand alone."""
    alone = settings.train.find_learning_rate or settings.device.precision == "16-mixed"
    stacks: dict[tuple[int, ...], list[_Member]] = {}
    for k, member in enumerate(members):
        steps = n_batches(len(member.train[1]), settings.train.batch_size)
        key = (k, -1) if alone or not can_stack(member.network) else (member.n_inputs, steps)
        stacks.setdefault(key, []).append(member)
    yield from stacks.values()


def _train_group(
    fabric: Fabric, group: list[_Member], task: Task, settings: RunSettings, *, stop_after: int | None = None
) -> Iterator[Progress | FoldFit]:
    """Train the members of a stack, or a single network, through the one loop.

    `stop_after` epochs the weights are taken as they are, not as they were in the best epoch.
    """
    generators = [torch.Generator().manual_seed(_order_seed(member.fold, settings.seed)) for member in group]
    if len(group) > 1:
        model: nn.Module = Stack([member.network for member in group])
        data = [stack_members([getattr(member, part) for member in group]) for part in ("train", "valid")]
    else:
        model = group[0].network
        data = [group[0].train, group[0].valid]
    train = TensorBatches(*to_device(data[0], fabric.device), settings.train.batch_size, generators)
    valid = TensorBatches(*to_device(data[1], fabric.device), JUDGED_AT_ONCE)
    objective = Supervised(task)
    options, sweep = settings.train, None
    if options.find_learning_rate:
        own = make_fabric(settings.device, work=_work(group[0], settings))  # with a 16-bit loss scale of its own
        sweep = find_learning_rate(own, model, train, objective, options)
        generators[0].manual_seed(_order_seed(group[0].fold, settings.seed))
        options = options.model_copy(update={"learning_rate": sweep.chosen})
    for record in fit(fabric, model, train, valid, objective, options):
        yield Progress(tuple(member.fold for member in group), record, options.epochs)
        if record.epoch == stop_after:
            break
    refuse_broken(model, options)
    for k, member in enumerate(group):
        if isinstance(model, Stack):
            member.network.load_state_dict(model.member(k))
        yield FoldFit(
            member.fold,
            FittedNetwork(member.preparation, member.network, task, member.n_inputs, member.centre, member.scale),
            sweep,
        )


def _order_seed(fold: Fold, seed: int) -> int:
    return derive(seed, fold.repeat, fold.number, ORDER)
