"""Dots with their intervals, one row each: the figure that compares estimates, for the page and for a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation, Transform

from bedside.cohort import Estimate, minus
from bedside.report.candidates import ALIKE
from bedside.report.style import DOTTED, INK, MODEL, MUTED, PAPER, ROUND, RULE, canvas, grid, short, to_svg

TEXT = 7.7  # points
WIDE, NARROW = 8.6, 4.3  # inches: the width of the page, and of a phone
FAINT = "#8d959c"  # what is worse
GUESSING = {"auroc": (0.5, "a coin toss"), "r2": (0.0, "guessing the mean")}
FLOOR = {"r2": -1.0}  # a hopeless candidate leaves the axis to the others, and an arrow says where it went
_GOLDEN = 0.618034  # whose multiples fill an interval evenly


@dataclass(frozen=True)
class IntervalRow:
    """One row of a figure: a name in one or more columns, an estimate with its interval, single folds, a word on the right."""

    name: tuple[str, ...]
    estimate: Estimate
    text: str
    word: str = ""
    folds: np.ndarray | Sequence[float] = ()
    faint: bool = False
    hollow: bool = False


def interval_rows(
    rows: Sequence[IntervalRow],
    metric: str,
    label: str,
    name: str,
    *,
    heads: Sequence[str] = (),
    narrow: bool = False,
    middle: float | None = None,
) -> str:
    """SVG of dots with intervals, one row each; on a phone the names stand above the lines."""
    each = 0.46 if narrow else 0.31 if len(rows) <= 20 else 0.24
    height = each * len(rows) + 0.62
    figure, axes = canvas((NARROW if narrow else WIDE, height))
    left, right = limits([row.estimate for row in rows], [row.folds for row in rows], middle)
    if middle is None and right > FLOOR.get(metric, right):
        left = max(left, FLOOR[metric])
    for k, row in enumerate(rows):
        _draw_row(axes, k, row, (left, right))
    _draw_intervals(axes, rows)
    if narrow:
        _write_above(axes, rows, heads)
    else:
        _write_beside(axes, rows, heads)
    if middle is not None:
        axes.axvline(middle, color=INK, linewidth=0.8, zorder=1)
    elif guessing(rows, metric):
        axes.axvline(GUESSING[metric][0], **DOTTED)
    grid(axes, axis="x")
    axes.set(xlim=(left, right), ylim=(len(rows) - 0.45, -0.85), xlabel=label, yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 7, steps=ROUND))
    axes.spines["left"].set_visible(False)
    return to_svg(figure, name)


def guessing(rows: Sequence[IntervalRow], metric: str) -> str:
    """What a dotted line means, if what guessing would give lies on the axis; nothing otherwise."""
    left, right = limits([row.estimate for row in rows], [row.folds for row in rows])
    value, words = GUESSING.get(metric, (right, ""))
    return f" The dotted line is {words}." if left < value < right else ""


def limits(
    estimates: Sequence[Estimate], folds: Sequence[np.ndarray | Sequence[float]], middle: float | None = None
) -> tuple[float, float]:
    """Ends of the axis: all intervals, and folds as far as they do not crush everything else."""
    ends = [x for e in estimates for x in (e.value, e.low, e.high) if x is not None]
    ends += [middle] if middle is not None else []
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    reach = 1.2 * (high - low or 0.1)
    inside = [float(x) for values in folds for x in values if low - reach <= x <= high + reach]
    low, high = min([low, *inside]), max([high, *inside])
    margin = 0.04 * (high - low or 0.1)
    return low - margin, high + margin


def _draw_row(axes: Axes, k: int, row: IntervalRow, ends: tuple[float, float]) -> None:
    colour = FAINT if row.faint else MODEL
    values = np.asarray(row.folds, dtype=np.float64)
    if len(values) > 1:
        height = k + 0.5 * aside(len(values))
        inside = (values >= ends[0]) & (values <= ends[1])
        dots(axes, values[inside], height[inside], colour)
        for beyond, end, marker in ((values < ends[0], ends[0], "<"), (values > ends[1], ends[1], ">")):
            if beyond.any() and row.estimate.value is not None and row.estimate.value >= ends[0]:
                axes.plot(end, k, marker, color=colour, alpha=0.5, markersize=4, markeredgewidth=0, clip_on=False)
    estimate = row.estimate
    if estimate.value is not None and estimate.value < ends[0]:
        axes.plot(ends[0], k, "<", color=colour, markersize=8, markeredgewidth=0, clip_on=False, zorder=4)
    elif estimate.value is not None:
        face, edge = (PAPER, colour) if row.hollow else (colour, PAPER)
        axes.plot(estimate.value, k, "o", markersize=7, markerfacecolor=face, markeredgecolor=edge, zorder=4)


def _draw_intervals(axes: Axes, rows: Sequence[IntervalRow]) -> None:
    """All intervals as one thing to draw."""
    lines, colours = [], []
    for k, row in enumerate(rows):
        if row.estimate.low is not None and row.estimate.high is not None:
            lines.append(np.array([[row.estimate.low, k], [row.estimate.high, k]]))
            colours.append(FAINT if row.faint else MODEL)
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=2.0, capstyle="round", zorder=3))


def aside(n: int) -> np.ndarray:
    """Where n points that would cover each other stand beside their place, from −0.5 to 0.5 and without a pattern."""
    return (np.arange(n) * _GOLDEN) % 1 - 0.5


def dots(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, *, size: float = 3.4, alpha: float = 0.4) -> None:
    """Faint points as one path of lines without length, which takes a tenth of the SVG that as many markers would."""
    if not len(x):
        return
    alpha = alpha * min(1.0, (10 / len(x)) ** 0.5)
    corners = np.repeat(np.column_stack([x, y]), 2, axis=0)
    path = Path(corners, [Path.MOVETO, Path.LINETO] * len(x))
    axes.add_patch(
        PathPatch(path, facecolor="none", edgecolor=colour, linewidth=size, capstyle="round", alpha=alpha, zorder=2)
    )


def _write_beside(axes: Axes, rows: Sequence[IntervalRow], heads: Sequence[str]) -> None:
    """Names on the left, estimates and words on the right; a word that is the same everywhere stands once, behind a bracket."""
    names = [[short(_one_line(cell), 34) for cell in row.name] for row in rows]
    texts = [_text(row) for row in rows]
    widths = [max(map(_width, column)) + 12 for column in zip(*names, *[heads] * bool(heads), strict=True)]
    starts = np.cumsum([0, *widths]) - sum(widths)
    right = max(map(_width, texts)) + 26
    same = len(rows) > 1 and all(row.word == ALIKE for row in rows)
    for head, start in zip(heads, starts, strict=False):
        _write(axes, [head], 0, start, first=-0.85, fontsize=6.5, color=MUTED)
    for column, start in zip(zip(*names, strict=True), starts, strict=False):
        _write(axes, column, 0, start)
    _write(axes, texts, 1, 12)
    axes.hlines(
        np.arange(len(rows)) + 0.5, 0, 1, transform=axes.get_yaxis_transform(), color=RULE, linewidth=0.4, zorder=0
    )
    if same:
        _write(axes, [ALIKE], 1, right + 8, first=(len(rows) - 1) / 2)
        bracket = _shifted(axes, right)
        axes.plot([1, 1], [-0.3, len(rows) - 0.7], color=MUTED, linewidth=0.9, transform=bracket, clip_on=False)
    else:
        words = [row.word for row in rows]
        _write(axes, words, 1, right, color=[INK if word.startswith("best") else MUTED for word in words])


def _write(
    axes: Axes,
    cells: Sequence[str],
    side: int,
    points: float,
    *,
    first: float = 0.0,
    fontsize: float = TEXT,
    color: str | Sequence[str] = INK,
) -> None:
    """A column of texts, so many points right of the left (0) or right (1) end of the axis; the widest one makes room."""
    place, widest = _shifted(axes, points), max(cells, key=_width)
    for k, cell in enumerate(cells):
        if cell:
            said = axes.text(
                side,
                first + k,
                cell,
                transform=place,
                va="center",
                fontsize=fontsize,
                color=color if isinstance(color, str) else color[k],
            )
            said.set_in_layout(cell == widest)


def _shifted(axes: Axes, points: float) -> Transform:
    """Shares of the width and rows, moved to the right."""
    return axes.get_yaxis_transform() + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)


def _write_above(axes: Axes, rows: Sequence[IntervalRow], heads: Sequence[str]) -> None:
    """Names and estimates over the lines, with the word only where it differs from row to row."""
    differ = len({row.word for row in rows}) > 1
    for k, row in enumerate(rows):
        place: dict[str, Any] = {
            "transform": axes.get_yaxis_transform(),
            "va": "center",
            "fontsize": TEXT,
            "zorder": 2.5,
        }
        place["bbox"] = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
        text = _text(row) + (f"   {row.word}" if differ and row.word else "")
        name = "  ".join(map(_one_line, row.name))
        above = [axes.text(0, k - 0.42, _fitting(name, NARROW * 72 - 36 - _width(text)), **place)]
        above.append(axes.text(1, k - 0.42, text, ha="right", **place))
        for said in above:
            said.set_in_layout(False)  # it stands within the axes
    if heads:
        axes.text(0, -1.0, "  ".join(heads), transform=axes.get_yaxis_transform(), fontsize=6.5, color=MUTED)


def _fitting(name: str, width: float) -> str:
    """The name, cut in the middle to so many points."""
    return next((cut for n in range(34, 8, -1) if _width(cut := short(name, n)) <= width), short(name, 8))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _text(row: IntervalRow) -> str:
    return minus(row.text) if row.estimate.value is not None else "not defined"


def _width(text: str) -> float:
    """Points that a text takes in the figure."""
    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=TEXT), ismath=False)[0])
