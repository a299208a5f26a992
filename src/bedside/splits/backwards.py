"""From prepared columns of a table back to numbers in their own units and to levels by name."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.splits.preparation import TablePreparation


def numbers_of(preparation: TablePreparation, prepared: np.ndarray) -> pd.DataFrame:
    """Numbers in their own units, one column each, (n, numbers); one that never varied in training has its only value.

    Args:
        preparation: what made the columns.
        prepared: numbers on the scale of the preparation, (n, columns).
    """
    values = prepared[:, np.array(preparation.kinds()) == "numbers"].astype(np.float64)
    if preparation.normal is not None:
        columns = [scores.back(column) for scores, column in zip(preparation.normal, values.T, strict=True)]
        return pd.DataFrame(dict(zip(preparation.numbers, columns, strict=True)), index=range(len(values)))
    steps = preparation.steps.get("numbers")
    if steps is not None and "scale" in steps.named_steps:
        scale = steps["scale"]
        values = np.where(np.isinf(scale.scale_), 0, values * np.where(np.isinf(scale.scale_), 1, scale.scale_))
        values = values + scale.mean_
    return pd.DataFrame(values, columns=preparation.numbers)


def shares_of(preparation: TablePreparation, prepared: np.ndarray) -> dict[str, pd.DataFrame]:
    """For each category the shares of its levels, one column for each level that has one of its own, (n, levels).

    Levels that were rare in training share a column that names none of them, so they are left out; only where all levels
    were rare does each of them get that share.
    """
    if "levels" not in preparation.steps:
        return {}
    encoder: Any = preparation.steps["levels"]["encode"]
    given = prepared[:, np.array(preparation.kinds()) == "levels"]
    found, start = {}, 0
    for name, levels, few in zip(preparation.levels, encoder.categories_, encoder.infrequent_categories_, strict=True):
        rare = set() if few is None else set(few)
        named = [level for level in levels if level not in rare]
        shares = given[:, start : start + len(named)]
        if not named:
            named, shares = list(levels), np.repeat(given[:, start : start + 1], len(levels), axis=1)
        found[name] = pd.DataFrame(shares, columns=named)
        start += len([level for level in levels if level not in rare]) + bool(rare)
    return found
