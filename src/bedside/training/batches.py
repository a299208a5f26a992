"""Mini-batches as slices of tensors in memory: for small tables anything more only costs time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from bedside.models.losses import Batch
from bedside.training.order import Sampling, epoch_order


def n_batches(rows: int, batch_size: int) -> int:
    """Batches in an epoch. A single row left over joins the batch before it: batch normalisation needs two."""
    whole, rest = divmod(rows, batch_size)
    return max(1, whole + (rest > 1 or (rest == 1 and whole == 0)))


class Batches(Protocol):
    """What the loop trains on and judges by: the same number of batches in every epoch."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...

    def some(self, k: int) -> "Batches":
        """At most `k` samples, evenly spaced, as they are: neither shuffled nor augmented."""
        ...


def evenly(rows: int, k: int) -> Tensor:
    """At most `k` row numbers from 0 to `rows` - 1, evenly spaced."""
    return torch.linspace(0, rows - 1, min(k, rows)).long()


class TensorBatches:
    """Batches of one data set, or of one per member of a stack, each shuffled by its own generator.

    Without generators the rows come in order, in batches of the largest size that memory likes. With them, the inputs
    of a batch hold until the next epoch begins.
    """

    def __init__(
        self,
        inputs: Tensor,
        target: Tensor,
        weight: Tensor,
        batch_size: int,
        generators: Sequence[torch.Generator] | None = None,
        sampling: Sampling = "shuffle",
    ) -> None:
        """
        Args:
            inputs: (rows, features), or (members, rows, features) for a stack.
            target: (rows,) or (members, rows).
            weight: like `target`; 0 marks rows at the end that only fill up a member with fewer rows.
            batch_size: rows per step and member.
            generators: one per member; each shuffles its member's real rows anew in every epoch.
            sampling: "shuffle", or "balanced" for classes that are drawn equally often.
        """
        self.inputs, self.target, self.weight = inputs, target, weight
        self.batch_size, self.generators, self.sampling = batch_size, generators, sampling
        members = weight.reshape(-1, weight.shape[-1])
        self.counts = [int((member > 0).sum()) for member in members]  # real rows of each member
        self.n_batches = n_batches(max(self.counts), batch_size)
        self._room: Tensor | None = None

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        inputs, target, weight = self._shuffled() if self.generators else (self.inputs, self.target, self.weight)
        dim = target.dim() - 1
        size, last = self.batch_size, self.n_batches - 1
        for k in range(self.n_batches):
            start = k * size
            length = target.shape[dim] - start if k == last else size
            yield (
                inputs.narrow(dim, start, length),
                target.narrow(dim, start, length),
                weight.narrow(dim, start, length),
            )

    def some(self, k: int) -> "TensorBatches":
        """See `Batches.some`; for one member."""
        rows = evenly(len(self.target), k).to(self.target.device)
        return TensorBatches(self.inputs[rows], self.target[rows], self.weight[rows], k)

    def _shuffled(self) -> Batch:
        """A new order of each member's real rows; the rows that fill up stay behind them."""
        assert self.generators is not None
        rows = self.target.shape[-1]
        orders = []
        targets = self.target.reshape(-1, rows).cpu()
        for count, target, generator in zip(self.counts, targets, self.generators, strict=True):
            order = epoch_order(generator, count, target, self.sampling)
            orders.append(torch.cat([order, torch.arange(count, rows)]))
        # Members one after the other are one long data set: whole rows move, which is faster than single numbers.
        order = torch.cat([own + k * rows for k, own in enumerate(orders)]).to(self.target.device)
        if self._room is None:  # taken once: to ask for memory in every epoch costs more than to fill it
            self._room = self.inputs.new_empty((len(order), *self.inputs.shape[self.target.dim() :]))
        torch.index_select(self.inputs.reshape(self._room.shape), 0, order, out=self._room)
        inputs = self._room.view(self.inputs.shape)
        target, weight = (
            part.reshape(-1).index_select(0, order).view(part.shape) for part in (self.target, self.weight)
        )
        return inputs, target, weight


class Augmented:
    """Batches of training samples that are changed at random, anew in every epoch."""

    def __init__(
        self, batches: TensorBatches, change: Callable[[Tensor, torch.Generator], Tensor], generator: torch.Generator
    ) -> None:
        self.batches, self.change, self.generator = batches, change, generator

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for inputs, target, weight in self.batches:
            yield self.change(inputs, self.generator), target, weight

    def some(self, k: int) -> Batches:
        """See `Batches.some`."""
        return self.batches.some(k)


def to_device(batch: Batch, device: torch.device) -> Batch:
    inputs, target, weight = (part.to(device) for part in batch)
    return inputs, target, weight


def stack_members(members: Sequence[Batch]) -> Batch:
    """Data sets of unequal length, side by side: (members, rows, features).

    Short ones are filled with copies of their last row, which any network can read, at weight 0.
    """
    rows = max(len(target) for _, target, _ in members)

    def filled(part: Tensor, *, again: bool) -> Tensor:
        last = part[-1:] if again else torch.zeros_like(part[-1:])
        return torch.cat([part, last.expand(rows - len(part), *part.shape[1:])])

    inputs, target, weight = (torch.stack([filled(member[i], again=i < 2) for member in members]) for i in range(3))
    return inputs, target, weight
