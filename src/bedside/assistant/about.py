"""What must be said with every answer of a model: what it is for, whom it was tested on, who is outside of that."""

import re
from typing import Any

from bedside.data.codes import count
from bedside.folder import Run

NOTICE = "Research and teaching only; not a medical device. A score is no diagnosis, and nobody may be treated because of it."
UNSAID = "Its authors have not said for which patients, in which setting and by whom it is meant to be used."
_ASKED = "**For the authors to write:**"
_LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def limits(run: Run, *, flags: bool) -> dict[str, Any]:
    """The limits of the model, short enough to stand in every answer.

    Args:
        flags: the model tells usual from unusual samples.
    """
    return {
        "notice": NOTICE,
        "intended_use": intended_use(run),
        "population": population(run),
        "outside": outside(images="images" in run.description, flags=flags),
        "verdict": verdict(run),
    }


def verdict(run: Run) -> list[str]:
    from bedside.report.told import told

    return [said.text for said in told(run).said]


def intended_use(run: Run) -> str:
    """What the model card says, as far as its authors have filled it in."""
    lines = section(card_of(run), "Intended use")
    said = [_LINK.sub(r"\1", line.removeprefix("- ")).strip() for line in lines if _ASKED not in line]
    return " ".join([*said, *([UNSAID] if len(said) < len(lines) or not said else [])])


def population(run: Run) -> str:
    """On whom the model was made and tested."""
    known = run.description
    classes = known["target"] if known["task"]["kind"] != "regression" else []
    shown = ", ".join(f"{one['samples']:,} of class {one['class']}" for one in classes)
    size = f"{count(int(known['patients']), 'patient')} ({count(int(known['samples']), 'sample')}{f': {shown}' if shown else ''})"
    return f"Trained and tested on {size} of the cohort {known['name']}. Of other hospitals and patients nothing is known unless the verdict says so."


def outside(*, images: bool, flags: bool) -> str:
    """Who is outside of what the model knows, and how an answer says so."""
    flagged = (
        "'unusual' marks samples farther from those of training than nearly all held-out ones"
        if flags
        else "this model keeps nothing to tell unusual samples from usual ones, so none is marked"
    )
    if images:
        return f"Images from other devices, of other body parts or of other patients than in training; {flagged}."
    return f"'outside' names values that training never had (see the ranges in describe); {flagged}. Scores of such samples cannot be trusted."


def card_of(run: Run) -> str:
    """card.md of the run as its authors left it; empty if there is none."""
    path = run.path / "card.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def section(card: str, heading: str) -> list[str]:
    """Lines of one section of a card."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


def summary(run: Run) -> str:
    """The report in short: verdict, estimates and how they were made."""
    from bedside.report.told import told

    known = told(run)
    lines = [f"# Report of {run.path.resolve().name}", "", NOTICE, "", "## Verdict", ""]
    lines += [f"- {said.text}" for said in known.said]
    lines += ["", "## Estimates on test patients", ""]
    lines += [
        f"- {one['metric']}: {_value(one)} ({one['n_patients']:,} patients; {one['method']})"
        for one in run.estimates["estimates"]
    ]
    lines += ["", "## How it was made", ""]
    lines += [f"- {title}: {words}" for title, words in known.paragraphs.items()]
    return "\n".join(lines) + "\n"


def _value(one: dict[str, Any]) -> str:
    if one["value"] is None:
        return "not defined"
    if one.get("low") is None:
        return f"{one['value']:.3g}"
    return f"{one['value']:.3g} [{one['low']:.3g}, {one['high']:.3g}]"
