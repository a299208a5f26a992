"""Samples as a program sends them, each an object of cells by column name, become a table of raw cells.

They mean what a file with these cells would mean. Each must be complete in itself: what is read of a sample must not depend
on the others that it came with.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bedside.data.codes import listing
from bedside.data.columns import BOOLEANS
from bedside.data.table import Feature
from bedside.errors import DataError, nearest

_LONGEST = 10**300  # of whole numbers; beyond it they are no doubles
BESIDE = 1000  # columns that the model does not need


def table_of(rows: Sequence[Mapping[str, Any]], features: Sequence[Feature]) -> pd.DataFrame:
    """Samples as a table of raw cells.

    Args:
        rows: one for each sample, one or more; None is a gap.
        features: what the model learned from.

    Raises:
        DataError: if samples do not all name the same columns, or a cell is no single value.
    """
    names = list(rows[0])
    if not names:
        raise DataError(f"Sample 1 is empty; give it the columns {listing([one.name for one in features])}.")
    refuse_columns(len(names), features)
    for name in names:
        if not _is_text(name):
            raise DataError(f"A column's name holds half a character ({name!r}, a lone surrogate); send whole text.")
    for number, row in enumerate(rows, start=1):
        _refuse_other_keys(number, row, rows[0], names)
    known = {one.name: one for one in features}
    columns = {name: _column(name, [row[name] for row in rows], known.get(name)) for name in names}
    return pd.DataFrame(columns, columns=pd.Index(names, dtype=object))


def refuse_columns(number: int, features: Sequence[Feature]) -> None:
    """Refuse far more columns than the model needs: to compare their names with its own would take minutes.

    Raises:
        DataError: saying how many.
    """
    if number > len(features) + BESIDE:
        raise DataError(
            f"There are {number:,} columns, and the model needs {len(features):,} of them; send these, and at most {BESIDE:,} more."
        )


def _refuse_other_keys(number: int, row: Mapping[str, Any], first: Mapping[str, Any], names: list[str]) -> None:
    if row.keys() == first.keys():
        return
    lacks = [name for name in names if name not in row]
    if lacks:
        raise DataError(
            f"Sample {number} lacks {lacks[0]!r}, which sample 1 has. Give every sample the same columns, and null where a value is not known."
        )
    more = next(name for name in row if name not in first)
    raise DataError(
        f"Sample {number} has {more!r}, which sample 1 lacks.{nearest(more, names)} Give every sample the same columns, and null where a value is not known."
    )


def _column(name: str, cells: list[Any], feature: Feature | None) -> pd.Series:
    """Cells of one column as a file would hold them; true and false beside others are words."""
    for row, cell in enumerate(cells, start=1):
        if isinstance(cell, dict | list):
            raise DataError(
                f"Sample {row} has {'a list' if isinstance(cell, list) else 'an object'} in {name!r}, where one value is needed: a number, text, true, false or null."
            )
        if type(cell) is int and abs(cell) > _LONGEST:
            raise DataError(
                f"Sample {row} has a whole number of more than 300 digits in {name!r}; check it, or send null."
            )
        if isinstance(cell, str) and not _is_text(cell):
            raise DataError(f"Sample {row} has half a character in {name!r} (a lone surrogate); send whole text.")
    if feature is not None and feature.kind == "boolean":
        if set(map(type, cells)) - {bool, type(None)}:
            cells = [_asked(cell, feature.levels) for cell in cells]
    elif any(isinstance(cell, bool) for cell in cells):
        cells = [str(cell) if isinstance(cell, bool) else cell for cell in cells]
    return pd.Series(cells, dtype=object)


def _asked(cell: Any, levels: tuple[str, ...]) -> Any:
    """True, false, yes, no in the words of training, so that each means the same beside samples that say it differently."""
    if isinstance(cell, str):
        word = cell.strip().casefold()
        return next((levels[pair.index(word)] for pair in BOOLEANS if word in pair), cell)
    return levels[int(cell)] if isinstance(cell, bool) else cell


def _is_text(cell: str) -> bool:
    """Whether it is whole characters; JSON can spell halves."""
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
