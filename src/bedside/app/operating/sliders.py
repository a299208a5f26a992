"""A slider with a line beside it, where the same number can be typed."""

from collections.abc import Callable

import numpy as np

from bedside.app import parts
from bedside.app.words import t
from bedside.errors import SettingError

SECONDS = 0.08  # between two moves that are followed


def slider(
    label: str,
    help: str,
    ends: tuple[float, float, float],
    place: float,
    written: str,
    slide: Callable[[str], None],
    type_in: Callable[[str], None],
) -> tuple[parts.Element, parts.Element]:
    """A slider and a line to type the same number in."""
    with parts.tag("div", classes="slider"):
        name = parts.tag("label", label)
        low, high, step = ends
        line = parts.tag("input", type="range", min=low, max=high, step=step, **parts.typed(place))
        name.props["for"] = line.props["id"] = f"slider-{line.id}"
        number = parts.tag(
            "input",
            type="text",
            inputmode="decimal",
            aria_label=t("{name}, as a number", name=label),
            **parts.typed(written),
        )
        number.props["id"] = f"number-{number.id}"
        parts.tag("small", help)
    line.on("input", parts.careful(slide), throttle=SECONDS, js_handler=parts.VALUE)
    number.on("change", parts.careful(type_in), js_handler=parts.VALUE)
    return line, number


def number_typed(text: str, name: str, low: float, high: float) -> float:
    """What was typed.

    Raises:
        SettingError: if it is no number in this range.
    """
    try:
        value = float(text.strip().removesuffix("%").replace(",", "."))
    except ValueError:
        value = np.nan
    if not low <= value <= high:
        raise SettingError(
            t(
                "{name}: {text} is not a number from {low} to {high}.",
                name=name,
                text=repr(text),
                low=f"{low:g}",
                high=f"{high:g}",
            )
        )
    return value
