"""Train a family on every fold."""

import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from bedside.cohort import Cohort, Fold
from bedside.errors import SettingError, TrainingError
from bedside.models import build_model, family_named, model_settings
from bedside.models.backbone import frozen_part
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.events import Extracted, FoldFit, Plan, Progress
from bedside.training.fitted import FittedEstimator, preparation_of, rows_of
from bedside.training.groups import Job, never_stacked, train_members
from bedside.training.hardware import limited_threads, make_fabric, threads_for
from bedside.training.members import ESTIMATOR, Arrays, Member, array_member
from bedside.training.pretraining import PHASE

Events = Iterator[Plan | Extracted | Progress | FoldFit]


def train_folds(
    family: str, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, *, finished: Container[str] = ()
) -> Events:
    """Train one member per fold on that fold's training samples; validation samples only stop it.

    Args:
        family: a name in `FAMILIES`.
        cohort: samples; test rows of a fold are never read here.
        folds: from `splits.folds.make_folds`.
        settings: model, train and device settings; `settings.model` belongs to `family`.
        finished: names of folds that need no training; a stack is left out only if all of its folds are named.

    Yields:
        One `Plan`, an `Extracted` now and then while a frozen backbone computes features, a `Progress` after each
        epoch of a network, and one `FoldFit` per fold.
    """
    return _fit(Job(family, cohort, folds, settings, finished))


def dealt(family: str, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings) -> list[tuple[Fold, ...]]:
    """Folds that must train in one process, because they are a stack or share the features of a backbone.

    It depends on nothing but the arguments, so that results are the same bytes however many processes there are.
    """
    together = [tuple(folds)]
    if not family_named(family).network:
        together = [(fold,) for fold in folds]
    elif cohort.inputs.kind == "image":
        if frozen_part(model_settings(family, settings.model)) in (None, "none"):
            together = [(fold,) for fold in folds]
    elif never_stacked([array_member(family, cohort, fold, settings) for fold in folds[:2]], settings):
        together = [(fold,) for fold in folds]
    return together


def train_everything(
    family: str, cohort: Cohort, fold: Fold, settings: RunSettings, *, epochs: Mapping[str, int]
) -> Iterator[Extracted | Progress | FoldFit]:
    """Train once on every sample, for `--final refit`; nobody is left to stop it or to test it.

    Args:
        fold: from `splits.folds.everything`.
        epochs: how long a network trains in each phase, such as the median of the epochs that the folds kept.
    """
    train = settings.train.model_copy(update={"early_stopping": False})
    for event in _fit(Job(family, cohort, [fold], settings.model_copy(update={"train": train}), (), epochs)):
        if not isinstance(event, Plan):
            yield event


def _fit(job: Job) -> Events:
    if not family_named(job.family).network:
        return _estimators(job)
    if job.cohort.inputs.kind == "image":
        from bedside.training.image_fits import image_networks

        return image_networks(job)
    return _array_networks(job)


def _estimators(job: Job) -> Iterator[Plan | FoldFit]:
    family, cohort, settings = job.family, job.cohort, job.settings
    options = model_settings(family, settings.model)
    _refuse_too_many(getattr(options, "neighbours", 1), job.folds)
    threads = threads_for(settings.device, work=len(cohort) * len(cohort.inputs.features))
    yield Plan("cpu", threads, None, (1,) * len(job.folds))
    for fold in job.folds:
        if fold.name in job.finished:
            continue
        inputs = cohort.inputs.take(fold.train)
        preparation = preparation_of(family).fit(inputs, settings.preparation)
        seed = derive(settings.seed, fold.repeat, fold.number, ESTIMATOR)
        estimator = build_model(family, cohort.task, options, seed)
        x = rows_of(preparation(inputs))
        with limited_threads(threads), warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*failed to converge")
            try:
                estimator.fit(x, cohort.target[fold.train])
            except Warning as warning:
                raise TrainingError(f"Family '{family}' did not converge in {fold.name}: {warning}") from None
        yield FoldFit(fold, FittedEstimator(preparation, estimator, cohort.task))


def _refuse_too_many(neighbours: int, folds: Sequence[Fold]) -> None:
    fewest = min(folds, key=lambda fold: len(fold.train))
    if neighbours > len(fewest.train):
        raise SettingError(
            f"model.neighbours={neighbours}, but {fewest.name} has {len(fewest.train)} training recordings; "
            f"choose {len(fewest.train)} or fewer."
        )


def _array_networks(job: Job) -> Events:
    settings = job.settings
    members = [array_member(job.family, job.cohort, fold, settings) for fold in job.folds]
    sizes = [sum(weight.numel() for weight in member.network.parameters()) for member in members]
    # Multiplications that a forward pass of one batch does together: one per weight, row, and place where it is used.
    work = settings.train.batch_size * max(sizes) * max(map(_side_by_side, members))
    fabric = make_fabric(settings.device, work=work)
    before = [member.before for member in members if member.before is not None]
    groups = train_members(fabric, members, job, work=work, phase="network" if before else "")
    yield Plan(str(fabric.device), groups.threads, sizes[0], groups.sizes, trained=sizes[0], alone=groups.alone)
    if before and not all(fold.name in job.finished for fold in job.folds):
        first = train_members(fabric, before, replace(job, finished=()), work=work, phase=PHASE)
        yield from (event for event in first if isinstance(event, Progress))
    yield from groups


def _side_by_side(member: Member) -> int:
    """Places of a sample at which a network uses the same weights at once, such as the points of a recording."""
    assert isinstance(member.data, Arrays)
    places = getattr(member.network, "side_by_side", None)
    return 1 if places is None else int(places(member.data.train[0].shape[-1]))
