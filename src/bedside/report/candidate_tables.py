"""Tables of a comparison, ready to print: what varied and what it gave, and the candidates pair by pair."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bedside.cohort import Estimate, minus
from bedside.report import tables
from bedside.report.candidates import ALIKE, Candidate, Pair
from bedside.report.page import HEADLINES, seconds_text
from bedside.report.words import metric_name, number, p_text

MOST_IN_MATRIX = 12  # candidates that fit beside each other; beyond, only the pairs with the best estimate are shown


def candidate_table(rows: Sequence[Candidate], kind: str) -> dict[str, Any]:
    """One row per candidate, the settings of a grid as columns of their own."""
    varied = varied_settings([row.record["varied"] for row in rows])
    further = [metric for metric in HEADLINES[kind] if metric != rows[0].estimate.metric]
    shown = [_cells(row, varied, further) for row in rows]
    estimates = [row["headline"] for row in shown] + [cell for row in shown for cell in row["further"] if cell]
    return {
        "settings": [{"words": name.rpartition(".")[2].split("_"), "full": name} for name in varied],
        "statuses": len({row.status for row in rows}) > 1,
        "further": [metric_name(metric) for metric in further],
        "headline": metric_name(rows[0].estimate.metric),
        "rows": shown,
        "folds": any(len(row.folds) > 1 for row in rows),
        "repeats": any(row["repeats_sd"] is not None for row in shown),
        "seeds": any(row["seeds_sd"] is not None for row in shown),
        "notes": tables.footnotes([estimate.to_dict() for estimate in estimates]),
    }


def varied_settings(varied: Sequence[Mapping[str, Any]]) -> list[str]:
    """Full names of the settings of a grid, in the order asked, if they and the family tell all candidates apart."""
    names = list(dict.fromkeys(name for values in varied for name in values if name != "family"))
    told = {repr([values.get(name) for name in ["family", *names]]) for values in varied}
    return names if len(told) == len(varied) else []


def _cells(row: Candidate, varied: Sequence[str], further: Sequence[str]) -> dict[str, Any]:
    record = row.record
    found = {e["metric"]: Estimate.from_dict(e) for e in record["estimates"] if e["of"] in ("", "macro")}
    return {
        "name": str(record["varied"].get("family", row.name)) if varied else row.name,
        "full": row.name,
        "number": row.number,
        "values": [setting_text(record["varied"][name]) if name in record["varied"] else "" for name in varied],
        "headline": row.estimate,
        "mean": fold_text(row.folds, row.estimate),
        "repeats_sd": _repeats_sd(record, row.estimate),
        "seeds_sd": next((_sd_text(s["sd"]) for s in _seeds(record) if s["metric"] == row.estimate.metric), None),
        "further": [found.get(metric) for metric in further],
        "parameters": number(record.get("parameters")),
        "trained": _trained(record),
        "seconds": "–" if record.get("seconds") is None else seconds_text(record["seconds"]),
        "status": row.status,
        "worse": row.worse,
    }


def setting_text(value: Any) -> str:
    """`0.0003`, `[64, 64]`, `yes`: a value as it is written in a table."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(setting_text(one) for one in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def fold_text(folds: np.ndarray, estimate: Estimate) -> str:
    """`0.91 (0.04)`: mean and standard deviation over the folds."""
    if len(folds) < 2:
        return "–"
    digits = max(2, estimate.digits())
    return minus(f"{folds.mean():.{digits}f} ({folds.std(ddof=1):.{digits}f})")


def _repeats_sd(record: Mapping[str, Any], estimate: Estimate) -> str | None:
    """Standard deviation of the means of the divisions, None unless there are several."""
    seeds = next((found["seeds"] for found in _seeds(record)), 1)  # consecutive repeats that share a division
    values: dict[int, list[float]] = {}
    for entry in record["per_fold"]:
        if entry["metric"] == estimate.metric and entry["value"] is not None:
            values.setdefault(entry["repeat"] // seeds, []).append(entry["value"])
    means = [float(np.mean(of_repeat)) for of_repeat in values.values()]
    return _sd_text(float(np.std(means, ddof=1))) if len(means) > 1 else None


def _seeds(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = record.get("spread_by_seed", [])
    return found


def _sd_text(sd: float) -> str:
    return f"{sd:.4f}" if sd >= 0.0001 else "< 0.0001"


def _trained(record: Mapping[str, Any]) -> str:
    """How many of the weights learned, if some were frozen."""
    learned = record.get("parameters_trained")
    return "" if learned in (None, record.get("parameters")) else f"{number(learned)} learned"


def matrix(rows: Sequence[Candidate], pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """Differences of all pairs, row minus column, below the diagonal; None for more candidates than fit."""
    if len(rows) > MOST_IN_MATRIX or len(rows) < 3:
        return None
    found = {(pair.first, pair.second): pair for pair in pairs}
    body = [
        {"name": row.name, "number": row.number, "cells": [_cell(found[column.name, row.name]) for column in rows[:k]]}
        for k, row in enumerate(rows)
    ]
    return {"columns": [{"number": row.number, "name": row.name} for row in rows[:-1]], "rows": body}


def _cell(pair: Pair) -> dict[str, str]:
    """Of the lower row: second minus first."""
    value = pair.difference.value
    digits = max(2, pair.difference.digits())
    text = "–" if value is None else minus(f"{0.0 - value:+.{digits}f}")
    verdict = {"better": "worse", "worse": "better"}.get(pair.verdict, ALIKE)
    return {"text": text, "p": f"p {p_text(pair.p_adjusted)}", "verdict": verdict}


def pair_rows(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Pairs with their test, and DeLong's beside it where there is one."""
    return [
        {
            "first": pair.first,
            "second": pair.second,
            "difference": pair.difference,
            "p": p_text(pair.p),
            "p_adjusted": p_text(pair.p_adjusted),
            "delong": pair.delong,
            "delong_p": p_text(pair.delong_p),
            "verdict": pair.verdict,
        }
        for pair in pairs
    ]


def shared_settings(settings: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Settings that are the same in every fit that has them; `settings` by the name of the family or candidate."""
    rows: dict[str, list[dict[str, str]]] = {}
    for nested in settings.values():
        for row in tables.setting_rows(dict(nested)):
            rows.setdefault(row["name"], []).append(row)
    same = [found for found in rows.values() if len({row["value"] for row in found}) == 1]
    shared = []
    for found in same:
        owners = {str(nested.get("family", "")) for nested in settings.values() if _has(nested, found[0]["name"])}
        everywhere = len(found) == len(settings)
        shared.append(
            {**found[0], "value": found[0]["value"] + ("" if everywhere else f" ({', '.join(sorted(owners))})")}
        )
    return shared


def _has(nested: Mapping[str, Any], name: str) -> bool:
    part, _, rest = name.partition(".")
    if part not in nested:
        return False
    return not rest or (isinstance(nested[part], Mapping) and _has(nested[part], rest))
