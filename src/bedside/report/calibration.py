"""The sections on calibration and on decision curves: what they say and their tables, from estimates.json."""

from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.calibration import ECE_BINS
from bedside.evaluation.utility import ranges_text
from bedside.folder import Run
from bedside.report.tables import footnotes
from bedside.report.words import metric_name

MEANINGS = {
    "calibration_slope": "1 is ideal; below 1 too extreme",
    "calibration_intercept": "calibration in the large: 0 is ideal, below 0 risks are too high",
    "calibration_in_the_large": "mean predicted minus mean observed; 0 is ideal",
    "brier": "0 is ideal",
    "brier_null": "its null value: the prevalence for everybody",
    "brier_scaled": "1 is perfect, 0 no better than the prevalence",
    "ece": "mean gap of score and share; chance alone makes it larger than 0",
}
METHODS = {
    "temperature": "temperature scaling",
    "platt": "Platt scaling",
    "isotonic": "isotonic regression",
    None: "a recalibration",
}


def calibration_section(run: Run) -> dict[str, Any] | None:
    """What the section on calibration shows; None of an older run."""
    record = run.estimates.get("calibration")
    if record is None:
        return None
    found, again = record["of"], record["recalibration"]
    before = again["before"] if again else {}
    estimates = [*(e for one in found for e in one["estimates"]), *(e for group in before.values() for e in group)]
    return {
        "lead": found[0]["sentence"] if len(found) == 1 else _flawed(found),
        "several": len(found) > 1,
        "rows": class_rows(found[0], before.get(found[0]["of"])) if len(found) == 1 else [],
        "columns": [metric_name(e["metric"]) for e in found[0]["estimates"]] if found else [],
        "classes": [_class(one, before.get(one["of"])) for one in found] if len(found) > 1 else [],
        "before": bool(before),
        "recalibrated": recalibrated(run),
        "notes": footnotes(estimates),
    }


def class_rows(record: dict[str, Any], before: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """One row per number, with the same number before recalibration if there was one."""
    earlier = {entry["metric"]: entry for entry in before or []}
    rows = []
    for entry in record["estimates"]:
        meaning = MEANINGS.get(entry["metric"], "")
        if entry["metric"] == "ece":
            meaning = f"{meaning}; {record['bins_used']} of {ECE_BINS} bins hold samples"
        other = earlier.get(entry["metric"])
        rows.append(
            {
                "name": metric_name(entry["metric"]),
                "meaning": meaning,
                "estimate": Estimate.from_dict(entry),
                "before": Estimate.from_dict(other) if other else None,
            }
        )
    return rows


def decision_section(run: Run) -> dict[str, Any] | None:
    """What the section on decision curves says; None for numbers, or of an older run."""
    record = run.estimates.get("decision_curve")
    if not record or not record["of"]:
        return None
    several = len(record["of"]) > 1
    if several:
        worth = "; ".join(f"{one['of']} {ranges_text(one['useful'])}" for one in record["of"])
        said = f"Threshold probabilities at which deciding by the score is worth more than treating everybody and than treating nobody: {worth}."
    else:
        said = record["of"][0]["sentence"]
    return {"lead": said, "method": record["method"]}


def _class(record: dict[str, Any], before: list[dict[str, Any]] | None) -> dict[str, Any]:
    return {
        "of": record["of"],
        "cells": [Estimate.from_dict(entry) for entry in record["estimates"]],
        "before": [Estimate.from_dict(entry) for entry in before or []],
    }


def _flawed(found: list[dict[str, Any]]) -> str:
    """Which classes are miscalibrated, in one sentence."""
    flawed = [f"{one['of']} ({' and '.join(one['flaws'])})" for one in found if one["flaws"]]
    if not flawed:
        return "No miscalibration was found in any class, which does not prove that there is none."
    return f"Scores are miscalibrated for {len(flawed)} of {len(found)} classes: {', '.join(flawed)}."


def recalibrated(run: Run) -> str:
    """How the scores were recalibrated; nothing if they are as the model gave them, or of an older run."""
    again = (run.estimates.get("calibration") or {}).get("recalibration")
    if again is None:
        return ""
    return (
        f"The scores were recalibrated by {METHODS[again['method']]}, fitted for each fold on its validation samples only and "
        "then applied to its test samples; thresholds were chosen after it."
    )
