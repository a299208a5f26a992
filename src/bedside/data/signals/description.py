"""Recordings in numbers, as plain values for description.json and for a model that will meet new ones."""

from typing import Any

import numpy as np

from bedside.data.signals.inputs import SignalInputs


def describe_signals(inputs: SignalInputs) -> dict[str, Any]:
    """Channels, their units, lowest and highest value; rate in Hz; time points of the shortest, median and longest
    recording; how many recordings have gaps; and the settings that named the columns of a table. A channel that was never recorded has None for its values."""
    lows, highs = (np.full(len(inputs.channels), start) for start in (np.inf, -np.inf))
    with_gaps = 0
    for trace in inputs.traces:
        seen = np.isfinite(trace)
        with_gaps += not seen.all()
        if trace.shape[1]:
            lows = np.minimum(lows, np.where(seen, trace, np.inf).min(axis=1))
            highs = np.maximum(highs, np.where(seen, trace, -np.inf).max(axis=1))
    lengths = inputs.lengths
    return {
        "channels": list(inputs.channels),
        "units": list(inputs.units),
        "rate": inputs.rate,
        "shortest": int(lengths.min()),
        "median": float(np.median(lengths)),
        "longest": int(lengths.max()),
        "low": [float(low) if np.isfinite(low) else None for low in lows],
        "high": [float(high) if np.isfinite(high) else None for high in highs],
        "with_gaps": int(with_gaps),
        "columns": dict(inputs.columns),
    }
