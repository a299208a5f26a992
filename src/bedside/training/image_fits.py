"""Networks for images on every fold: a head on a frozen backbone, everything, or the head first and then more."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import nn

from bedside.cohort import Fold
from bedside.models import model_settings
from bedside.models.backbone import frozen_part
from bedside.training.events import Extracted, FoldFit, Plan, Progress
from bedside.training.groups import Job, train_members
from bedside.training.hardware import SMALL, available_cores, make_fabric, threads_for
from bedside.training.image_members import Encoders, ImageSpec, PixelStore, head_members, image_member
from bedside.training.members import Member
from bedside.training.pretraining import PHASE
from bedside.training.rehearsal import rehearse
from bedside.training.vision import FittedHead

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LARGE = 100 * SMALL  # work of any network that looks at pixels
Events = Iterator[Plan | Extracted | Progress | FoldFit]


def image_networks(job: Job) -> Events:
    """See `fits.train_folds`."""
    frozen = frozen_part(model_settings(job.family, job.settings.model))
    spec = ImageSpec.of(job.family, job.cohort, job.settings)
    fabric = make_fabric(job.settings.device, work=LARGE)
    if frozen == "backbone":
        yield from _heads(spec, fabric, job)
    elif frozen != "gradual":
        yield from _pixels(spec, fabric, job, None)
    else:
        heads: dict[str, nn.Module] = {}
        for event in _heads(spec, fabric, replace(job, finished=()), phase="head"):
            if isinstance(event, FoldFit):
                assert isinstance(event.fitted, FittedHead)
                heads[event.fold.name] = event.fitted.head
            elif not isinstance(event, Plan):
                yield event
        yield from _pixels(spec, fabric, job, heads)


def _heads(spec: ImageSpec, fabric: "Fabric", job: Job, *, phase: str = "") -> Events:
    """Last layers on features that are computed once; small work, so all folds train as one stack."""
    assert spec.weights is not None
    settings = job.settings
    looking = settings.device.threads or available_cores()
    encoders = Encoders(spec, job.family, job.cohort, settings, threads=looking, device=str(fabric.device))
    first = encoders.of(job.folds[0])
    trained = _count(first.classifier.head.parameters())
    work = settings.train.batch_size * trained
    yield Plan(
        str(fabric.device),
        threads_for(settings.device, work=work * len(job.folds)),
        _count(first.classifier.parameters()),
        (len(job.folds),),
        trained=trained,
        batch_size=settings.train.batch_size,
        weights=spec.weights.to_dict(),
        levels=len(first.classifier.seen),
        image_seconds=first.estimated_seconds(job.cohort.inputs, settings.augment.views),
    )
    members: list[Member] = []
    for event in head_members(encoders, job.folds):
        if isinstance(event, Extracted):
            yield event
        else:
            members = event
    small = make_fabric(settings.device, work=work)
    yield from train_members(small, members, job, work=work, phase=phase)


def _pixels(spec: ImageSpec, fabric: "Fabric", job: Job, heads: Mapping[str, nn.Module] | None) -> Events:
    """Networks that see pixels in every epoch, after a rehearsal that finds out what one takes."""
    settings, device = job.settings, str(fabric.device)
    threads = threads_for(settings.device, work=LARGE)
    store = PixelStore(job.cohort, workers=threads)

    def member(fold: Fold) -> Member:
        head = None if heads is None else heads[fold.name]
        return image_member(spec, store, job.family, fold, settings, threads=threads, device=device, head=head)

    first = member(job.folds[0])
    rehearsal = rehearse(fabric, first, settings, threads=threads)
    train = settings.train.model_copy(update={"batch_size": rehearsal.batch_size})
    job = replace(job, settings=settings.model_copy(update={"train": train}))
    yield Plan(
        device,
        threads,
        _count(first.network.parameters()),
        (1,) * len(job.folds),
        trained=_count(weight for weight in first.network.parameters() if weight.requires_grad),
        batch_size=rehearsal.batch_size,
        memory=rehearsal.memory,
        epoch_seconds=rehearsal.epoch_seconds,
        weights=spec.weights.to_dict() if spec.weights else None,
    )
    phase = "" if heads is None and first.before is None else "network"
    for fold in job.folds:  # made one after the other: a large network need not be there fifteen times
        if fold.name not in job.finished:
            one = first if fold is job.folds[0] else member(fold)
            if one.before is not None:
                begun = train_members(fabric, [one.before], job, work=LARGE, phase=PHASE)
                yield from (event for event in begun if isinstance(event, Progress))
            yield from train_members(fabric, [one], job, work=LARGE, phase=phase)


def _count(weights: Iterable[nn.Parameter]) -> int:
    return sum(weight.numel() for weight in weights)
