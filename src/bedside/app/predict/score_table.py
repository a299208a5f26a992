"""Scores of many samples as the page shows them: heads in words, cells as people read them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bedside.app.words import later, t
from bedside.cohort import minus
from bedside.recalibration import RAW

SHOWN = 20  # rows
HEADS = {
    "sample": later("Sample"),
    "patient": later("Patient"),
    "decision": later("Decision"),
    "predicted": later("Prediction"),
    "spread": later("Members differ by"),
    "set": later("Possible classes"),
    "low": later("At least"),
    "high": later("At most"),
    "unusual": later("Unlike training"),
    "distance": later("Distance from training"),
    "outside": later("Values that training never saw"),
}
EMPTY_SET = "none"  # how `bedside predict` writes a set without classes


def head(column: str) -> str:
    """A column of the scores in words; the CSV keeps its name."""
    if column.startswith("score_"):
        return t("Score of {name}", name=column.removeprefix("score_"))
    if column.startswith(f"{RAW}score_"):
        return t("Score of {name} before recalibration", name=column.removeprefix(f"{RAW}score_"))
    if column == f"{RAW}predicted":
        return t("Prediction before recalibration")
    return t(HEADS[column]) if column in HEADS else column


def rows_of(table: pd.DataFrame, classes: Sequence[str]) -> tuple[list[str], list[list[str]], list[int]]:
    """Heads, rows and the places of columns with numbers, of the first samples; columns that say nothing are left out."""
    shown = table.head(SHOWN)
    kept = [str(name) for name in shown if name != "outside" or shown[name].fillna("").astype(bool).any()]
    numbers = [place for place, name in enumerate(kept) if pd.api.types.is_float_dtype(shown[name])]
    rows = [[_cell(name, value, classes) for name, value in zip(kept, row, strict=True)] for row in shown[kept].itertuples(index=False)]  # fmt: skip
    return [head(name) for name in kept], rows, numbers


def _cell(column: str, value: Any, classes: Sequence[str]) -> str:
    if isinstance(value, float):
        return "" if value != value else minus(f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}")
    if column == "unusual":
        return t("yes") if str(value) == "True" else t("no")
    if column == "set":
        return t("none of them") if str(value) == EMPTY_SET and EMPTY_SET not in classes else ", ".join(str(value).split("|"))  # fmt: skip
    return "" if pd.isna(value) else str(value)
