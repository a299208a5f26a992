"""Figures of what the test patients show: discrimination, calibration, decisions, and predicted numbers."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from bedside.cohort import Estimate
from bedside.folder import Run
from bedside.report._curves import precision_recall, reliability, roc
from bedside.report.style import BASELINE, EVENT, HALF, INK, MODEL, MUTED, PAPER, Drawing, canvas, grid, short, to_svg, unit_square

MOST_FOLDS = 10  # thin lines per fold up to here; more would be a grey cloud
MOST_POINTS = 1500  # of a scatter plot


def tested(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["part"] == "test"]


def one_against_rest(table: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth (0 or 1) and score of one class, shapes (n,)."""
    return (table["target"].astype(str) == name).to_numpy(), table[f"score_{name}"].to_numpy(dtype=np.float64)


def find(estimates: dict, metric: str, of: tuple[str, ...] = ("", "macro")) -> Estimate | None:
    """The estimate of a metric, overall or for the named classes."""
    records = (e for e in estimates["estimates"] if e["metric"] == metric and e["of"] in of)
    return next((Estimate.from_dict(record) for record in records), None)


def _text(estimate: Estimate | None) -> str:
    return "" if estimate is None else f" {estimate.text()}"


def roc_figure(run: Run) -> Drawing:
    """Sensitivity against false alarms over all thresholds; the model, the baseline, the frozen threshold."""
    figure, axes = canvas(HALF)
    positive = run.estimates["task"]["positive"]
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    for fold in _single_folds(run):
        axes.plot(*roc(*one_against_rest(fold, positive)), color=MODEL, alpha=0.25, linewidth=0.7)
    if run.baseline is not None:
        axes.plot(*roc(*one_against_rest(tested(run.baseline), positive)), color=BASELINE, linestyle=(0, (4, 1.5)),
                  linewidth=1.2, label=_baseline_label(run, "auroc"))
    area = find(run.estimates, "auroc")
    axes.plot(*roc(*one_against_rest(tested(run.predictions), positive)), color=MODEL, label=f"{_family(run)}{_text(area)}")
    sensitivity, specificity = find(run.estimates, "sensitivity"), find(run.estimates, "specificity")
    if sensitivity and specificity and sensitivity.value is not None and specificity.value is not None:
        axes.plot(1 - specificity.value, sensitivity.value, "o", color=EVENT, markeredgecolor=PAPER, markersize=7, label="frozen threshold")
    unit_square(axes, "1 − specificity", "sensitivity")
    _legend(axes, "lower right")
    return Drawing(
        "roc", "Receiver operating characteristic",
        f"Sensitivity against the share of false alarms over all thresholds, test patients only; {positive} is the "
        f"class to detect.{_thin_lines(run)} The dotted diagonal is a coin toss.",
        f"Area under the curve{_text(area)}.", to_svg(figure, "roc"),
    )


def precision_recall_figure(run: Run) -> Drawing:
    """Predictive value against sensitivity: what an alarm is worth, at the prevalence of this cohort."""
    figure, axes = canvas(HALF)
    positive = run.estimates["task"]["positive"]
    truth, score = one_against_rest(tested(run.predictions), positive)
    axes.axhline(truth.mean(), color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)), label=f"prevalence {truth.mean():.2f}")
    for fold in _single_folds(run):
        axes.plot(*precision_recall(*one_against_rest(fold, positive)), color=MODEL, alpha=0.25, linewidth=0.7)
    if run.baseline is not None:
        axes.plot(*precision_recall(*one_against_rest(tested(run.baseline), positive)), color=BASELINE,
                  linestyle=(0, (4, 1.5)), linewidth=1.2, label=_baseline_label(run, "average_precision"))
    area = find(run.estimates, "average_precision")
    axes.plot(*precision_recall(truth, score), color=MODEL, label=f"{_family(run)}{_text(area)}")
    unit_square(axes, "recall (sensitivity)", "precision (positive predictive value)")
    _legend(axes, "lower left")
    return Drawing(
        "precision-recall", "Precision and recall",
        f"Share of alarms that are right against the share of {positive} found, test patients only.{_thin_lines(run)} "
        "The dotted line is the prevalence: the precision of guessing.",
        f"Average precision{_text(area)} at a prevalence of {truth.mean():.2f}.", to_svg(figure, "precision-recall"),
    )


def calibration_figure(run: Run) -> Drawing:
    """Observed against predicted risk, over the histogram of the scores."""
    figure, (above, below) = canvas((4.3, 4.7), 2, 1, sharex=True, height_ratios=(3.6, 1))
    positive = run.estimates["task"]["positive"]
    truth, score = one_against_rest(tested(run.predictions), positive)
    _reliability(above, truth, score)
    unit_square(above, "", f"observed share of {short(positive)}")
    bins = np.linspace(0, 1, 31)
    below.hist(score[truth], bins, color=EVENT, label=short(positive))
    heights = np.histogram(score[~truth], bins)[0]
    below.bar(bins[:-1], -heights, np.diff(bins), align="edge", color=MODEL, alpha=0.55, label=short(run.estimates["task"]["classes"][0]))
    below.axhline(0, color=MUTED, linewidth=0.7)
    below.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    below.set(xlabel="predicted risk", ylabel="samples")
    below.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, 1.32), fontsize=7)
    slope = find(run.estimates, "calibration_slope", ("", positive))
    return Drawing(
        "calibration", "Calibration",
        "Above: observed share against mean predicted risk in groups of equal size, with 95 % Wilson intervals; on "
        "the diagonal a predicted risk means what it says. Below: how many samples got which score.",
        f"Calibration slope{_text(slope) or ' not given'}; 1 is ideal.", to_svg(figure, "calibration"),
    )


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
    table = tested(run.predictions)
    base = None if run.baseline is None else tested(run.baseline)
    return [
        _small_multiples(run, table, base, "roc", "Receiver operating characteristic, each class against the rest",
                         "Sensitivity against the share of false alarms.", "auroc"),
        _small_multiples(run, table, base, "precision-recall", "Precision and recall, each class against the rest",
                         "The dotted line is the share of the class in the cohort.", "average_precision"),
        _small_multiples(run, table, None, "calibration", "Calibration, each class against the rest",
                         "Observed share against mean predicted probability in groups of equal size, with 95 % Wilson intervals.", ""),
    ]


def _small_multiples(run: Run, table: pd.DataFrame, base: pd.DataFrame | None, name: str, title: str, caption: str, metric: str) -> Drawing:
    classes = run.estimates["task"]["classes"]
    columns = min(len(classes), 3 if len(classes) <= 6 else 4)
    rows = -(-len(classes) // columns)
    figure, grid_of_axes = canvas((8.8, 8.8 / columns * rows * 1.06), rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid_of_axes.flat[len(classes):]:
        axes.set_visible(False)
    for axes, of in zip(grid_of_axes.flat, classes, strict=False):
        truth, score = one_against_rest(table, of)
        if name == "calibration":
            _reliability(axes, truth, score)
        else:
            curve = roc if name == "roc" else precision_recall
            if base is not None:
                axes.plot(*curve(*one_against_rest(base, of)), color=BASELINE, linewidth=1.1, linestyle=(0, (4, 1.5)))
            axes.plot(*curve(truth, score), color=MODEL)
            level = [0, 1] if name == "roc" else [truth.mean()] * 2
            axes.plot([0, 1], level, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
        unit_square(axes, "", "")
        estimate = find(run.estimates, metric, (of,)) if metric else None
        axes.set_title(f"{short(of, 24)}\n{estimate.text()}" if estimate else short(of, 24))
    x, y = {"roc": ("1 − specificity", "sensitivity"), "precision-recall": ("recall", "precision"),
            "calibration": ("predicted probability", "observed share")}[name]
    figure.supxlabel(x, fontsize=8)
    figure.supylabel(y, fontsize=8)
    dashed = " Dashed: the baseline." if base is not None else ""
    return Drawing(name, title, f"{caption} Test patients only.{dashed}", f"One panel for each of {len(classes)} classes.",
                   to_svg(figure, name), wide=True)


def observed_figure(run: Run) -> Drawing:
    """Predicted against observed numbers."""
    table, shown = _scatter(run)
    figure, axes = canvas(HALF)
    both = table[["predicted", "target"]].to_numpy(dtype=np.float64)
    low, high = both.min(), both.max()
    margin = 0.03 * (high - low or 1)
    axes.plot([low, high], [low, high], color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
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
    axes.axhline(0, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
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


def _reliability(axes: Axes, truth: np.ndarray, score: np.ndarray) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
    predicted, observed, low, high = reliability(truth, score)
    axes.vlines(predicted, low, high, color=MODEL, linewidth=0.9)
    axes.plot(predicted, observed, "o-", color=MODEL, markersize=4, linewidth=0.9, markeredgecolor=PAPER, markeredgewidth=0.5)


def _single_folds(run: Run) -> list[pd.DataFrame]:
    folds = [fold for _, fold in tested(run.predictions).groupby(["repeat", "fold"])]
    return folds if 1 < len(folds) <= MOST_FOLDS else []


def _thin_lines(run: Run) -> str:
    return " Thin lines: the single folds." if _single_folds(run) else ""


def _family(run: Run) -> str:
    return str(run.settings.get("family", "model"))


def _baseline_label(run: Run, metric: str) -> str:
    record = run.estimates["baseline"]
    return f"{record['family']}{_text(find(record, metric))}" if record else "baseline"


def _legend(axes: Axes, place: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=place)


def _scatter(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All test rows, and as many of them as a figure can show: every k-th."""
    table = tested(run.predictions)
    return table, table.iloc[:: -(-len(table) // MOST_POINTS)]


def _thinned(table: pd.DataFrame, shown: pd.DataFrame) -> str:
    return f" {len(shown):,} of {len(table):,} are drawn." if len(shown) < len(table) else ""
