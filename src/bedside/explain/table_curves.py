"""Curves along single columns as the report draws them, and as tables for people."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bedside.explain.columns import TableScene, cell_text
from bedside.explain.dependence import DRAWN, Dependence

RUG = 80  # training samples that are marked below a curve


def curve_record(scene: TableScene, curve: Dependence, seed: int) -> dict[str, Any]:
    """What the report draws of one column: mean change, its interval, single centred curves, and where training has samples."""
    feature, task = scene.cohort.inputs.features[curve.column], scene.task
    kept = list(range(curve.scores.shape[2])) if task.kind == "multiclass" else [curve.scores.shape[2] - 1]
    some, chance = _drawn(len(curve.scores)), np.random.default_rng(seed)
    last = curve.scores[:, :, -1]
    values = scene.cohort.inputs.frame.iloc[:, curve.column]
    learned = np.unique(np.concatenate(list(scene.train.values())))
    rug: list[float] = []
    if feature.kind in ("number", "date"):
        inside = values.iloc[learned].dropna().to_numpy(dtype=np.float64)
        inside = inside[(inside >= curve.grid[0]) & (inside <= curve.grid[-1])]
        rug = np.sort(chance.permutation(inside)[:RUG]).tolist()
    return {
        "column": feature.name,
        "kind": feature.kind,
        "grid": [
            cell_text(feature, value) if feature.kind in ("category", "boolean") else float(value)
            for value in curve.grid
        ],
        "outputs": [
            {
                "of": task.classes[k] if task.classes else "",
                "mean": curve.mean[:, k].tolist(),
                "change": (curve.mean[:, k] - curve.mean[0, k]).tolist(),
                "low": curve.low[:, k].tolist(),
                "high": curve.high[:, k].tolist(),
            }
            for k in kept
        ],
        "curves": [] if task.kind == "multiclass" else (last[some] - last[some, :1]).round(6).tolist(),
        "rug": rug,
    }


def curve_table(scene: TableScene, curves: Sequence[Dependence]) -> pd.DataFrame:
    """partial_dependence.csv: one row per column, value and class."""
    rows = []
    for curve in curves:
        feature = scene.cohort.inputs.features[curve.column]
        for k in range(curve.scores.shape[2]):
            for g, value in enumerate(curve.grid):
                rows.append(
                    {
                        "column": feature.name, "value": cell_text(feature, value),
                        "class": scene.task.classes[k] if scene.task.classes else "", "score": curve.mean[g, k],
                        "change": curve.mean[g, k] - curve.mean[0, k], "low": curve.low[g, k], "high": curve.high[g, k],
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=["column", "value", "class", "score", "change", "low", "high"])


def _drawn(n: int) -> np.ndarray:
    """Evenly spread samples whose single curves are kept."""
    return np.unique(np.linspace(0, n - 1, min(DRAWN, n)).round().astype(int))


def ice_table(scene: TableScene, curves: Sequence[Dependence], places: np.ndarray) -> pd.DataFrame:
    """ice.csv: single curves of the last score column for evenly spread samples."""
    some = _drawn(len(places))
    samples = scene.table["sample"].to_numpy()[places[some]]
    blocks = []
    for curve in curves:
        feature = scene.cohort.inputs.features[curve.column]
        texts = [cell_text(feature, value) for value in curve.grid]
        blocks.append(
            pd.DataFrame(
                {
                    "column": feature.name,
                    "sample": np.repeat(samples, len(texts)),
                    "value": np.tile(texts, len(some)),
                    "score": curve.scores[some, :, -1].ravel(),
                }
            )
        )
    return (
        pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=["column", "sample", "value", "score"])
    )
