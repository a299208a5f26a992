"""Do the scores mean what they say, and is deciding by them worth it? Calibration curves and decision curves."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bedside.cohort import Task, level_text
from bedside.evaluation.curves import histogram
from bedside.folder import Run
from bedside.report.style import (  # fmt: skip
    BASELINE,
    DOTTED,
    EVENT,
    HALF,
    INK,
    MODEL,
    MUTED,
    Drawing,
    canvas,
    grid,
    legend,
    short,
    to_svg,
    unit_square,
)

MOST_CLASSES = 15  # little squares on a page
_BAND: dict[str, Any] = {"color": MODEL, "alpha": 0.16, "linewidth": 0}


def calibration_drawings(run: Run) -> list[Drawing]:
    """The calibration plot of a run: large for one class or a number, small multiples for several classes; none of an
    older run."""
    record = run.estimates.get("calibration")
    if record is None or not record["of"]:
        return []
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        drawn = _numbers(record["of"][0], run)
        return [drawn] if drawn else []
    if kind == "multiclass":
        return [_classes(record["of"], run)]
    return [calibration_figure(record["of"][0], _counted(run), str(run.estimates["task"]["classes"][0]), run.estimates["level"])]  # fmt: skip


def decision_drawings(run: Run) -> list[Drawing]:
    """The decision curve of a run; small multiples for several classes, none for numbers or of an older run."""
    record = run.estimates.get("decision_curve")
    if not record or not record["of"]:
        return []
    if len(record["of"]) == 1:
        return [_decision(record, run.estimates["level"])]
    return [_decisions(record)]


def calibration_figure(
    record: dict[str, Any], bars: pd.DataFrame, other: str, level: float, *, name: str = "calibration", title: str = "Calibration"
) -> Drawing:  # fmt: skip
    """Observed share against the score with band and bins, over the histogram of the scores."""
    figure, (above, below) = canvas((4.3, 4.9), 2, 1, sharex=True, height_ratios=(3.8, 1))
    calibrated(above, record)
    unit_square(above, "", f"observed share of {short(record['of'])}", square=False)
    legend(above, "upper left")
    width = bars["high"] - bars["low"]
    below.bar(bars["low"], bars["positives"], width, align="edge", color=EVENT, label=short(record["of"]))
    below.bar(bars["low"], -bars["negatives"], width, align="edge", color=MODEL, alpha=0.55, label=short(other))
    below.axhline(0, color=MUTED, linewidth=0.7)
    below.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    below.set(xlabel="score", ylabel="predictions")
    below.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0), fontsize=7)
    return Drawing(
        name,
        title,
        f"On the dotted diagonal a score means what it says. {_words(record, level)} Below: how many predictions got which score.",
        record["sentence"],
        to_svg(figure, name),
    )


def calibrated(axes: Axes, record: dict[str, Any]) -> None:
    """Diagonal, bins with intervals, and the smooth curve with its band if there is one."""
    axes.plot([0, 1], [0, 1], **DOTTED)
    bins = pd.DataFrame(record["bins"])
    if record["curve"]:
        curve = record["curve"]
        axes.fill_between(curve["score"], curve["low"], curve["high"], **_BAND)
    axes.vlines(bins["score"], bins["low"], bins["high"], color=MUTED, linewidth=0.8)
    axes.plot(bins["score"], bins["observed"], "o", color=INK, markersize=3.2, label="bins of scores")
    if record["curve"]:
        axes.plot(curve["score"], curve["observed"], color=MODEL, label="smooth curve")


def _words(record: dict[str, Any], level: float) -> str:
    """What line, band, dots and bars are."""
    said = f"Dots: observed share against mean score in {record['bins_used']} bins of equal width that hold samples, with {level_text(level)} Wilson intervals over patients."
    if record["curve"]:
        return f"Line: smooth curve, local logistic regression, with its {level_text(level)} band from resampled patients, at each score by itself. {said}"
    return f"{said} {record['curve_note'][0].upper()}{record['curve_note'][1:]}."


def _classes(records: list[dict[str, Any]], run: Run) -> Drawing:
    """One little square per class."""
    events = run.estimates["n"]["events"] or {}
    largest = sorted(records, key=lambda record: -events.get(record["of"], 0))[:MOST_CLASSES]
    shown = [record for record in records if record in largest]
    figure, squares = multiples(len(shown))
    for axes, record in zip(squares.flat, shown, strict=False):
        calibrated(axes, record)
        unit_square(axes, "", "")
        axes.set_title(short(record["of"], 22))
    figure.supxlabel("score", fontsize=8)
    figure.supylabel("observed share", fontsize=8)
    level = run.estimates["level"]
    some = f" The {MOST_CLASSES} largest of {len(records)} classes are drawn." if len(shown) < len(records) else ""
    return Drawing(
        "calibration",
        "Calibration, each class against the rest",
        f"On the dotted diagonal a score means what it says. Line: smooth curve with its {level_text(level)} band from resampled patients, where "
        f"there are enough. Dots: observed share against mean score in bins of equal width, with Wilson intervals over patients.{some}",
        f"One panel for each of {len(shown)} classes.",
        to_svg(figure, "calibration"),
        wide=True,
    )


def multiples(n: int, *, height: float = 1.25) -> tuple[Any, Any]:
    """A figure with n little panels on common axes."""
    columns = 5 if n > 6 else 3 if n != 4 else 4
    rows = -(-n // columns)
    size = (8.8, 8.8 / columns * rows * height)
    figure, squares = canvas(size, rows, columns, sharex=True, sharey=True, squeeze=False)
    for spare in range(n, rows * columns):
        squares.flat[spare].set_visible(False)
        squares.flat[max(0, spare - columns)].tick_params(labelbottom=True)
    return figure, squares


def _numbers(record: dict[str, Any], run: Run) -> Drawing | None:
    """Observed against predicted numbers."""
    curve, bins = record["curve"], pd.DataFrame(record["bins"])
    if not curve:
        return None
    figure, axes = canvas(HALF)
    ends = [min(curve["score"][0], bins["score"].min()), max(curve["score"][-1], bins["score"].max())]
    axes.plot(ends, ends, **DOTTED)
    axes.fill_between(curve["score"], curve["low"], curve["high"], **_BAND)
    axes.vlines(bins["score"], bins["low"], bins["high"], color=MUTED, linewidth=0.8)
    axes.plot(bins["score"], bins["observed"], "o", color=INK, markersize=3.2, label="groups of equal size")
    axes.plot(curve["score"], curve["observed"], color=MODEL, label="smooth curve")
    axes.set(xlabel="predicted", ylabel="mean observed")
    grid(axes)
    legend(axes, "upper left")
    level = run.estimates["level"]
    return Drawing(
        "calibration",
        "Calibration",
        f"On the dotted line predictions are right on average. Line: smooth curve with its {level_text(level)} band from resampled patients, at each "
        f"prediction by itself. Dots: {record['bins_used']} groups of equal size by prediction, with intervals from resampled patients.",
        record["sentence"],
        to_svg(figure, "calibration"),
    )


def _decision(record: dict[str, Any], level: float) -> Drawing:
    """Net benefit of the score, of treating everybody and of treating nobody."""
    found = record["of"][0]
    figure, axes = canvas(HALF)
    benefit(axes, record["thresholds"], found)
    axes.set(xlabel="threshold probability", ylabel="net benefit per sample")
    legend(axes, "upper right")
    return Drawing(
        "decision-curve",
        "Decision curve",
        f"Whoever treats from a threshold probability on finds the worth of deciding by the score above it: right treatments per sample, less "
        f"needless ones at the rate that the threshold accepts. Band: {level_text(level)}, from resampled patients, at each threshold by itself. "
        "The bar marks thresholds where the intervals of the differences from both simple strategies exclude 0.",
        found["sentence"],
        to_svg(figure, "decision-curve"),
    )


def _decisions(record: dict[str, Any]) -> Drawing:
    """One little panel per class."""
    shown = sorted(record["of"], key=lambda found: -found["prevalence"])[:MOST_CLASSES]
    shown = [found for found in record["of"] if found in shown]
    figure, squares = multiples(len(shown), height=0.95)
    for axes, found in zip(squares.flat, shown, strict=False):
        benefit(axes, record["thresholds"], found, top=max(other["prevalence"] for other in shown))
        axes.set_title(short(found["of"], 22))
    figure.supxlabel("threshold probability", fontsize=8)
    figure.supylabel("net benefit per sample", fontsize=8)
    return Drawing(
        "decision-curve",
        "Decision curves, each class against the rest",
        "Blue: deciding by the score, with its band from resampled patients. Dashed: treating everybody. Grey: treating nobody. Bars mark "
        "thresholds where the intervals of the differences from both simple strategies exclude 0.",
        f"One panel for each of {len(shown)} classes.",
        to_svg(figure, "decision-curve"),
        wide=True,
    )


def benefit(axes: Axes, thresholds: list[float], found: dict[str, Any], *, top: float | None = None) -> None:
    """The three strategies, and a bar where the score is worth more than both others."""
    top = top or max(found["prevalence"], *found["model"])
    floor = -0.14 * top
    axes.axhline(0, color=MUTED, linewidth=1.0, label="treat nobody")
    everybody = np.array([found["prevalence"], *found["all"]])
    axes.plot(
        [0, *thresholds], everybody, color=BASELINE, linewidth=1.2, linestyle=(0, (4, 1.5)), label="treat everybody"
    )
    axes.fill_between(thresholds, found["model_low"], found["model_high"], **_BAND)
    axes.plot(thresholds, found["model"], color=MODEL, label="decide by the score")
    for start, end in found["useful"]:
        axes.plot([start, max(end, start + 0.004)], [floor * 0.8] * 2, color=MODEL, linewidth=3, solid_capstyle="butt")
    axes.set(xlim=(-0.01, 1.01), ylim=(floor, 1.12 * top))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25\u00a0%", "50\u00a0%", "75\u00a0%", "100\u00a0%"])
    grid(axes)


def _counted(run: Run) -> pd.DataFrame:
    """Histogram of the scores of the test samples."""
    task = Task(run.estimates["task"]["kind"], tuple(run.estimates["task"]["classes"]))
    test = run.predictions[run.predictions["part"] == "test"]
    score = test[task.score_columns()[1]].to_numpy(dtype=np.float64)
    return histogram(task.encode(test["target"]) == 1, score)
