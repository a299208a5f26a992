"""One column in counts: what is kept of the patients a model was developed on, and what new patients are counted into.

Each patient counts once, with one sample drawn at random, so the counts are independent of each other however many
samples a patient has. Single values are not kept, except those that are the edges of bins.
"""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

BINS = 20  # of a number, with about as many known patients in each
FEWEST_PER_BIN = 10  # known patients: fewer would tell of single ones and teach nothing
MOST_LEVELS = 200  # of a category that are counted apart; rarer ones are counted together
OTHER = "(rare levels)"


def histogram(name: str, kind: str, values: np.ndarray, *, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """Counts of one column over known patients.

    Args:
        name: of the column.
        kind: "number", "date", "boolean" or "category".
        values: one per patient, (n,): numbers with NaN, or text with None.
        words: of a boolean, for false and true.

    Returns:
        `n` patients, `missing` among them, and either `edges` (k,) with `counts` (k + 1,), where a value counts in the
        first bin whose edge it does not exceed, or `levels` with `counts`.
    """
    record: dict[str, Any] = {"name": name, "kind": kind, "n": len(values), "missing": int(pd.isna(values).sum())}
    if kind in ("boolean", "category"):
        common = Counter(_levels_of(values, words)).most_common()
        shown, rest = common[:MOST_LEVELS], sum(count for _, count in common[MOST_LEVELS:])
        levels = [*(level for level, _ in shown), *([OTHER] if rest else [])]
        more = {"levels": levels, "counts": [*(count for _, count in shown), *([rest] if rest else [])]}
        return {**record, **more, "words": list(words)}
    present = values[~pd.isna(values)]
    edges = _edges(present)
    return {**record, "edges": edges.tolist(), "counts": _binned(present, edges).tolist()}


def counted(known: dict[str, Any], values: np.ndarray) -> dict[str, Any]:
    """New patients in the bins or levels of the known ones.

    Args:
        known: from `histogram`.
        values: one per new patient, (m,).

    Returns:
        `n`, `missing`, `counts` in the order of the known bins or levels, and `unseen`: {level: patients}.
    """
    record: dict[str, Any] = {"n": len(values), "missing": int(pd.isna(values).sum()), "unseen": {}}
    if "edges" in known:
        return {**record, "counts": _binned(values[~pd.isna(values)], np.array(known["edges"])).tolist()}
    found = Counter(_levels_of(values, tuple(known["words"])))
    counts = [found.pop(level, 0) for level in known["levels"]]
    if OTHER in known["levels"]:  # too many levels to tell a new one from a rare one
        counts[known["levels"].index(OTHER)] += sum(found.values())
        return {**record, "counts": counts}
    return {**record, "counts": counts, "unseen": dict(found.most_common())}


def _levels_of(values: np.ndarray, words: tuple[str, ...]) -> list[str]:
    present = values[~pd.isna(values)]
    return [words[int(value)] for value in present] if words else [str(value) for value in present]


def _edges(present: np.ndarray) -> np.ndarray:
    """Upper edges of all bins but the last, (k,): values that patients have, at even shares of them."""
    bins = int(np.clip(len(present) // FEWEST_PER_BIN, 2, BINS))
    values = np.unique(present).astype(np.float64)
    if not len(values):
        return values
    edges = np.unique(np.quantile(present, np.arange(1, bins) / bins, method="inverted_cdf"))
    below = edges[edges < values[-1]]
    # Where most values are the largest one, it has a bin of its own, and so has what lies below it and beyond it.
    return below if len(below) else np.concatenate([[np.nextafter(values[0], -np.inf)], values])[-2:]


def _binned(present: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(edges, present.astype(np.float64)), minlength=len(edges) + 1)
