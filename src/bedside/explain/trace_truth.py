"""Where the truth of generated recordings is known: how much of the evidence lies on what the generator put there."""

from typing import Any

import numpy as np
from scipy.ndimage import binary_dilation

from bedside.explain.trace_maps import CELLS, maps
from bedside.explain.trace_sight import Cells, TraceSight
from bedside.explain.truth import MARGIN


class TraceEye:
    """See `explain.truth.Eye`; the heat is the evidence for the output, what speaks against it does not count."""

    thing, mark = "recording", "evidence"

    def shares(
        self, sight: TraceSight, inputs: Any, shown: np.ndarray, masks: np.ndarray, method: str
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        prepared = sight.preparation(inputs)
        cells = Cells.of(prepared, CELLS)
        heat = np.maximum(maps(method, sight, prepared, shown, cells), 0).sum(axis=1)
        inside = np.stack([widened(mask, prepared.shape[-1]) for mask in masks]) & (prepared[:, -1] > 0)
        covered = cells.pooled(inside[:, None].astype(np.float64))[:, 0]
        whole = cells.pooled(prepared[:, -1:].astype(np.float64))[:, 0]
        share = covered / np.maximum(whole, 1)
        return (heat * share).sum(axis=1), heat.sum(axis=1), covered.sum(axis=1) / whole.sum(axis=1)

    def both(self, sight: TraceSight, plain: Any, bare: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        before, after = sight.preparation(plain), sight.preparation(bare)
        differ = (before != after).any(axis=(1, 2))
        scores = sight.probabilities(before)
        others = scores.copy()
        if differ.any():
            others[differ] = sight.probabilities(after[differ])
        return scores, others, differ


def widened(mask: np.ndarray, time: int) -> np.ndarray:
    """A mask of time points with a margin around it, cut or filled up to `time` as the preparation does, (time,) bool."""
    wide = binary_dilation(mask, iterations=max(1, round(MARGIN * len(mask) / 2)))
    return np.pad(wide, (0, max(0, time - len(wide))))[:time]
