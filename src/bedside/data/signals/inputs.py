"""Recordings in memory, each of its own length; what all of them share is the sampling rate and the channels."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SignalInputs:
    """The recordings of the samples.

    Each trace is (channels, time) in 32-bit floats, NaN where nothing was recorded: a lead that fell off, a channel that a
    recording lacks. Traces may differ in length. `rate` is in Hz, None if nobody knows it; recordings that were taken
    at other rates have been brought to it while reading. `units` has one word per channel, empty if unknown. `columns` are the
    settings that named the columns of a table (`signal`, `recording`, `at`), empty where there was none.
    """

    traces: tuple[np.ndarray, ...]
    channels: tuple[str, ...]
    rate: float | None = None
    units: tuple[str, ...] = ()
    kind: str = "signal"
    columns: dict[str, Any] = field(default_factory=dict)
    features: tuple[Any, ...] = ()  # recordings have no columns

    def __len__(self) -> int:
        return len(self.traces)

    def take(self, rows: np.ndarray) -> "SignalInputs":
        """The given rows, shape (k,), in that order; the recordings themselves are not copied."""
        return replace(self, traces=tuple(self.traces[row] for row in rows))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Time points of each recording, (n,)."""
        return np.array([trace.shape[1] for trace in self.traces], dtype=np.int64)

    def fingerprint(self) -> str:
        """sha256 of channels, rate and every value, 64 hexadecimal digits."""
        digest = hashlib.sha256(repr((self.channels, self.rate, self.units, len(self))).encode())
        for values in self.contents():
            digest.update(values)
        return digest.hexdigest()

    def contents(self) -> Iterator[bytes]:
        """Shape and values of each recording in one form: equal bytes, equal recordings."""
        for trace in self.traces:
            yield repr(trace.shape).encode() + canonical(trace).tobytes()

    def digests(self) -> np.ndarray:
        """sha256 of the shape and values of each recording, (n,); equal if all channels are."""
        return np.array([hashlib.sha256(values).hexdigest() for values in self.contents()])


def canonical(trace: np.ndarray) -> np.ndarray:
    """The same values in one form: little-endian 32-bit floats, one NaN for all gaps, no negative zero."""
    values = np.ascontiguousarray(trace, dtype="<f4") + np.float32(0)
    values[np.isnan(values)] = np.nan
    return values
