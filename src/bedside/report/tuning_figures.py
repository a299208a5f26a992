"""Figures of a tuning: the honest figure beside the flattering one, and where the search looked."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from bedside.cohort import Estimate
from bedside.report.candidate_figures import IntervalRow, interval_rows
from bedside.report.candidate_tables import setting_text
from bedside.report.candidates import fold_values, headline_of
from bedside.report.style import EVENT, HALF, MODEL, MUTED, PAPER, Drawing, canvas, grid, short, to_svg
from bedside.report.words import metric_name

MOST_SETTINGS = 12  # little plots on a page
COLUMNS = 4


def honest_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing:
    """The tuned settings on patients the search never saw, the settings as they were, and what the best trial said."""
    headline = record["headline"]
    honest = headline_of(record["honest"]["estimates"], headline)
    rows = [_row("tuned, honest", honest, record["honest"]["per_fold"])]
    if record["untuned"]:
        untuned = headline_of(record["untuned"]["estimates"], headline)
        rows.append(_row("not tuned", untuned, record["untuned"].get("per_fold", [])))
    naive = record["naive"]["value"]
    if naive is not None:
        bare = Estimate(honest.metric, naive, None, None, honest.level, honest.n_patients, honest.n_samples, "", honest.of)
        text = f"{naive:.{honest.digits()}f} [not an estimate]"
        rows.append(IntervalRow(("tuned, naive",), bare, text, "", (), faint=True, hollow=True))
    name = "honest-narrow" if narrow else "honest"
    label = ("Macro " if honest.of == "macro" else "") + metric_name(honest.metric)
    untuned_words = " “Not tuned” are the settings as they were, on the same patients." if record["untuned"] else ""
    return Drawing(
        name,
        "The honest and the naive figure",
        f"Dots with their {record['level']:.0%} intervals are estimates on patients that the search never saw, the faint points single folds."
        f"{untuned_words} The ring is what the best trial said of itself.",
        "; ".join(f"{row.name[0]} {row.text}" for row in rows) + ".",
        interval_rows(rows, honest.metric, label, name, narrow=narrow),
        wide=not narrow,
    )


def _row(name: str, estimate: Estimate, per_fold: Sequence[dict[str, Any]]) -> IntervalRow:
    return IntervalRow((name,), estimate, estimate.text(), "", fold_values(per_fold, estimate.metric))


def trials_figure(record: dict[str, Any]) -> Drawing:
    """Value by trial, with the best so far."""
    figure, axes = canvas(HALF)
    values = _values(record["all"])
    tried = np.arange(1, len(values) + 1)
    good = np.isfinite(values)
    _clipped(axes, values[good])
    axes.plot(tried[good], values[good], "o", color=MODEL, alpha=0.55, markersize=4, markeredgewidth=0, label="trial")
    best = np.maximum.accumulate(np.where(good, values, -np.inf))
    seen = np.isfinite(best)
    axes.step(tried[seen], best[seen], where="post", color=EVENT, linewidth=1.3, label="best so far")
    if (~good).any():
        bottom = np.full((~good).sum(), axes.get_ylim()[0])
        axes.plot(tried[~good], bottom, "x", color=MUTED, markersize=4, clip_on=False, label="could not be trained")
    axes.set(xlabel="trial", ylabel=metric_name(record["headline"]["metric"]))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(loc="lower right")
    grid(axes)
    failed = f" {int((~good).sum())} could not be trained." if (~good).any() else ""
    return Drawing(
        "trials", "Trial by trial",
        f"Each point is one trial of the search on all patients, cross-validated; the line is the best so far.{failed}",
        f"The best of {len(values)} trials is {np.nanmax(values):.3g}." if good.any() else "", to_svg(figure, "trials"),
    )  # fmt: skip


def space_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing | None:
    """Value against each setting that was searched, as small multiples; None without a trial that could be trained."""
    values = _values(record["all"])
    if not np.isfinite(values).any():
        return None
    names = list(record["space"])[:MOST_SETTINGS]
    columns = min(2 if narrow else COLUMNS, len(names))
    rows = -(-len(names) // columns)
    width = 4.3 if narrow else max(4.3, 8.6 * columns / COLUMNS)
    figure, axes = canvas((width, 1.95 * rows + 0.1), rows, columns, squeeze=False, sharey=True)
    for place, panel in enumerate(axes.flat):
        if place >= len(names):
            panel.set_visible(False)
            continue
        tried = [trial["values"].get(names[place]) for trial in record["all"]]
        _panel(panel, names[place], record["space"][names[place]], tried, values)
    _clipped(axes.flat[0], values[np.isfinite(values)])
    for row in axes:
        row[0].set_ylabel(metric_name(record["headline"]["metric"]))
    rest = len(record["space"]) - len(names)
    more = f" {rest} further settings are in tuning.json." if rest else ""
    name = "space-narrow" if narrow else "space"
    return Drawing(
        name, "What each setting did",
        "Value of every trial against the settings it tried; the large dot is the trial that was chosen. Settings changed together, so a "
        f"pattern here is a hint, not an effect.{more}",
        f"Settings searched: {', '.join(names)}.", to_svg(figure, name), wide=not narrow,
    )  # fmt: skip


def _values(trials: Sequence[Mapping[str, Any]]) -> np.ndarray:
    return np.array([np.nan if trial["value"] is None else trial["value"] for trial in trials], dtype=np.float64)


def _clipped(axes: Axes, values: np.ndarray) -> None:
    """An axis for what matters: the few worst trials must not crush the others."""
    if not len(values):
        return
    low, high = float(values.min()), float(values.max())
    usual = float(np.quantile(values, 0.1))
    low = max(low, usual - 1.5 * (high - usual or 0.1))
    margin = 0.06 * (high - low or 0.1)
    axes.set_ylim(low - margin, high + margin)


def _panel(axes: Axes, name: str, dimension: Mapping[str, Any], tried: Sequence[Any], values: np.ndarray) -> None:
    at, chosen = _places(dimension, tried), int(np.nanargmax(values))
    axes.plot(at, values, "o", color=MODEL, alpha=0.45, markersize=3.4, markeredgewidth=0)
    axes.plot(at[chosen], values[chosen], "o", color=EVENT, markeredgecolor=PAPER, markersize=6.5, zorder=4)
    if dimension["kind"] == "choice":
        labels = [short(setting_text(value), 12) for value in dimension["values"]]
        crowded = sum(map(len, labels)) > 20
        axes.set_xticks(range(len(labels)), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center", fontsize=6.5)
        axes.set_xlim(-0.6, len(labels) - 0.4)
    else:
        log = dimension["kind"] == "log"
        axes.set_xscale("log" if log else "linear")
        axes.xaxis.set_major_locator(LogLocator(numticks=4) if log else MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0e}".replace("e-0", "e−") if log and x < 0.01 else f"{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(short(name.rpartition(".")[2], 30), fontsize=7.5, pad=3)
    axes.tick_params(labelsize=6.8)
    grid(axes)


def _places(dimension: Mapping[str, Any], tried: Sequence[Any]) -> np.ndarray:
    """Where on the axis the trials stand; values of a choice by their number, spread a little."""
    if dimension["kind"] != "choice":
        return np.array([np.nan if value is None else value for value in tried], dtype=np.float64)
    known = [setting_text(value) for value in dimension["values"]]
    spread = 0.5 * ((np.arange(len(tried)) * 0.618034) % 1 - 0.5)
    return np.array([known.index(text) if (text := setting_text(value)) in known else np.nan for value in tried]) + spread
