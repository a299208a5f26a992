"""Sentences in the past tense for a draft of methods and results, each from the files of a run."""

from typing import Any

from bedside.cohort import Estimate, Task, level_text
from bedside.evaluation.compare import doubt_about, patients_per_class
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.worst_group import listed, worst_group
from bedside.report import methods
from bedside.report.kinds import baseline_words
from bedside.report.told import Told
from bedside.report.words import find


def learned(run: Told) -> str:
    """The model, how patients were dealt, and how it was trained."""
    parameters = methods.model_record(run)["parameters"]
    size = f" with {parameters:,} parameters" if parameters else ""
    what = methods.summary(run)
    said = f"The model was {run.settings.get('family', 'model')} ({what[:1].lower()}{what[1:]}){size}."
    training, weights = (run.paragraphs.get(title, "") for title in ("Training", "Weights"))
    return " ".join(
        filter(None, (said, methods.scheme(run), training, methods.searched(run), weights, methods.kept(run)))
    )


def shares(run: Told) -> str:
    """What was measured, the threshold and the baseline."""
    names = listed(list(dict.fromkeys(LABELS.get(one["metric"], one["metric"]) for one in run.estimates["estimates"])))
    baseline = run.estimates["baseline"]
    known = baseline_words(run.estimates)
    words = f" ({known})" if known else ""
    against = (
        f"The same folds were given to a simple baseline, {baseline['family']}{words}, and differences were paired by patient."
        if baseline
        else ""
    )
    return " ".join(filter(None, (f"Measures were {names}.", methods.decisions(run), against)))


def uncertain(run: Told) -> str:
    level, resamples = run.estimates["level"], run.estimates["resamples"]
    return f"Intervals cover {level_text(level)}; they came from {resamples:,} resamples of whole patients unless the table of estimates says otherwise."


def decision(run: Told) -> str:
    """What the decisions were worth."""
    kind = run.estimates["task"]["kind"]
    if kind == "regression":
        return _was(run, ("mae", "rmse"))
    if kind == "multiclass":
        return _was(run, ("balanced_accuracy", "accuracy"))
    values = sorted({record["value"] for record in run.estimates["thresholds"]})
    if not values:
        return ""
    at = (
        f"threshold {values[0]:.2g}"
        if len(values) == 1
        else f"thresholds of the folds ({values[0]:.2g} to {values[-1]:.2g})"
    )
    return f"At the {at}, {_was(run, ('sensitivity', 'specificity', 'ppv', 'npv'), start='')}"


def _was(run: Told, metrics: tuple[str, ...], start: str = "The ") -> str:
    """`The MAE was 44 [39, 49] (89 patients) and the RMSE ...`, of the metrics that have a value."""
    found = [(metric, find(run.estimates, metric)) for metric in metrics]
    said = [
        f"{LABELS[metric]} was {_n(estimate)}"
        for metric, estimate in found
        if estimate is not None and estimate.value is not None
    ]
    if not said:
        return ""
    return f"{start}{listed(said)}."


def _n(estimate: Estimate) -> str:
    return f"{estimate.text()} ({estimate.n_patients:,} {'patient' if estimate.n_patients == 1 else 'patients'})"


def comparison(run: Told) -> str:
    """The baseline, with the paired difference."""
    baseline = run.estimates["baseline"]
    if not baseline:
        return ""
    headline = HEADLINE[run.estimates["task"]["kind"]]
    other, difference = (_first(baseline[part], headline) for part in ("estimates", "differences"))
    if other is None or difference is None or difference.value is None:
        return ""
    words = {"better": "The model was better than", "worse": "The model was worse than"}
    doubt = _doubt(run, other)
    verdict = words.get(baseline["verdict"], "The model could not be distinguished from")
    return (
        f"{verdict} the baseline, whose {LABELS[headline]} was {other.text()}; the paired difference was {difference.text()} "
        f"on the same {difference.n_patients:,} patients.{f' {doubt}' if doubt else ''}"
    )


def _doubt(run: Told, baseline: Estimate) -> str:
    """Why the comparison allows no verdict, or nothing."""
    record = run.estimates["task"]
    found = [Estimate.from_dict(one) for one in run.estimates["estimates"]]
    model = next(one for one in found if one.metric == baseline.metric and one.of in ("", "macro"))
    patients = patients_per_class(found, Task(record["kind"], tuple(record["classes"])))
    return doubt_about({"the model": model, "the baseline": baseline}, patients)


def _first(records: list[dict[str, Any]], metric: str) -> Estimate | None:
    return next(
        (Estimate.from_dict(one) for one in records if one["metric"] == metric and one["of"] in ("", "macro")), None
    )


def calibration(run: Told) -> str:
    kind = run.estimates["task"]["kind"]
    slope, shift = (
        find(run.estimates, "calibration_slope", ("",)),
        "calibration_in_the_large" if kind == "regression" else "calibration_intercept",
    )
    if slope is None:
        return ""
    if slope.value is None:
        return f"The calibration slope was {slope.method}."
    return _was(run, ("calibration_slope", shift, "brier"))


def spread(run: Told) -> str:
    headline = HEADLINE[run.estimates["task"]["kind"]]
    for record in run.estimates["spread"]:
        if record["metric"] == headline and record["n_folds"] > 1:
            return f"Over {record['n_folds']} folds the {LABELS[headline]} ranged from {record['low']:.2f} to {record['high']:.2f}."
    return ""


def groups(run: Told) -> str:
    """The worst group, if groups were judged."""
    return worst_group(run.estimates.get("subgroups"))[1]
