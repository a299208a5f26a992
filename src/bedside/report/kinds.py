"""What a report says in another way of tables, images and recordings: one place that asks which of them a run is about."""

from typing import Any

from bedside.folder import Run
from bedside.report import image_words, images, signals

_WORDS = {"images": image_words, "signals": signals}
_HEADS = {"images": "Images", "signals": "Recordings"}
_FACTS = {"images": images, "signals": signals}


def kind_of(description: dict[str, Any]) -> str | None:
    """ "images" or "signals"; None for a table."""
    return next((kind for kind in _HEADS if kind in description), None)


def input_fact(description: dict[str, Any]) -> tuple[str, str]:
    """For the line of facts: what a sample is, or how many features it has."""
    kind = kind_of(description)
    if kind is None:
        return "Features", f"{len(description['features']):,}"
    return _HEADS[kind], _FACTS[kind].short_facts(description)


def synthetic(description: dict[str, Any]) -> dict[str, str] | None:
    """For a banner: what was made by a computer, and how; None if patients are behind the data."""
    kind = kind_of(description)
    said = description[kind].get("synthetic") if kind else None
    return {"what": _HEADS[str(kind)].lower(), "said": str(said).rstrip(".")} if said else None


def preparation(run: Run) -> str | None:
    """How samples became what a model reads; None for a table, whose preparation follows from its settings alone."""
    kind = kind_of(run.description)
    return _WORDS[kind].preparation(run) if kind else None


def augmentation(run: Run) -> str:
    """What was changed at random in training."""
    kind = kind_of(run.description)
    return _WORDS[kind].augmentation(run) if kind else ""


def baseline_words(estimates: dict[str, Any]) -> str:
    """What the baseline is, where its name does not say it."""
    return image_words.baseline_words(estimates) or signals.baseline_words(estimates)


def alike(description: dict[str, Any]) -> str:
    """What duplicates have in common."""
    known = {"images": "the same or nearly the same image", "signals": "the same recording"}
    return known.get(str(kind_of(description)), "identical features")
