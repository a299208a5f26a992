"""Figures of a tuning: the honest figure beside the flattering one, and where the search looked."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from bedside.cohort import Estimate, level_text
from bedside.report.candidate_tables import setting_text
from bedside.report.candidates import fold_values, headline_of
from bedside.report.interval_rows import WIDE, IntervalRow, aside, interval_rows
from bedside.report.style import EVENT, HALF, MODEL, MUTED, PAPER, RULE, Drawing, canvas, grid, short, to_svg
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
        bare = Estimate(
            honest.metric, naive, None, None, honest.level, honest.n_patients, honest.n_samples, "", honest.of
        )
        text = f"{naive:.{honest.digits()}f}, no estimate"
        rows.append(IntervalRow(("tuned, naive",), bare, text, "", (), faint=True, hollow=True))
    name = "honest-narrow" if narrow else "honest"
    label = ("Macro " if honest.of == "macro" else "") + metric_name(honest.metric)
    untuned_words = " “Not tuned” are the settings as they were, on the same patients." if record["untuned"] else ""
    return Drawing(
        name,
        "The honest and the naive figure",
        f"Dots with their {level_text(record['level'])} intervals are estimates on patients that the search never saw, the faint points single folds."
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
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3)
    grid(axes)
    failed = f" {int((~good).sum())} could not be trained." if (~good).any() else ""
    return Drawing(
        "trials", "Trial by trial",
        f"Each point is one trial of the search on all patients, cross-validated; the line is the best so far.{failed}",
        f"The best of {len(values)} trials is {np.nanmax(values):.3g}." if good.any() else "", to_svg(figure, "trials"),
    )  # fmt: skip


def outer_figure(record: dict[str, Any]) -> Drawing | None:
    """What the best trial inside each outer fold said, and what its test patients said; None for a single fold."""
    pairs = [(fold["inner"], fold["test"]) for fold in record["outer"] if None not in (fold["inner"], fold["test"])]
    if len(pairs) < 2:
        return None
    inner, test = np.array(pairs, dtype=np.float64).T
    at = np.arange(1, len(pairs) + 1)
    figure, axes = canvas(HALF)
    axes.vlines(at, np.minimum(inner, test), np.maximum(inner, test), color=RULE, linewidth=1.4, zorder=1)
    axes.plot(at, inner, "o", markerfacecolor=PAPER, markeredgecolor=MUTED, markersize=6, label="best trial inside")
    axes.plot(at, test, "o", color=MODEL, markeredgecolor=PAPER, markersize=7, label="test patients")
    axes.set(xlabel="outer fold", ylabel=metric_name(record["headline"]["metric"]), xlim=(0.4, len(pairs) + 0.6))
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2)
    grid(axes)
    return Drawing(
        "outer", "Inside and outside",
        "In every outer fold the ring is what the best trial said on the patients it was chosen on, the dot what its settings were worth on the "
        "test patients of this fold.",
        f"Means {inner.mean():.3g} inside and {test.mean():.3g} on test patients.", to_svg(figure, "outer"),
    )  # fmt: skip


def space_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing | None:
    """Value against each setting that was searched, as small multiples; None without a trial that could be trained."""
    values = _values(record["all"])
    if not np.isfinite(values).any():
        return None
    names = list(record["space"])[:MOST_SETTINGS]
    columns = min(2 if narrow else COLUMNS, len(names))
    rows, wide = -(-len(names) // columns), len(names) > 1 and not narrow
    height = HALF[1] if len(names) == 1 else (2.6 if wide and columns < COLUMNS else 1.95) * rows + 0.1
    figure, axes = canvas((WIDE if wide else HALF[0], height), rows, columns, squeeze=False, sharey=True)
    for panel, name in zip_longest(axes.flat, names):
        if name is None:
            panel.set_visible(False)
        else:
            tried = [trial["values"].get(name) for trial in record["all"]]
            _panel(panel, name, record["space"][name], tried, values)
    _clipped(axes.flat[0], values[np.isfinite(values)])
    for row in axes:
        row[0].set_ylabel(metric_name(record["headline"]["metric"]))
    rest = len(record["space"]) - len(names)
    more = f" {rest} further settings are in tuning.json." if rest else ""
    several = " Settings changed together, so a pattern here is a hint, not an effect." if len(names) > 1 else ""
    file = "space-narrow" if narrow else "space"
    return Drawing(
        file, "What each setting did" if len(names) > 1 else "What the setting did",
        f"Value of every trial against what it tried; the large dot is the trial that was chosen.{several}{more}",
        f"Settings searched: {', '.join(names)}.", to_svg(figure, file), wide=wide,
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
        axes.set_xticks(
            range(len(labels)), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center", fontsize=6.5
        )
        axes.set_xlim(-0.6, len(labels) - 0.4)
    else:
        log = dimension["kind"] == "log"
        axes.set_xscale("log" if log else "linear")
        axes.set_xlim(*_ends(dimension, log=log))
        axes.xaxis.set_major_locator(LogLocator(numticks=4) if log else MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0e}".replace("e-0", "e−") if log and x < 0.01 else f"{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(short(name.rpartition(".")[2], 30), fontsize=7.5, pad=3)
    axes.tick_params(labelsize=6.8)
    grid(axes)


def _ends(dimension: Mapping[str, Any], *, log: bool) -> tuple[float, float]:
    """The range that was searched, with a margin."""
    low, high = float(dimension["low"]), float(dimension["high"])
    if log:
        margin = (high / low) ** 0.06
        return low / margin, high * margin
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _places(dimension: Mapping[str, Any], tried: Sequence[Any]) -> np.ndarray:
    """Where on the axis the trials stand; values of a choice by their number, spread a little."""
    if dimension["kind"] != "choice":
        return np.array([np.nan if value is None else value for value in tried], dtype=np.float64)
    known = [setting_text(value) for value in dimension["values"]]
    spread = 0.5 * aside(len(tried))
    return (
        np.array([known.index(text) if (text := setting_text(value)) in known else np.nan for value in tried]) + spread
    )
