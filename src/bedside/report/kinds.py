"""What a report says in another way of tables, images and recordings: a row in each table for what has no columns."""

from types import ModuleType
from typing import Any

from bedside.data.description import DESCRIBED, kind_of
from bedside.folder import Run
from bedside.report import image_words, images, molecules, signals

_WORDS = {"image": image_words, "signal": signals, "graph": molecules}
_HEADS = {"image": "Images", "signal": "Recordings", "graph": "Molecules"}
_FACTS = {"image": images, "signal": signals, "graph": molecules}
_ALIKE = {"image": "the same or nearly the same image", "signal": "the same recording", "graph": "the same compound"}
_RECORDS = {"image": image_words.record}


def facts_of(description: dict[str, Any]) -> ModuleType | None:
    """The module that says what such samples are: `short_facts`, `predictors`, `read`, `acquisition` and `gaps`; None for a table."""
    return _FACTS.get(kind_of(description))


def input_fact(description: dict[str, Any]) -> tuple[str, str]:
    """For the line of facts: what a sample is, or how many features it has."""
    own = facts_of(description)
    if own is None:
        return "Features", f"{len(description['features']):,}"
    return _HEADS[kind_of(description)], own.short_facts(description)


def synthetic(description: dict[str, Any]) -> dict[str, str] | None:
    """For a banner: what was made by a computer, and how; None if patients are behind the data."""
    kind = kind_of(description)
    said = description[DESCRIBED[kind]].get("synthetic") if kind in DESCRIBED else None
    return {"what": _HEADS[kind].lower(), "said": str(said).rstrip(".")} if said else None


def preparation(run: Run) -> str | None:
    """How samples became what a model reads; None for a table, whose preparation follows from its settings alone."""
    own = _WORDS.get(kind_of(run.description))
    return own.preparation(run) if own else None


def augmentation(run: Run) -> str:
    """What was changed at random in training."""
    own = _WORDS.get(kind_of(run.description))
    return own.augmentation(run) if own else ""


def baseline_words(estimates: dict[str, Any]) -> str:
    """What the baseline is, where its name does not say it."""
    return (
        image_words.baseline_words(estimates)
        or signals.baseline_words(estimates)
        or molecules.baseline_words(estimates)
    )


def alike(description: dict[str, Any]) -> str:
    """What duplicates have in common."""
    return _ALIKE.get(kind_of(description), "identical features")


def record(run: Run) -> list[tuple[str, str]]:
    """What somebody needs beside versions and seed who wants the same model again."""
    own = _RECORDS.get(kind_of(run.description))
    return own(run) if own else []
