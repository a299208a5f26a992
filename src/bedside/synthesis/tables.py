"""What the tests of synthetic samples must know of tables: distance, columns, and how rows are written."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
from bedside.data.table import TableInputs
from bedside.explain.groups import associations

MOST: int | None = None  # samples of all folds together; to draw and to judge one takes no time
_GAP = 0.5  # what a gap lies from a value, besides the distance of the value from the middle
_MOST = 60  # columns between which associations are compared

Place = Callable[[Any], np.ndarray]


def seen(cohort: Cohort, members: Sequence[Any]) -> Cohort:
    """The cohort as what is drawn is held against it: as it is."""
    return cohort


def place_of(known: TableInputs) -> tuple[Place, int]:
    """Where samples lie, as a function of inputs to (n, d), and the number of columns.

    The sum of absolute differences of two places, divided by the number of columns, is Gower's distance on ranks, 0 to 1: numbers
    are compared by their ranks among the known samples, so that no unit and no outlier counts more than another, yes and
    no and levels by whether they are the same.

    Source: Gower 1971, doi:10.2307/2528823; Podani 1999, doi:10.2307/1224438 (ranks).
    """
    parts: list[Callable[[pd.DataFrame], np.ndarray]] = [_part(known.frame[f.name], f) for f in known.features]

    def place(inputs: TableInputs) -> np.ndarray:
        return np.concatenate([part(inputs.frame) for part in parts], axis=1)

    return place, max(1, len(parts))


def _part(column: pd.Series, feature: Any) -> Callable[[pd.DataFrame], np.ndarray]:
    """The coordinates of one column."""
    name = feature.name
    if feature.kind in ("category", "boolean"):
        levels = pd.Index(pd.unique(column.dropna()))

        def of_levels(frame: pd.DataFrame) -> np.ndarray:
            codes = levels.get_indexer(pd.Index(frame[name]))
            codes = np.where(pd.isna(frame[name]), len(levels) + 1, np.where(codes < 0, len(levels), codes))
            return 0.5 * np.eye(len(levels) + 2)[codes]

        return of_levels
    values, counts = np.unique(column.dropna().to_numpy(dtype=np.float64), return_counts=True)
    ranks = (counts.cumsum() - counts / 2) / max(1, counts.sum())

    def of_numbers(frame: pd.DataFrame) -> np.ndarray:
        given = frame[name].to_numpy(dtype=np.float64)
        gap = np.isnan(given)
        rank = np.interp(given, values, ranks) if len(values) else np.full(len(given), 0.5)
        return np.column_stack([np.where(gap, 0.5, rank), _GAP * gap])

    return of_numbers


def joined(parts: Sequence[TableInputs]) -> TableInputs:
    """Rows under each other."""
    frame = pd.concat([part.frame for part in parts], ignore_index=True)
    return TableInputs(frame, parts[0].features)


def columns_of(inputs: TableInputs) -> list[tuple[str, str, np.ndarray]]:
    """Name, kind and values of each column; yes and no are numbers."""
    return [(f.name, f.kind, inputs.frame[f.name].to_numpy()) for f in inputs.features]


def associations_of(inputs: TableInputs) -> np.ndarray:
    """Associations of pairs of columns, 0 to 1, above the diagonal; see `explain.groups`."""
    found = associations(inputs, np.arange(min(_MOST, len(inputs.features))))
    above: np.ndarray = found[np.triu_indices(len(found), 1)]
    return above


def written(inputs: TableInputs, names: Sequence[str], folder: Path | None) -> pd.DataFrame:
    """The cells as a table of the clinic has them: yes and no by their words, dates as dates. Nothing needs files of its own."""
    table = inputs.frame.copy()
    for feature in inputs.features:
        values = table[feature.name]
        if feature.kind == "boolean" and len(feature.levels) == 2:
            table[feature.name] = [None if pd.isna(v) else feature.levels[int(v > 0.5)] for v in values]
        elif feature.kind == "date":
            table[feature.name] = [None if pd.isna(v) else _day(float(v)) for v in values]
        elif feature.kind == "number" and (values.dropna() % 1 == 0).all():
            table[feature.name] = values.astype("Int64")
    return table


def _day(year: float) -> str:
    """A decimal year as a day."""
    start = pd.Timestamp(int(year), 1, 1)
    length = 366 if start.is_leap_year else 365
    return str((start + pd.Timedelta(days=int((year - int(year)) * length))).date())


def beside_nearest(
    folder: Path, label: np.ndarray, drawn: TableInputs, target: np.ndarray, train: TableInputs, *, keep: bool
) -> None:
    """Nothing: rows of a table tell little side by side, and those of patients stay where they are."""
