"""The confusion matrix: who was called what."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bedside.cohort import share_text
from bedside.folder import Run
from bedside.report.style import BASELINE, HALF, INK, MODEL, PAPER, Drawing, canvas, short, to_svg

FEW, MANY = 4, 20  # up to `FEW` classes fit into half a page; beyond `MANY` shades tell more than digits


def confusion_figure(run: Run) -> Drawing:
    """Counts and row percentages: truth in rows, decisions in columns."""
    names, counts = run.estimates["confusion"]["classes"], np.asarray(run.estimates["confusion"]["counts"], dtype=float)
    n, right = len(names), np.trace(counts) / max(counts.sum(), 1)
    figure, axes = canvas(HALF if n <= FEW else (8.8, 2.0 + 0.52 * min(n, 14)))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, column in np.ndindex(n, n):
        _cell(axes, row, column, float(counts[row, column]), float(share[row, column]), n)
    axes.set(xlim=(0, n), ylim=(n, 0), xlabel="decision of the model", ylabel="truth")
    _name_classes(axes, [short(name, 24) for name in names])
    shades = "" if n <= MANY else " Shades show the percentages; the counts are in estimates.json."
    repeats = " Counts are means over the repeats." if run.estimates["n"]["repeats"] > 1 else ""
    return Drawing(
        "confusion",
        "Confusion matrix",
        f"Test samples {_how_decided(run)}; percentages are of the row, the true class.{shades}{repeats}",
        f"{share_text(right)} of the test samples were called right.",
        to_svg(figure, "confusion"),
        wide=n > FEW,
    )


def _cell(axes: Axes, row: int, column: int, count: float, share: float, n: int) -> None:
    """One square, darker for a larger share of its row: right decisions in one colour, wrong ones in another."""
    colour, ink = MODEL if row == column else BASELINE, PAPER if share > 0.55 else INK
    corner = (column + 0.02, row + 0.02)
    axes.add_patch(Rectangle(corner, 0.96, 0.96, color=colour, alpha=0.06 + 0.74 * share, linewidth=0))
    if n > MANY:
        return
    large, small, below = (13, 7.5, 0.68) if n <= FEW else (8.5, 6.5, 0.77)
    text = f"{count:.0f}" if count % 1 == 0 else f"{count:.1f}"
    axes.text(column + 0.5, row + 0.46, text, ha="center", va="center", fontsize=large, color=ink)
    axes.text(column + 0.5, row + below, share_text(share), ha="center", va="center", fontsize=small, color=ink)


def _name_classes(axes: Axes, labels: list[str]) -> None:
    places, slanted = np.arange(len(labels)) + 0.5, len(labels) > FEW
    axes.set_yticks(places, labels)
    axes.set_xticks(places, labels)
    if slanted:
        axes.tick_params(axis="x", labelrotation=38)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _how_decided(run: Run) -> str:
    if run.estimates["task"]["kind"] == "multiclass":
        return "when the class with the highest score is chosen"
    return f"at the frozen threshold{' of each fold' if len(run.estimates['thresholds']) > 1 else ''}"
