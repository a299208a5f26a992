"""The sections of the report of a run and what they are called; pointers in documents use the same words."""

from collections.abc import Iterable
from typing import Any

from bedside.folder import Run
from bedside.report.kinds import kind_of

HEADINGS = {
    "findings": "Findings",
    "estimates": "Estimates",
    "baseline": "Against the baseline",
    "calibration": "Calibration",
    "decision-curve": "Is it worth deciding by the score?",
    "performance": "Performance in figures",
    "operating": "The operating point",
    "panel": "Choose an operating point",
    "groups": "Groups and sites",
    "uncertainty": "What the model does not know",
    "seen": "What the model uses",
    "latent": "How the network sorts the samples",
    "gaps": "How well it fills gaps",
    "learning": "Learning and folds",
    "null": "With shuffled targets",
    "sample_size": "What this cohort can and cannot show",
    "data": "Patients and data",
    "methods": "How the numbers were made",
    "settings": "Settings",
    "reproducibility": "Reproducibility",
}  # in their order; a run has some of them


def headings(run: Run) -> dict[str, str]:
    """{id: heading} of every section, as this run calls them."""
    own = dict(HEADINGS)
    looked = {"images": "What the network looked at", "signals": "What the network read"}
    if (kind := kind_of(run.description)) is not None:
        own["seen"] = looked[kind]
    if not learned_in_epochs(run):
        own["learning"] = spread_title(run.estimates["spread"])
    return own


def learned_in_epochs(run: Run) -> bool:
    """Whether there is a history to draw: a model that is no network has none."""
    return any(table is not None and len(table) > 0 for table in (run.history, run.learning_rates))


def spread_title(records: Iterable[dict[str, Any]]) -> str:
    """What the spread of the fits is over."""
    return "From fold to fold" if any(record["n_folds"] > 1 for record in records) else "From seed to seed"
