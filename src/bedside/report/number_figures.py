"""Predicted numbers: against the observed ones, and what is left over."""

import numpy as np
import pandas as pd

from bedside.evaluation.curves import agreement
from bedside.folder import Run
from bedside.report.style import DOTTED, EVENT, HALF, MODEL, Drawing, canvas, grid, legend, to_svg
from bedside.report.words import estimate_text, find

MOST_POINTS = 1500  # of a scatter plot; more cannot be seen and would swell the page


def observed_figure(run: Run) -> Drawing:
    """Predicted against observed numbers."""
    table, shown = _scatter(run)
    figure, axes = canvas(HALF)
    both = table[["predicted", "target"]].to_numpy(dtype=np.float64)
    low, high = both.min(), both.max()
    margin = 0.03 * (high - low or 1)
    axes.plot([low, high], [low, high], **DOTTED)
    axes.plot(shown["predicted"], shown["target"], "o", color=MODEL, alpha=0.45, markersize=3.2, markeredgewidth=0)
    axes.set(
        xlim=(low - margin, high + margin),
        ylim=(low - margin, high + margin),
        aspect="equal",
        xlabel="predicted",
        ylabel="observed",
    )
    grid(axes)
    r2 = find(run.estimates, "r2")
    return Drawing(
        "observed",
        "Observed against predicted",
        f"Each point is a test sample; on the dotted line the prediction is right.{_thinned(table, shown)}",
        f"R²{estimate_text(r2)}.",
        to_svg(figure, "observed"),
    )


def residual_figure(run: Run) -> Drawing:
    """What the model got wrong, against what it predicted."""
    table, shown = _scatter(run)
    figure, axes = canvas(HALF)
    axes.axhline(0, **DOTTED)
    axes.plot(
        shown["predicted"],
        shown["target"] - shown["predicted"],
        "o",
        color=MODEL,
        alpha=0.45,
        markersize=3.2,
        markeredgewidth=0,
    )
    ordered = table.sort_values("predicted", kind="stable")
    groups = np.array_split(np.arange(len(ordered)), min(10, max(1, len(ordered) // 10)))
    residual = (ordered["target"] - ordered["predicted"]).to_numpy()
    centres = [ordered["predicted"].to_numpy()[rows].mean() for rows in groups]
    axes.plot(
        centres,
        [np.median(residual[rows]) for rows in groups],
        color=EVENT,
        label="median of each tenth" if len(groups) == 10 else "median of each group",
    )
    axes.set(xlabel="predicted", ylabel="observed − predicted")
    grid(axes)
    legend(axes, "best")
    error = find(run.estimates, "mae")
    return Drawing(
        "residuals",
        "Residuals",
        f"What is left to explain, against the prediction; a bend or a funnel shows where the model fails.{_thinned(table, shown)}",
        f"Mean absolute error{estimate_text(error)}.",
        to_svg(figure, "residuals"),
    )


def _scatter(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every test sample once, and as many of them as a figure can show: every k-th."""
    table = agreement(run.predictions)
    return table, table.iloc[:: -(-len(table) // MOST_POINTS)]


def _thinned(table: pd.DataFrame, shown: pd.DataFrame) -> str:
    return f" {len(shown):,} of {len(table):,} are drawn." if len(shown) < len(table) else ""
