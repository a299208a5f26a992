"""The one training loop. Read it top to bottom: nothing calls back into it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from bedside.errors import TrainingError
from bedside.models.classifier import Classifier
from bedside.models.losses import Batch, Objective, Supervised
from bedside.settings import TrainSettings
from bedside.training.batches import Batches
from bedside.training.stack import Stack

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did to each member, shape (members,); a single network is one member.

    Losses are means over rows by weight; train figures are gathered while the weights still move and dropout acts.
    `active` members were still training; `best` ones had their lowest validation loss so far.
    """

    epoch: int  # from 1
    train_loss: Tensor
    valid_loss: Tensor
    train_metric: Tensor
    valid_metric: Tensor
    learning_rate: float
    active: Tensor
    best: Tensor


def fit(
    fabric: "Fabric",
    model: nn.Module,
    train: Batches,
    valid: Batches,
    objective: Objective,
    settings: TrainSettings,
    *,
    start_counts: bool = False,
) -> Iterator[EpochRecord]:
    """Train `model` in place, one epoch per step of the iterator, and leave it with the weights of its best epoch.

    The validation set decides when to stop and which epoch to keep. The test set is not an argument, so it cannot.

    Args:
        fabric: owns device and precision.
        model: any module that `objective` can call, or a `Stack` of them.
        train: shuffled batches.
        valid: batches of patients that `train` does not hold.
        objective: mean loss of one batch; the only place where families differ.
        settings: epochs, optimiser, schedule, early stopping.
        start_counts: the weights as they are given may be the best ones, because they have been trained before.

    Yields:
        One record per epoch. Whoever stops asking stops the training.

    Raises:
        TrainingError: if the validation loss of a member was never a number.
    """
    optimizer = make_optimizer(model, settings, fabric)
    wrapped: nn.Module
    if casts(fabric):
        wrapped, optimizer = fabric.setup(model, optimizer)
    else:  # Fabric's wrappers would do nothing, in a time that small layers feel
        wrapped = fabric.to_device(model)
    schedule = make_schedule(optimizer, settings, steps=settings.epochs * len(train))
    members = model.size if isinstance(model, Stack) else 1
    best_loss = judge(wrapped, valid, objective)[0] if start_counts else torch.full((members,), torch.inf)
    best_epoch = torch.zeros(members, dtype=torch.long)
    active = torch.ones(members, dtype=torch.bool)
    best = {name: value.clone() for name, value in tensors_of(model).items()}

    for epoch in range(1, settings.epochs + 1):
        learning_rate = float(optimizer.param_groups[0]["lr"])
        wrapped.train()
        losses, outputs, seen = [], [], []
        for batch in train:
            loss, output = step(fabric, wrapped, optimizer, batch, objective, settings.clip_norm)
            if schedule is not None:
                schedule.step()
            losses.append(loss.detach() * batch[2].sum(-1))
            outputs.append(output)
            seen.append(batch[1:])
        train_loss, train_metric = _summary(losses, outputs, seen, objective)
        valid_loss, valid_metric = judge(wrapped, valid, objective)

        improved = active & (valid_loss < best_loss)
        _keep(best, tensors_of(model), improved)
        best_loss = torch.where(improved, valid_loss, best_loss)
        best_epoch = torch.where(improved, epoch, best_epoch)
        yield EpochRecord(
            epoch, train_loss, valid_loss, train_metric, valid_metric, learning_rate, active.clone(), improved
        )
        if settings.early_stopping:
            active &= epoch - best_epoch < settings.patience
        if not active.any():
            break

    _keep(tensors_of(model), best, torch.ones(members, dtype=torch.bool))
    if torch.isinf(best_loss).any():
        error = _broken("The validation loss was never a number", settings)
        error.members = tuple(torch.isinf(best_loss).nonzero().flatten().tolist())
        raise error


def casts(fabric: "Fabric") -> bool:
    """Whether a network has to be wrapped: to compute in other numbers than its weights, or on several devices."""
    return fabric.strategy.precision.precision != "32-true" or fabric.world_size > 1


def refuse_broken(model: nn.Module, settings: TrainSettings) -> None:
    """Weights that are no numbers predict nothing, whoever stopped the training.

    Raises:
        TrainingError: with what to change.
    """
    if not all(torch.isfinite(weight).all() for weight in model.parameters()):
        raise _broken("Training ended with weights that are not numbers", settings)


def _broken(what: str, settings: TrainSettings) -> TrainingError:
    return TrainingError(
        f"{what}. Lower train.learning_rate (now {settings.learning_rate:g}), or leave device.precision at 32-true "
        "and gradient clipping on."
    )


def step(
    fabric: "Fabric",
    model: nn.Module,
    optimizer: Optimizer,
    batch: Batch,
    objective: Objective,
    clip_norm: float | None,
) -> tuple[Tensor, Tensor]:
    """One step of learning: predict, measure the error, send it back, update the weights.

    Returns:
        Loss of each member before the update, shape () or (members,), and the outputs it was computed from.
    """
    if isinstance(model, Stack) and model.written and type(objective) is Supervised:
        loss, outputs = model.learn(batch, objective)  # the same, with the gradient written out
    else:
        optimizer.zero_grad()
        loss, outputs = objective(model, batch)
        fabric.backward(loss.sum() if loss.dim() else loss)
    if clip_norm is not None:
        stack = getattr(model, "module", model)  # within Fabric's wrapper, if it has one
        if isinstance(stack, Stack):
            stack.clip(clip_norm)
        else:
            # Not finite is normal while 16-bit loss scaling settles; a true NaN is reported at the end.
            fabric.clip_gradients(model, optimizer, max_norm=clip_norm, error_if_nonfinite=False)
    optimizer.step()
    return loss, outputs


@torch.no_grad()
def judge(model: nn.Module, batches: Batches, objective: Objective) -> tuple[Tensor, Tensor]:
    """Mean loss and metric of each member over all rows, in evaluation mode; two tensors of shape (members,)."""
    model.eval()
    losses, outputs, seen = [], [], []
    for batch in batches:
        loss, output = objective(model, batch)
        losses.append(loss * batch[2].sum(-1))
        outputs.append(output)
        seen.append(batch[1:])
    return _summary(losses, outputs, seen, objective)


def _summary(
    losses: list[Tensor], outputs: list[Tensor], seen: Sequence[tuple[Tensor, ...]], objective: Objective
) -> tuple[Tensor, Tensor]:
    """Mean loss and metric over the (target, weight) of an epoch's batches, each of shape (members,), on the CPU."""
    dim = seen[0][0].dim() - 1
    target, weight = (torch.cat([batch[i] for batch in seen], dim=dim) for i in (0, 1))
    mean = torch.stack(losses).sum(0) / weight.sum(-1)
    metric = objective.measure(torch.cat(outputs, dim=dim).float(), target, weight)
    return torch.atleast_1d(mean).float().cpu(), torch.atleast_1d(metric).float().cpu()


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers as they are now; those of a stack have the members first."""
    return model.tensors() if isinstance(model, Stack) else dict(model.state_dict())


@torch.no_grad()
def _keep(best: dict[str, Tensor], now: dict[str, Tensor], improved: Tensor) -> None:
    """Copy the weights of the members that improved."""
    if not improved.any():
        return
    for name, value in now.items():
        if improved.all():
            best[name].copy_(value)
        else:  # a stack
            chosen = improved.to(value.device)
            best[name][chosen] = value[chosen]


def make_optimizer(model: nn.Module, settings: TrainSettings, fabric: "Fabric") -> Optimizer:
    """The optimiser over the weights that train; early stages of a backbone may take smaller steps."""
    rate, decay = settings.learning_rate, settings.weight_decay
    groups = [{"params": weights, "lr": rate * share, "share": share} for weights, share in rates_of(model)]
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    fused = fabric.device.type == "cpu"  # one pass over all weights; on a GPU it would forbid clipping with 16 bits
    return kind(groups, lr=rate, weight_decay=decay, fused=fused)


def rates_of(model: nn.Module) -> Iterable[tuple[list[nn.Parameter], float]]:
    """Groups of weights that train, each with its share of the learning rate; the first group takes all of it."""
    if isinstance(model, Classifier):
        return model.rates()
    return [([weight for weight in model.parameters() if weight.requires_grad], 1.0)]


def make_schedule(optimizer: Optimizer, settings: TrainSettings, *, steps: int) -> LRScheduler | None:
    """Learning rate by optimisation step, over the whole of `epochs`; nothing if it stays as it is."""
    match settings.schedule:
        case "cosine":
            return CosineAnnealingLR(optimizer, T_max=steps)
        case "onecycle":
            peaks = [settings.learning_rate * group["share"] for group in optimizer.param_groups]
            return OneCycleLR(optimizer, max_lr=peaks, total_steps=steps, cycle_momentum=False)
        case _:
            return None
