"""What schematic drawings are put together from: neurons, boxes, arrows, words."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from bedside.report.style import INK, MODEL, MUTED, PAPER

TINT = "#e3ecf3"  # of boxes
Place = tuple[float, float]


def sheet(widths: Iterable[float], height: float = 2.7) -> tuple[Figure, Any]:
    """A figure as wide as a page, and its axes beside each other."""
    widths = list(widths)
    figure = Figure(figsize=(7.2, height))
    return figure, figure.subplots(1, len(widths), gridspec_kw={"width_ratios": widths}, squeeze=False)[0]


def plain(axes: Axes, width: float, height: float, title: str = "") -> Axes:
    """Axes without axes, for a drawing of this size; lengths are the same in both directions."""
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal", title=title)
    axes.set_axis_off()
    return axes


def neuron(axes: Axes, place: Place, radius: float = 0.22, *, colour: str = MODEL, full: bool = False) -> None:
    axes.add_patch(
        Circle(place, radius, facecolor=colour if full else PAPER, edgecolor=colour, linewidth=1.1, zorder=3)
    )


def box(axes: Axes, place: Place, size: Place, text: str = "", *, colour: str = MODEL, fill: str = TINT) -> None:
    """A rounded box with its middle at `place`."""
    (x, y), (width, height) = place, size
    rounded = "round,pad=0,rounding_size=0.08"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(FancyBboxPatch(corner, width, height, rounded, facecolor=fill, edgecolor=colour, linewidth=0.9))
    axes.text(x, y, text, ha="center", va="center", fontsize=7, zorder=4)


def arrow(axes: Axes, start: Place, end: Place, *, colour: str = MUTED, bend: float = 0.0, width: float = 0.9) -> None:
    style, curve = "-|>,head_length=3.2,head_width=1.6", f"arc3,rad={bend}"
    axes.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle=style, connectionstyle=curve, color=colour, linewidth=width, shrinkA=0, shrinkB=0
        )
    )


def line(axes: Axes, start: Place, end: Place, *, colour: str = MUTED, width: float = 0.5) -> None:
    axes.plot(*zip(start, end, strict=True), color=colour, linewidth=width, zorder=1)


def words(axes: Axes, place: Place, text: str, *, colour: str = INK, size: float = 7.0, **more: Any) -> None:
    axes.text(*place, text, **{"ha": "center", "va": "center", "color": colour, "fontsize": size, **more})


def column(count: int, middle: float, step: float) -> np.ndarray:
    """Heights of `count` things around a middle, from the top, (count,)."""
    return middle + step * ((count - 1) / 2 - np.arange(count))
