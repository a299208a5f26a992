"""Rows of the tables of a report, ready to print: estimates, comparison, features, splits, settings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bedside import settings as known
from bedside.cohort import Estimate, minus
from bedside.data.samples import generator_settings
from bedside.folder import Run
from bedside.report.words import GROUPS, metric_name, metric_words, percent

MOST_FEATURES = 40


def footnotes(*lists: list[dict[str, Any]]) -> dict[str, str]:
    """{method: letter}, in the order of appearance."""
    methods = dict.fromkeys(record["method"] for records in lists for record in records)
    return {method: _letter(i) for i, method in enumerate(methods)}


def _letter(i: int) -> str:
    return chr(97 + i) if i < 26 else f"{chr(96 + i // 26)}{chr(97 + i % 26)}"


def estimate_groups(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Overall and macro estimates under the four headings; headings without a row are left out."""
    rows = [estimate_row(record) for record in records if record["of"] in ("", "macro")]
    groups = [{"name": name, "rows": [row for row in rows if row["words"].group == name]} for name in GROUPS]
    return [group for group in groups if group["rows"]]


def estimate_row(record: dict[str, Any]) -> dict[str, Any]:
    """One estimate with its words and its place on the little interval plot."""
    estimate, words = Estimate.from_dict(record), metric_words(record["metric"])
    return {
        "name": metric_name(record["metric"]),
        "estimate": estimate,
        "words": words,
        "plot": interval_plot(estimate, words.scale, words.ideal),
    }


def interval_plot(estimate: Estimate, scale: tuple[float, float] | None, ideal: float | None) -> dict[str, Any] | None:
    """Positions in percent of the width; None if the metric has no natural scale or the estimate no value."""
    if scale is None or estimate.value is None:
        return None
    low = estimate.value if estimate.low is None else estimate.low
    high = estimate.value if estimate.high is None else estimate.high
    start, value, end = (_percent_of(x, scale) for x in (low, estimate.value, high))
    return {"start": start, "value": value, "end": end, "ideal": None if ideal is None else _percent_of(ideal, scale)}


def _percent_of(x: float, scale: tuple[float, float]) -> float:
    return round(100 * min(1.0, max(0.0, (x - scale[0]) / (scale[1] - scale[0]))), 2)


def class_table(estimates: dict[str, Any]) -> dict[str, Any] | None:
    """Estimates of each class against the rest: one row per class, one column per metric; None without classes."""
    records = [record for record in estimates["estimates"] if record["of"] not in ("", "macro")]
    if not records:
        return None
    metrics = list(dict.fromkeys(record["metric"] for record in records))
    cells = {(record["of"], record["metric"]): Estimate.from_dict(record) for record in records}
    names = list(dict.fromkeys(record["of"] for record in records))
    rows = [
        {
            "name": name,
            "events": (estimates["n"]["events"] or {}).get(name),
            "cells": [cells.get((name, m)) for m in metrics],
        }
        for name in names
    ]
    return {"metrics": [metric_name(metric) for metric in metrics], "rows": rows, "records": records}


def _row_name(record: Mapping[str, Any]) -> str:
    return metric_name(record["metric"]) + (", macro" if record["of"] == "macro" else "")


def repeat_rows(estimates: dict[str, Any], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """The named metrics with their t interval over repeats beside the interval over patients; empty without repeats."""
    known = {(record["metric"], record["of"]): record for record in estimates.get("over_repeats", [])}
    rows = [record for record in estimates["estimates"] if (record["metric"], record["of"]) in known]
    return [
        {
            "name": _row_name(record),
            "repeats": Estimate.from_dict(known[record["metric"], record["of"]]),
            "patients": Estimate.from_dict(record),
        }
        for record in rows
        if record["metric"] in metrics
    ]


def ensemble_rows(estimates: dict[str, Any], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """The named metrics of the mean of the models, beside those of one model and of the baseline; empty if it was not tested."""
    found = estimates.get("ensemble")
    if not found:
        return []
    simple = (found["baseline"] or {"estimates": []})["estimates"]
    one, other = (
        {(r["metric"], r["of"]): Estimate.from_dict(r) for r in rows} for rows in (estimates["estimates"], simple)
    )
    return [
        {
            "name": _row_name(record),
            "ensemble": Estimate.from_dict(record),
            "one": one[record["metric"], record["of"]],
            "baseline": other.get((record["metric"], record["of"])),
        }
        for record in found["estimates"]
        if record["metric"] in metrics and record["of"] in ("", "macro")
    ]


def comparison_rows(estimates: dict[str, Any]) -> list[dict[str, Any]]:
    """Model, baseline and paired difference of each metric that has a difference, overall and macro."""
    baseline = estimates["baseline"]
    model = {(e["metric"], e["of"]): e for e in estimates["estimates"]}
    other = {(e["metric"], e["of"]): e for e in baseline["estimates"]}
    rows = []
    for record in baseline["differences"]:
        key = (record["metric"], record["of"])
        if record["of"] not in ("", "macro") or key not in model or key not in other:
            continue
        difference = Estimate.from_dict(record)
        rows.append({
            "name": metric_name(record["metric"]), "headline": record["metric"] == baseline["headline"],
            "model": Estimate.from_dict(model[key]), "baseline": Estimate.from_dict(other[key]), "difference": difference,
        })  # fmt: skip
    return rows


def signed(estimate: Estimate) -> str:
    """A difference with its sign: `+0.012 [−0.004, +0.028]`."""
    if estimate.value is None:
        return "not defined"
    d = estimate.digits()
    value, low, high = (
        None if x is None else minus(f"{x:+.{d}f}") for x in (estimate.value, estimate.low, estimate.high)
    )
    return f"{value} [{low}, {high}]" if low is not None and high is not None else f"{value} [no interval]"


def feature_rows(description: dict[str, Any]) -> dict[str, Any]:
    """The features to show: all, or the most incomplete ones if there are more than a page holds."""
    features = description["features"]
    most_missing = sorted(features, key=lambda feature: -feature["missing"])
    shown = features if len(features) <= MOST_FEATURES else most_missing[:MOST_FEATURES]
    rows = [
        {
            **feature,
            "share": percent(feature["missing"], description["samples"]),
            "bar": _bar(feature["missing"], description["samples"]),
        }
        for feature in shown
    ]
    return {
        "rows": rows,
        "hidden": len(features) - len(shown),
        "hidden_missing": sum(f["missing"] > 0 for f in most_missing[MOST_FEATURES:]),
    }


def _bar(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def split_rows(run: Run) -> list[dict[str, Any]]:
    """Patients and samples of each part, one record per fold; seeds share a division."""
    seeds = run.settings.get("folds", {}).get("seeds", 1)
    table = run.folds.merge(run.cohort[["sample", "patient"]], on="sample", how="left", validate="many_to_one")
    rows = []
    for (repeat, fold), members in table[table["repeat"] % seeds == 0].groupby(["repeat", "fold"]):
        parts = {
            part: {"samples": len(rows_), "patients": int(rows_["patient"].nunique())}
            for part, rows_ in members.groupby("part")
        }
        rows.append({"repeat": int(str(repeat)) // seeds, "fold": int(str(fold)), "parts": parts})
    return rows


def split_ranges(rows: list[dict[str, Any]], unit: str) -> dict[str, str]:
    """`341 to 342` patients or samples per part, over the folds."""
    ranges = {}
    for part in ("train", "valid", "test", "left_out"):
        counts = [row["parts"].get(part, {unit: 0})[unit] for row in rows]
        if any(counts):
            ranges[part] = f"{min(counts):,}" if min(counts) == max(counts) else f"{min(counts):,} to {max(counts):,}"
    return ranges


def setting_rows(settings: dict[str, Any]) -> list[dict[str, str]]:
    """Every setting of the run by its full name, with its meaning where it is known."""
    kinds: list[tuple[Any, str]] = [(known.RunSettings, "")]
    if settings.get("data", {}).get("synthetic"):
        kinds.append((generator_settings(str(settings["source"])), "data.synthetic."))
    meanings = {record["name"]: record["meaning"] for kind in kinds for record in known.describe(*kind)}
    of_family = f"See `bedside settings --family {settings.get('family')}`."
    return [
        {
            "name": name,
            "value": _plain(value),
            "meaning": meanings.get(name, of_family if name.startswith("model.") else ""),
        }
        for name, value in _flat(settings)
    ]


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in ((), [], {}, None) and f"{prefix}{name}" != "bedside":  # the version stands elsewhere
            yield f"{prefix}{name}", value


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
