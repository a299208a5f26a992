"""What models that give their samples back put into the gaps of a table."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from bedside.splits.backwards import numbers_of, shares_of
from bedside.training.fitted import FittedNetwork


def gives_back(member: Any) -> bool:
    """Whether a member can reconstruct samples of a table."""
    return isinstance(member, FittedNetwork) and hasattr(member.network, "reconstruct") and len(member.shape) == 1


def reconstructed(members: Sequence[FittedNetwork], inputs: Any) -> pd.DataFrame:
    """Every cell as the members give it back, one column for each feature, in its own unit or by the name of its level.

    Numbers are means over the members; a level is the one with the highest mean share.

    Args:
        members: that `gives_back`.
        inputs: `TableInputs` with gaps.
    """
    numbers: list[pd.DataFrame] = []
    shares: dict[str, list[pd.DataFrame]] = {}
    for member in members:
        preparation: Any = member.preparation
        prepared = member.given_back(preparation(inputs))
        numbers.append(numbers_of(preparation, prepared))
        for name, found in shares_of(preparation, prepared).items():
            shares.setdefault(name, []).append(found)
    table = sum(numbers[1:], numbers[0]) / len(numbers)
    for name, each in shares.items():
        added = pd.concat(each).fillna(0.0).groupby(level=0).sum()
        table[name] = added.columns.to_numpy(dtype=object)[added.to_numpy().argmax(axis=1)]
    return table[[feature.name for feature in inputs.features]]
