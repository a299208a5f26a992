"""Learning curves of several candidates in one figure, told apart by colour, dash and a label at the line's end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bedside.report.style import HALF, MUTED, PAPER, Drawing, canvas, grid, short, to_svg
from bedside.report.words import metric_name

MOST_LABELLED = 8  # colours that can be told apart; the lines of further candidates are faint
FAINT = "#c3c8cc"
# Okabe & Ito 2008 in tones dark enough for text on white; neighbours also differ in dash.
COLOURS = ("#1b5583", "#c4581a", "#00735c", "#8c2f39", "#7a4d93", "#8a6a00", "#2f8fbf", "#3d434a")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


@dataclass(frozen=True)
class Curve:
    """Mean over the folds per epoch, with the middle 80 % of them; all of shape (epochs,)."""

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    kept: float  # median epoch whose weights were kept


def overlaid_figures(histories: Mapping[str, pd.DataFrame], named: str = "") -> list[Drawing]:
    """Validation loss and the metric that was followed, per epoch.

    Args:
        histories: by label, the best candidate first.
        named: what the labels say, if they do not say it themselves.
    """
    columns = [str(column) for history in histories.values() for column in history]
    followed = [column.removeprefix("valid_") for column in columns if column.startswith("valid_")]
    names = ["loss", *(name for name in followed if name != "loss")]
    drawings = [_figure(histories, name, named) for name in dict.fromkeys(names[:2])]
    return [drawing for drawing in drawings if drawing]


def mean_curve(history: pd.DataFrame, name: str) -> Curve | None:
    """The validation values of all folds in one curve, as long as half of the folds train; None if there are none.

    A fold that has stopped counts with its last value, so that the curve does not jump where folds leave it.
    """
    column = f"valid_{name}"
    if column not in history or not np.isfinite(history[column]).any():
        return None
    finite = history.assign(
        **{column: history[column].where(np.isfinite(history[column]))}
    )  # a diverged epoch has none
    lines = finite.pivot_table(index="epoch", columns=["repeat", "fold"], values=column)
    half = lines.notna().sum(axis=1) * 2 >= lines.shape[1]
    lines = lines.ffill()[half]
    if lines.empty:
        return None
    low, high = (lines.quantile(q, axis=1).to_numpy() for q in (0.1, 0.9))
    kept = float(history.loc[history["best"] == 1, "epoch"].median())
    return Curve(lines.index.to_numpy(dtype=np.float64), lines.mean(axis=1).to_numpy(), low, high, kept)


def _figure(histories: Mapping[str, pd.DataFrame], name: str, named: str) -> Drawing | None:
    found = {key: curve for key, history in histories.items() if (curve := mean_curve(history, name)) is not None}
    if not found:
        return None
    figure, axes = canvas((HALF[0], HALF[1] + 0.2))
    labelled = list(found)[:MOST_LABELLED]
    for key in [*list(found)[MOST_LABELLED:][::-1], *labelled[::-1]]:
        _draw(axes, found[key], labelled.index(key) if key in labelled else None)
    axes.set_ylim(*_limits(list(found.values())))
    axes.margins(x=0.02)
    _label_ends(axes, [(key, found[key]) for key in labelled])
    label = "validation loss" if name == "loss" else f"{metric_name(name)}, validation"
    axes.set(xlabel="epoch", ylabel=label)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    grid(axes)
    file = f"candidates-{'loss' if name == 'loss' else 'metric'}"
    faint = (
        f" The {len(labelled)} with the highest estimates are named, the others are grey."
        if len(found) > len(labelled)
        else ""
    )
    folds = max(len(history[["repeat", "fold"]].drop_duplicates()) for history in histories.values())
    shown = _how_shown(folds) if name == "loss" else "The same epochs, in the metric that was followed."
    last = "; ".join(
        f"{short(key, 40)} ends at {curve.mean[-1]:.3g}" for key, curve in list(found.items())[:MOST_LABELLED]
    )
    return Drawing(file, f"Learning curves: {label}", f"{shown}{named}{faint}", f"{last}.", to_svg(figure, file))


def _how_shown(folds: int) -> str:
    if folds == 1:
        return "Loss on validation patients per epoch; the dot marks the epoch whose weights were kept."
    return (
        "Mean over the folds with their middle 80 % as a band, as long as half of them train; a fold that stopped earlier counts "
        "with its last value. The dot marks the median epoch whose weights were kept."
    )


def _draw(axes: Axes, curve: Curve, place: int | None) -> None:
    if place is None:
        axes.plot(curve.epochs, curve.mean, color=FAINT, linewidth=0.8, zorder=1)
        return
    colour = COLOURS[place]
    axes.fill_between(curve.epochs, curve.low, curve.high, color=colour, alpha=0.10, linewidth=0, zorder=1)
    axes.plot(curve.epochs, curve.mean, color=colour, linestyle=DASHES[place % len(DASHES)], linewidth=1.5, zorder=3)
    if np.isfinite(curve.kept):
        at = float(np.interp(curve.kept, curve.epochs, curve.mean))
        axes.plot(
            min(curve.kept, curve.epochs[-1]), at, "o", color=colour, markeredgecolor=PAPER, markersize=5, zorder=4
        )


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Everything but the wildest bands: one candidate that diverges must not flatten the others."""
    bottoms, tops = [np.nanmin(curve.low) for curve in curves], [np.nanmax(curve.high) for curve in curves]
    reach = 2.5 * float(np.median(tops) - np.median(bottoms))
    low = max(float(min(bottoms)), float(np.median(tops)) - reach)
    high = min(float(max(tops)), float(np.median(bottoms)) + reach)
    margin = 0.04 * (high - low or 0.1)
    return low - margin, high + margin


def _label_ends(axes: Axes, curves: Sequence[tuple[str, Curve]]) -> None:
    """Names right of the axes at the height of the lines' ends, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    ends = [float(np.clip((curve.mean[-1] - low) / (high - low), 0, 1)) for _, curve in curves]
    for place, (height, (key, curve)) in enumerate(zip(apart(ends, 0.055), curves, strict=True)):
        axes.annotate(
            short(" ".join(key.split()), 24),
            (curve.epochs[-1], np.clip(curve.mean[-1], low, high)),
            xytext=(1.03, height),
            textcoords="axes fraction",
            fontsize=7,
            color=COLOURS[place],
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 2},
        )


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """The heights in the same order, moved as little as possible until none is closer to its neighbour than `gap`."""
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, dtype=np.float64)[order]
    for _ in range(200):
        close = np.flatnonzero(np.diff(moved) < gap - 1e-9)
        if not len(close):
            break
        for k in close:
            middle = (moved[k] + moved[k + 1]) / 2
            moved[k], moved[k + 1] = middle - gap / 2, middle + gap / 2
    placed = np.empty(len(moved))
    placed[order] = moved
    return placed.tolist()
