"""Names and meanings of the headline metrics, as the report has them, for translation."""

from bedside.app.words import later, t
from bedside.cohort import Estimate, level_text, minus
from bedside.report.words import metric_name

NAMES = {
    "auroc": later("AUROC"),
    "sensitivity": later("Sensitivity"),
    "specificity": later("Specificity"),
    "ppv": later("Positive predictive value"),
    "npv": later("Negative predictive value"),
    "accuracy": later("Accuracy"),
    "balanced_accuracy": later("Balanced accuracy"),
    "calibration_slope": later("Calibration slope"),
    "r2": later("R²"),
    "mae": later("Mean absolute error"),
}
MEANINGS = {
    "auroc": later("chance that a sample with the condition scores above one without; 0.5 is a coin toss"),
    "sensitivity": later("share of those with the condition who are found"),
    "specificity": later("share of those without the condition who are left in peace"),
    "accuracy": later("share of decisions that are right"),
    "balanced_accuracy": later("mean of the shares found in each class"),
    "calibration_slope": later("1 is ideal; below 1 the predictions are too extreme"),
    "r2": later("share of the variance that is explained; 0 is guessing the mean"),
    "mae": later("in the units of the target"),
}


def name_of(metric: str) -> str:
    """What a metric is called in the reader's language."""
    return t(NAMES[metric]) if metric in NAMES else metric_name(metric)


def number_of(estimate: Estimate | None) -> str:
    """`0.99 [0.98, 1.00]` in the reader's language; a dash where there is none."""
    if estimate is None:
        return "–"
    if estimate.value is None:
        return t("not defined")
    return minus(estimate.text().replace("[no interval]", f"[{t('no interval')}]"))


def sentence_of(estimate: Estimate) -> str:
    """`AUROC 0.99 [0.98, 1.00] (95 % interval, 114 patients)`."""
    return t("{metric} {number} ({level} interval, {n} patients)", metric=name_of(estimate.metric),
             number=number_of(estimate), level=level_text(estimate.level), n=f"{estimate.n_patients:,}")  # fmt: skip


def meaning_of(metric: str) -> str:
    """What a metric means in the reader's language; nothing for those without a translation."""
    return t(MEANINGS[metric]) if metric in MEANINGS else ""
