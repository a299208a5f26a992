"""Which groups a predictions table has: its site column and every subgroup column, as masks over the test rows.

A column of text has one group per level. A column of numbers with more than `FEW_VALUES` different values, such as age,
is cut into bands: at the edges that the settings name, else into three at the thirds of its tested samples, rounded.
Missing values are a group of their own: they are seldom missing by chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from bedside.cohort import RESERVED, Task
from bedside.errors import SettingError, nearest
from bedside.recalibration import RAW

FEW_VALUES = 8  # up to so many different numbers are levels, such as a chest pain type from 1 to 4
MOST_LEVELS = 20  # beyond, the smallest levels are joined
MISSING = "missing"


@dataclass(frozen=True)
class Group:
    """One level of a column; `rows` is its mask over the test rows, (n,)."""

    name: str
    rows: np.ndarray


@dataclass(frozen=True)
class Grouping:
    """A column and its groups, which share no row and leave out none. `edges` are those of bands."""

    column: str
    groups: tuple[Group, ...]
    edges: tuple[float, ...] = ()


def group_columns(predictions: pd.DataFrame, task: Task) -> list[str]:
    """`site` first if there is one, then every column without another role, in the order of the table.

    Scores before recalibration stand beside the scores and are no groups either.
    """
    scores = task.score_columns()
    known = {*RESERVED, *scores, *(RAW + name for name in scores)}
    others = [str(name) for name in predictions.columns if name not in known]
    return [*(["site"] if "site" in predictions.columns else []), *others]


def groupings(test: pd.DataFrame, task: Task, bands: Mapping[str, Sequence[float]]) -> list[Grouping]:
    """The groupings of the test rows; a column with the same value everywhere makes no groups.

    Raises:
        SettingError: if bands are asked for a column that is no group or holds no numbers.
    """
    columns = group_columns(test, task)
    refuse_idle_bands(test[columns], bands)
    found = [_grouping(test[column], bands.get(column)) for column in columns]
    return [grouping for grouping in found if len(grouping.groups) > 1]


def refuse_idle_bands(table: pd.DataFrame, bands: Mapping[str, Sequence[float]]) -> None:
    """Bands act only on numbers of a column of `table`, which holds nothing but columns of groups.

    Raises:
        SettingError: if they would not.
    """
    for name in bands:
        if name not in table.columns:
            there = ", ".join(map(str, table.columns)) or "none"
            raise SettingError(
                f"evaluation.bands.{name} has no effect: {name} is no column of groups ({there})."
                f"{nearest(name, map(str, table.columns))} Name it as a subgroup, or leave the bands away."
            )
        if not pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name]):
            raise SettingError(
                f"evaluation.bands.{name} has no effect: {name} holds no numbers. Leave the bands away; its levels are groups."
            )


def _grouping(column: pd.Series, edges: Sequence[float] | None) -> Grouping:
    name = str(column.name)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64)
        if edges is not None or len(np.unique(numbers[~np.isnan(numbers)])) > FEW_VALUES:
            cuts = tuple(float(edge) for edge in edges) if edges is not None else thirds(numbers)
            return Grouping(name, tuple(_bands(numbers, cuts)), cuts)
        texts = pd.Series([None if np.isnan(x) else f"{x:g}" for x in numbers], dtype=object)
        order = [f"{x:g}" for x in np.unique(numbers[~np.isnan(numbers)])]
        return Grouping(name, tuple(_levels(texts, order)))
    texts = column.astype(object).where(column.notna(), None).map(lambda x: None if x is None or x == "" else str(x))
    return Grouping(name, tuple(_levels(texts, sorted(texts.dropna().unique()))))


def thirds(numbers: np.ndarray) -> tuple[float, ...]:
    """Edges that cut (n,) numbers into three groups of about equal size, rounded to what their distance allows."""
    low, high = np.nanquantile(numbers, [1 / 3, 2 / 3])
    width = float(high - low) or float(np.nanmax(numbers) - np.nanmin(numbers))
    step = 10.0 ** np.floor(np.log10(width / 2))
    digits = max(0, -int(np.log10(step)))
    cuts = sorted({round(float(np.round(edge / step) * step), digits) for edge in (low, high)})
    lowest, highest = np.nanmin(numbers), np.nanmax(numbers)
    inside = tuple(cut for cut in cuts if lowest < cut <= highest)
    # Where two thirds or more have the lowest value, they are one group and all others the second.
    return inside or (float(np.nanmin(numbers[numbers > lowest])),)


def _bands(numbers: np.ndarray, edges: tuple[float, ...]) -> list[Group]:
    """One group from each edge to the next, without the next; empty ones are left out."""
    names = [f"< {edges[0]:g}"] if edges else []
    names += [f"{low:g} to < {high:g}" for low, high in pairwise(edges)]
    names += [f"≥ {edges[-1]:g}"] if edges else ["all"]
    known = ~np.isnan(numbers)
    place = np.digitize(np.where(known, numbers, 0.0), edges)
    found = [Group(name, known & (place == k)) for k, name in enumerate(names)]
    return [group for group in (*found, Group(MISSING, ~known)) if group.rows.any()]


def _levels(texts: pd.Series, order: list[str]) -> list[Group]:
    """One group per level, the smallest of too many joined, then the missing."""
    cells, counts = texts.to_numpy(dtype=object), texts.value_counts()
    kept = order
    if len(order) > MOST_LEVELS:
        largest = set(counts.sort_values(ascending=False, kind="stable").index[: MOST_LEVELS - 1])
        kept = [level for level in order if level in largest]
    found = [Group(level, cells == level) for level in kept]
    if len(kept) < len(order):
        found.append(Group(f"{len(order) - len(kept)} other levels", texts.isin(set(order) - set(kept)).to_numpy()))
    missing = texts.isna().to_numpy()
    return [*found, *([Group(MISSING, missing)] if missing.any() else [])]
