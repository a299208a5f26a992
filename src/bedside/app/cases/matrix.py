"""The confusion matrix as a way in: every cell is a button, and says how many samples it holds."""

from collections.abc import Callable

import numpy as np

from bedside.app import parts
from bedside.app.cases.case_rows import SIDES, Cases, Wanted
from bedside.app.words import later, t

MANY = 5  # classes from which cells are small
_SIDES = dict(zip(SIDES, (later("too low"), later("near the truth"), later("too high")), strict=True))


def matrix(cases: Cases, wanted: Wanted, choose: Callable[[str, str], None]) -> None:
    """Draw it; `choose(target, decision)` hears which cell was clicked."""
    counts, classes = cases.matrix(wanted), cases.task.classes
    with (
        parts.tag("div", classes="scroll"),
        parts.tag("table", classes="matrix" + (" many" if len(classes) >= MANY else "")),
    ):
        parts.tag("caption", _caption(cases))
        with parts.tag("thead"), parts.tag("tr"):
            parts.tag("th", t("truth ↓  decided →") if classes else "", "axis", scope="col")
            for decision in cases.columns:
                parts.tag("th", named(cases, decision), scope="col")
        with parts.tag("tbody"):
            for row, target in zip(counts, classes or ("",), strict=True):
                with parts.tag("tr"):
                    parts.tag("th", target or t("predicted"), scope="row")
                    for count, decision in zip(row, cases.columns, strict=True):
                        with parts.tag("td"):
                            _cell(cases, wanted, target, decision, float(count), float(row.sum()), choose)


def named(cases: Cases, decision: str) -> str:
    """A decision in words."""
    return decision if cases.task.classes else t(_SIDES[decision])


def number(count: float) -> str:
    """A count, which is a mean if there are several repeats."""
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"


def _cell(
    cases: Cases,
    wanted: Wanted,
    target: str,
    decision: str,
    count: float,
    row: float,
    choose: Callable[[str, str], None],
) -> None:
    share = count / row if row else 0.0
    here = (wanted.target, wanted.decision) == (target, decision)
    right = decision == (target or SIDES[1])
    words = t("Truth {target}, decided {decision}: {count} samples, {share} of the row", count=number(count),
              share=percent(share), target=target or t("any"), decision=named(cases, decision))  # fmt: skip
    cell = parts.tag(
        "button",
        None,
        "cell" if right else "cell wrong",
        type="button",
        aria_pressed=str(here).lower(),
        aria_label=words,
    )
    cell.style(f"--share:{np.round(share, 3)}")
    with cell:
        parts.tag("b", number(count), aria_hidden="true")
        parts.tag("small", percent(share), aria_hidden="true")
    cell.on("click", lambda: choose("", "") if here else choose(target, decision), args=[])


def percent(share: float) -> str:
    return f"{100 * share:.0f}\u00a0%"


def _caption(cases: Cases) -> str:
    mean = " " + t("Counts are means over {count} repeats.", count=len(cases.repeats)) if len(cases.repeats) > 1 else ""
    if cases.task.kind == "binary":
        return t("Tested samples, decided at the frozen threshold. Choose a cell to see whom it holds.") + mean
    if cases.task.kind == "multiclass":
        return t("Tested samples; the highest score decides. Choose a cell to see whom it holds.") + mean
    return (
        t(
            "Tested samples; near is within {error} of the truth, the mean absolute error. Choose a cell to see whom it holds.",
            error=f"{cases.usual_error:.3g}",
        )
        + mean
    )
