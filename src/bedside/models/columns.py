"""What the prepared columns of a table are: numbers, levels of one cell, and marks of gaps.

A cell is one raw column of one sample: a number, or all of its levels. Only what is known counts: the mark of a gap takes a
cell out.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

NUMBER, LEVEL, MARK = range(3)  # what a prepared column of a table is
_STEEPEST = 30.0  # logits of levels lie between minus this and this, so that no exponential is too large


class Columns:
    """For a network of tables: buffers that say what each column is, and what follows from them."""

    kind: Tensor
    first: Tensor
    mark: Tensor
    fill: Tensor
    average: Tensor
    register_buffer: Callable[..., None]

    def has_columns(self, columns: int) -> None:
        """Numbers all of them, until `learn_layout` says more."""
        self.register_buffer("kind", torch.zeros(columns, dtype=torch.long))
        self.register_buffer("first", torch.arange(columns))  # the first column of the same cell
        self.register_buffer("mark", torch.full((columns,), columns))  # the column that marks gaps; `columns` for none
        self.register_buffer("fill", torch.zeros(columns))  # what a gap is filled with
        self.register_buffer("average", torch.zeros(columns))  # of what is known in training

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """What each column is; `preparation` is a `TablePreparation` that marks every gap."""
        kinds = preparation.kinds()
        numbers = {"numbers": NUMBER, "levels": LEVEL}
        self.kind.copy_(torch.tensor([numbers.get(kind, MARK) for kind in kinds]))
        sources = preparation.sources()
        marks = {name: k for k, (name, kind) in enumerate(zip(sources, kinds, strict=True)) if kind not in numbers}
        self.mark.copy_(torch.tensor([marks.get(name, len(kinds)) for name in sources]))
        firsts: dict[str, int] = {}
        for k, name in enumerate(sources):
            firsts.setdefault(name, k)
        self.first.copy_(torch.tensor([firsts[name] for name in sources]))
        self.fill.copy_(torch.from_numpy(preparation.of_gaps()))
        known = self.known(prepared)
        self.average.copy_((prepared * known).sum(dim=0) / known.sum(dim=0).clamp(min=1))

    def known(self, x: Tensor) -> Tensor:
        """1 for values of cells that were known, 0 for those that filled a gap and for marks, (n, columns)."""
        marks = torch.cat([x, torch.zeros_like(x[:, :1])], dim=1)[:, self.mark]
        return (1 - marks) * (self.kind != MARK).to(x.dtype)

    def together(self, x: Tensor) -> Tensor:
        """1 where two columns are levels of one cell, (columns, columns)."""
        level = self.kind == LEVEL
        return ((self.first[:, None] == self.first) & level[:, None] & level).to(x.dtype)

    def part(self) -> Tensor:
        """How much of a cell each column is, (columns,): 1 for a number, one part in k for one of k levels."""
        together = self.together(self.fill).sum(dim=0)
        return torch.where(self.kind == NUMBER, 1.0, torch.where(self.kind == LEVEL, 1 / together.clamp(min=1), 0.0))

    def truth(self, x: Tensor) -> Tensor:
        """Levels as shares; one that training never saw has an equal share of each."""
        return x + (1 - x @ self.together(x)) * self.part().to(x.dtype)

    def log_shares(self, given: Tensor) -> Tensor:
        """Logits of levels -> logarithms of their probabilities within each cell; what is no level has 0."""
        logits = _STEEPEST * torch.tanh(given / _STEEPEST)
        level = (self.kind == LEVEL).to(given.dtype)
        sums = (logits.exp() * level) @ self.together(given) + (1 - level)
        return (logits - sums.log()) * level
