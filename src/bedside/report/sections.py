"""The sections of the report of a run and what they are called; pointers in documents use the same words."""

from collections.abc import Iterable
from typing import Any

from bedside.data.description import kind_of
from bedside.folder import Run

HEADINGS = {
    "findings": "Findings",
    "estimates": "Estimates",
    "baseline": "Against the baseline",
    "random": "On a random split",
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
    "synthetic": "The synthetic cohort",
    "learning": "Learning and folds",
    "null": "With shuffled targets",
    "sample_size": "What this cohort can and cannot show",
    "data": "Patients and data",
    "methods": "How the numbers were made",
    "settings": "Settings",
    "reproducibility": "Reproducibility",
}  # in their order; a run has some of them
_SEEN = {
    "image": "What the network looked at",
    "signal": "What the network read",
    "graph": "Which atoms the network read",
}


def headings(run: Run) -> dict[str, str]:
    """{id: heading} of every section, as this run calls them."""
    own = dict(HEADINGS)
    own["seen"] = _SEEN.get(kind_of(run.description), own["seen"])
    if not learned_in_epochs(run):
        own["learning"] = spread_title(run.estimates["spread"])
    return own


def learned_in_epochs(run: Run) -> bool:
    """Whether there is a history to draw: a model that is no network has none."""
    return any(table is not None and len(table) > 0 for table in (run.history, run.learning_rates))


def spread_title(records: Iterable[dict[str, Any]]) -> str:
    """What the spread of the fits is over."""
    return "From fold to fold" if any(record["n_folds"] > 1 for record in records) else "From seed to seed"
