"""Figures of how the networks learned, and of how much the folds differ."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from bedside.evaluation.metrics import LABELS
from bedside.report.sections import spread_title
from bedside.report.style import BASELINE, EVENT, HALF, MODEL, MUTED, PAPER, ROUND, RULE, Drawing, canvas, grid, to_svg
from bedside.report.words import metric_name

MOST_LINES = 12  # one line per fold up to here; beyond, the median and the middle 80 % of the folds
SPREAD = (
    "auroc",
    "average_precision",
    "accuracy",
    "sensitivity",
    "specificity",
    "brier",
    "calibration_slope",
    "r2",
    "mae",
    "rmse",
)


def last_aim(history: pd.DataFrame) -> pd.DataFrame:
    """The epochs that learned the task, where others learned something else before, with another loss."""
    return history[history["phase"] != "autoencoder"] if "phase" in history else history


def loss_figure(history: pd.DataFrame) -> Drawing:
    """Training and validation loss per epoch, with the epoch that was kept."""
    history = last_aim(history)
    figure, axes = canvas(HALF)
    _learning(axes, history, "loss")
    _phases(axes, history)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    kept = history.loc[history["best"] == 1, "epoch"]
    return Drawing(
        "learning-loss",
        "Learning curves: loss",
        _how_shown(history),
        f"Kept epochs from {kept.min()} to {kept.max()}." if len(kept) else "",
        to_svg(figure, "learning-loss"),
    )


def metric_figure(history: pd.DataFrame) -> Drawing | None:
    """The same for the metric that was followed; None if none was."""
    history = last_aim(history)
    names = [
        str(column).removeprefix("valid_")
        for column in history
        if str(column).startswith("valid_") and column != "valid_loss" and history[column].notna().any()
    ]
    if not names or history[f"valid_{names[0]}"].isna().all():
        return None
    figure, axes = canvas(HALF)
    _learning(axes, history, names[0])
    _phases(axes, history)
    axes.set(xlabel="epoch", ylabel=metric_name(names[0]))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return Drawing(
        "learning-metric",
        f"Learning curves: {LABELS.get(names[0], names[0].replace('_', ' '))}",
        "The same epochs, in the metric that was followed.",
        "Training and validation values per epoch.",
        to_svg(figure, "learning-metric"),
    )


def _learning(axes: Axes, history: pd.DataFrame, name: str) -> None:
    for part, colour in (("train", MODEL), ("valid", BASELINE)):
        column, label = f"{part}_{name}", {"train": "training", "valid": "validation"}[part]
        lines = history.pivot_table(index="epoch", columns=["repeat", "fold"], values=column)
        if lines.shape[1] <= MOST_LINES:
            axes.plot(
                lines.index, lines.to_numpy(), color=colour, linewidth=1.0 if lines.shape[1] > 1 else 1.6, alpha=0.75
            )
            axes.plot([], [], color=colour, label=label)
        else:
            lines = lines[lines.notna().sum(axis=1) * 2 >= lines.shape[1]]  # later epochs belong to a few slow folds
            low, high = lines.quantile(0.1, axis=1), lines.quantile(0.9, axis=1)
            axes.fill_between(lines.index, low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(lines.index, lines.median(axis=1), color=colour, label=label)
    kept = history[history["best"] == 1]
    axes.plot(
        kept["epoch"], kept[f"valid_{name}"], "o", color=EVENT, markeredgecolor=PAPER, markersize=5, label="kept epoch"
    )
    axes.legend(loc="best")
    axes.margins(x=0.02)
    grid(axes)


def network_starts(history: pd.DataFrame) -> pd.Series:
    """First epoch of each fold in which more than the last layer learned after it had learned alone; may be empty."""
    if "phase" not in history:
        return pd.Series(dtype=float)
    first = history.pivot_table(index=["repeat", "fold"], columns="phase", values="epoch", aggfunc="min")
    both = first.reindex(columns=["head", "network"]).dropna()
    return both.loc[both["network"] > both["head"], "network"]


def _phases(axes: Axes, history: pd.DataFrame) -> None:
    """A light divider where the network joins the last layer in learning; a band if the folds differ."""
    starts = network_starts(history) - 0.5
    if not len(starts):
        return
    axes.axvspan(starts.min(), starts.max(), color=RULE, alpha=0.5, linewidth=0, zorder=0)
    axes.axvline(starts.median(), color=MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=0)
    near: dict[str, Any] = {
        "y": 1.01,
        "transform": axes.get_xaxis_transform(),
        "fontsize": 7,
        "color": MUTED,
        "va": "bottom",
    }
    axes.text(starts.median(), s="last layer ", ha="right", **near)
    axes.text(starts.median(), s=" network", ha="left", **near)


def _how_shown(history: pd.DataFrame) -> str:
    n = len(history[["repeat", "fold"]].drop_duplicates())
    lines = (
        "One line per fold"
        if n <= MOST_LINES
        else f"Median and middle 80 % of {n} folds, as long as half of them train"
    )
    lines = "Loss per epoch" if n == 1 else lines
    phases = (
        " Left of the divider the last layer learned alone, right of it the network too."
        if len(network_starts(history))
        else ""
    )
    return f"{lines}; the dot marks the epoch with the lowest validation loss, whose weights were kept.{phases}"


def sweep_figure(sweep: pd.DataFrame) -> Drawing:
    """The learning-rate finder: loss against learning rate, and what it chose."""
    figure, axes = canvas(HALF)
    lines = list(sweep.groupby(["repeat", "fold"]))
    for _, line in lines:
        axes.plot(
            line["learning_rate"], line["loss"], color=MODEL, linewidth=1.0, alpha=max(0.15, min(0.8, 4 / len(lines)))
        )
    chosen = sweep[sweep["chosen"] == 1]
    axes.plot(
        chosen["learning_rate"], chosen["loss"], "o", color=EVENT, markeredgecolor=PAPER, markersize=5, label="chosen"
    )
    finite = sweep["loss"].replace([np.inf, -np.inf], np.nan).dropna()
    floor, start = float(finite.min()), float(sweep.groupby(["repeat", "fold"])["loss"].first().median())
    axes.set(
        xscale="log",
        xlabel="learning rate",
        ylabel="loss",
        ylim=(floor - 0.1 * (start - floor), start + 0.6 * (start - floor)),
    )
    axes.xaxis.set_major_formatter(lambda rate, _: f"{rate:.0e}".replace("e-0", "e−").replace("e+00", ""))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend(loc="lower left")
    grid(axes)
    rates = chosen["learning_rate"]
    return Drawing(
        "learning-rate",
        "Learning-rate sweep",
        "Loss on training samples while the learning rate grows; the choice never sees validation or test patients.",
        f"Chosen between {rates.min():.1e} and {rates.max():.1e}." if len(rates) else "",
        to_svg(figure, "learning-rate"),
    )


def _seeds_text(by_seed: list[dict]) -> str:
    """How much of the spread is due to random numbers alone."""
    shown = [record for record in by_seed if record["metric"] in SPREAD]
    if not shown:
        return ""
    values = ", ".join(f"{metric_name(record['metric'])} {record['sd']:.2g}" for record in shown)
    return f" Training again on the same folds with other random numbers ({shown[0]['seeds']} seeds) alone gives a standard deviation of: {values}."


def spread_figure(per_fold: list[dict], spread: list[dict], by_seed: list[dict]) -> Drawing | None:
    """One dot per fit and metric; each metric has its own axis, because units differ."""
    seeds = {record["metric"] for record in by_seed}
    rows = [
        record
        for record in spread
        if record["metric"] in SPREAD and (record["n_folds"] > 1 or record["metric"] in seeds)
    ]
    if not rows:
        return None
    values = pd.DataFrame(per_fold)
    dots = {r["metric"]: values.loc[values["metric"] == r["metric"], "value"].dropna().to_numpy(float) for r in rows}
    figure, grid_of_axes = canvas((HALF[0], max(1.2, 0.62 * len(rows))), len(rows), 1, squeeze=False)
    for axes, record in zip(grid_of_axes[:, 0], rows, strict=True):
        x = dots[record["metric"]]
        offsets = (np.arange(len(x)) % 5 - 2) * 0.11 if len(x) > 5 else np.zeros(len(x))
        axes.plot(x, offsets, "o", color=MODEL, alpha=0.55, markersize=4.5, markeredgewidth=0)
        axes.vlines(record["mean"], -0.42, 0.42, color=EVENT, linewidth=1.6)
        margin = 0.08 * (np.ptp(x) or 0.1)
        axes.set(ylim=(-0.5, 0.5), yticks=[], xlim=(x.min() - margin, x.max() + margin))
        axes.spines["left"].set_visible(False)
        axes.set_title(metric_name(record["metric"]), fontsize=7.5, pad=1)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND))
        axes.axhline(0, color=MUTED, linewidth=0.4, zorder=0)
    several = max(record["n_folds"] for record in rows) > 1
    dot = "the test part of one fold" if several else "the same test part"
    shared = "Folds share training patients" if several else "All dots share training and test patients"
    return Drawing(
        "spread",
        spread_title(rows),
        f"Each dot is {dot}{', trained with one seed' if by_seed else ''}, the bar is their mean; every row has its own "
        f"scale. Other metrics are in estimates.json. {shared}, so this spread is not an interval: those are in the "
        "table of estimates." + _seeds_text(by_seed),
        "; ".join(f"{metric_name(name)} from {min(x):.3g} to {max(x):.3g}" for name, x in dots.items()) + ".",
        to_svg(figure, "spread"),
    )
