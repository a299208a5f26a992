"""What importance, groups and checks say, in sentences with their numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.cohort import Estimate, minus
from bedside.evaluation.compare import FEWEST
from bedside.evaluation.metrics import LABELS

CAUSE = (
    "Importance says what this model uses, not what causes the outcome, and not what another model would use: a column may "
    "stand in for something that was not measured."
)
SEEN = "The final fit was trained on these samples too, so what it owes to a column is larger here than on patients it has not seen."
BEFORE = "All of this explains the scores before recalibration, as the model itself gives them."
NAMED = 3  # columns in the first sentence


def sentences(record: dict[str, Any], *, events: dict[str, int]) -> list[str]:
    """The sentences of columns.json, in order.

    Args:
        record: importance, groups and sizes, as columns.json holds them.
        events: measured patients of each class; empty for a regression.
    """
    label = ("macro " if record["macro"] else "") + LABELS[record["headline"]]
    rows = [(row["column"], Estimate.from_dict(row["estimate"])) for row in record["importance"]]
    found = [_first(label, rows, record), *_rest(label, rows)]
    few = [f"{n} of class {name}" for name, n in events.items() if n < FEWEST]
    if few:
        found.append(
            f"With fewer than {FEWEST} measured patients of a class ({', '.join(few)}) these intervals are too narrow."
        )
    doubts = {BEFORE: record["before_recalibration"], SEEN: record["trained_on_these"]}
    return [*found, *_together(record["groups"]), CAUSE, *(words for words, true in doubts.items() if true)]


def text_of(estimate: Estimate) -> str:
    """As `Estimate.text`, with a minus sign for people."""
    return minus(estimate.text())


def _first(label: str, rows: Sequence[tuple[str, Estimate]], record: dict[str, Any]) -> str:
    clear = [(name, one) for name, one in rows if one.low is not None and one.low > 0][:NAMED]
    where = f"{record['n_patients']:,} test patients"
    if not rows or rows[0][1].value is None:
        why = rows[0][1].method if rows else "no column was measured"
        return f"Importance cannot be told on these {where}: {why}."
    if not clear:
        return f"No column is clearly important on these {where}: every interval of the loss in {label} includes 0."
    named = [f"{name} ({text_of(one)})" for name, one in clear]
    listed = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
    return f"On {where} the {label} falls most when the cells of a column are dealt anew for {listed}."


def _rest(label: str, rows: Sequence[tuple[str, Estimate]]) -> list[str]:
    known = [one for _, one in rows if one.value is not None]
    unclear = sum(one.low is None or one.low <= 0 for one in known)
    if not known or unclear in (0, len(known)):
        return []
    verb = "has an interval that includes" if unclear == 1 else "have intervals that include"
    return [f"{unclear} of {len(known)} columns {verb} 0: alone, no loss in {label} can be told from chance."]


def _together(groups: Sequence[dict[str, Any]]) -> list[str]:
    """One sentence on the columns that go together; which ones, and what each costs alone, stands in a table."""
    if not groups:
        return []
    worst = max(groups, key=lambda group: -np.inf if group["estimate"]["value"] is None else group["estimate"]["value"])
    names, cost = worst["columns"], text_of(Estimate.from_dict(worst["estimate"]))
    listed = f"{', '.join(names[:-1])} and {names[-1]}"
    if len(names) > NAMED:
        listed = f"{names[0]}, {names[1]} and {len(names) - 2} more"
    why = "so the model can take one for the other and each alone looks less important than it is"
    if len(groups) == 1:
        return [f"{listed} go together, {why}; dealt anew together: {cost}."]
    return [
        f"{len(groups)} groups of columns go together, {why}; the most important one, {listed}, dealt anew together: {cost}."
    ]
