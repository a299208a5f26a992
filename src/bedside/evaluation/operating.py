"""The operating point: by which rule, what it reached on validation and on test, and what it means per 1,000 patients.

Predictive values depend on how common the condition is. Those of the test patients hold at the prevalence of this
cohort; at another one they follow from sensitivity and specificity by Bayes' theorem (`metrics.at_prevalence`), as do
the counts out of 1,000 patients. Both take sensitivity and specificity to be the same there.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from bedside.cohort import Estimate, Task, level_text
from bedside.evaluation.closed_forms import wilson
from bedside.evaluation.metrics import LABELS
from bedside.evaluation.thresholds import decide, samples_worth, units
from bedside.settings import EvaluationSettings

SOURCES = {  # of rules that have one
    "youden": "Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::aid-cncr2820030106>3.0.co;2-3",
    "net_benefit": "Vickers and Elkin 2006, doi:10.1177/0272989x06295361",
}


def operating(
    predictions: pd.DataFrame,
    task: Task,
    frozen: list[dict[str, Any]],
    found: list[Estimate],
    n: dict[str, Any],
    settings: EvaluationSettings,
) -> dict[str, Any]:
    """The entry of estimates.json.

    Args:
        predictions: as `evaluate` takes them.
        task: a binary task.
        frozen: the threshold of each repeat and fold, see `thresholds.per_fold`.
        found: the estimates on test patients.
        n: numbers of the test part, see `panels.sizes`.
        settings: rule, its value, and the stated prevalence.
    """
    chosen = [record for record in frozen if record["chosen_on"] == "validation"]
    reached = [_on_validation(predictions, task, record, settings) for record in chosen]
    rates = {estimate.metric: estimate for estimate in found if estimate.metric in ("sensitivity", "specificity")}
    cohort = n["events"][task.classes[1]] / n["samples"]
    return {
        "rule": frozen[0]["rule"],
        "value": settings.threshold_value if chosen and settings.threshold != "youden" else None,
        "bound": settings.threshold_bound if chosen else None,
        "chosen_by": words(settings) if chosen else "",
        "validation": reached,
        "problem": _problem(reached, settings) if chosen else "",
        "cohort_prevalence": cohort,
        "prevalence": settings.prevalence,
        "per_1000": [
            per_1000(rates["sensitivity"], rates["specificity"], share)
            for share in (cohort, settings.prevalence)
            if share is not None
        ],
    }


def words(settings: EvaluationSettings) -> str:
    """The rule after "chosen by", with its source."""
    value, surely = settings.threshold_value, ""
    if settings.threshold_bound == "lower":
        surely = f" with the lower bound of its {level_text(settings.level)} interval"
    at = f", at a prevalence of {settings.prevalence:g}" if settings.prevalence is not None else ""
    return {
        "youden": f"the largest sum of sensitivity and specificity ({SOURCES['youden']})",
        "sensitivity": f"the highest value that reaches a sensitivity of {value:g}{surely}",
        "specificity": f"the lowest value that reaches a specificity of {value:g}{surely}",
        "cost": f"the lowest cost of wrong decisions, where a missed case costs as much as {value:g} false alarms{at}",
        "net_benefit": f"the highest net benefit at a threshold probability of {value:g} ({SOURCES['net_benefit']}){at}",
        "fixed": "hand",
    }[settings.threshold]


def per_1000(sensitivity: Estimate, specificity: Estimate, prevalence: float) -> dict[str, Any]:
    """[value, low, high] of patients out of 1,000 in each cell, None where a rate has no value or no interval."""
    ill, well = 1000 * prevalence, 1000 * (1 - prevalence)
    found, missed = _shares(sensitivity, ill)
    quiet, alarms = _shares(specificity, well)
    return {"prevalence": prevalence, "with": ill, "without": well, "found": found, "missed": missed,
            "false_alarms": alarms, "left_in_peace": quiet}  # fmt: skip


def _shares(rate: Estimate, of: float) -> tuple[list[float | None], list[float | None]]:
    """What a rate takes of a number and what it leaves, each as [value, low, high]."""
    taken = [None if x is None else of * x for x in (rate.value, rate.low, rate.high)]
    left = [None if x is None else of - x for x in (taken[0], taken[2], taken[1])]
    return taken, left


def _on_validation(
    predictions: pd.DataFrame, task: Task, record: dict[str, Any], settings: EvaluationSettings
) -> dict[str, Any]:
    """Sensitivity and specificity of one threshold on the samples it was chosen on, and whether they met the target."""
    here = (predictions["repeat"] == record["repeat"]) & (predictions["fold"] == record["fold"])
    valid = predictions[here & (predictions["part"] == "valid")]
    target, decision = task.encode(valid["target"]) == 1, decide(valid, task, [record])
    owners, level = units(valid).to_numpy(), settings.level
    rates = {
        "sensitivity": _rate("sensitivity", decision[target], owners[target], level),
        "specificity": _rate("specificity", ~decision[~target], owners[~target], level),
    }
    met = True
    if settings.threshold in rates:
        aimed = rates[settings.threshold]
        end = aimed.low if settings.threshold_bound == "lower" else aimed.value
        met = end is not None and end >= settings.threshold_value - 1e-9
    place = {"repeat": record["repeat"], "fold": record["fold"], "threshold": record["value"], "met": met}
    worth = {"sensitivity": samples_worth(owners[target]), "specificity": samples_worth(owners[~target])}
    return {**place, **{name: rate.to_dict() for name, rate in rates.items()}, "worth": worth}


def _rate(name: str, right: np.ndarray, owners: np.ndarray, level: float) -> Estimate:
    """The share that is right of samples of one class, with an interval that takes samples of a patient for one."""
    share, worth = float(right.mean()), samples_worth(owners)
    low, high = wilson(share * worth, worth, level=level)
    patients = len(np.unique(owners))
    alike = ", samples of a patient taken to be alike" if patients < len(owners) else ""
    method = f"Wilson interval{alike}; on the samples that the threshold was chosen on, so it flatters"
    return Estimate(name, share, low, high, level, patients, len(owners), method)


def _problem(reached: list[dict[str, Any]], settings: EvaluationSettings) -> str:
    """A sentence if no threshold reached the target, with what was reached instead; else nothing."""
    unmet = [record for record in reached if not record["met"]]
    if not unmet:
        return ""
    rule, value = settings.threshold, settings.threshold_value
    best, counts = max(record[rule]["low"] for record in unmet), [record[rule]["n_patients"] for record in unmet]
    worth = [record["worth"][rule] for record in unmet]
    alike = f", worth {_span(worth)} independent samples," if min(worth) < min(counts) - 1e-9 else ""
    z = float(norm.ppf((1 + settings.level) / 2))
    needed = int(np.ceil(z * z * value / (1 - value) - 1e-9))
    where = f" in {len(unmet)} of {len(reached)} folds" if len(reached) > 1 else ""
    whom, end = ("with", "highest") if rule == "sensitivity" else ("without", "lowest")
    return (
        f"No threshold reaches a {LABELS[rule]} of {value:g} with its lower bound on validation{where}: "
        f"{_span(counts)} validation patients {whom} the condition{alike} allow {best:.3f} at most, and it takes {needed}. "
        f"The {end} threshold that is right for all of them was taken instead."
    )


def _span(numbers: list[float]) -> str:
    """`17`, or `17 to 22`; parts of a patient are left out."""
    low, high = int(min(numbers) + 1e-9), int(max(numbers) + 1e-9)
    return f"{low}" if low == high else f"{low} to {high}"
