"""Tables of a tuning, ready to print: what was chosen, how stable the choice is, and what it gave."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from bedside.cohort import Estimate, minus, share_text
from bedside.report.candidate_tables import setting_text
from bedside.report.words import metric_name


def estimate_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Overall and macro estimates of the tuned settings, those of the untuned ones beside them."""
    other = {(e["metric"], e["of"]): Estimate.from_dict(e) for e in (record["untuned"] or {}).get("estimates", [])}
    rows = (Estimate.from_dict(entry) for entry in record["honest"]["estimates"] if entry["of"] in ("", "macro"))
    return [
        {
            "name": metric_name(tuned.metric) + (", macro" if tuned.of == "macro" else ""),
            "headline": (tuned.metric, tuned.of) == (record["headline"]["metric"], record["headline"]["of"]),
            "tuned": tuned,
            "untuned": other.get((tuned.metric, tuned.of)),
        }
        for tuned in rows
    ]


def chosen_rows(record: dict[str, Any]) -> list[dict[str, str]]:
    """Every searched setting: where it was looked for, what was chosen on all patients and in the outer folds."""
    rows = []
    for name, dimension in record["space"].items():
        found = [fold["chosen"].get(name) for fold in record["outer"]]
        rows.append({
            "name": name, "space": _space_text(dimension), "chosen": _plain(record["chosen"].get(name)),
            "folds": _spread_text(dimension, found), "stable": stability(dimension, found),
        })  # fmt: skip
    return rows


def _space_text(dimension: Mapping[str, Any]) -> str:
    if dimension["kind"] == "choice":
        return ", ".join(setting_text(value) for value in dimension["values"])
    words = {"log": ", logarithmic", "integer": ", whole numbers"}.get(dimension["kind"], "")
    return f"{_plain(dimension['low'])} to {_plain(dimension['high'])}{words}"


def _plain(value: Any) -> str:
    """As a setting is written, with the digits that a search can mean."""
    return f"{value:.4g}" if isinstance(value, float) else setting_text(value)


def _spread_text(dimension: Mapping[str, Any], found: Sequence[Any]) -> str:
    """`0.0003 to 0.004`, or `[64, 64] in 3 folds, [32] in 2`."""
    if not found:
        return "–"
    if dimension["kind"] == "choice":
        counted = Counter(setting_text(value) for value in found).most_common()
        return ", ".join(
            f"{text} in {n}{' folds' if k == 0 and n > 1 else ' fold' if k == 0 else ''}"
            for k, (text, n) in enumerate(counted)
        )
    known = [value for value in found if value is not None]
    ends = [_plain(end) for end in (min(known), max(known))] if known else ["–"]
    return " to ".join(dict.fromkeys(ends))


def stability(dimension: Mapping[str, Any], found: Sequence[Any]) -> str:
    """How much the choice depended on the patients: the share of the space over which the outer folds scattered."""
    if len(found) < 2 or any(value is None for value in found):
        return "–"
    if dimension["kind"] == "choice":
        most = Counter(setting_text(value) for value in found).most_common(1)[0][1]
        return f"the same in {most} of {len(found)} folds"
    scale = log if dimension["kind"] == "log" else float
    width = scale(dimension["high"]) - scale(dimension["low"])
    share = (scale(max(found)) - scale(min(found))) / width if width > 0 else 0.0
    return f"scattered over {share_text(share)} of the range"


def outer_rows(record: dict[str, Any], honest: Estimate) -> list[dict[str, Any]]:
    digits = max(2, honest.digits())
    return [
        {
            "fold": str(fold["fold"] + 1)
            if record["n"]["repeats"] == 1
            else f"{fold['repeat'] + 1}.{fold['fold'] + 1}",
            "values": [_plain(fold["chosen"].get(name)) for name in record["space"]],
            "inner": _number(fold["inner"], digits),
            "test": _number(fold["test"], digits),
        }
        for fold in record["outer"]
    ]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else minus(f"{value:.{digits}f}")
