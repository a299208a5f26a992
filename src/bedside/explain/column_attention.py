"""Where a transformer for tables looks: shares of raw columns, and how well they go with what is lost without them.

Attention says where the network looks, not what it makes of it (Jain & Wallace 2019, arXiv:1902.10186), so it stands beside
importance and never in its place.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from bedside.explain.columns import TableScene

FEWEST = 4  # columns below which a rank correlation says nothing


def attention(scene: TableScene, importance: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Shares of the columns over all tested samples, the largest first; None for a model without attention.

    Args:
        scene: test samples with the members that tested them.
        importance: records of columns with their `estimate`, of those that were measured.
    """
    if not all(hasattr(getattr(part.fitted, "network", None), "attention") for part in scene.parts):
        return None
    from bedside.models.ft_transformer import column_attention

    shares, samples = np.zeros(len(scene.names)), 0
    for part in scene.parts:
        if len(part.x):
            own = column_attention(part.fitted.network, part.x)
            shares += len(part.x) * part.summed(own[None])[0]
            samples += len(part.x)
    shares /= max(1, samples)
    order = np.argsort(-shares, kind="stable")
    rows = [{"column": scene.names[k], "share": float(shares[k])} for k in order]
    return {"columns": rows, "itself": float(1 - shares.sum()), "agreement": _agreement(rows, importance)}


def _agreement(rows: Sequence[dict[str, Any]], importance: Sequence[dict[str, Any]]) -> float | None:
    """Rank correlation of shares with importance; None for too few columns, or if one of them ranks nothing."""
    known = {row["column"]: row["estimate"]["value"] for row in importance}
    pairs = [(row["share"], known[row["column"]]) for row in rows if known.get(row["column"]) is not None]
    if len(pairs) < FEWEST or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)
