"""Figures of a comparison: every candidate as a dot with its interval, and what separates it from the best estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from bedside.cohort import Estimate
from bedside.report.candidate_tables import setting_text, varied_settings
from bedside.report.candidates import ALIKE, Candidate, Pair, negated
from bedside.report.style import DOTTED, INK, MODEL, MUTED, PAPER, RULE, Drawing, canvas, grid, short, to_svg
from bedside.report.tables import signed
from bedside.report.words import metric_name, p_text

MOST_ROWS, MOST_DIFFERENCES = 40, 20  # of a figure that can be taken in; the tables have the rest
TEXT = 7.7  # points
WIDE, NARROW = 8.6, 4.3  # inches: the width of the page, and of a phone
FAINT = "#8d959c"  # what is worse
GUESSING = {"auroc": (0.5, "a coin toss"), "r2": (0.0, "guessing the mean")}
_GOLDEN = 0.618034  # spreads folds over the height of a row without a pattern


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


def candidates_figure(rows: Sequence[Candidate], *, narrow: bool = False) -> Drawing:
    """Every candidate's headline estimate with its interval, and the values of single folds."""
    metric = rows[0].estimate.metric
    heads, names = columns(rows)
    shown = [
        IntervalRow(names[row.name], row.estimate, row.estimate.text(), row.status, row.folds, row.worse)
        for row in rows[:MOST_ROWS]
    ]
    name = "candidates-narrow" if narrow else "candidates"
    level = f"{rows[0].estimate.level:.0%}"
    folds = " and the faint points single folds" if any(len(row.folds) > 1 for row in rows) else ""
    order = (
        "The order is that of the estimates and says nothing more: no candidate can be told from the one on top."
        if all(row.status == ALIKE for row in rows)
        else "“Worse” and “not distinguishable” compare with the best estimate, on the same folds; overlapping intervals do "
        "not decide that, the pairs do."
    )
    luck = " The highest of several estimates is partly luck: expect a little less of it." if len(rows) > 2 else ""
    rest = f" The {MOST_ROWS} highest of {len(rows)} are drawn." if len(rows) > MOST_ROWS else ""
    guessing = _guessing(shown, metric)
    label = ("Macro " if rows[0].estimate.of == "macro" else "") + metric_name(metric)
    return Drawing(
        name,
        f"{label} of each candidate",
        f"The dot is the estimate, the line its {level} interval{folds}.{guessing} {order}{luck}{rest}",
        _in_words(rows),
        interval_rows(shown, metric, label, name, heads=heads, narrow=narrow),
        wide=not narrow,
    )


def _in_words(rows: Sequence[Candidate]) -> str:
    """For readers who cannot see the figure."""
    said = [f"{short(row.name, 40)} {row.estimate.text()}, {row.status}" for row in rows[:12]]
    more = f"; and {len(rows) - 12} more, all in the table" if len(rows) > 12 else ""
    return "; ".join(said) + more + "."


def differences_figure(rows: Sequence[Candidate], pairs: Sequence[Pair], *, narrow: bool = False) -> Drawing | None:
    """How far each candidate is from the best estimate, paired on the same folds; None if no pair can be tested."""
    leader, (heads, names) = rows[0], columns(rows)
    against = [pair for pair in pairs if pair.first == leader.name]
    drawn = against[:MOST_DIFFERENCES]
    if not any(pair.difference.value is not None for pair in against):
        return None
    worse = {row.name: row.worse for row in rows}
    shown = []
    for pair in drawn:
        turned = negated(pair.difference)
        shown.append(
            IntervalRow(names[pair.second], turned, signed(turned), _p_word(pair.p_adjusted), (), worse[pair.second])
        )
    name = "differences-narrow" if narrow else "differences"
    metric = leader.estimate.metric
    found = sum(worse.values())
    rest = f" The first {len(drawn)} of {len(against)} are drawn." if len(drawn) < len(against) else ""
    return Drawing(
        name,
        f"Difference from the highest estimate, {short(leader.name, 40)}",
        f"Each candidate minus {short(leader.name, 40)}, paired on the same folds, with the {leader.estimate.level:.0%} interval of this pair "
        f"alone; left of the line it is worse. The p-values are adjusted for all pairs of this comparison, and they decide.{rest}",
        f"{found} of {len(against)} are worse; the others are not distinguishable.",
        interval_rows(
            shown, metric, f"difference of {metric_name(metric)}", name, heads=heads, narrow=narrow, middle=0.0
        ),
        wide=not narrow,
    )


def _p_word(p: float | None) -> str:
    return f"p = {p_text(p)}".replace("= <", "<") if p is not None else "not tested"


def columns(rows: Sequence[Candidate]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Heads of the columns that name the candidates of a grid, none otherwise; and by candidate what stands in them."""
    varied = varied_settings([row.record["varied"] for row in rows])
    families = {str(row.record["varied"].get("family", "")) for row in rows}
    if not varied:
        return [], {row.name: (row.name,) for row in rows}
    keys = ["family"] * (len(families) > 1) + varied
    found = {row.name: row.record["varied"] for row in rows}
    cells = {
        name: tuple(setting_text(values[key]) if key in values else "–" for key in keys)
        for name, values in found.items()
    }
    return [key.rpartition(".")[2] for key in keys], cells


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
    for k, row in enumerate(rows):
        _draw_row(axes, k, row, (left, right))
    if narrow:
        _write_above(axes, rows, heads)
    else:
        _write_beside(axes, rows, heads)
    if middle is not None:
        axes.axvline(middle, color=INK, linewidth=0.8, zorder=1)
    elif _guessing(rows, metric):
        axes.axvline(GUESSING[metric][0], **DOTTED)
    grid(axes, axis="x")
    axes.set(xlim=(left, right), ylim=(len(rows) - 0.45, -0.85), xlabel=label, yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 7))
    axes.spines["left"].set_visible(False)
    return to_svg(figure, name)


def _guessing(rows: Sequence[IntervalRow], metric: str) -> str:
    """What a dotted line means, if what guessing would give lies on the axis."""
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
        height = k + 0.5 * ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5)
        inside = (values >= ends[0]) & (values <= ends[1])
        dots(axes, values[inside], height[inside], colour)
        for beyond, end, marker in ((values < ends[0], ends[0], "<"), (values > ends[1], ends[1], ">")):
            if beyond.any():
                axes.plot(end, k, marker, color=colour, alpha=0.5, markersize=4, markeredgewidth=0, clip_on=False)
    estimate = row.estimate
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [k, k], color=colour, linewidth=2.0, zorder=3)
    if estimate.value is not None:
        face, edge = (PAPER, colour) if row.hollow else (colour, PAPER)
        axes.plot(estimate.value, k, "o", markersize=7, markerfacecolor=face, markeredgecolor=edge, zorder=4)


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
    names = [[short(cell, 34) for cell in row.name] for row in rows]
    texts = [_text(row) for row in rows]
    widths = [max(map(_width, column)) + 12 for column in zip(*names, *[heads] * bool(heads), strict=True)]
    starts = np.cumsum([0, *widths]) - sum(widths)
    right = max(map(_width, texts)) + 26
    same = len(rows) > 1 and len({row.word for row in rows}) == 1
    beside: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(), "textcoords": "offset points", "va": "center", "annotation_clip": False,
    }  # fmt: skip
    for head, start in zip(heads, starts, strict=False):
        axes.annotate(head, (0, -0.85), xytext=(start, 0), fontsize=6.5, color=MUTED, **beside)
    for k, (row, cells, text) in enumerate(zip(rows, names, texts, strict=True)):
        axes.axhline(k + 0.5, color=RULE, linewidth=0.4, zorder=0)
        for cell, start in zip(cells, starts, strict=False):
            axes.annotate(cell, (0, k), xytext=(start, 0), fontsize=TEXT, **beside)
        axes.annotate(text, (1, k), xytext=(12, 0), fontsize=TEXT, **beside)
        if not same:
            colour = INK if row.word.startswith("best") else MUTED
            axes.annotate(row.word, (1, k), xytext=(right, 0), fontsize=TEXT, color=colour, **beside)
    if same and rows[0].word:
        middle = (len(rows) - 1) / 2
        axes.annotate(rows[0].word, (1, middle), xytext=(right + 8, 0), fontsize=TEXT, **beside)
        shifted = axes.get_yaxis_transform() + ScaledTranslation(right / 72, 0, axes.figure.dpi_scale_trans)
        axes.plot([1, 1], [-0.3, len(rows) - 0.7], color=MUTED, linewidth=0.9, transform=shifted, clip_on=False)


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
        name = "  ".join(row.name)
        axes.text(0, k - 0.42, _fitting(name, NARROW * 72 - 36 - _width(text)), **place)
        axes.text(1, k - 0.42, text, ha="right", **place)
    if heads:
        axes.text(0, -1.0, "  ".join(heads), transform=axes.get_yaxis_transform(), fontsize=6.5, color=MUTED)


def _fitting(name: str, width: float) -> str:
    """The name, cut in the middle to so many points."""
    return next((cut for n in range(34, 8, -1) if _width(cut := short(name, n)) <= width), short(name, 8))


def _text(row: IntervalRow) -> str:
    return row.text.replace("-", "−") if row.estimate.value is not None else "not defined"


def _width(text: str) -> float:
    """Points that a text takes in the figure."""
    return float(TextPath((0, 0), text, size=TEXT).get_extents().width) if text.strip() else 0.0
