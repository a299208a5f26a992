"""What goes into an exported model, in words and shapes that a client needs."""

from typing import Any

from bedside.export.pixels import image_members
from bedside.training.model import Model


def inputs_of(model: Model) -> dict[str, dict[str, Any]]:
    """By name: type, shape, and what to put there."""
    if model.images is not None:
        return {"pixels": _pixels(model)}
    numbers = [one.name for one in model.features if one.kind != "category"]
    words = [one.name for one in model.features if one.kind == "category"]
    found: dict[str, dict[str, Any]] = {}
    if numbers:
        meaning = "NaN where missing; yes-or-no columns as 1 and 0; dates as years, so that 2026-07-02 is about 2026.5"
        found["numbers"] = {"type": "float64", "shape": [None, len(numbers)], "columns": numbers, "meaning": meaning}
    if words:
        meaning = "the level as text, empty where missing; a level that training never saw is treated as unknown"
        found["words"] = {"type": "text", "shape": [None, len(words)], "columns": words, "meaning": meaning}
    return found


def _pixels(model: Model) -> dict[str, Any]:
    """Pixels of images that were framed and resized as in training; normalisation is inside the model."""
    preparation = image_members(model)[0].preparation
    framed = {
        "crop": f"the shorter side becomes {round(preparation.size / preparation.crop_share)}, the square in the centre is kept",
        "whole": f"the longer side becomes {preparation.size}, black borders fill the square",
        "stretch": f"both sides become {preparation.size}",
    }[preparation.framing]
    deep = "" if preparation.white == 255 else f"; 16-bit values up to {preparation.white} become 0 to 255 first"
    return {
        "type": "uint8",
        "shape": [None, *preparation.shape],
        "layout": "samples, channels, rows, columns",
        "channels": ["red", "green", "blue"] if preparation.channels == 3 else ["grey"],
        "range": [0, 255],
        "meaning": f"images after resizing: {framed}; {preparation.resample} with antialiasing as in Pillow{deep}",
        "resizing": {
            "framing": preparation.framing,
            "size": preparation.size,
            "resample": preparation.resample,
            "crop_share": preparation.crop_share,
            "white": preparation.white,
        },
    }
