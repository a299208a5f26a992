"""Figures of a synthetic cohort: its columns beside those of patients, and how near it comes to single ones."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from PIL import Image

from bedside.folder import Run
from bedside.report.style import BASELINE, DOTTED, EVENT, MODEL, MUTED, Drawing, canvas, grid, short, to_svg
from bedside.report.synthetic import COLUMNS

_SIDES = (("real", MUTED, "patients"), ("synthetic", MODEL, "synthetic"))
_BINS = 40


def synthetic_figures(run: Run) -> list[Drawing]:
    """Drawn images, columns and distances; nothing for a model that draws nothing."""
    record, distances = run.synthetic, run.synthetic_distances
    if record is None:
        return []
    found = [_pairs(run, run.synthetic_pairs)] if run.synthetic_pairs is not None and len(run.synthetic_pairs) else []
    if record["histograms"]:
        found.append(_columns(record["histograms"], record["kind"]))
    if distances is not None and len(distances):
        sides = {
            kind: distances.loc[distances["sample"] == kind, "distance"].to_numpy()
            for kind in ("synthetic", "held out")
        }
        found.append(_distances(sides))
    return found


def _pairs(run: Run, pairs: pd.DataFrame) -> Drawing:
    """Drawn images by class, with the nearest training images beneath them where the run may keep those."""
    kept = bool((pairs["nearest"] != "").all())
    classes, sides = list(dict.fromkeys(pairs["class"])), ("drawn", "nearest") if kept else ("drawn",)
    wide, high = int(pairs["class"].value_counts().max()), len(classes) * len(sides)
    figure, axes = canvas((0.7 + 1.01 * wide, 0.2 + 1.05 * high), high, wide, squeeze=False)
    names = run.description["task"]["classes"]
    for place in axes.flat:
        place.set_axis_off()
    for k, own in enumerate(classes):
        rows = pairs[pairs["class"] == own]
        for s, side in enumerate(sides):
            row = axes[k * len(sides) + s]
            for place, file in zip(row, rows[side], strict=False):
                with Image.open(run.path / "synthetic" / file) as image:
                    place.imshow(image.convert("RGB"), interpolation="nearest")
            word = f"{short(names[own], 14)}\ndrawn" if side == "drawn" else "nearest\nof training"
            colour = MODEL if side == "drawn" else MUTED
            row[0].text(-0.1, 0.5, word, transform=row[0].transAxes, ha="right", va="center", fontsize=8, color=colour)
    beneath = (
        "; beneath each the training image of its class that is nearest to it in brightness, place by place. An image that repeats the one beneath it is a copy"
        if kept
        else ""
    )
    caption = f"Images that the first fold's model drew, none of them of a patient{beneath}."
    alt = f"{len(pairs)} drawn images" + (" and as many training images" if kept else "")
    return Drawing("synthetic-pairs", "Drawn images", caption, alt, to_svg(figure, "synthetic-pairs"), wide=True)


def _columns(histograms: list[dict[str, Any]], kind: str) -> Drawing:
    wide = min(3, len(histograms))
    high = -(-len(histograms) // wide)
    figure, axes = canvas((8.8, 0.5 + 1.9 * high), high, wide, squeeze=False)
    for place, one in zip(axes.flat, histograms, strict=False):
        _levels(place, one) if "levels" in one else _numbers(place, one)
        gaps = " and ".join(f"{100 * one['gaps'][side]:.0f} % of {word}" for side, _, word in _SIDES)
        place.set_title(short(one["column"], 34), fontsize=8.5)
        if max(one["gaps"].values()) >= 0.005:
            place.set_xlabel(f"missing in {gaps}", fontsize=7, color=MUTED)
        place.set_yticks([])
        place.spines["left"].set_visible(False)
    for place in axes.flat[len(histograms) :]:
        place.set_visible(False)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    caption = (
        f"The {COLUMNS[kind]} that differ most, the worst first: shares of synthetic samples (blue) over those of test patients (grey), all folds "
        "together. Where both agree, the line runs along the grey."
    )
    alt = "; ".join(one["column"] for one in histograms)
    return Drawing(
        "synthetic-columns",
        f"Synthetic and real {COLUMNS[kind]}",
        caption,
        alt,
        to_svg(figure, "synthetic-columns"),
        wide=True,
    )


def _numbers(axes: Axes, one: dict[str, Any]) -> None:
    edges = np.array(one["edges"])
    axes.stairs(one["real"], edges, fill=True, color=MUTED, alpha=0.28, linewidth=0, label="patients")
    axes.stairs(one["synthetic"], edges, color=MODEL, linewidth=1.5, label="synthetic")
    axes.set_ylim(0, 1.15 * max(*one["real"], *one["synthetic"], 1e-9))


def _levels(axes: Axes, one: dict[str, Any]) -> None:
    places = np.arange(len(one["levels"]))
    axes.bar(places, one["real"], width=0.8, color=MUTED, alpha=0.28, label="patients")
    axes.bar(places, one["synthetic"], width=0.8, fill=False, edgecolor=MODEL, linewidth=1.5, label="synthetic")
    axes.set_xticks(places, [short(level, 12) for level in one["levels"]], fontsize=6.5)
    axes.set_ylim(0, 1.15 * max(*one["real"], *one["synthetic"], 1e-9))


def _distances(sides: dict[str, np.ndarray]) -> Drawing:
    figure, axes = canvas((8.8, 2.7))
    every = np.concatenate(list(sides.values()))
    every = every[np.isfinite(every)]
    edges = np.linspace(0, float(np.quantile(every, 0.995)) or 1.0, _BINS + 1)
    for (kind, values), colour in zip(sides.items(), (MODEL, BASELINE), strict=True):
        share = np.histogram(np.clip(values, 0, edges[-1]), edges)[0] / max(1, len(values))
        axes.stairs(share, edges, color=colour, linewidth=1.6, label=kind, fill=False)
        axes.stairs(share, edges, color=colour, alpha=0.12, fill=True, linewidth=0)
    fifth = float(np.quantile(sides["held out"], 0.05))
    axes.axvline(fifth, **DOTTED)
    left = fifth > 0.3 * edges[-1]
    axes.annotate(
        "5 % of held-out patients are nearer",
        (fifth, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if left else 4, -4),
        textcoords="offset points",
        ha="right" if left else "left",
        va="top",
        fontsize=7,
        color=MUTED,
    )
    axes.plot(
        [0], [0], marker="^", color=EVENT, clip_on=False, markersize=7, linestyle="none", label="copies would lie here"
    )
    axes.set(xlim=(0, edges[-1]), xlabel="distance to the nearest training sample of the same class", ylabel="share")
    axes.set_ylim(0, 1.12 * axes.get_ylim()[1])  # room for words above
    axes.legend(loc="upper right")
    grid(axes, axis="y")
    caption = (
        "How near synthetic samples come to single training patients, beside how near other patients come by chance. A peak of blue "
        "at the left, where orange has none, would be copies."
    )
    alt = f"{len(sides['synthetic']):,} synthetic and {len(sides['held out']):,} held-out samples"
    return Drawing(
        "synthetic-distances",
        "Distance from training patients",
        caption,
        alt,
        to_svg(figure, "synthetic-distances"),
        wide=True,
    )
