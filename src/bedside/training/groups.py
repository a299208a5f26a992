"""Members through the one loop: those of one shape together as a stack, everything else one by one."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bedside.cohort import Cohort, Fold
from bedside.errors import TrainingError
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.batches import Batches, TensorBatches, n_batches, stack_members, to_device
from bedside.training.events import FoldFit, Progress
from bedside.training.finder import find_learning_rate
from bedside.training.hardware import make_fabric, threads_for
from bedside.training.isolated import isolated
from bedside.training.loop import fit, refuse_broken
from bedside.training.members import DROPOUT, ORDER, Arrays, Member, judged_at_once
from bedside.training.stack import Stack
from bedside.training.stackable import rows_mix, why_alone

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Job:
    """What is to be trained; see `fits.train_folds`.

    `stop_after` gives epochs by phase after which the weights are taken as they are, not as in the best epoch.
    """

    family: str
    cohort: Cohort
    folds: Sequence[Fold]
    settings: RunSettings
    finished: Container[str] = ()
    stop_after: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Groups:
    """Members dealt to groups; iterating trains one group after the other, apart from the program around it."""

    fabric: "Fabric"
    groups: tuple[tuple[Member, ...], ...]
    job: Job
    work: int  # multiplications of one step of one member
    phase: str
    alone: str = ""  # why members that could have trained as a stack do not

    @property
    def sizes(self) -> tuple[int, ...]:
        """Members that train together."""
        return tuple(map(len, self.groups))

    @property
    def threads(self) -> int:
        """Threads of the CPU for the largest group."""
        return self._threads(max(self.sizes))

    def _threads(self, size: int) -> int:
        return threads_for(self.job.settings.device, work=size * self.work)

    def __iter__(self) -> Iterator[Progress | FoldFit]:
        job = self.job
        last = None if job.stop_after is None else job.stop_after[self.phase]
        for group in self.groups:
            if all(member.fold.name in job.finished for member in group):
                continue
            fold = group[0].fold
            seed = derive(job.settings.seed, fold.repeat, fold.number, DROPOUT)
            events = _train(self.fabric, group, job.settings, self.work, self.phase, last)
            yield from isolated(events, seed=seed, threads=self._threads(len(group)), device=self.fabric.device)


def train_members(fabric: "Fabric", members: Sequence[Member], job: Job, *, work: int, phase: str = "") -> Groups:
    """What will train together; iterate over it to train.

    Args:
        fabric: device and precision.
        members: one per fold; a group is left out only if all of its folds are finished.
        job: task, settings, and what is finished.
        work: multiplications of one step of one member; see `hardware.make_fabric`.
        phase: names this part of a training that has several.
    """
    groups, alone = groups_of(members, job.settings)
    return Groups(fabric, tuple(map(tuple, groups)), job, work, phase, alone)


def groups_of(members: Sequence[Member], settings: RunSettings) -> tuple[list[list[Member]], str]:
    """Members dealt to stacks, in order, and why all of them stand alone although there are several, if they do.

    A stack has members of one shape that take as many steps per epoch. If rows of a batch act on each other, as in batch
    normalisation, they also have as many rows: those that fill up a shorter member would count.
    """
    reason = never_stacked(members, settings)
    if reason or not all(isinstance(member.data, Arrays) for member in members) or len(members) < 2:
        return [[member] for member in members], reason
    stacks: dict[tuple[Any, ...], list[Member]] = {}
    mixing = rows_mix(members[0].network, _some_rows(members[0], settings)) if len(members) > 1 else (False, False)
    for member in members:
        key: list[Any] = [_form(member), n_batches(member.n_train, settings.train.batch_size)]
        sizes = (member.n_train, len(member.data.valid[1]))
        key += [size for size, mixed in zip(sizes, mixing, strict=True) if mixed]
        stacks.setdefault(tuple(key), []).append(member)
    if any(mixing) and len(members) == len(stacks) > 1:
        return list(stacks.values()), "their rows act on each other, and no two of them have as many"
    return list(stacks.values()), ""


def never_stacked(members: Sequence[Member], settings: RunSettings) -> str:
    """Why members like these train one by one whatever their number of rows, or nothing."""
    if len(members) < 2:
        return ""
    if settings.train.find_learning_rate:
        return "each of them looks for a learning rate of its own"
    if settings.device.precision == "16-mixed":
        return "with device.precision=16-mixed each of them needs a loss scale of its own"
    first = members[0]
    if not isinstance(first.data, Arrays):
        return "they see images, which fill the processor one by one"
    if first.data.train[0].dim() > 2:
        return "they see recordings or graphs, which fill the processor one by one"
    alike = [member.network for member in members if _form(member) == _form(first)]
    return why_alone(alike, _some_rows(first, settings)) if len(alike) > 1 else ""


def _some_rows(member: Member, settings: RunSettings) -> torch.Tensor:
    assert isinstance(member.data, Arrays)
    inputs, target, _ = (part[: settings.train.batch_size] for part in member.data.train)
    return member.objective.shown(inputs, target)


def _form(member: Member) -> tuple[Any, ...]:
    """Numbers per sample, which may differ between folds, as a level may be rare in one of them; and the shapes of all that
    the network is made of, as it may hold something of each sample."""
    assert isinstance(member.data, Arrays)
    shapes = (tuple(value.shape) for value in member.network.state_dict().values())
    return int(member.data.train[0].shape[-1]), *shapes


def _train(
    fabric: "Fabric",
    group: Sequence[Member],
    settings: RunSettings,
    work: int,
    phase: str,
    stop_after: int | None,
) -> Iterator[Progress | FoldFit]:
    generators = [torch.Generator().manual_seed(_order_seed(member.fold, settings.seed)) for member in group]
    model: nn.Module = Stack([member.network for member in group]) if len(group) > 1 else group[0].network
    train, valid = _batches(group, generators, fabric.device, settings)
    objective = group[0].objective
    options, sweep = settings.train, None
    if options.find_learning_rate:
        own = make_fabric(settings.device, work=work)  # with a 16-bit loss scale of its own
        sweep = find_learning_rate(own, model, train, objective, options)
        generators[0].manual_seed(_order_seed(group[0].fold, settings.seed))
        options = options.model_copy(update={"learning_rate": sweep.chosen})
    records = fit(fabric, model, train, valid, objective, options, start_counts=group[0].trained_before)
    try:
        for record in records if stop_after != 0 else ():
            yield Progress(tuple(member.fold for member in group), record, options.epochs, phase, objective.metric)
            if record.epoch == stop_after:
                break
    except TrainingError as error:
        named = ", ".join(group[k].fold.name for k in error.members)
        raise TrainingError(f"{named}: {error}" if named else str(error)) from error
    refuse_broken(model, options)
    for k, member in enumerate(group):
        if isinstance(model, Stack):
            member.network.load_state_dict(model.member(k))
        yield FoldFit(member.fold, member.finish(member.network), sweep)


def _batches(
    group: Sequence[Member], generators: list[torch.Generator], device: torch.device, settings: RunSettings
) -> tuple[Batches, Batches]:
    """Training and validation batches of a single member, or of a stack side by side."""
    if len(group) == 1:
        return group[0].data.batches(settings.train, device, generators[0])
    arrays = [member.data for member in group if isinstance(member.data, Arrays)]
    train, valid = (
        to_device(stack_members([getattr(data, part) for data in arrays]), device) for part in ("train", "valid")
    )
    size, sampling = settings.train.batch_size, settings.train.sampling
    return TensorBatches(*train, size, generators, sampling), TensorBatches(*valid, judged_at_once(arrays[0].valid[0]))


def _order_seed(fold: Fold, seed: int) -> int:
    return derive(seed, fold.repeat, fold.number, ORDER)
