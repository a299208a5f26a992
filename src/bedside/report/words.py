"""What each metric is called in a report and what it means at the bedside."""

from dataclasses import dataclass
from typing import Any, Literal

from bedside.cohort import Estimate
from bedside.evaluation.metrics import LABELS

Group = Literal["Discrimination", "At the decision threshold", "Calibration", "Overall"]
GROUPS: tuple[Group, ...] = ("Discrimination", "At the decision threshold", "Calibration", "Overall")


@dataclass(frozen=True)
class Metric:
    """Words for one metric; `scale` and `ideal` are what its little interval plot is drawn on."""

    group: Group
    meaning: str
    scale: tuple[float, float] | None = None
    ideal: float | None = None


_SHARE = (0.0, 1.0)

METRICS = {
    "auroc": Metric("Discrimination", "chance that a sample with the condition scores above one without; 0.5 is a coin toss", _SHARE),
    "average_precision": Metric("Discrimination", "area under the precision-recall curve; guessing gives the prevalence", _SHARE),
    "sensitivity": Metric("At the decision threshold", "share of those with the condition who are found", _SHARE),
    "specificity": Metric("At the decision threshold", "share of those without the condition who are left in peace", _SHARE),
    "ppv": Metric("At the decision threshold", "share of alarms that are right, at this prevalence", _SHARE),
    "npv": Metric("At the decision threshold", "share of all-clears that are right, at this prevalence", _SHARE),
    "ppv_at_prevalence": Metric("At the decision threshold", "share of alarms that are right where the condition is as common as stated", _SHARE),
    "npv_at_prevalence": Metric("At the decision threshold", "share of all-clears that are right where the condition is as common as stated", _SHARE),
    "accuracy": Metric("At the decision threshold", "share of decisions that are right", _SHARE),
    "balanced_accuracy": Metric("At the decision threshold", "mean of the shares found in each class", _SHARE),
    "calibration_slope": Metric("Calibration", "1 is ideal; below 1 the predictions are too extreme", (0.0, 2.0), 1.0),
    "calibration_intercept": Metric("Calibration", "0 is ideal; below 0 risks are overestimated on average", (-1.5, 1.5), 0.0),
    "ece": Metric("Calibration", "mean gap between predicted and observed shares; 0 is ideal", _SHARE),
    "calibration_in_the_large": Metric("Calibration", "mean predicted minus mean observed; 0 is ideal"),
    "brier": Metric("Overall", "mean squared error of the probabilities; 0 is ideal", _SHARE),
    "brier_null": Metric("Overall", "what predicting the prevalence for everybody would give", _SHARE),
    "brier_scaled": Metric("Overall", "1 is perfect, 0 no better than predicting the prevalence, below 0 worse; in the section on calibration"),
    "log_loss": Metric("Overall", "punishes confident errors; 0 is ideal"),
    "r2": Metric("Overall", "share of the variance that is explained; 0 is guessing the mean", _SHARE),
    "mae": Metric("Overall", "in the units of the target"),
    "rmse": Metric("Overall", "in the units of the target; large errors weigh more"),
}  # fmt: skip


def metric_words(metric: str) -> Metric:
    """Words for a metric; one that is not known stands under Overall without a meaning."""
    return METRICS.get(metric, Metric("Overall", ""))


def metric_name(metric: str) -> str:
    """The name that evaluation uses in its sentences, with a capital."""
    label = LABELS.get(metric, metric.replace("_", " "))
    return label[0].upper() + label[1:]


def number(value: object) -> str:
    """A number of the data as a person would write it: four significant digits; text stays text, nothing is a dash."""
    if value is None or value != value:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def percent(part: float, whole: float) -> str:
    """`12 %`, `0.4 %` with a space that does not break; a share of nothing is a dash."""
    if not whole:
        return "–"
    share = 100 * part / whole
    return f"{share:.0f}\u00a0%" if share >= 10 or share == 0 else f"{share:.1f}\u00a0%"


def find(estimates: dict[str, Any], metric: str, of: tuple[str, ...] = ("", "macro")) -> Estimate | None:
    """The estimate of a metric, overall or for the named classes."""
    records = (e for e in estimates["estimates"] if e["metric"] == metric and e["of"] in of)
    return next((Estimate.from_dict(record) for record in records), None)


def estimate_text(estimate: Estimate | None) -> str:
    """` 0.91 [0.88, 0.94]` with a space before it, or nothing."""
    return "" if estimate is None else f" {estimate.text()}"


def p_text(p: float | None) -> str:
    """A p-value with as many digits as anybody needs."""
    if p is None:
        return "–"
    if p < 0.001:
        return "< 0.001"
    return f"{p:.2f}" if p >= 0.1 else f"{p:.3f}"


def p_words(p: float | None) -> str:
    """`p = 0.12`, `p < 0.001`, or `not tested`."""
    if p is None:
        return "not tested"
    return f"p {p_text(p)}" if p_text(p).startswith("<") else f"p = {p_text(p)}"
