"""The learning curve: performance against the number of training patients, and a guess beyond them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from bedside.cohort import Estimate, level_text
from bedside.report.candidates import fold_values, headline_of
from bedside.report.interval_rows import NARROW, WIDE, aside, dots, limits
from bedside.report.style import EVENT, MODEL, MUTED, PAPER, ROUND, Drawing, canvas, grid, to_svg
from bedside.report.words import metric_name

LOG_FROM = 4  # ratio of the largest to the smallest size above which the axis is logarithmic


def growth_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing:
    """Headline estimate of every size with its interval, single folds, and the fitted curve; `record` is curve.json."""
    sizes = np.array([entry["patients"] for entry in record["candidates"]], dtype=np.float64)
    estimates = [headline_of(entry["estimates"], record["headline"]) for entry in record["candidates"]]
    folds = [fold_values(entry["per_fold"], record["headline"]["metric"]) for entry in record["candidates"]]
    fit = record["growth"]["fit"]
    figure, axes = canvas((NARROW, 3.6) if narrow else (WIDE, 4.0))
    logarithmic = sizes[-1] / sizes[0] > LOG_FROM
    axes.set_xscale("log" if logarithmic else "linear")
    bottom, top = limits(estimates, folds)
    for size, estimate, values in zip(sizes, estimates, folds, strict=True):
        _draw_size(axes, size, estimate, np.clip(values, bottom, top), sizes)
    if fit:
        bottom, top = _draw_fit(axes, np.array(fit["points"], dtype=np.float64), sizes[-1], (bottom, top))
    label = _label(estimates[0])
    axes.set(xlabel="training patients" + (", logarithmic" if logarithmic else ""), ylabel=label, ylim=(bottom, top))
    _ticks(axes, sizes, narrow=narrow, end=fit["points"][-1][0] if fit else sizes[-1])
    grid(axes)
    name = "growth-narrow" if narrow else "growth"
    return Drawing(
        name, f"{label} and the number of training patients", _caption(record, estimates[0], fit),
        _in_words(sizes, estimates), to_svg(figure, name), wide=not narrow,
    )  # fmt: skip


def _label(estimate: Estimate) -> str:
    return ("Macro " if estimate.of == "macro" else "") + metric_name(estimate.metric)


def _caption(record: dict[str, Any], estimate: Estimate, fit: dict[str, Any] | None) -> str:
    shown = (
        f"Each dot is trained on so many patients (mean over the folds) and tested on the same ones; the line is its {level_text(estimate.level)} interval, "
        "the faint points are single folds."
    )
    if not fit:
        return f"{shown} No curve was fitted."
    return (
        f"{shown} The dashed line is an inverse power law through the dots ({fit['source']}); beyond the largest size, where it is dotted and there "
        "are no data, it is a guess."
    )


def _in_words(sizes: np.ndarray, estimates: Sequence[Estimate]) -> str:
    said = [f"{size:,.0f} patients: {estimate.text()}" for size, estimate in zip(sizes, estimates, strict=True)]
    return "; ".join(said) + "."


def _draw_size(axes: Axes, size: float, estimate: Estimate, folds: np.ndarray, sizes: np.ndarray) -> None:
    """The estimate with its interval, and single folds spread beside it a little."""
    if len(folds) > 1:
        spread = 0.035 * aside(len(folds))
        log = axes.get_xscale() == "log"
        places = size * (sizes[-1] / sizes[0]) ** spread if log else size + (sizes[-1] - sizes[0]) * spread
        dots(axes, places, folds, MODEL)
    if estimate.low is not None and estimate.high is not None:
        axes.plot([size, size], [estimate.low, estimate.high], color=MODEL, linewidth=2.0, zorder=3)
    if estimate.value is not None:
        axes.plot(size, estimate.value, "o", color=MODEL, markeredgecolor=PAPER, markersize=7, zorder=4)


def _draw_fit(axes: Axes, points: np.ndarray, largest: float, ends: tuple[float, float]) -> tuple[float, float]:
    """Dashed inside the data, dotted and lighter beyond, where the page is tinted; the ends of the axis with room for it."""
    inside, beyond = points[points[:, 0] <= largest * 1.0001], points[points[:, 0] >= largest * 0.9999]
    low, high = min(ends[0], points[:, 1].min()), max(ends[1], points[:, 1].max() + 0.02 * (ends[1] - ends[0]))
    axes.plot(inside[:, 0], inside[:, 1], color=EVENT, linewidth=1.1, linestyle=(0, (5, 2)), zorder=2.5)
    if len(beyond) > 1:
        joined = np.vstack([inside[-1:], beyond])
        axes.plot(
            joined[:, 0], joined[:, 1], color=EVENT, linewidth=1.3, linestyle=(0, (1, 1.8)), alpha=0.65, zorder=2.5
        )
        axes.axvspan(largest * 1.03, points[-1, 0] * 1.02, color="#f7f6f2", zorder=0, linewidth=0)
        axes.text(
            np.sqrt(largest * 1.03 * points[-1, 0] * 1.02) if axes.get_xscale() == "log" else (largest + points[-1, 0]) / 2,
            0.03, "no data here:\na guess", transform=axes.get_xaxis_transform(), ha="center", fontsize=7.5, color=MUTED,
            style="italic",
        )  # fmt: skip
    return low, high


def _ticks(axes: Axes, sizes: np.ndarray, *, narrow: bool, end: float) -> None:
    """The sizes themselves, as far as their numbers fit beside each other, and where the guess ends."""
    wanted = [*sizes, end] if end > sizes[-1] * 1.01 else list(sizes)
    log = axes.get_xscale() == "log"
    place = np.log(wanted) if log else np.array(wanted)
    gap = (place[-1] - place[0]) * (0.13 if narrow else 0.062)
    kept: list[int] = []
    for k in reversed(range(len(wanted))):
        if not kept or place[kept[-1]] - place[k] >= gap:
            kept.append(k)
    axes.xaxis.set_major_locator(FixedLocator([wanted[k] for k in kept[::-1]]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=ROUND))
    axes.set_xlim(
        sizes[0] * (0.86 if log else 1) - (0 if log else 0.06 * (end - sizes[0])),
        end * 1.02 if end > sizes[-1] else end * 1.08,
    )
