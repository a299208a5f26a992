"""Sentences in the past tense for a draft of methods and results, each from the files of a run."""

from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.worst_group import listed, worst_group
from bedside.report.image_words import baseline_words
from bedside.report.methods import decisions, searched
from bedside.report.told import Told
from bedside.report.words import find

_DEALT = {
    "holdout": "Patients were dealt once, about 60 % to training, 20 % to validation and 20 % to testing.",
    "time": "Patients were divided by date: the latest fifth was tested by a model that had learned from those before.",
    "site": "Each site was held out in turn and tested by a model that had not seen it.",
    "given": "The division into training, validation and test samples that came with the data was kept.",
}
_SETTLED = {
    "ensemble": " The mean of the members of all folds was kept as the model.",
    "refit": " The model that was kept was trained once more on all patients; this very model was not tested.",
}


def dealt(run: Told) -> str:
    """How patients came into each part."""
    folds, n = run.settings.get("folds", {}), run.estimates["n"]
    if folds.get("scheme") != "crossval":
        return _DEALT.get(str(folds.get("scheme")), "")
    divisions = n.get("divisions", n["repeats"])
    again = f", repeated {divisions} times with new folds" if divisions > 1 else ""
    seeds = n["repeats"] // divisions
    trained = f" Every fold was trained {seeds} times with other random numbers." if seeds > 1 else ""
    return f"The model was judged by {n['folds']}-fold cross-validation{again}: in each fold one part was tested, the next validated, and the others trained.{trained}"


def learned(run: Told) -> str:
    """The model, how patients were dealt, and how it was trained."""
    summary, _, rest = run.paragraphs.get("Model", "").partition(". ")
    parameters = f" with {rest.split()[2]} parameters" if rest.startswith("It has") else ""
    family = run.settings.get("family", "model")
    training = run.paragraphs.get("Training", "").replace("At most", "Training took at most", 1)
    weights = run.paragraphs.get("Weights", "")
    kept = next(
        (
            words
            for final, words in _SETTLED.items()
            if run.settings.get("final") == final and run.estimates["n"]["folds"] > 1
        ),
        "",
    )
    said = f"The model was {family} ({summary.rstrip('.').lower()}){parameters}."
    parts = (said, dealt(run), training, searched(run), weights, kept)
    return " ".join(part.strip() for part in parts if part.strip())


def shares(run: Told) -> str:
    """What was measured, the threshold and the baseline."""
    names = listed(list(dict.fromkeys(LABELS.get(one["metric"], one["metric"]) for one in run.estimates["estimates"])))
    baseline = run.estimates["baseline"]
    known = baseline_words(run.estimates)
    words = f" ({known})" if known else ""
    against = (
        f" The same folds were given to a simple baseline, {baseline['family']}{words}, and differences were paired by patient."
        if baseline
        else ""
    )
    rule = decisions(run).replace("is the decision", "was the decision")
    return f"Measures were {names}. {rule}{against}".replace("  ", " ")


def uncertain(run: Told) -> str:
    level, resamples = run.estimates["level"], run.estimates["resamples"]
    return f"Intervals cover {level:.0%}; they came from {resamples:,} resamples of whole patients unless the table of estimates says otherwise."


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
    _, found, doubt = str(baseline["sentence"]).partition("No verdict ")
    verdict = words.get(baseline["verdict"], "The model could not be distinguished from")
    return (
        f"{verdict} the baseline, whose {LABELS[headline]} was {other.text()}; the paired difference was {difference.text()} "
        f"on the same {difference.n_patients:,} patients.{f' {found}{doubt}' if found else ''}"
    )


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
