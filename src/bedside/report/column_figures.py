"""What a model of a table uses, in two figures: importance of columns with intervals, and curves along the foremost ones."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from bedside.cohort import Estimate, level_text, minus
from bedside.report.interval_rows import NARROW, WIDE, IntervalRow, interval_rows
from bedside.report.overlaid_figures import COLOURS
from bedside.report.style import INK, MODEL, MUTED, PAPER, ROUND, RULE, Drawing, canvas, grid, short, to_svg
from bedside.report.words import metric_name

MOST_ROWS = 20  # columns in the figure; all are in importance.csv
_ICE = "#b9c4cd"


def importance_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing:
    """Loss without each column, and without groups that go together; `record` is columns.json."""
    rows = [_row(row["column"], row["estimate"]) for row in record["importance"][:MOST_ROWS]]
    together = [_row(" + ".join(group["columns"]), group["estimate"], "together") for group in record["groups"]]
    label = f"loss in {('macro ' if record['macro'] else '') + metric_name(record['headline'])}"
    name = "importance-narrow" if narrow else "importance"
    left = record["n_columns"] - len(rows)
    caption = (
        f"How much worse the model is on {record['n_patients']:,} test patients when the cells of a column are dealt anew "
        f"among them, mean of {record['permutations']} times, with {level_text(record['level'])} intervals over patients and permutations. "
        "Grey: the interval includes 0."
        + (" Together: columns that go together, dealt anew at once." if together else "")
        + (f" The other {left:,} of {record['n_columns']:,} columns are not drawn." if left else "")
    )
    said = "; ".join(f"{row.name[0]} {row.text}" for row in [*rows[:12], *together])
    svg = interval_rows([*rows, *together], "", label, name, narrow=narrow, middle=0.0)
    return Drawing(name, "Importance of columns", caption, f"{label}: {said}.", svg, wide=not narrow)


def _row(name: str, estimate: dict[str, Any], word: str = "") -> IntervalRow:
    one = Estimate.from_dict(estimate)
    return IntervalRow((name,), one, one.text(), word, faint=one.low is None or one.low <= 0, hollow=bool(word))


def dependence_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing:
    """Small multiples: change of the mean score along each column, single patients behind it, training samples below."""
    curves = record["dependence"]
    across = 2 if narrow else min(3, len(curves))
    down = -(-len(curves) // across)
    figure, axes = canvas(
        (NARROW, 1.85 * down) if narrow else (WIDE * max(across, 2) / 3, 2.3 * down),
        down,
        across,
        squeeze=False,
        sharey=True,
    )
    places = list(axes.flat)
    ends = _ends(curves)
    for place, curve in zip(places, curves, strict=False):
        _draw_category(place, curve) if isinstance(curve["grid"][0], str) else _draw_number(place, curve, ends)
        place.set(ylim=ends)
        place.set_title(short(curve["column"], 24 if narrow else 34), fontsize=8.0)
        place.yaxis.set_major_locator(MaxNLocator(5, steps=ROUND))
        place.axhline(0, color=INK, linewidth=0.5, zorder=1)
        grid(place, axis="y")
    for place in places[len(curves) :]:
        place.set_visible(False)
    several = len(curves[0]["outputs"]) > 1
    if several:
        handles, labels = places[0].get_legend_handles_labels()
        places[len(curves) - 1].legend(handles, labels, loc="best", fontsize=6.5)
    for row in axes:
        row[0].set_ylabel("change of predicted number" if record["headline"] == "r2" else f"change of {_score(record)}")
    name = "dependence-narrow" if narrow else "dependence"
    return Drawing(
        name, "Along the most important columns", _caption(record, several=several), _in_words(curves), to_svg(figure, name), wide=not narrow
    )  # fmt: skip


def _caption(record: dict[str, Any], *, several: bool) -> str:
    lines = (
        "One line per class"
        if several
        else "Thick: the mean over test samples, with its interval over patients. Thin: single samples"
    )
    return (
        f"How the {_score(record)} changes, from where the curve begins, when one column is set to other values and all others stay. {lines}. "
        "Numbers run from the 5th to the 95th percentile of training, marks below are training samples; of categories, the most frequent "
        "level is the beginning. Where columns go together, some of these combinations do not exist in any patient. Lines that are not parallel: "
        "what the column does depends on others."
    )


def _score(record: dict[str, Any]) -> str:
    """What the curves are of; the score of the report may have been recalibrated since."""
    return "score before recalibration" if record.get("before_recalibration") else "score"


def _in_words(curves: Sequence[dict[str, Any]]) -> str:
    said = []
    for curve in curves:
        change = curve["outputs"][-1]["change"]
        ends = [point if isinstance(point, str) else f"{point:.4g}" for point in (curve["grid"][0], curve["grid"][-1])]
        said.append(
            f"{curve['column']} from {minus(ends[0])} to {minus(ends[1])}: change {minus(f'{change[-1]:+.3g}')}"
        )
    return "; ".join(said) + "."


def _ends(curves: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """One scale for all curves: every mean with its interval, and nearly all single ones."""
    bounds = [value for curve in curves for out in curve["outputs"] for key in ("low", "high") for value in out[key]]
    single = np.concatenate([np.ravel(curve["curves"]) for curve in curves])
    if len(single):
        bounds += list(np.quantile(single, [0.02, 0.98]))
    low, high = min([0.0, *bounds]), max([0.0, *bounds])
    margin = 0.08 * (high - low or 0.1)
    return low - margin, high + margin


def _draw_number(axes: Axes, curve: dict[str, Any], ends: tuple[float, float]) -> None:
    x = np.array(curve["grid"], dtype=np.float64)
    if curve["curves"]:
        single = LineCollection([np.column_stack([x, np.clip(line, *ends)]) for line in curve["curves"]])
        single.set(color=_ICE, linewidth=0.5, zorder=1.5, capstyle="round")
        axes.add_collection(single)
    for number, out in enumerate(curve["outputs"]):
        colour = MODEL if len(curve["outputs"]) == 1 else COLOURS[number % len(COLOURS)]
        axes.fill_between(x, out["low"], out["high"], color=colour, alpha=0.22, linewidth=0, zorder=2)
        axes.plot(x, out["change"], color=colour, linewidth=1.8, zorder=3, label=short(out["of"], 16))
    axes.plot(
        curve["rug"],
        np.full(len(curve["rug"]), 0.0),
        "|",
        color=MUTED,
        markersize=5,
        markeredgewidth=0.5,
        transform=axes.get_xaxis_transform(),
    )
    if len(x) <= 5:
        axes.set_xticks(x)
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))


def _draw_category(axes: Axes, curve: dict[str, Any]) -> None:
    x = np.arange(len(curve["grid"]))
    several = len(curve["outputs"]) > 1
    for number, out in enumerate(curve["outputs"]):
        colour = COLOURS[number % len(COLOURS)] if several else MODEL
        place = x + ((number + 0.5) / len(curve["outputs"]) - 0.5) * 0.6 * several
        axes.vlines(place, out["low"], out["high"], color=colour, linewidth=2.0, zorder=3)
        axes.plot(
            place,
            out["change"],
            "o",
            color=colour,
            markeredgecolor=PAPER,
            markersize=6,
            zorder=4,
            label=short(out["of"], 16),
        )
    axes.set_xticks(x, [short(level, 13) for level in curve["grid"]], rotation=20 if len(x) > 2 else 0, fontsize=6.5)
    axes.set_xlim(-0.5, len(x) - 0.5)
    axes.tick_params(axis="x", length=0, color=RULE)
