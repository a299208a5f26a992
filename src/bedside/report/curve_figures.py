"""ROC and precision-recall: one large figure each for a binary task, small multiples for several classes."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bedside.cohort import Task
from bedside.evaluation.curves import Curves, curves, precision_recall, roc
from bedside.folder import Run
from bedside.report.style import (
    BASELINE,
    DOTTED,
    EVENT,
    HALF,
    MODEL,
    PAPER,
    Drawing,
    canvas,
    legend,
    short,
    to_svg,
    unit_square,
)
from bedside.report.words import estimate_text, find

MOST_FOLDS = 10  # thin lines per fold up to here; more would be a grey cloud
MOST_CLASSES = 15  # little squares on a page
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


def binary_figures(run: Run) -> list[Drawing]:
    """ROC and precision-recall; none if the test part holds one class only."""
    model, baseline = curves_of(run, run.predictions), curves_of(run, run.baseline)
    positive = run.estimates["task"]["positive"]
    if positive not in model:
        return []
    return [
        roc_figure(run, model[positive], baseline.get(positive)),
        precision_recall_figure(run, model[positive], baseline.get(positive)),
    ]


def roc_figure(run: Run, model: Curves, baseline: Curves | None) -> Drawing:
    """Sensitivity against false alarms over all thresholds; the model, the baseline, the frozen threshold."""
    figure, axes = canvas(HALF)
    axes.plot([0, 1], [0, 1], **DOTTED)
    folds = single_folds(run)
    for truth, score in folds:
        axes.plot(*_roc_line(roc(truth, score)), color=MODEL, alpha=0.25, linewidth=0.7)
    if baseline is not None:
        axes.plot(*_roc_line(baseline.roc), **_DASHED, label=_baseline_label(run, "auroc"))
    area = find(run.estimates, "auroc")
    axes.plot(*_roc_line(model.roc), color=MODEL, label=f"{_family(run)}{estimate_text(area)}")
    sensitivity, specificity = find(run.estimates, "sensitivity"), find(run.estimates, "specificity")
    if sensitivity and specificity and sensitivity.value is not None and specificity.value is not None:
        axes.plot(1 - specificity.value, sensitivity.value, "o", **_DOT, markersize=7, label="frozen threshold")
    unit_square(axes, "1 − specificity", "sensitivity")
    legend(axes, "lower right")
    return Drawing(
        "roc", "Receiver operating characteristic",
        f"Sensitivity against the share of false alarms over all thresholds, test patients only; the class to "
        f"detect is {model.of}.{_thin_lines(folds)}{_pooled(run)} The dotted diagonal is a coin toss.",
        f"Area under the curve{estimate_text(area)}.", to_svg(figure, "roc"),
    )  # fmt: skip


def precision_recall_figure(run: Run, model: Curves, baseline: Curves | None) -> Drawing:
    """Predictive value against sensitivity: what an alarm is worth, at the prevalence of this cohort."""
    figure, axes = canvas(HALF)
    axes.axhline(model.prevalence, **DOTTED, label=f"prevalence {model.prevalence:.2g}")
    folds = single_folds(run)
    for truth, score in folds:
        axes.plot(*_precision_line(precision_recall(truth, score)), color=MODEL, alpha=0.25, linewidth=0.7)
    if baseline is not None:
        axes.plot(
            *_precision_line(baseline.precision_recall), **_DASHED, label=_baseline_label(run, "average_precision")
        )
    area = find(run.estimates, "average_precision")
    axes.plot(*_precision_line(model.precision_recall), color=MODEL, label=f"{_family(run)}{estimate_text(area)}")
    unit_square(axes, "recall (sensitivity)", "precision (positive predictive value)")
    legend(axes, "lower left")
    return Drawing(
        "precision-recall", "Precision and recall",
        f"Share of alarms that are right against the share of class {model.of} that is found, test patients only.{_thin_lines(folds)}"
        f"{_pooled(run)} "
        "The dotted line is the prevalence: the precision of guessing.",
        f"Average precision{estimate_text(area)} at a prevalence of {model.prevalence:.2g}.", to_svg(figure, "precision-recall"),
    )  # fmt: skip


def class_figures(run: Run) -> list[Drawing]:
    """ROC and precision-recall of each class against the rest, as small multiples."""
    found, baseline = curves_of(run, run.predictions), curves_of(run, run.baseline)
    if not found:
        return []
    largest = sorted(found, key=lambda of: -found[of].prevalence)[:MOST_CLASSES]
    model = {of: found[of] for of in found if of in largest}
    dashed = " Dashed: the baseline." if baseline else ""
    dashed += f" The {MOST_CLASSES} largest of {len(found)} classes are drawn." if len(model) < len(found) else ""
    return [
        _small_multiples(
            run, model, baseline, "roc", "Receiver operating characteristic, each class against the rest",
            f"Sensitivity against the share of false alarms, test patients only.{_pooled(run)}{dashed}", ("1 − specificity", "sensitivity"),
        ),
        _small_multiples(
            run, model, baseline, "precision-recall", "Precision and recall, each class against the rest",
            f"The dotted line is the share of the class among the test patients.{_pooled(run)}{dashed}", ("recall", "precision"),
        ),
    ]  # fmt: skip


def _small_multiples(
    run: Run,
    model: dict[str, Curves],
    baseline: dict[str, Curves],
    name: str,
    title: str,
    caption: str,
    ends: tuple[str, str],
) -> Drawing:
    """One little square per class, on common axes."""
    columns = 5 if len(model) > 6 else 3 if len(model) != 4 else 4
    rows = -(-len(model) // columns)
    figure, squares = canvas((8.8, 8.8 / columns * rows * 1.25), rows, columns, sharex=True, sharey=True, squeeze=False)
    for spare in range(len(model), rows * columns):
        squares.flat[spare].set_visible(False)
        squares.flat[max(0, spare - columns)].tick_params(labelbottom=True)
    for axes, (of, found) in zip(squares.flat, model.items(), strict=False):
        _one_class(axes, name, found, baseline.get(of))
        unit_square(axes, "", "")
        estimate = find(run.estimates, _AREAS.get(name, ""), (of,))
        axes.set_title(f"{short(of, 20)}\n{estimate.text()}" if estimate else short(of, 20))
    figure.supxlabel(ends[0], fontsize=8)
    figure.supylabel(ends[1], fontsize=8)
    return Drawing(
        name, title, caption, f"One panel for each of {len(model)} classes.", to_svg(figure, name), wide=True
    )


def _one_class(axes: Axes, name: str, model: Curves, baseline: Curves | None) -> None:
    line = _roc_line if name == "roc" else _precision_line
    table = (lambda found: found.roc) if name == "roc" else (lambda found: found.precision_recall)
    if baseline is not None:
        axes.plot(*line(table(baseline)), **_DASHED)
    axes.plot([0, 1], [0, 1] if name == "roc" else [model.prevalence] * 2, **DOTTED)
    axes.plot(*line(table(model)), color=MODEL)


def _roc_line(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return points["false_positive_rate"], points["sensitivity"]


def _precision_line(points: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return points["recall"], points["precision"]


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


def _pooled(run: Run) -> str:
    """What the curve and its number do with several folds."""
    return (
        " The curve pools the folds; its number compares samples within folds only."
        if run.estimates["n"]["folds"] > 1
        else ""
    )


def _family(run: Run) -> str:
    return str(run.settings.get("family", "model"))


def _baseline_label(run: Run, metric: str) -> str:
    record = run.estimates["baseline"]
    return f"{record['family']}{estimate_text(find(record, metric))}" if record else "baseline"
