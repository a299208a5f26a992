"""Recordings that are not what they should be: noisy, wandering, weaker, turned over, with gaps or without a channel.

Every change has a strength; strength 0 is the recording as it is. Amplitudes count in standard deviations of each channel
over the training recordings.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bedside.data.signals.inputs import SignalInputs
from bedside.seeds import derive

GRADES: dict[str, tuple[float, ...]] = {
    "noise": (0.1, 0.25, 0.5, 1.0),
    "wander": (0.25, 0.5, 1.0),
    "weaker": (0.1, 0.25, 0.5),
    "stronger": (0.1, 0.25, 0.5),
    "gaps": (0.05, 0.1, 0.25),
}
LABELS = {
    "noise": "noise of {:g} standard deviations",
    "wander": "wandering baseline of {:g} standard deviations",
    "weaker": "amplitude −{:.0f}\u00a0%",
    "stronger": "amplitude +{:.0f}\u00a0%",
    "gaps": "a gap of {:.0f}\u00a0% of the time",
}


@dataclass(frozen=True)
class Change:
    """One way in which recordings are wrong; `columns` names a channel that is lost or upside down."""

    kind: str
    label: str
    strength: float
    columns: tuple[str, ...] = ()

    def __call__(self, inputs: SignalInputs, scale: np.ndarray, seed: int) -> SignalInputs:
        """The changed recordings of one member.

        Args:
            inputs: its test recordings.
            scale: standard deviation of each channel over its training recordings, (channels,).
            seed: drives noise and places; each recording has its own.
        """
        found = [
            self._changed(trace, inputs, scale[:, None], np.random.default_rng(derive(seed, number)))
            for number, trace in enumerate(inputs.traces)
        ]
        return replace(inputs, traces=tuple(np.asarray(trace, dtype=np.float32) for trace in found))

    def _changed(
        self, trace: np.ndarray, inputs: SignalInputs, scale: np.ndarray, chance: np.random.Generator
    ) -> np.ndarray:
        """One recording, (channels, time)."""
        time = trace.shape[1]
        lost = np.isin(inputs.channels, self.columns)[:, None]
        place = chance.uniform()  # drawn at every strength, so that strengths differ in nothing else
        if self.kind == "noise":
            return trace + self.strength * scale * chance.standard_normal(trace.shape)
        if self.kind == "wander":  # one slow wave over the whole recording, all channels alike, as breathing makes it
            return trace + self.strength * scale * np.sin(2 * np.pi * (np.arange(time) / max(1, time) + place))
        if self.kind in ("weaker", "stronger"):
            return trace * (1 + self.strength * (1 if self.kind == "stronger" else -1))
        if self.kind == "gaps":
            width = round(self.strength * time)
            first = round(place * (time - width))
            return np.where((np.arange(time) >= first) & (np.arange(time) < first + width), np.nan, trace)
        return np.where(lost, np.nan if self.kind == "lost" else -trace, trace)


def changes(inputs: SignalInputs) -> Iterator[Change]:
    """Every change that is tried on recordings, in the order of the report."""
    for kind, grades in GRADES.items():
        for strength in grades:
            shown = 100 * strength if "%" in LABELS[kind] else strength
            yield Change(kind, LABELS[kind].format(shown), strength)
    for channel in inputs.channels:
        yield Change("turned", f"'{channel}' upside down", 1.0, (channel,))
        if len(inputs.channels) > 1:
            yield Change("lost", f"'{channel}' lost", 1.0, (channel,))


def spread(inputs: SignalInputs) -> np.ndarray:
    """Standard deviation of each channel over all recorded points, (channels,)."""
    rows = np.concatenate(inputs.traces, axis=1).astype(np.float64)
    seen = np.isfinite(rows)
    n = np.maximum(seen.sum(axis=1), 1)
    mean = np.where(seen, rows, 0).sum(axis=1) / n
    return np.asarray(np.sqrt(np.where(seen, (rows - mean[:, None]) ** 2, 0).sum(axis=1) / n))
