"""What the recordings of a cohort are: channels, rate, lengths; and sentences on how they were prepared and changed."""

from typing import Any

from bedside.cohort import minus
from bedside.folder import Run
from bedside.report.words import number

NEAREST = "nearest-signal"
NEAREST_WORDS = (
    "the nearest neighbour: each recording gets the answer of the training recording that is most alike, point by point"
)
_MOST_NAMED = 6


def signal_facts(description: dict[str, Any]) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None for other data."""
    if "signals" not in description:
        return None
    signals = description["signals"]
    units = [*signals["units"], *[""] * len(signals["channels"])]
    return {
        "short": short_facts(description),
        "synthetic": signals["synthetic"],
        "rate": f"{number(signals['rate'])} Hz" if signals["rate"] else None,
        "lengths": {name: _length(signals, signals[name]) for name in ("shortest", "median", "longest")},
        "rows": [
            {"name": name, "unit": unit, "low": _value(low), "high": _value(high)}
            for name, unit, low, high in zip(signals["channels"], units, signals["low"], signals["high"], strict=False)
        ],
        "with_gaps": signals["with_gaps"],
        "duplicates": _copies(description["linked"]),
    }


def _value(value: float | None) -> str:
    return "–" if value is None else minus(number(value))


def _length(signals: dict[str, Any], points: float) -> str:
    """`4 s (1,000 points)`, or points alone if nobody knows the rate."""
    if not signals["rate"]:
        return f"{points:,.0f} points"
    return f"{number(points / signals['rate'])} s ({points:,.0f} points)"


def _copies(linked: dict[str, Any]) -> str:
    if not linked["groups"]:
        return "No recording is there twice."
    groups = "group" if linked["groups"] == 1 else "groups"
    return f"{linked['samples']:,} recordings in {linked['groups']:,} {groups} are copies of each other."


def short_facts(description: dict[str, Any]) -> str:
    """`2 channels, 4 s at 250 Hz`: for the line of facts and the card."""
    signals = description["signals"]
    n, points = len(signals["channels"]), signals["median"]
    channels = "1 channel" if n == 1 else f"{n} channels"
    if not signals["rate"]:
        return f"{channels}, {points:,.0f} points"
    return f"{channels}, {number(points / signals['rate'])} s at {number(signals['rate'])} Hz"


def channel_words(description: dict[str, Any]) -> str:
    """The channels by name, the first of many."""
    names = description["signals"]["channels"]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def predictors(description: dict[str, Any]) -> str:
    """What a model read of a sample."""
    facts = f"{channel_words(description)}; {short_facts(description)}"
    return f"The model read each recording and nothing else ({facts})."


def read(description: dict[str, Any]) -> str:
    """The predictors, in a few words."""
    return f"the recordings ({channel_words(description)})"


def acquisition(description: dict[str, Any]) -> tuple[str, str]:
    """How the recordings were taken, as far as their files tell, and what to ask of it."""
    shown = f"{channel_words(description)}; {short_facts(description)}."
    return shown, "With which devices, leads, filters and settings were they recorded?"


def gaps(*, filled: bool) -> str:
    """What can lack within a sample and, if `filled`, how it was handled."""
    return f"Recordings may have gaps.{' Gaps within a recording became the mean of their channel.' if filled else ''}"


def preparation(run: Run) -> str:
    """How a recording became what the model reads."""
    settings, known = run.settings.get("preparation", {}), run.description["signals"]
    length = settings.get("length")
    cut = (
        f"Recordings were cut, or filled up, to {length:,} time points."
        if length
        else "Recordings were as long as the longest of training; a row beside the channels says where a shorter one ends."
    )
    scaled = {
        "standard": "Each channel was scaled to mean 0 and standard deviation 1 over the training recordings of each fold.",
        "each": "Each channel of each recording was scaled to mean 0 and standard deviation 1 by itself, so amplitudes did not count.",
        "none": "Values were left as they are.",
    }[settings.get("scale", "standard")]
    rate = f"All recordings have {number(known['rate'])} time points per second. " if known["rate"] else ""
    return f"{rate}{cut} {scaled} Gaps became the mean of their channel."


def augmentation(run: Run) -> str:
    """What was changed at random in training; nothing for models that are not networks."""
    if run.history is None:
        return ""
    settings = run.settings.get("augment", {})
    words = {
        "noise": "noise of {} of a channel's standard deviation was added",
        "scaling": "amplitudes were changed by up to {}",
        "shift": "recordings were shifted by up to {} of their length",
    }
    changes = [text.format(_share(settings[name])) for name, text in words.items() if settings.get(name)]
    if not changes:
        return "Training recordings were not augmented."
    return (
        f"Training recordings were changed at random, anew in every epoch: {', '.join(changes)}. "
        "Validation and test recordings never took part in this."
    )


def _share(value: float) -> str:
    return f"{number(100 * value)}\u00a0%"


def baseline_words(estimates: dict[str, Any]) -> str:
    """What the baseline of recordings is; nothing for other baselines, whose names say it."""
    baseline = estimates["baseline"]
    return NEAREST_WORDS if baseline and baseline["family"] == NEAREST else ""
