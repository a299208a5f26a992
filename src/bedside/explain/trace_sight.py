"""A trained member for recordings as explanations use it: prepared recordings in, evidence and scores out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bedside.cohort import Task
from bedside.explain.array_sight import ArraySight, tensor

__all__ = ["Cells", "TraceSight", "bridged", "sights_of", "tensor"]


class TraceSight(ArraySight):
    """Recordings are (n, channels + 1, time); the last row says what was recorded."""

    def by_place(self, given: np.ndarray) -> np.ndarray:
        """Where a network that reconstructs recordings fails to, (n, channels, time)."""
        return self._of(self.network.by_place, given)


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
