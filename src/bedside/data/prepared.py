"""Columns that look prepared before anybody dealt folds: scaled, rotated or filled in with what all rows know.

Whatever is fitted on all rows has seen the test patients. That leaves traces: a mean of exactly 0 and a standard
deviation of exactly 1 over all rows, columns without any correlation, one value in place of all gaps that is exactly
the mean or the median of the others. The limits are set so that raw columns, even standard normal ones, show such a
trace in fewer than one table of a hundred.

Source:
    Kaufman et al. 2012, doi:10.1145/2382577.2382579 (what was learned from test samples is a leak).
"""

import numpy as np

from bedside.cohort import Cohort, Finding
from bedside.data.codes import count, finding, listing, plural
from bedside.data.table import TableInputs

CHANCE = 0.01  # share of tables of raw standard normal columns in which one looks scaled
_FEWEST = 20  # values of a column, below which nothing is said
_AMOUNT = 10  # a column with more different values is an amount
_LIMITED = 3  # columns that reach exactly from 0 to 1, from which scaling is likelier than chance
_SPIKE = 3  # times as often as the next value comes one that fills gaps
_FILLED = 5  # cells
_REMEDY = "Give the raw columns: bedside prepares them in each fold from its training patients. What was fitted on all rows has seen the test patients."


def prepared(cohort: Cohort) -> list[Finding]:
    """At most one note for scaling, one for rotation, one for filled gaps."""
    inputs: TableInputs = cohort.inputs
    columns = {
        f.name: values[~np.isnan(values)]
        for f, (_, series) in zip(inputs.features, inputs.frame.items(), strict=True)
        if f.kind == "number" and len(np.unique(values := series.to_numpy())) > _AMOUNT
    }
    columns = {name: values for name, values in columns.items() if len(values) >= _FEWEST}
    scaled = _standard(columns)
    return [*_scaled(scaled, _limits(columns)), *_rotated(inputs, scaled), *_filled(columns)]


def _standard(columns: dict[str, np.ndarray]) -> list[str]:
    """Columns with mean 0 and standard deviation 1, or sum of squares 1, over all rows.

    Both deviate in raw standard normal columns by about 1 / sqrt(n); t / sqrt(n) is reached by both with a probability of
    0.9 t^2, and twice that because the standard deviation may be counted with n or n - 1, so t = sqrt(CHANCE / 1.8 / columns) is
    reached in `CHANCE` of all tables.
    """
    limit = np.sqrt(CHANCE / 1.8 / max(len(columns), 1))
    found = []
    for name, values in columns.items():
        n, spread = len(values), values.std()
        near = limit / np.sqrt(n)
        one = min(abs(spread * factor - 1) for factor in (1.0, np.sqrt(n / (n - 1)), np.sqrt(n)))
        if spread > 0 and abs(values.mean()) < near * spread and one < near:
            found.append(name)
    return found


def _limits(columns: dict[str, np.ndarray]) -> list[str]:
    """Columns of fractions that reach exactly from 0 to 1, each end once or twice."""
    found = [
        name
        for name, values in columns.items()
        if values.min() == 0
        and values.max() == 1
        and max((values == 0).sum(), (values == 1).sum()) <= max(2, len(values) / 50)
    ]
    return found if len(found) >= _LIMITED else []


def _scaled(standard: list[str], limited: list[str]) -> list[Finding]:
    names, how = (
        (standard, "mean 0 and standard deviation 1") if standard else (limited, "smallest value 0 and largest value 1")
    )
    if not names:
        return []
    message = f"{plural(len(names), 'Column', 'Columns')} {listing(names)} {plural(len(names), 'has', 'have')} exactly {how} over all rows: scaled before the split."
    return [finding("note", "prepared-scale", message, _REMEDY, names)]


def _rotated(inputs: TableInputs, scaled: list[str]) -> list[Finding]:
    """Columns with mean 0 and no correlation at all among each other: principal components of all rows."""
    whole = [f.name for f in inputs.features if f.kind == "number" and inputs.frame[f.name].notna().all()]
    x = inputs.frame[whole].to_numpy(np.float64)
    n, spread = len(x), x.std(axis=0)
    limit = np.sqrt(CHANCE / 1.8 / max(len(whole), 1)) / np.sqrt(n)
    centred = np.flatnonzero((np.abs(x.mean(axis=0)) < limit * spread) & (spread > 0))
    if len(centred) < 3 or n < _FEWEST:
        return []
    z = (x[:, centred] - x[:, centred].mean(axis=0)) / spread[centred]
    apart = np.abs(z.T @ z / n - np.eye(len(centred))) < limit
    kept = np.flatnonzero(apart.mean(axis=1) > 0.9)
    kept = kept[apart[np.ix_(kept, kept)].all(axis=1)]
    if len(kept) < 3:
        return []
    names = [whole[i] for i in centred[kept]]
    message = f"Columns {listing(names)} have mean 0 and no correlation at all over all rows: principal components fitted before the split."
    return [finding("note", "prepared-rotation", message, _REMEDY, names)]


def _filled(columns: dict[str, np.ndarray]) -> list[Finding]:
    """Columns in which one value comes far more often than any other and is the mean or median of the others."""
    shown, names = [], []
    for name, values in columns.items():
        levels, counts = np.unique(values, return_counts=True)
        most = int(counts.argmax())
        value, often = levels[most], int(counts[most])
        second = int(np.delete(counts, most).max())
        others = values[values != value]
        near = 1e-3 * others.std() if len(others) else 0.0
        if (
            often >= max(_FILLED, _SPIKE * second)
            and len(others) >= often
            and min(abs(value - others.mean()), abs(value - np.median(others))) <= near
        ):
            shown.append(f"'{name}' ({value:.6g} in {count(often, 'sample')})")
            names.append(name)
    if not names:
        return []
    more = f" and {len(shown) - 4} more" if len(shown) > 4 else ""
    message = f"One value comes far more often than any other and is the mean or the median of the rest in {', '.join(shown[:4])}{more}: gaps filled before the split."
    return [
        finding(
            "note",
            "prepared-gaps",
            message,
            "Leave such cells empty: bedside fills them in each fold from its training patients, and adds a column that says where.",
            names,
        )
    ]
