"""Numbers that a person could state about a recording without looking at its shape: what drift of the device would move."""

import numpy as np

from bedside.data.signals.inputs import SignalInputs

PER_CHANNEL = ("mean", "standard deviation", "lowest", "highest", "roughness")


def measured(inputs: SignalInputs) -> tuple[list[str], np.ndarray]:
    """Level, amplitude and roughness of each channel, length and gaps, unscaled.

    Roughness is the mean difference between neighbours in time, as a share of the standard deviation: noise raises it, a
    filter lowers it. What a channel that was not recorded would have is NaN.

    Returns:
        Names, and numbers of shape (n, len(names)).
    """
    length = "length in seconds" if inputs.rate else "length in time points"
    names = [f"{what}, {channel}" for channel in inputs.channels for what in PER_CHANNEL]
    rows = [
        [
            *(number for channel in trace for number in _channel(channel)),
            trace.shape[1] / (inputs.rate or 1),
            _gaps(trace),
        ]
        for trace in inputs.traces
    ]
    return [*names, length, "share of gaps"], np.array(rows, dtype=np.float64).reshape(len(inputs), len(names) + 2)


def _channel(values: np.ndarray) -> tuple[float, ...]:
    seen = values[np.isfinite(values)].astype(np.float64)
    if not len(seen):
        return (np.nan,) * len(PER_CHANNEL)
    spread = seen.std()
    rough = np.abs(np.diff(seen)).mean() / spread if len(seen) > 1 and spread > 0 else 0.0
    return seen.mean(), spread, seen.min(), seen.max(), float(rough)


def _gaps(trace: np.ndarray) -> float:
    return float(np.isnan(trace).mean()) if trace.size else 0.0
