"""From recordings of any length to arrays of one shape that a network sees, learned from training recordings.

The network sees the channels and one row more, which is 1 where something was recorded and 0 behind the end, so that it can
leave out what is only there to fill the array. Gaps within a recording get the mean of their channel, which is 0.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bedside.data.signals.inputs import SignalInputs
from bedside.errors import DataError, RunError
from bedside.folder import write_json
from bedside.settings import PreparationSettings

Scale = Literal["standard", "each", "none"]


@dataclass(frozen=True)
class SignalPreparation:
    """How recordings become arrays of one shape.

    channels: names, in the order of the rows
    length:   time points; longer recordings lose their end, shorter ones are filled up
    scale:    "standard" by `mean` and `std` of the channels, "each" by the recording's own, "none" as they are
    mean, std: per channel, over the recorded time points of the training samples
    """

    channels: tuple[str, ...]
    length: int
    scale: Scale
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, inputs: SignalInputs, settings: PreparationSettings) -> "SignalPreparation":
        """Learn length, means and standard deviations.

        Args:
            inputs: recordings of the training samples of one fold, and of nobody else.
            settings: with a `length` the recordings are cut or filled up to it.
        """
        length = settings.length or int(inputs.lengths.max())
        n, total, squares = (np.zeros(len(inputs.channels)) for _ in range(3))
        for trace in inputs.traces:
            seen = np.isfinite(trace[:, :length])
            values = np.where(seen, trace[:, :length], 0).astype(np.float64)
            n, total, squares = n + seen.sum(axis=1), total + values.sum(axis=1), squares + (values**2).sum(axis=1)
        mean = total / np.maximum(n, 1)
        std = np.sqrt(np.maximum(squares / np.maximum(n, 1) - mean**2, 0))
        if settings.scale != "standard":
            mean, std = np.zeros_like(mean), np.ones_like(std)
        return cls(inputs.channels, length, settings.scale, tuple(mean.tolist()), tuple(std.tolist()))

    @property
    def shape(self) -> tuple[int, int]:
        """(channels and the row that says what was recorded, time points)."""
        return len(self.channels) + 1, self.length

    def __call__(self, inputs: SignalInputs) -> np.ndarray:
        """Recordings -> arrays (n, channels + 1, length), 32-bit floats.

        Raises:
            DataError: if a value is too large for 32 bits after scaling.
        """
        prepared = np.zeros((len(inputs), *self.shape), dtype=np.float32)
        for row, trace in zip(prepared, inputs.traces, strict=True):
            length = min(trace.shape[1], self.length)
            row[:-1, :length] = self._scaled(trace[:, :length].astype(np.float64))
            row[-1, :length] = 1
        if not np.isfinite(prepared).all():
            raise DataError("A recording holds values beyond 32-bit numbers after scaling; check its units.")
        return prepared

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        """One recording, (channels, time); gaps become 0. A channel that never varies teaches nothing and is 0."""
        seen = np.isfinite(values)
        filled = np.where(seen, values, 0)
        if self.scale == "each":
            n = np.maximum(seen.sum(axis=1), 1)
            mean = filled.sum(axis=1) / n
            std = np.sqrt(np.where(seen, (values - mean[:, None]) ** 2, 0).sum(axis=1) / n)
        else:
            mean, std = np.array(self.mean), np.array(self.std)
        flat = std <= 1e-9 * np.abs(mean)
        scaled = (filled - mean[:, None]) / np.where(flat, np.inf, std)[:, None]
        return np.where(seen, scaled, 0)

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "SignalPreparation":
        """What `save` wrote.

        Raises:
            RunError: if the file is missing or damaged.
        """
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            lists = {name: tuple(record[name]) for name in ("channels", "mean", "std")}
            return cls(**{**record, **lists})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} cannot be read ({error}); the model is damaged.") from None


class TracePreparation(SignalPreparation):
    """The same without the row that says what was recorded, for estimators that compare points with points: there it would
    count as a channel more, in another unit than theirs."""

    def __call__(self, inputs: SignalInputs) -> np.ndarray:
        """Recordings -> arrays (n, channels, length), 32-bit floats; 0 behind the end."""
        return super().__call__(inputs)[:, :-1]
