"""A trained member for recordings as explanations use it: prepared recordings in, evidence and scores out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.explain.sight import Says

BATCH = 128  # recordings at once


@dataclass(frozen=True)
class _Plain:
    network: nn.Module
    preparation: Any


class TraceSight(Says):
    """What a member reads and says. Recordings are as its preparation gives them, (n, channels + 1, time); the last row
    says what was recorded."""

    def __init__(self, member: Any, task: Task) -> None:
        self.member, self.task = member, task
        self.network: Any = member.network.float().cpu().eval()
        self.preparation = member.preparation
        if hasattr(self.network, "reconstruct"):
            self.layer = "the code"

    def with_network(self, network: nn.Module) -> "TraceSight":
        """The same preparation with another network behind it."""
        return TraceSight(_Plain(network, self.preparation), self.task)

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
        """Whether both place a recording alike: never, each has learned its own."""
        return self is other

    @torch.no_grad()
    def _of(self, function: Any, given: np.ndarray) -> np.ndarray:
        parts = [function(tensor(given[start : start + BATCH])).numpy() for start in range(0, len(given), BATCH)]
        return np.concatenate(parts)


def tensor(given: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(given, dtype=np.float32))


@dataclass(frozen=True)
class Cells:
    """The recorded part of recordings in pieces of equal length, over which maps are taken and points deleted.

    Shorter recordings have shorter pieces. Maps are (n, channels, count), masks of points (n, channels, time).
    """

    lengths: np.ndarray  # recorded time points of each recording, (n,)
    time: int
    count: int

    @classmethod
    def of(cls, prepared: np.ndarray, most: int) -> "Cells":
        """At most `most` cells along the recorded time, at least as long as a time point of the shortest recording."""
        lengths = prepared[:, -1].astype(bool).sum(axis=1)
        return cls(lengths, prepared.shape[-1], int(max(1, min(most, lengths.min() if len(lengths) else 1))))

    def take(self, rows: np.ndarray) -> "Cells":
        """The same cells of some of the recordings."""
        return Cells(self.lengths[rows], self.time, self.count)

    @cached_property
    def number(self) -> np.ndarray:
        """Which cell each time point is in, (n, time); -1 behind the end."""
        points = np.arange(self.time)[None]
        cell = points * self.count // np.maximum(self.lengths[:, None], 1)
        return np.where(points < self.lengths[:, None], cell, -1)

    def pooled(self, values: np.ndarray) -> np.ndarray:
        """Sums of values (n, channels, time) over each cell, (n, channels, count)."""
        one_hot = self.number[:, :, None] == np.arange(self.count)
        return np.asarray(np.einsum("nct,ntk->nck", values, one_hot.astype(values.dtype)))

    def points(self, chosen: np.ndarray, row: int) -> np.ndarray:
        """Cells of one recording (..., channels, count) as time points (..., channels, time)."""
        number = self.number[row]
        return np.asarray(np.where(number >= 0, chosen[..., np.maximum(number, 0)], False))


def bridged(recording: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Versions of one recording without some points, joined by straight lines so that the cut itself is no feature.

    A channel of which nothing is left becomes 0, its mean over the training samples.

    Args:
        recording: (channels + 1, time) as prepared.
        gone: (versions, channels, time) bool, within the recorded part.

    Returns:
        (versions, channels + 1, time).
    """
    versions = np.repeat(recording[None], len(gone), axis=0)
    length = int(recording[-1].astype(bool).sum())
    points = np.arange(length)
    for version, mask in zip(versions, gone, strict=True):
        for channel in np.flatnonzero(mask.any(axis=1)):
            kept = ~mask[channel, :length]
            values = version[channel, :length]
            version[channel, :length] = np.interp(points, points[kept], values[kept]) if kept.any() else 0
    return versions


def sights_of(members: Sequence[tuple[str, Any]], task: Task) -> dict[str, TraceSight]:
    return {name: TraceSight(member, task) for name, member in members}
