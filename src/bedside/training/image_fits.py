"""Networks for images on every fold: a head on a frozen backbone, everything, or the head first and then more."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from lightning_fabric import Fabric
from torch import nn

from bedside.cohort import Cohort, Fold
from bedside.models import model_settings
from bedside.models.backbone import BackboneSettings
from bedside.settings import RunSettings
from bedside.training.events import Extracted, FoldFit, Plan, Progress
from bedside.training.groups import train_members
from bedside.training.hardware import SMALL, available_cores, make_fabric, threads_for
from bedside.training.image_members import Encoders, PixelStore, Sight, head_members, image_member
from bedside.training.members import Member
from bedside.training.rehearsal import rehearse
from bedside.training.vision import FittedHead

LARGE = 100 * SMALL  # work of any network that looks at pixels
Events = Iterator[Plan | Extracted | Progress | FoldFit]


def image_networks(
    family: str,
    cohort: Cohort,
    folds: Sequence[Fold],
    settings: RunSettings,
    finished: Container[str],
    stop_after: Mapping[str, int] | None,
) -> Events:
    """See `fits.train_folds`."""
    options = model_settings(family, settings.model)
    frozen = options.frozen if isinstance(options, BackboneSettings) else "none"
    sight = Sight.of(family, cohort, settings)
    fabric = make_fabric(settings.device, work=LARGE)
    if frozen == "backbone":
        yield from _heads(sight, fabric, family, cohort, folds, settings, finished, stop_after)
    elif frozen == "none":
        yield from _pixels(sight, fabric, family, cohort, folds, settings, finished, stop_after, None)
    else:
        heads: dict[str, nn.Module] = {}
        for event in _heads(sight, fabric, family, cohort, folds, settings, (), stop_after, phase="head"):
            if isinstance(event, FoldFit):
                assert isinstance(event.fitted, FittedHead)
                heads[event.fold.name] = event.fitted.head
            elif not isinstance(event, Plan):
                yield event
        yield from _pixels(sight, fabric, family, cohort, folds, settings, finished, stop_after, heads)


def _heads(
    sight: Sight,
    fabric: Fabric,
    family: str,
    cohort: Cohort,
    folds: Sequence[Fold],
    settings: RunSettings,
    finished: Container[str],
    stop_after: Mapping[str, int] | None,
    *,
    phase: str = "",
) -> Events:
    """Last layers on features that are computed once; small work, so all folds train as one stack."""
    assert sight.weights is not None
    looking = settings.device.threads or available_cores()
    encoders = Encoders(sight, family, cohort, settings, threads=looking, device=str(fabric.device))
    first = encoders.of(folds[0])
    trained = _count(first.classifier.head.parameters())
    work = settings.train.batch_size * trained
    threads = threads_for(settings.device, work=work)
    yield Plan(
        str(fabric.device),
        threads,
        _count(first.classifier.parameters()),
        (len(folds),),
        trained=trained,
        batch_size=settings.train.batch_size,
        weights=sight.weights.to_dict(),
        image_seconds=first.estimated_seconds(cohort.inputs, settings.augment.views),
    )
    members: list[Member] = []
    for event in head_members(encoders, folds):
        if isinstance(event, Extracted):
            yield event
        else:
            members = event
    yield from train_members(
        make_fabric(settings.device, work=work), members, cohort.task, settings, finished, threads=threads, work=work,
        phase=phase, stop_after=stop_after,
    )  # fmt: skip


def _pixels(
    sight: Sight,
    fabric: Fabric,
    family: str,
    cohort: Cohort,
    folds: Sequence[Fold],
    settings: RunSettings,
    finished: Container[str],
    stop_after: Mapping[str, int] | None,
    heads: Mapping[str, nn.Module] | None,
) -> Events:
    """Networks that see pixels in every epoch, after a rehearsal that finds out what one takes."""
    threads = threads_for(settings.device, work=LARGE)
    store = PixelStore(cohort, workers=threads)

    def member(fold: Fold) -> Member:
        head = None if heads is None else heads[fold.name]
        return image_member(sight, store, family, fold, settings, threads=threads, device=str(fabric.device), head=head)

    first = member(folds[0])
    rehearsal = rehearse(fabric, first, cohort.task, settings, threads=threads)
    train = settings.train.model_copy(update={"batch_size": rehearsal.batch_size})
    settings = settings.model_copy(update={"train": train})
    yield Plan(
        str(fabric.device), threads, _count(first.network.parameters()), (1,) * len(folds),
        trained=_count(weight for weight in first.network.parameters() if weight.requires_grad),
        batch_size=rehearsal.batch_size, memory=rehearsal.memory, epoch_seconds=rehearsal.epoch_seconds,
        weights=sight.weights.to_dict() if sight.weights else None,
    )  # fmt: skip
    for fold in folds:  # made one after the other: a large network need not be there fifteen times
        if fold.name not in finished:
            yield from train_members(
                fabric, [first if fold is folds[0] else member(fold)], cohort.task, settings, (), threads=threads,
                work=LARGE, phase="network" if heads is not None else "", stop_after=stop_after,
            )  # fmt: skip


def _count(weights: Iterable[nn.Parameter]) -> int:
    return sum(weight.numel() for weight in weights)
