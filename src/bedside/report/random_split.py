"""The section on the random split: how much better the same training looks when tested on chemistry that it knows."""

from typing import Any

from bedside.cohort import Estimate, share_text
from bedside.evaluation.compare import signed
from bedside.folder import Run
from bedside.report.words import metric_name

ALIKE = 0.05  # of AUROC or R2: a gap whose interval stays within it is called none


def random_split(run: Run) -> dict[str, Any] | None:
    """Sentences and rows; None for runs that have no other split."""
    record = run.random_split
    if record is None:
        return None
    rows = [
        {"family": row["family"], **{name: Estimate.from_dict(row[name]) for name in ("scaffold", "random", "gap")}}
        for row in record["rows"]
    ]
    first = rows[0]["gap"]
    return {"rows": rows, "metric": metric_name(first.metric), "sentences": sentences(record), "method": first.method}


def sentences(record: dict[str, Any]) -> list[str]:
    """What the gap means, for the first family of random_split.json."""
    gap = Estimate.from_dict(record["rows"][0]["gap"])
    name = metric_name(gap.metric)
    there, here = (share_text(record["shared"][name]) for name in ("random", "scaffold"))
    own = "none does" if record["shared"]["scaffold"] == 0 else f"{here} do"
    why = f"There {there} of the tested molecules share their scaffold with one that was learned from; here {own}."
    n = record["scaffolds_tested"]
    why += f" The tested molecules have {n:,} {'scaffold' if n == 1 else 'scaffolds'}; intervals count molecules, and molecules of one scaffold are alike, so with few scaffolds they are too narrow."
    if gap.value is None:
        return [f"{name} is not defined on one of the splits.", why]
    if gap.low is not None and gap.low > 0:
        told = f"On a random split the same training scores {name} {gap.text()} higher: a figure from such a split is too good for new chemistry."
    elif gap.high is not None and gap.high < 0:
        told = f"On a random split the same training scores {name} {gap.text()}, less than here; this split was the easier one."
    elif gap.low is None or gap.high is None:
        told = f"Too few molecules to tell whether the same training scores higher on a random split: {name} differs by {gap.text()}."
    elif max(-gap.low, gap.high) <= ALIKE:
        told = f"On a random split the same training scores about the same: {name} differs by {gap.text()}."
    else:
        told = f"On a random split the same training cannot be told to score otherwise: {name} differs by {signed(gap)}, which leaves room for a gap."
    return [told, why]
