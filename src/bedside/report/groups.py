"""Groups, sites and uncertainty as rows of a page."""

from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.group_tests import OTHERS, TESTED
from bedside.evaluation.metrics import LABELS
from bedside.folder import Run
from bedside.report.tables import footnotes
from bedside.report.words import metric_name, p_words

COLUMNS = {
    "binary": ("auroc", "sensitivity", "specificity", "calibration_intercept", "calibration_slope"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy", "brier"),
    "regression": ("r2", "mae", "calibration_in_the_large", "calibration_slope"),
}
ANSWERED = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)  # rows of the table of abstention


def group_tables(run: Run) -> dict[str, Any] | None:
    """One table per column of groups; None without groups."""
    found = run.estimates.get("subgroups")
    if not found:
        return None
    kind = run.estimates["task"]["kind"]
    metrics = COLUMNS[kind]
    tables = [_table(column, metrics, found["tests"], run.estimates["task"]["positive"]) for column in found["columns"]]
    shown = [
        e for column in found["columns"] for g in column["groups"] for e in g["estimates"] if e["metric"] in metrics
    ]
    return {
        "sentence": found["sentence"],
        "tables": tables,
        "heads": [metric_name(metric) for metric in metrics],
        "notes": footnotes([e for e in shown if e["of"] in ("", "macro") and e["value"] is None]),
        "fewest": found["fewest"],
        "tested": [LABELS[metric] for metric in TESTED[kind]],
        "n_tests": sum(test["p"] is not None for test in found["tests"]),
        "differs": [_difference(test) for test in found["tests"] if test["differs"]],
        "sites": _sites(found["sites"]),
    }


def _table(column: dict[str, Any], metrics: tuple[str, ...], tests: list[Any], positive: str | None) -> dict[str, Any]:
    differ = {
        (t["group"], t["difference"]["metric"]) for t in tests if t["column"] == column["column"] and t["differs"]
    }
    both = {
        (t["against"], t["difference"]["metric"]) for t in tests if t["column"] == column["column"] and t["differs"]
    }
    rows = []
    for group in column["groups"]:
        by = {e["metric"]: Estimate.from_dict(e) for e in group["estimates"] if e["of"] in ("", "macro")}
        events = (group["n"] or {}).get("events")
        rows.append({
            "name": group["name"], "hidden": group["hidden"],
            "patients": group["n"]["patients"] if group["n"] else None,
            "events": events[positive] if events and positive else None,
            "cells": [
                {"estimate": by.get(metric), "differs": (group["name"], metric) in differ | both} for metric in metrics
            ],
        })  # fmt: skip
    return {"column": column["column"], "edges": column["edges"], "rows": rows, "positive": positive}


def _difference(test: dict[str, Any]) -> dict[str, Any]:
    against = test["against"] if test["against"] == OTHERS else f"{test['column']} {test['against']}"
    return {
        "group": f"{test['column']} {test['group']}",
        "against": against,
        "metric": metric_name(test["difference"]["metric"]),
        "estimate": Estimate.from_dict(test["difference"]),
        "p": p_words(test["p_adjusted"]),
    }


def _sites(sites: dict[str, Any] | None) -> dict[str, Any] | None:
    if not sites:
        return None
    summary = sites["summary"]
    return {
        "external": sites["external"],
        "why": sites["why"],
        "mean": Estimate.from_dict(summary["mean"]) if summary else None,
        "new_site": Estimate.from_dict(summary["new_site"]) if summary else None,
        "count": len(summary["sites"]) if summary else 0,
    }


def uncertainty(run: Run) -> dict[str, Any] | None:
    """What the model does not know; None for a run from before it was asked."""
    found = run.estimates.get("uncertainty")
    if not found:
        return None
    conformal, abstention, repeats = found["conformal"], found["abstention"], found["repeats"]
    points = _points(abstention) if abstention and "points" in abstention else []
    return {
        "conformal": conformal,
        "sizes": [(SIZES[e["metric"]], Estimate.from_dict(e)) for e in (conformal or {}).get("size", [])],
        "abstention": abstention,
        "points": [point for point in points if point["error"]],
        "area": Estimate.from_dict(abstention["area"]) if abstention and "area" in abstention else None,
        "repeats": repeats and {"n": repeats["repeats"], "estimate": Estimate.from_dict(repeats["spread"])},
        "decisions": any(point["sensitivity"] or point["specificity"] for point in points),
    }


SIZES = {
    "set_size": "Classes in a set, mean",
    "sets_of_one": "Sets that name one class",
    "sets_of_several": "Sets that cannot tell",
    "sets_empty": "Empty sets: unlike any class",
    "sets_of_one_right": "Sets of one class that are right",
    "interval_width": "Width of the intervals, mean",
}


def _points(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of the table, the points nearest to the shares of `ANSWERED`, each once."""
    nearest = {id(p): p for share in ANSWERED for p in [min(found["points"], key=lambda p: abs(p["answered"] - share))]}
    return [
        {
            "answered": point["answered"],
            **{
                name: Estimate.from_dict(point[name]) if point[name] else None
                for name in ("error", "sensitivity", "specificity")
            },
        }
        for point in nearest.values()
    ]
