"""What every reader of recordings gives: the recordings, and what the file says of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.signals.inputs import SignalInputs


@dataclass(frozen=True)
class Gathered:
    """Recordings of one source, in its order.

    `frame` has one row per recording: the index holds the sample ids, the columns are those of the file or those that the
    reader named itself (`own_names`; then the first one is the target, if it is known). `split` is the part that each came in, shape (n,), if they came divided.
    """

    inputs: SignalInputs
    frame: pd.DataFrame
    own_names: bool = True
    split: np.ndarray | None = None
    findings: tuple[Finding, ...] = ()


def until_end(trace: np.ndarray) -> np.ndarray:
    """A trace (channels, time) without the points at its end where no channel was recorded, in 32 bits."""
    seen = np.flatnonzero(np.isfinite(trace).any(axis=0))
    return np.ascontiguousarray(trace[:, : seen[-1] + 1 if len(seen) else 0], dtype=np.float32)
