"""A trained member whose samples lie in memory as arrays, as explanations use it: prepared samples in, evidence and scores out."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.explain.sight import Says

BATCH = 128  # samples at once


@dataclass(frozen=True)
class _Plain:
    network: nn.Module
    preparation: Any


class ArraySight(Says):
    """What a member reads and says of samples as its preparation gives them, (n, ...)."""

    def __init__(self, member: Any, task: Task) -> None:
        self.member, self.task = member, task
        self.network: Any = member.network.float().cpu().eval()
        self.preparation = member.preparation
        if hasattr(self.network, "reconstruct"):
            self.layer = "the code"

    def with_network(self, network: nn.Module) -> Self:
        """The same preparation with another network behind it."""
        return type(self)(_Plain(network, self.preparation), self.task)

    def outputs(self, given: np.ndarray) -> np.ndarray:
        """See `Says`."""
        return self._of(self.network, given)

    def probabilities(self, given: np.ndarray) -> np.ndarray:
        """Scores of all classes in the order of the task, (n, classes), as in predictions.csv, recalibrated if the member is."""
        own, recalibration = self._probabilities(given), getattr(self.member, "recalibration", None)
        return own if recalibration is None else np.asarray(recalibration(own))

    def embedding(self, inputs: Any) -> np.ndarray:
        """The vector that the last layer reads, (n, width)."""
        return self._of(self.network.embed, self.preparation(inputs))

    def shared_with(self, other: Any) -> bool:
        """Whether both place a sample alike: never, each has learned its own."""
        return self is other

    @torch.no_grad()
    def _of(self, function: Any, given: np.ndarray) -> np.ndarray:
        parts = [function(tensor(given[start : start + BATCH])).numpy() for start in range(0, len(given), BATCH)]
        return np.concatenate(parts)


def tensor(given: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(given, dtype=np.float32))
