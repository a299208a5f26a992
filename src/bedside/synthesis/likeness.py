"""Are the columns of synthetic samples like those of real ones, each by itself and in pairs?

Synthetic samples are held against the test samples of their fold, and so are the training samples, of which there are as
many: what training and test samples differ by, chance makes. Numbers differ by the largest gap between their distribution functions
(Kolmogorov and Smirnov), categories and gaps by the sum of what levels have too much (total variation). Both are between 0 and
1.
"""

from typing import Any

import numpy as np
import pandas as pd

_BINS = 24  # of a histogram for the report
_LEVELS = 8  # of a category in the report
SHOWN = 6  # columns with a histogram


def distance(kind: str, first: np.ndarray, second: np.ndarray) -> float:
    """How far the values of one column lie apart, 0 to 1; a gap counts as a value of its own."""
    if kind in ("category", "boolean"):
        return float(0.5 * _shares(first).subtract(_shares(second), fill_value=0).abs().sum())
    sides = [side.astype(np.float64) for side in (first, second)]
    gaps = abs(float(np.isnan(sides[0]).mean()) - float(np.isnan(sides[1]).mean()))
    known = [np.sort(side[~np.isnan(side)]) for side in sides]
    if not all(map(len, known)):
        return gaps
    both = np.concatenate(known)
    below, other = (np.searchsorted(side, both, "right") / len(side) for side in known)
    return max(gaps, float(np.abs(below - other).max()))


def _shares(values: np.ndarray) -> pd.Series:
    """Share of each level, gaps under the empty name."""
    return pd.Series(values, dtype=object).where(pd.notna(values), "").value_counts(normalize=True)


def by_column(kind: Any, folds: list[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    """For each column the distance of synthetic from test samples and of training from test samples, means over folds.

    Args:
        kind: the module of the kind of data, see `stage.KINDS`.
        folds: synthetic, training and test inputs of each fold.
    """
    each = [[kind.columns_of(part) for part in fold] for fold in folds]
    rows = []
    for k, (name, what, _) in enumerate(each[0][0]):
        found = {
            "synthetic": np.mean([distance(what, drawn[k][2], test[k][2]) for drawn, _, test in each]),
            "real": np.mean([distance(what, train[k][2], test[k][2]) for _, train, test in each]),
        }
        rows.append({"column": name, "kind": what, **{side: float(value) for side, value in found.items()}})
    return rows


def pairs(kind: Any, folds: list[tuple[Any, Any, Any]]) -> dict[str, float] | None:
    """Mean absolute difference of associations, of synthetic and of training from test samples; None with one column."""
    each = [[kind.associations_of(part) for part in fold] for fold in folds]
    if not len(each[0][0]):
        return None
    return {
        "synthetic": float(np.mean([np.abs(drawn - test).mean() for drawn, _, test in each])),
        "real": float(np.mean([np.abs(train - test).mean() for _, train, test in each])),
    }


def histograms(kind: Any, folds: list[tuple[Any, Any, Any]], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Counts of the columns that differ most, synthetic beside real, over all folds."""
    worst = sorted(rows, key=lambda row: row["real"] - row["synthetic"])[:SHOWN]
    sides = [kind.columns_of(kind.joined([fold[side] for fold in folds])) for side in (0, 2)]
    places = {name: k for k, (name, _, _) in enumerate(sides[0])}
    return [
        _histogram(row["column"], row["kind"], *(side[places[row["column"]]][2] for side in sides)) for row in worst
    ]


def _histogram(name: str, kind: str, synthetic: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """Shares by bin or level; bins follow from both, and gaps are a share beside them."""
    sides = {"synthetic": synthetic, "real": real}
    gaps = {side: float(np.mean(pd.isna(values))) for side, values in sides.items()}
    if kind in ("category", "boolean"):
        counts = {
            side: pd.Series(values[pd.notna(values)]).value_counts(normalize=True) for side, values in sides.items()
        }
        levels = list(
            counts["real"].add(counts["synthetic"], fill_value=0).sort_values(ascending=False).index[:_LEVELS]
        )
        shares = {side: [float(found.get(level, 0.0)) for level in levels] for side, found in counts.items()}
        return {"column": name, "kind": kind, "levels": [str(level) for level in levels], "gaps": gaps, **shares}
    known = {side: values.astype(np.float64)[pd.notna(values)] for side, values in sides.items()}
    both = np.concatenate(list(known.values()))
    low, high = np.quantile(both, [0.005, 0.995]) if len(both) else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    shares = {
        side: (np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / max(1, len(values))).tolist()
        for side, values in known.items()
    }
    return {"column": name, "kind": kind, "edges": edges.tolist(), "gaps": gaps, **shares}
