"""Figures of what the test patients show: discrimination, calibration, decisions, and predicted numbers."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bedside.cohort import Estimate, Task
from bedside.evaluation.curves import Curves, agreement, curves, precision_recall, roc
from bedside.folder import Run
from bedside.report.style import BASELINE, EVENT, HALF, INK, MODEL, MUTED, PAPER, Drawing, canvas, grid, short, to_svg, unit_square

MOST_FOLDS = 10  # thin lines per fold up to here; more would be a grey cloud
MOST_POINTS = 1500  # of a scatter plot
_DOTTED: dict[str, Any] = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (1, 2))}
_DASHED: dict[str, Any] = {"color": BASELINE, "linewidth": 1.2, "linestyle": (0, (4, 1.5))}
_DOT: dict[str, Any] = {"color": EVENT, "markeredgecolor": PAPER}
_AREAS = {"roc": "auroc", "precision-recall": "average_precision"}


def task_of(run: Run) -> Task:
    record = run.estimates["task"]
    return Task(record["kind"], tuple(record["classes"]))


def curves_of(run: Run, table: pd.DataFrame | None) -> dict[str, Curves]:
    """The curves of each class to detect, by its name; empty without a table."""
    if table is None:
        return {}
    return {found.of: found for found in curves(table, task_of(run), level=run.estimates["level"])}


def find(estimates: dict, metric: str, of: tuple[str, ...] = ("", "macro")) -> Estimate | None:
    """The estimate of a metric, overall or for the named classes."""
    records = (e for e in estimates["estimates"] if e["metric"] == metric and e["of"] in of)
    return next((Estimate.from_dict(record) for record in records), None)


def _text(estimate: Estimate | None) -> str:
    return "" if estimate is None else f" {estimate.text()}"


def binary_figures(run: Run) -> list[Drawing]:
    """ROC, precision-recall and calibration; none if the test part holds one class only."""
    model, baseline = curves_of(run, run.predictions), curves_of(run, run.baseline)
    positive = run.estimates["task"]["positive"]
    if positive not in model:
        return []
    return [
        roc_figure(run, model[positive], baseline.get(positive)),
        precision_recall_figure(run, model[positive], baseline.get(positive)),
        calibration_figure(run, model[positive]),
    ]


def roc_figure(run: Run, model: Curves, baseline: Curves | None) -> Drawing:
    """Sensitivity against false alarms over all thresholds; the model, the baseline, the frozen threshold."""
    figure, axes = canvas(HALF)
    axes.plot([0, 1], [0, 1], **_DOTTED)
    folds = single_folds(run)
    for truth, score in folds:
        axes.plot(*_roc_line(roc(truth, score)), color=MODEL, alpha=0.25, linewidth=0.7)
    if baseline is not None:
        axes.plot(*_roc_line(baseline.roc), **_DASHED, label=_baseline_label(run, "auroc"))
    area = find(run.estimates, "auroc")
    axes.plot(*_roc_line(model.roc), color=MODEL, label=f"{_family(run)}{_text(area)}")
    sensitivity, specificity = find(run.estimates, "sensitivity"), find(run.estimates, "specificity")
    if sensitivity and specificity and sensitivity.value is not None and specificity.value is not None:
        axes.plot(1 - specificity.value, sensitivity.value, "o", **_DOT, markersize=7, label="frozen threshold")
    unit_square(axes, "1 − specificity", "sensitivity")
    _legend(axes, "lower right")
    return Drawing(
        "roc", "Receiver operating characteristic",
        f"Sensitivity against the share of false alarms over all thresholds, test patients only; {model.of} is the "
        f"class to detect.{_thin_lines(folds)} The dotted diagonal is a coin toss.",
        f"Area under the curve{_text(area)}.", to_svg(figure, "roc"),
    )  # fmt: skip


def precision_recall_figure(run: Run, model: Curves, baseline: Curves | None) -> Drawing:
    """Predictive value against sensitivity: what an alarm is worth, at the prevalence of this cohort."""
    figure, axes = canvas(HALF)
    axes.axhline(model.prevalence, **_DOTTED, label=f"prevalence {model.prevalence:.2g}")
    folds = single_folds(run)
    for truth, score in folds:
        axes.plot(*_precision_line(precision_recall(truth, score)), color=MODEL, alpha=0.25, linewidth=0.7)
    if baseline is not None:
        axes.plot(*_precision_line(baseline.precision_recall), **_DASHED, label=_baseline_label(run, "average_precision"))
    area = find(run.estimates, "average_precision")
    axes.plot(*_precision_line(model.precision_recall), color=MODEL, label=f"{_family(run)}{_text(area)}")
    unit_square(axes, "recall (sensitivity)", "precision (positive predictive value)")
    _legend(axes, "lower left")
    return Drawing(
        "precision-recall", "Precision and recall",
        f"Share of alarms that are right against the share of {model.of} found, test patients only.{_thin_lines(folds)} "
        "The dotted line is the prevalence: the precision of guessing.",
        f"Average precision{_text(area)} at a prevalence of {model.prevalence:.2g}.", to_svg(figure, "precision-recall"),
    )  # fmt: skip


def calibration_figure(run: Run, model: Curves) -> Drawing:
    """Observed against predicted risk, over the histogram of the scores."""
    figure, (above, below) = canvas((4.3, 4.9), 2, 1, sharex=True, height_ratios=(3.8, 1))
    _reliability(above, model.calibration)
    unit_square(above, "", f"observed share of {short(model.of)}", square=False)
    bars, other = model.histogram, run.estimates["task"]["classes"][0]
    width = bars["high"] - bars["low"]
    below.bar(bars["low"], bars["positives"], width, align="edge", color=EVENT, label=short(model.of))
    below.bar(bars["low"], -bars["negatives"], width, align="edge", color=MODEL, alpha=0.55, label=short(other))
    below.axhline(0, color=MUTED, linewidth=0.7)
    below.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    below.set(xlabel="predicted risk", ylabel="predictions")
    below.legend(loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0), fontsize=7)
    slope = find(run.estimates, "calibration_slope", ("", model.of))
    return Drawing(
        "calibration", "Calibration",
        "Above: observed share against mean predicted risk in ten bins of equal width, with "
        f"{run.estimates['level']:.0%} Wilson intervals over patients; on the diagonal a predicted risk means what it "
        "says. Below: how many predictions got which score.",
        f"Calibration slope{_text(slope) or ' not given'}; 1 is ideal.", to_svg(figure, "calibration"),
    )  # fmt: skip


def confusion_figure(run: Run) -> Drawing:
    """Who was called what: counts and row percentages."""
    confusion = run.estimates["confusion"]
    names, counts = confusion["classes"], np.asarray(confusion["counts"], dtype=np.float64)
    n = len(names)
    size = HALF if n <= 4 else (8.8, 2.0 + 0.52 * n)
    figure, axes = canvas(size)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row in range(n):
        for column in range(n):
            colour = MODEL if row == column else BASELINE
            axes.add_patch(Rectangle((column + 0.02, row + 0.02), 0.96, 0.96, color=colour, alpha=0.06 + 0.74 * share[row, column], linewidth=0))
            ink = PAPER if share[row, column] > 0.55 else INK
            axes.text(column + 0.5, row + 0.46, f"{counts[row, column]:.6g}" if counts[row, column] % 1 == 0 else f"{counts[row, column]:.1f}",
                      ha="center", va="center", fontsize=13 if n <= 4 else 8.5, color=ink)
            axes.text(column + 0.5, row + (0.68 if n <= 4 else 0.77), f"{share[row, column]:.0%}", ha="center", va="center", fontsize=7.5 if n <= 4 else 6.5, color=ink)
    axes.set(xlim=(0, n), ylim=(n, 0), xlabel="decision of the model", ylabel="truth")
    labels = [short(name, 24) for name in names]
    axes.set_xticks(np.arange(n) + 0.5, labels, rotation=0 if n <= 4 else 38, ha="center" if n <= 4 else "right", rotation_mode="anchor" if n > 4 else "default")
    axes.set_yticks(np.arange(n) + 0.5, labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if run.estimates["task"]["kind"] == "binary":
        how = "at the frozen threshold of each fold" if len(run.estimates["thresholds"]) > 1 else "at the frozen threshold"
    else:
        how = "when the class with the highest score is chosen"
    repeats = " Counts are means over the repeats." if run.estimates["n"]["repeats"] > 1 else ""
    right = np.trace(counts) / max(counts.sum(), 1)
    return Drawing(
        "confusion", "Confusion matrix", f"Test samples {how}; percentages are of the row, the true class.{repeats}",
        f"{right:.0%} of the test samples were called right.", to_svg(figure, "confusion"), wide=n > 4,
    )


def class_figures(run: Run) -> list[Drawing]:
    """ROC, precision-recall and calibration of each class against the rest, as small multiples."""
    model, baseline = curves_of(run, run.predictions), curves_of(run, run.baseline)
    dashed = " Dashed: the baseline." if baseline else ""
    if not model:
        return []
    return [
        _small_multiples(
            run, model, baseline, "roc", "Receiver operating characteristic, each class against the rest",
            f"Sensitivity against the share of false alarms, test patients only.{dashed}", ("1 − specificity", "sensitivity"),
        ),
        _small_multiples(
            run, model, baseline, "precision-recall", "Precision and recall, each class against the rest",
            f"The dotted line is the share of the class among the test patients.{dashed}", ("recall", "precision"),
        ),
        _small_multiples(
            run, model, {}, "calibration", "Calibration, each class against the rest",
            "Observed share against mean predicted probability in ten bins of equal width, with Wilson intervals over patients.",
            ("predicted probability", "observed share"),
        ),
    ]  # fmt: skip


def _small_multiples(
    run: Run, model: dict[str, Curves], baseline: dict[str, Curves], name: str, title: str, caption: str, ends: tuple[str, str]
) -> Drawing:
    """One little square per class, on common axes."""
    columns = min(len(model), 3 if len(model) <= 6 else 4)
    rows = -(-len(model) // columns)
    figure, squares = canvas((8.8, 8.8 / columns * rows * 1.06), rows, columns, sharex=True, sharey=True, squeeze=False)
    for spare in range(len(model), rows * columns):
        squares.flat[spare].set_visible(False)
        squares.flat[spare - columns].tick_params(labelbottom=True)
    for axes, (of, found) in zip(squares.flat, model.items(), strict=False):
        _one_class(axes, name, found, baseline.get(of))
        unit_square(axes, "", "")
        estimate = find(run.estimates, _AREAS.get(name, ""), (of,))
        axes.set_title(f"{short(of, 24)}\n{estimate.text()}" if estimate else short(of, 24))
    figure.supxlabel(ends[0], fontsize=8)
    figure.supylabel(ends[1], fontsize=8)
    return Drawing(name, title, caption, f"One panel for each of {len(model)} classes.", to_svg(figure, name), wide=True)


def _one_class(axes: Axes, name: str, model: Curves, baseline: Curves | None) -> None:
    if name == "calibration":
        return _reliability(axes, model.calibration)
    line = _roc_line if name == "roc" else _precision_line
    table = (lambda found: found.roc) if name == "roc" else (lambda found: found.precision_recall)
    if baseline is not None:
        axes.plot(*line(table(baseline)), **_DASHED)
    axes.plot([0, 1], [0, 1] if name == "roc" else [model.prevalence] * 2, **_DOTTED)
    axes.plot(*line(table(model)), color=MODEL)
    return None


def observed_figure(run: Run) -> Drawing:
    """Predicted against observed numbers."""
    table, shown = _scatter(run)
    figure, axes = canvas(HALF)
    both = table[["predicted", "target"]].to_numpy(dtype=np.float64)
    low, high = both.min(), both.max()
    margin = 0.03 * (high - low or 1)
    axes.plot([low, high], [low, high], **_DOTTED)
    axes.plot(shown["predicted"], shown["target"], "o", color=MODEL, alpha=0.45, markersize=3.2, markeredgewidth=0)
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal", xlabel="predicted", ylabel="observed")
    grid(axes)
    r2 = find(run.estimates, "r2")
    return Drawing(
        "observed", "Observed against predicted",
        f"Each point is a test sample; on the dotted line the prediction is right.{_thinned(table, shown)}",
        f"R²{_text(r2)}.", to_svg(figure, "observed"),
    )


def residual_figure(run: Run) -> Drawing:
    """What the model got wrong, against what it predicted."""
    table, shown = _scatter(run)
    figure, axes = canvas(HALF)
    axes.axhline(0, **_DOTTED)
    axes.plot(shown["predicted"], shown["target"] - shown["predicted"], "o", color=MODEL, alpha=0.45, markersize=3.2, markeredgewidth=0)
    ordered = table.sort_values("predicted", kind="stable")
    groups = np.array_split(np.arange(len(ordered)), min(10, max(1, len(ordered) // 10)))
    residual = (ordered["target"] - ordered["predicted"]).to_numpy()
    centres = [ordered["predicted"].to_numpy()[rows].mean() for rows in groups]
    axes.plot(centres, [np.median(residual[rows]) for rows in groups], color=EVENT, label="median of each tenth" if len(groups) == 10 else "median of each group")
    axes.set(xlabel="predicted", ylabel="observed − predicted")
    grid(axes)
    _legend(axes, "best")
    error = find(run.estimates, "mae")
    return Drawing(
        "residuals", "Residuals",
        f"What is left to explain, against the prediction; a bend or a funnel shows where the model fails.{_thinned(table, shown)}",
        f"Mean absolute error{_text(error)}.", to_svg(figure, "residuals"),
    )


def _roc_line(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return points["false_positive_rate"], points["sensitivity"]


def _precision_line(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return points["recall"], points["precision"]


def _reliability(axes: Axes, bins: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], **_DOTTED)
    axes.vlines(bins["score"], bins["frequency_low"], bins["frequency_high"], color=MODEL, linewidth=0.9)
    axes.plot(bins["score"], bins["frequency"], "o-", color=MODEL, markersize=4, linewidth=0.9, markeredgecolor=PAPER, markeredgewidth=0.5)


def single_folds(run: Run) -> list[tuple[np.ndarray, np.ndarray]]:
    """Truth and score of the test part of each fold that holds both classes; none if there are too many to draw."""
    positive, folds = run.estimates["task"]["positive"], []
    test = run.predictions[run.predictions["part"] == "test"]
    for _, fold in test.groupby(["repeat", "fold"]):
        truth = (fold["target"].astype(str) == positive).to_numpy()
        if truth.any() and not truth.all():
            folds.append((truth, fold[f"score_{positive}"].to_numpy(dtype=np.float64)))
    return folds if 1 < len(folds) <= MOST_FOLDS else []


def _thin_lines(folds: list[tuple[np.ndarray, np.ndarray]]) -> str:
    return " Thin lines: the single folds." if folds else ""


def _family(run: Run) -> str:
    return str(run.settings.get("family", "model"))


def _baseline_label(run: Run, metric: str) -> str:
    record = run.estimates["baseline"]
    return f"{record['family']}{_text(find(record, metric))}" if record else "baseline"


def _legend(axes: Axes, place: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=place)


def _scatter(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every test sample once, and as many of them as a figure can show: every k-th."""
    table = agreement(run.predictions)
    return table, table.iloc[:: -(-len(table) // MOST_POINTS)]


def _thinned(table: pd.DataFrame, shown: pd.DataFrame) -> str:
    return f" {len(shown):,} of {len(table):,} are drawn." if len(shown) < len(table) else ""
