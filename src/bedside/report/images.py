"""What the images of a cohort are: formats, sizes, duplicates, and what could not be read."""

from typing import Any

from bedside.report.image_words import modality
from bedside.report.words import percent

MOST_UNREADABLE = 10  # named in the page; all are in description.json

_CHANNELS = {"1": "grey", "3": "colour"}


def image_facts(description: dict[str, Any]) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None for tables."""
    if "images" not in description:
        return None
    images, samples = description["images"], description["samples"]
    unreadable = images["unreadable"]
    return {
        "short": short_facts(description),
        "modality": modality(description),
        "rows": _rows(images, samples),
        "more_sizes": images["n_sizes"] - len(images["sizes"]),
        "smallest": _size(*images["smallest"]),
        "largest": _size(*images["largest"]),
        "unreadable": unreadable[:MOST_UNREADABLE],
        "n_unreadable": len(unreadable),
        "duplicates": duplicates(description["linked"]),
        "synthetic": images["synthetic"],
    }


def _rows(images: dict[str, Any], samples: int) -> list[dict[str, Any]]:
    """Groups of the table: a heading and (name, samples, share) for each value."""
    groups = {
        "Format": images["formats"],
        "Channels": {_CHANNELS.get(name, f"{name} channels"): n for name, n in images["channels"].items()},
        "Depth": {f"{bits} bit per channel": n for bits, n in images["bits"].items()},
        "Size in pixels": {_size(size["width"], size["height"]): size["samples"] for size in images["sizes"]},
    }
    return [
        {"name": name, "values": [(value, n, _share(n, samples)) for value, n in counts.items()]}
        for name, counts in groups.items()
    ]


def _share(n: int, samples: int) -> str:
    """As everywhere, but only all of them are 100 %."""
    share = percent(n, samples)
    return "over 99\u00a0%" if n < samples and share.startswith("100") else share


def _size(width: int, height: int) -> str:
    return f"{width:,} × {height:,}"


def short_facts(description: dict[str, Any]) -> str:
    """`JPEG, 224 × 224 px`: for the line of facts and the card."""
    images = description["images"]
    formats = " and ".join(list(images["formats"])[:3])
    smallest, largest = _size(*images["smallest"]), _size(*images["largest"])
    size = smallest if smallest == largest else f"{smallest} to {largest}"
    return f"{formats}, {size} px"


def predictors(description: dict[str, Any]) -> str:
    """What a model saw of a sample."""
    return f"The model saw the pixels of each image and nothing else ({short_facts(description)})."


def read(description: dict[str, Any]) -> str:
    """The predictors, in a few words."""
    return "the pixels of the images"


def acquisition(description: dict[str, Any]) -> tuple[str, str]:
    """How the images were taken, as far as their files tell, and what to ask of it."""
    shown = f"{short_facts(description)}; kind of image: {modality(description) or 'not said'}."
    return shown, "With which devices, protocols and settings were the images taken?"


def gaps(*, filled: bool) -> str:
    """What can lack within a sample."""
    return "Images cannot have gaps."


def duplicates(linked: dict[str, Any]) -> str:
    """How many images were there more than once, and what the division that came with the data made of it."""
    if not linked["groups"]:
        return "No image is there twice, neither exactly nor nearly."
    counts = {"exact copies": linked.get("exact", 0), "near copies": linked.get("near", 0)}
    kinds = " and ".join(f"{n:,} {name}" for name, n in counts.items() if n)
    found = f"{linked['samples']:,} images in {linked['groups']:,} {_groups(linked['groups'])} are copies of each other"
    text = f"{found} ({kinds})." if kinds else f"{found}."
    torn = linked.get("across_split")
    if torn is None:
        return text
    if not torn:
        return f"{text} The division that came with the data keeps each group on one side."
    return (
        f"{text} The division that came with the data separates {torn:,} of these {'groups' if linked['groups'] > 1 else 'group'}: "
        "a model tested on it meets images that it has learned from."
    )


def _groups(n: int) -> str:
    return "group" if n == 1 else "groups"
