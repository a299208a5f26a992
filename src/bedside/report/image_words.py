"""Sentences and facts about images: how they were prepared and changed, where weights came from, what learned."""

from typing import Any

from bedside.folder import Run
from bedside.report.words import number

STATISTICS = "image-statistics"
STATISTICS_WORDS = "logistic regression on brightness, colour, contrast, sharpness and size of the image"

_FRAMINGS = {
    "crop": "Of each image the square in its centre was kept.",
    "whole": "Each image was kept whole, with black borders to a square.",
    "stretch": "Each image was stretched to a square.",
}
_MODALITIES = {
    "dermoscopy": "dermoscopy",
    "histology": "histology",
    "xray": "X-rays",
    "photo": "photographs",
}


def baseline_words(estimates: dict[str, Any]) -> str:
    """What the baseline of images is; nothing for other baselines, whose names say it."""
    baseline = estimates["baseline"]
    return STATISTICS_WORDS if baseline and baseline["family"] == STATISTICS else ""


def modality(description: dict[str, Any]) -> str | None:
    """What the images are, in a word; None if nobody said."""
    name = description["images"]["modality"]
    return None if name is None else _MODALITIES.get(name, str(name))


def weights_of(run: Run) -> dict[str, Any] | None:
    """The record of pretrained weights; None for a network that learned from scratch, and for other families."""
    weights = run.environment.get("weights")
    return weights if weights and weights.get("source") not in (None, "none") else None


def preparation(run: Run) -> str:
    """How an image became what the model sees."""
    if run.settings.get("family") == STATISTICS:
        return (
            "Brightness, colour, contrast, sharpness and size were taken from each image; "
            "their means and standard deviations were learned from the training images of each fold only."
        )
    weights = weights_of(run) or {}
    return f"{_framed(run.settings.get('preparation', {}), weights)} {_standardised(weights)}"


def _framed(settings: dict[str, Any], weights: dict[str, Any]) -> str:
    """How an image of any shape became a square."""
    size, framing = settings.get("image_size") or weights.get("size"), settings.get("framing", "crop")
    if not size:
        return _FRAMINGS[framing]
    way = f" by {weights.get('interpolation', 'bicubic')} interpolation"
    square = f"{size} × {size} pixels"
    if framing == "whole":
        return f"Each image was resized{way} to a longer side of {size} pixels, with black borders to a square."
    if framing == "stretch":
        return f"Each image was stretched{way} to {square}, whatever its proportions."
    return f"Each image was resized{way} to a shorter side of {size} pixels, and the {square} in its centre were kept."


def _standardised(weights: dict[str, Any]) -> str:
    if weights.get("mean") and weights.get("std"):
        mean, std = (", ".join(number(float(x)) for x in weights[key]) for key in ("mean", "std"))
        return f"Pixels from 0 to 1 were standardised as the weights expect: mean {mean}, standard deviation {std}."
    return (
        "Pixels from 0 to 1 were standardised with the mean and standard deviation of the training images of each fold."
    )


def augmentation(run: Run) -> str:
    """What was changed at random in training, and what in scoring; nothing for models that are not networks."""
    settings = run.settings.get("augment", {})
    changes, views = _changes(settings), int(settings.get("views", 1))
    if run.history is None:
        return ""
    stored = run.environment.get("freeze") == "backbone"
    if not changes or (stored and views == 1):
        trained = "Training images were not augmented."
    elif stored:
        others = "one that was" if views == 2 else f"{views - 1} that were"
        trained = f"Of each training image {views} versions were used: the original and {others} changed at random ({_listed(changes)})."
    else:
        trained = f"Training images were changed at random, anew in every epoch: {_listed(changes)}."
    return f"{trained} Validation and test images never took part in this.{_test_time(settings)}"


def _test_time(settings: dict[str, Any]) -> str:
    times = int(settings.get("test_time", 1))
    if times == 1:
        return ""
    return (
        f" To score an image, the scores of {times} versions of it, the original and changed ones, were averaged "
        "(test-time augmentation)."
    )


def _changes(settings: dict[str, Any]) -> list[str]:
    """Every change that acts, in words."""
    words = {
        "flip_horizontal": "mirrored left and right",
        "flip_vertical": "mirrored top and bottom",
        "rotation": f"turned by up to {number(settings.get('rotation'))}°",
        "zoom": f"zoomed by up to {_share(settings.get('zoom'))}",
        "brightness": f"brightness by up to {_share(settings.get('brightness'))}",
        "contrast": f"contrast by up to {_share(settings.get('contrast'))}",
    }
    return [text for name, text in words.items() if settings.get(name)]


def _share(value: float | None) -> str:
    return f"{number(100 * (value or 0))}\u00a0%"


def _listed(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def weights(run: Run) -> str:
    """Where the weights came from and which of them learned; nothing for models that are not networks."""
    if run.history is None:
        return ""
    record = weights_of(run)
    if record is None:
        return "No pretrained weights were used: the network learned from scratch, from random initial weights."
    licence = f", licence {record['licence']}" if record.get("licence") else ", licence not known"
    checksum = f", sha256 {record['sha256'][:12]}…" if record.get("sha256") else ""
    return (
        f"Pretrained weights of {record['architecture']}, from {record['source']}{licence}{checksum}. {_freezing(run)}"
    )


def _freezing(run: Run) -> str:
    counts = trained_parameters(run)
    share = f" ({counts} parameters)" if counts else ""
    stages = int(run.environment.get("levels", 1)) - 1
    read = f" It read the mean and the spread of {stages} stages of the backbone beside its end." if stages else ""
    return {
        "backbone": f"The backbone stayed frozen, its batch-norm statistics too; only the last layer learned{share}, on features that were computed once.{read}",
        "none": f"The whole network learned{share}, starting from these weights.",
        "gradual": f"First the last layer learned alone, then the last stages of the network with it, at smaller learning rates{share}.",
    }.get(str(run.environment.get("freeze")), "")


def trained_parameters(run: Run) -> str:
    """`1,281 of 3,372,289`, or nothing if it is not known."""
    trained, total = (run.environment.get(key) for key in ("parameters_trained", "parameters"))
    return f"{trained:,} of {total:,}" if trained and total else ""


def record(run: Run) -> list[tuple[str, str]]:
    """What somebody needs beside versions and seed who wants the same network again."""
    if run.history is None:
        return []
    frozen = {
        "backbone": "backbone frozen",
        "none": "nothing frozen",
        "gradual": "frozen at first, then gradually less",
    }
    known, rows = weights_of(run), []
    if known is None:
        rows.append(("Weights", "none, trained from scratch"))
    else:
        licence = known.get("licence") or "not known"
        rows.append(("Weights", f"{known['architecture']}, from {known['source']}; licence: {licence}"))
        rows += [("Weights checksum", f"sha256 {known['sha256']}")] if known.get("sha256") else []
    how = frozen.get(str(run.environment.get("freeze")), "")
    trained = "; ".join(filter(None, [trained_parameters(run), how if known else ""]))
    rows += [("Parameters trained", trained)] if trained else []
    rows += [("Batch size", number(run.environment["batch_size"]))] if run.environment.get("batch_size") else []
    return rows
