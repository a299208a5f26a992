"""Text that a spreadsheet would take for a formula, written so that it is text: `=1+1` becomes `'=1+1`.

A patient's identifier such as `=HYPERLINK(...)` comes from a file, passes through a run and would be computed on the computer of
whoever opens predictions.csv in a spreadsheet. One apostrophe before it makes it text. What already begins with apostrophes
before such a sign gets one more, so that taking one off gives exactly what was there.

Source: OWASP, CSV injection, https://owasp.org/www-community/attacks/CSV_Injection.
"""

import re

import numpy as np
import pandas as pd

SIGNS = "=+-@\t\r\n＝＋－＠"
_SIGN = re.compile(rf"'*[{re.escape(SIGNS)}]")
_MARKED = re.compile(rf"'+[{re.escape(SIGNS)}]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def as_text(cell: object) -> object:
    """A cell as it is written."""
    if isinstance(cell, str) and _SIGN.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def as_was(cell: object) -> object:
    """A cell as it was before `as_text`."""
    return cell[1:] if isinstance(cell, str) and _MARKED.match(cell) else cell


def marked(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose names and cells are text to a spreadsheet; the same object if they are already."""
    return _changed(table, as_text)


def unmarked(table: pd.DataFrame) -> pd.DataFrame:
    """A table as it was before `marked`."""
    return _changed(table, as_was)


def _changed(table: pd.DataFrame, change) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    names = [change(name) for name in table.columns]
    columns = {}
    for place, kind in enumerate(table.dtypes):
        if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
            continue
        codes, values = pd.factorize(table.iloc[:, place].to_numpy(object), use_na_sentinel=True)
        found = [change(value) for value in values]
        if any(new is not old for new, old in zip(found, values, strict=True)):
            columns[place] = np.array([*found, None], dtype=object)[codes]
    if not columns and names == list(table.columns):
        return table
    parts = [
        pd.Series(columns[place], index=table.index) if place in columns else table.iloc[:, place]
        for place in range(table.shape[1])
    ]
    return pd.concat(parts, axis=1).set_axis(names, axis=1)
