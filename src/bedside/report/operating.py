"""The operating point in words and tables: the rule, what it reached, and what it means per 1,000 patients."""

from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.operating import SOURCES
from bedside.folder import Run
from bedside.report.words import find, metric_name

CELLS = {
    "found": ("Found", "have the condition and get an alarm"),
    "missed": ("Missed", "have the condition and get an all-clear"),
    "false_alarms": ("False alarms", "do not have it and get an alarm"),
    "left_in_peace": ("Left in peace", "do not have it and get an all-clear"),
}


def point(run: Run) -> dict[str, Any] | None:
    """Everything the template needs; None without a decision threshold, or for runs that did not keep it."""
    estimates = run.estimates
    known = estimates.get("operating")
    if not known:
        return None
    return {
        "sentence": _sentence(known, estimates["thresholds"]),
        "source": SOURCES.get(known["rule"], "") if known["chosen_by"] else "",
        "problem": known["problem"],
        "rates": [_rate(name, known["validation"], estimates) for name in ("sensitivity", "specificity")],
        "chosen": bool(known["validation"]),
        "folds": len(known["validation"]),
        "prevalences": [_prevalence(k, record) for k, record in enumerate(known["per_1000"])],
        "values": [_values(name, estimates, stated=known["prevalence"] is not None) for name in ("ppv", "npv")],
        "counts": [_counts(cell, known["per_1000"], estimates) for cell in CELLS],
    }


def _sentence(known: dict[str, Any], thresholds: list[dict[str, Any]]) -> str:
    """Which threshold, by which rule; the source of the rule stands apart."""
    values = [record["value"] for record in thresholds]
    which = f"A score of {values[0]:.3f} or more is an alarm"
    if len(values) > 1:
        which = f"A score at or above the threshold of its fold, {min(values):.3f} to {max(values):.3f}, is an alarm"
    if not known["chosen_by"]:
        return f"{which}; the threshold was given beforehand."
    where = "validation patients of each fold" if len(values) > 1 else "validation patients"
    rule = known["chosen_by"].replace(f" ({SOURCES.get(known['rule'])})", "")
    return (
        f"{which}. The threshold was chosen on the {where} by {rule}, and frozen before the test patients were scored."
    )


def _rate(name: str, validation: list[dict[str, Any]], estimates: dict[str, Any]) -> dict[str, Any]:
    """Sensitivity or specificity: on validation, as a range over the folds if there are several, and on test."""
    reached = [Estimate.from_dict(record[name]) for record in validation]
    values = [estimate.value for estimate in reached if estimate.value is not None]
    low, high = (f"{end:.2f}" for end in (min(values), max(values))) if values else ("", "")
    return {
        "name": metric_name(name),
        "validation": reached[0] if len(reached) == 1 else None,
        "range": low if low == high else f"{low} to {high}",
        "test": find(estimates, name),
    }


def _prevalence(number: int, record: dict[str, Any]) -> str:
    """`this cohort, 37 %` for the first, `as stated, 2 %` for the second."""
    share = f"{100 * record['prevalence']:.3g}\u00a0%"
    return f"As stated: {share}" if number else f"This cohort: {share}"


def _values(name: str, estimates: dict[str, Any], *, stated: bool) -> dict[str, Any]:
    """A predictive value in the cohort and, if one was stated, at the other prevalence."""
    there = [find(estimates, f"{name}_at_prevalence")] if stated else []
    meaning = {"ppv": "share of alarms that are right", "npv": "share of all-clears that are right"}[name]
    return {"name": metric_name(name), "meaning": meaning, "cells": [find(estimates, name), *there]}


def _counts(cell: str, columns: list[dict[str, Any]], estimates: dict[str, Any]) -> dict[str, Any]:
    """Patients out of 1,000 in one cell, for each prevalence, as estimates so that digits follow the interval."""
    name, meaning = CELLS[cell]
    rate = find(estimates, "sensitivity" if cell in ("found", "missed") else "specificity")
    sizes = (rate.n_patients, rate.n_samples) if rate else (0, 0)
    triples = [column[cell] for column in columns]
    cells = [
        Estimate(cell, value, low, high, estimates["level"], *sizes, "per 1,000 patients")
        for value, low, high in triples
    ]
    return {"name": name, "meaning": meaning, "cells": cells}
