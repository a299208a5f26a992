"""Two batches before a long training: how much memory will it need, and how long will an epoch take?"""

import copy
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bedside.settings import RunSettings, TrainSettings
from bedside.training.hardware import available_memory, limited_threads
from bedside.training.isolated import own_random_numbers
from bedside.training.loop import make_optimizer, step
from bedside.training.members import Member

if TYPE_CHECKING:
    from lightning_fabric import Fabric

SHARE = 0.8  # of the free memory that a training may take
FEW = 4  # samples from which the memory of a batch is extrapolated
SMALLEST = 2  # samples in a batch: batch normalisation needs two


@dataclass(frozen=True)
class Rehearsal:
    """`batch_size` is the one asked for, or the largest half, quarter ... of it for which there is memory."""

    batch_size: int
    memory: int  # bytes at the most
    epoch_seconds: float


def rehearse(fabric: "Fabric", member: Member, settings: RunSettings, *, threads: int) -> Rehearsal:
    """Try a copy of the member's network on some of its own training samples; the member stays as it was."""
    with own_random_numbers(0, fabric.device), limited_threads(threads):
        fixed, each = _memory(fabric, member, settings.train)
        size, free = settings.train.batch_size, available_memory(fabric.device)
        while free is not None and size > SMALLEST and fixed + size * each > SHARE * free:
            size = max(SMALLEST, size // 2)
        train = settings.train.model_copy(update={"batch_size": size})
        return Rehearsal(size, fixed + size * each, _epoch_seconds(fabric, member, train))


def _memory(fabric: "Fabric", member: Member, train: TrainSettings) -> tuple[int, int]:
    """Bytes for weights, gradients and optimiser, and bytes that one sample adds: what is kept for going back."""
    weights = list(member.network.parameters())
    trained = sum(weight.nbytes for weight in weights if weight.requires_grad)
    moments = {"sgd": 1}.get(train.optimizer, 2)
    fixed = 2 * sum(weight.nbytes for weight in weights) + (1 + moments) * trained  # twice: the best epoch is kept
    own = {weight.data_ptr() for weight in weights}
    kept: dict[tuple[int, int], int] = {}

    def note(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr(), tensor.nbytes] = tensor.nbytes
        return tensor

    small = train.model_copy(update={"batch_size": min(FEW, train.batch_size)})
    batches, _ = member.data.batches(small, fabric.device, torch.Generator().manual_seed(0))
    trial = copy.deepcopy(member.network).to(fabric.device).train()
    batch = next(iter(batches))
    with saved_tensors_hooks(note, lambda tensor: tensor):
        member.objective(trial, batch)
    return fixed, -(-sum(kept.values()) // len(batch[1]))


def _epoch_seconds(fabric: "Fabric", member: Member, train: TrainSettings) -> float:
    """Time of the second of two training batches, times their number; validation is about a third of a step more."""
    trial = copy.deepcopy(member.network)
    optimizer = make_optimizer(trial, train, fabric)
    batches, _ = member.data.batches(train, fabric.device, torch.Generator().manual_seed(0))
    trial, optimizer = fabric.setup(trial, optimizer)
    trial.train()
    count, seconds = 0, 0.0
    started = time.perf_counter()
    for batch in batches:
        step(fabric, trial, optimizer, batch, member.objective, train.clip_norm)
        if fabric.device.type == "cuda":
            torch.cuda.synchronize(fabric.device)
        count, seconds = count + 1, time.perf_counter() - started
        if count == 2:
            break
        started = time.perf_counter()
    n_valid = len(member.data.valid[1]) / max(member.n_train, 1)
    return seconds * len(batches) * (1 + n_valid / 3)
