"""How every figure of a report looks, and how it becomes SVG that is the same bytes for the same run.

Text is drawn as outlines, so a figure looks the same on any machine and in any paper; what it shows is said in
words beside it. Colours are distinguishable for all common kinds of colour vision
(Okabe & Ito 2008, Color Universal Design) and in grey.
"""

import re
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

INK, MUTED, RULE = "#1c2126", "#5d666f", "#d9d6ce"
MODEL, BASELINE, EVENT, PAPER = "#1b5583", "#c4581a", "#8c2f39", "#ffffff"
DOTTED: dict[str, Any] = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (1, 2))}  # of lines to compare with
HALF = (4.3, 3.7)  # inches: two beside each other on A4, one on a phone

_RULES: Any = {
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is everywhere
    "font.size": 8.0,
    "text.color": INK,
    "text.parse_math": False,  # a column called "$x$" is a name, not a formula
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.06,
    "savefig.facecolor": PAPER,
    "path.simplify": True,
}


ROUND = [1, 2, 2.5, 5, 10]  # steps between ticks that a reader can count in


@dataclass(frozen=True)
class Drawing:
    """A figure with the words that belong to it."""

    name: str  # of the file figures/<name>.svg
    title: str
    caption: str
    alt: str  # what a reader who cannot see it should know
    svg: str
    wide: bool = False

    @property
    def inline(self) -> str:
        """The SVG as part of an HTML page: named for screen readers, with ids that no other figure has."""
        body = self.svg[self.svg.index("<svg") :]
        body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
        body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{self.name}-", body)
        label = escape(f"{self.title}. {self.alt}", quote=True)
        body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
        body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
        return body.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def calm() -> Any:
    """Context in which figures are made and saved; the rules of the surrounding program come back afterwards."""
    return mpl.rc_context(_RULES)


def canvas(size: tuple[float, float] = HALF, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """A figure and its axes, without pyplot's global state."""
    figure = Figure(figsize=size)
    return figure, figure.subplots(rows, columns, **options)


def to_svg(figure: Figure, name: str) -> str:
    """SVG text without date or random ids: the same figure is the same bytes."""
    buffer = BytesIO()
    FigureCanvasSVG(figure)
    with mpl.rc_context({"svg.hashsalt": name, "figure.constrained_layout.use": False}):
        if engine := figure.get_layout_engine():  # once and by itself: savefig draws twice where there is an engine
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().decode("utf-8")


def grid(axes: Axes, *, axis: str = "both") -> None:
    axes.grid(True, axis=axis, color=RULE, linewidth=0.6)  # type: ignore[arg-type]


def unit_square(axes: Axes, x: str, y: str, *, square: bool = True) -> None:
    """Both axes from 0 to 1."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal" if square else "auto", xlabel=x, ylabel=y)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    grid(axes)


def short(text: str, length: int = 26) -> str:
    """A name cut in the middle, so that both ends can be recognised."""
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"


def legend(axes: Axes, place: Any) -> None:
    """A legend whose first line is what was drawn last: the model."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=place)
