"""Figures of a comparison: every candidate as a dot with its interval, and what separates it from the best estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bedside.cohort import Estimate
from bedside.report.candidates import ALIKE, Candidate, Pair, negated
from bedside.report.style import DOTTED, INK, MODEL, MUTED, PAPER, RULE, Drawing, canvas, grid, short, to_svg
from bedside.report.tables import signed
from bedside.report.words import metric_name, p_text

WIDE, NARROW = 8.6, 4.3  # inches: the width of the page, and of a phone
FAINT = "#8d959c"  # what is worse
GUESSING = {"auroc": (0.5, "coin toss"), "r2": (0.0, "guessing the mean")}
_GOLDEN = 0.618034  # spreads folds over the height of a row without a pattern


@dataclass(frozen=True)
class IntervalRow:
    """One row of a figure: a name, an estimate with its interval, single folds, and a word on the right."""

    name: str
    estimate: Estimate
    text: str
    word: str = ""
    folds: np.ndarray | Sequence[float] = ()
    faint: bool = False
    hollow: bool = False


def candidates_figure(rows: Sequence[Candidate], *, narrow: bool = False) -> Drawing:
    """Every candidate's headline estimate with its interval, and the values of single folds."""
    metric = rows[0].estimate.metric
    shown = [IntervalRow(row.name, row.estimate, row.estimate.text(), row.status, row.folds, row.worse) for row in rows]
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
    label = ("Macro " if rows[0].estimate.of == "macro" else "") + metric_name(metric)
    return Drawing(
        name,
        f"{label} of each candidate",
        f"The dot is the estimate, the line its {level} interval{folds}. {order}{luck}",
        _in_words(rows),
        interval_rows(shown, metric, label, name, narrow=narrow),
        wide=not narrow,
    )


def _in_words(rows: Sequence[Candidate]) -> str:
    """For readers who cannot see the figure."""
    said = [f"{short(row.name, 40)} {row.estimate.text()}, {row.status}" for row in rows[:12]]
    more = f"; and {len(rows) - 12} more, all in the table" if len(rows) > 12 else ""
    return "; ".join(said) + more + "."


def differences_figure(rows: Sequence[Candidate], pairs: Sequence[Pair], *, narrow: bool = False) -> Drawing | None:
    """How far each candidate is from the best estimate, paired on the same folds; None if no pair can be tested."""
    leader = rows[0]
    against = [pair for pair in pairs if pair.first == leader.name]
    if not any(pair.difference.value is not None for pair in against):
        return None
    worse = {row.name: row.worse for row in rows}
    shown = []
    for pair in against:
        turned = negated(pair.difference)
        shown.append(
            IntervalRow(pair.second, turned, signed(turned), f"p = {p_text(pair.p_adjusted)}".replace("= <", "<"), (), worse[pair.second])
        )  # fmt: skip
    name = "differences-narrow" if narrow else "differences"
    metric = leader.estimate.metric
    found = sum(worse.values())
    return Drawing(
        name,
        f"Difference from the highest estimate, {short(leader.name, 40)}",
        f"Each candidate minus {short(leader.name, 40)}, paired on the same folds, with the {leader.estimate.level:.0%} interval of this pair "
        "alone; left of the line it is worse. The p-values are adjusted for all pairs of this comparison, and they decide.",
        f"{found} of {len(against)} are worse; the others are not distinguishable.",
        interval_rows(shown, metric, f"difference of {metric_name(metric)}", name, narrow=narrow, middle=0.0),
        wide=not narrow,
    )


def interval_rows(
    rows: Sequence[IntervalRow],
    metric: str,
    label: str,
    name: str,
    *,
    narrow: bool = False,
    middle: float | None = None,
) -> str:
    """SVG of dots with intervals, one row each; on a phone the names stand above the lines."""
    height = (0.46 if narrow else 0.285) * len(rows) + 0.62
    figure, axes = canvas((NARROW if narrow else WIDE, height))
    left, right = limits([row.estimate for row in rows], [row.folds for row in rows], middle)
    for k, row in enumerate(rows):
        _draw_row(axes, k, row, (left, right))
        _write_row(axes, k, row, narrow=narrow)
    if middle is not None:
        axes.axvline(middle, color=INK, linewidth=0.8, zorder=1)
    elif metric in GUESSING and left < GUESSING[metric][0] < right:
        axes.axvline(GUESSING[metric][0], **DOTTED)
        axes.text(GUESSING[metric][0], -0.62, f" {GUESSING[metric][1]}", fontsize=6.5, color=MUTED, va="center")
    grid(axes, axis="x")
    axes.set(xlim=(left, right), ylim=(len(rows) - 0.45, -0.85 if narrow else -0.62), xlabel=label, yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 7))
    axes.spines["left"].set_visible(False)
    return to_svg(figure, name)


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
        height = k + 0.34 * ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5)
        shown = np.clip(values, *ends)
        beyond = shown != values
        points: Any = {"color": colour, "alpha": 0.28, "markeredgewidth": 0, "zorder": 2}
        axes.plot(shown[~beyond], height[~beyond], "o", markersize=3.2, **points)
        axes.plot(shown[values < ends[0]], height[values < ends[0]], "<", markersize=4, clip_on=False, **points)
        axes.plot(shown[values > ends[1]], height[values > ends[1]], ">", markersize=4, clip_on=False, **points)
    estimate = row.estimate
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [k, k], color=colour, linewidth=2.0, zorder=3)
    if estimate.value is not None:
        face, edge = (PAPER, colour) if row.hollow else (colour, PAPER)
        axes.plot(estimate.value, k, "o", markersize=7, markerfacecolor=face, markeredgecolor=edge, zorder=4)


def _write_row(axes: Axes, k: int, row: IntervalRow, *, narrow: bool) -> None:
    """Name, estimate and word: beside the line, or above it on a phone."""
    text = row.text.replace("-", "−") if row.estimate.value is not None else "not defined"
    if narrow:
        axes.text(0, k - 0.42, short(row.name, 27), transform=axes.get_yaxis_transform(), va="center", fontsize=7.5)
        axes.text(1, k - 0.42, text, transform=axes.get_yaxis_transform(), va="center", ha="right", fontsize=7.5)
        return
    axes.axhline(k + 0.5, color=RULE, linewidth=0.4, zorder=0)
    beside: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
    }
    axes.annotate(short(row.name, 34), (0, k), xytext=(-8, 0), ha="right", fontsize=8, **beside)
    axes.annotate(text, (1, k), xytext=(10, 0), fontsize=8, **beside)
    axes.annotate(row.word, (1, k), xytext=(122, 0), fontsize=7.5, color=MUTED if row.word != "best" else INK, **beside)
