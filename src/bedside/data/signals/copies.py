"""Recordings that are there twice: the same values, or the same recording in other units, shifted, or a little shorter.

Equal values in all channels: exact. Then, for each recording, a stretch around its highest and around its lowest point,
brought to mean 0 and length 1: amplitude, offset and a cut beginning do not change it, so recordings with nearly the
same stretch are candidates. They are near duplicates if, laid over each other by that point, all channels agree over
nearly the whole of both. How well two must agree follows from the cohort: much better than its recordings otherwise do,
so that smooth traces, which are all alike, are not joined.

Found are copies in another unit, with another offset, with rounded values, or without up to a tenth of the points at
the ends, unless its highest and its lowest point were cut off or lie beside the cut. Not found are inverted, filtered and
resampled copies, and copies with noise added.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bedside.data.signals.inputs import SignalInputs

REACH = 32  # time points on either side of a landmark that are compared first
SAME = 1e-3  # of 1 - correlation up to which two recordings are one; distinct heartbeats of one person differ by more
_RARE = 0.02  # and up to which share of what most recordings differ from their second nearest (the first may be a copy)
_OVERLAP = 0.9  # of the longer of two
_CANDIDATE = 0.9  # correlation of two stretches from which the whole recordings are compared; a cut end may change one
_BLOCK = 2_000_000  # products of two stretches held at a time
_NEAREST = 10  # candidates per recording at most
_SHORTEST = 16  # time points below which recordings are alike by chance


@dataclass(frozen=True)
class _Stretches:
    """Around a landmark of each recording: values (n, 2 * REACH + 1), where the landmark lies, and whether no end of the
    recording is nearer than it can be, both (n,)."""

    values: np.ndarray
    at: np.ndarray
    whole: np.ndarray


def link_signals(inputs: SignalInputs) -> np.ndarray:
    """Number groups of recordings that repeat each other, shape (n,) from 0 in order of appearance."""
    same = pd.factorize(inputs.digests())[0].astype(np.int64)
    first = np.unique(same, return_index=True)[1]
    near = near_pairs(inputs.take(first))
    edges = coo_array((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(first), len(first)))
    return np.asarray(pd.factorize(connected_components(edges, directed=False)[1][same])[0], dtype=np.int64)


def near_pairs(inputs: SignalInputs) -> np.ndarray:
    """Rows of recordings that are the same but for unit, offset or a cut end, shape (pairs, 2); `inputs` must all differ."""
    varied = np.array([_varies(trace) for trace in inputs.traces], dtype=bool) & (inputs.lengths >= _SHORTEST)
    rows = np.flatnonzero(varied)
    if len(rows) < 2:
        return np.empty((0, 2), dtype=np.int64)
    traces = [inputs.traces[row] for row in rows]
    pairs: set[tuple[int, int]] = set()
    for highest in (True, False):
        stretches = _stretches(traces, highest=highest)
        one, other, nearest = _candidates(stretches.values)
        limit = min(SAME, _RARE * float(np.quantile(nearest[stretches.whole], 0.75))) if stretches.whole.any() else 0.0
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            shift = int(stretches.at[a] - stretches.at[b])
            if _disagreement(traces[a], traces[b], shift) <= limit:
                pairs.add((int(rows[a]), int(rows[b])))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _varies(trace: np.ndarray) -> bool:
    values = _landmarks(trace)
    seen = values[np.isfinite(values)]
    return len(seen) >= _SHORTEST and bool(np.ptp(seen) > 0)


def _landmarks(trace: np.ndarray) -> np.ndarray:
    """The first channel in which anything varies, (time,)."""
    for channel in trace:
        seen = channel[np.isfinite(channel)]
        if len(seen) and np.ptp(seen) > 0:
            return channel
    return trace[0]


def _stretches(traces: list[np.ndarray], *, highest: bool) -> _Stretches:
    """What lies around the highest or the lowest point, mean 0 and length 1; 0 beyond the ends and in gaps."""
    values = np.zeros((len(traces), 2 * REACH + 1), dtype=np.float32)
    at = np.zeros(len(traces), dtype=np.int64)
    for row, trace in enumerate(traces):
        channel = _landmarks(trace).astype(np.float64)
        at[row] = np.nanargmax(channel) if highest else np.nanargmin(channel)
        begin, end = max(0, at[row] - REACH), min(len(channel), at[row] + REACH + 1)
        part = channel[begin:end]
        part = np.where(np.isfinite(part), part - np.nanmean(part), 0)
        values[row, begin - at[row] + REACH : end - at[row] + REACH] = part / max(float(np.linalg.norm(part)), 1e-30)
    room = np.array([min(REACH, trace.shape[1] // 3) for trace in traces])
    lengths = np.array([trace.shape[1] for trace in traces])
    return _Stretches(values, at, (at >= room) & (at < lengths - room))


def _candidates(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs whose stretches agree, each once, as rows (pairs,) and (pairs,), and how much each recording differs from its
    second nearest, (n,)."""
    n, one, other, nearest = len(values), list[np.ndarray](), list[np.ndarray](), list[np.ndarray]()
    step = max(1, _BLOCK // n)
    for start in range(0, n, step):
        block = values[start : start + step] @ values.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -1
        ranks = sorted({min(1, n - 2), min(_NEAREST, n - 1) - 1})
        best = -np.partition(-block, ranks, axis=1)[:, ranks]
        nearest.append(1 - best[:, 0])
        limit = np.maximum(_CANDIDATE, best[:, -1])
        a, b = np.nonzero(block >= limit[:, None])
        one.append(np.minimum(a + start, b))
        other.append(np.maximum(a + start, b))
    pairs = np.unique(np.column_stack([np.concatenate(one), np.concatenate(other)]), axis=0)
    return pairs[:, 0], pairs[:, 1], np.concatenate(nearest)


def _disagreement(a: np.ndarray, b: np.ndarray, shift: int) -> float:
    """1 - the lowest correlation of any channel of two recordings, `b` moved by `shift` points; 2 if too little of them
    overlaps or another channel is empty in one of them."""
    begin, end = max(0, shift), min(a.shape[1], b.shape[1] + shift)
    if end - begin < max(_SHORTEST, _OVERLAP * max(a.shape[1], b.shape[1])):
        return 2.0
    one, other = a[:, begin:end].astype(np.float64), b[:, begin - shift : end - shift].astype(np.float64)
    return max((_apart(x, y) for x, y in zip(one, other, strict=True)), default=2.0)


def _apart(x: np.ndarray, y: np.ndarray) -> float:
    both = np.isfinite(x) & np.isfinite(y)
    if not both.any():
        return 0.0 if np.isfinite(x).any() == np.isfinite(y).any() else 2.0
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    if lengths == 0:
        return 0.0 if not x.any() and not y.any() else 2.0
    return 1 - float(x @ y) / lengths
