"""The worst group of patients, in a sentence for the top of a report."""

from typing import Any

from bedside.cohort import Estimate
from bedside.evaluation.metrics import LABELS

SIGNIFICANT = 0.05


def worst_group(subgroups: dict[str, Any] | None) -> tuple[tuple[str, ...], str]:
    """Numbers of the rules and the sentence; no sentence if no groups were asked for.

    Args:
        subgroups: the entry of estimates.json. `worst` is None, or has column, group (or level) and p_adjusted (or p_holm).
            The sentence stands in `sentence`, or is made from `metric`, `estimate` and `rest` (estimates as plain values).
    """
    columns = checked(subgroups)
    if not subgroups or not columns:
        return ("6",), ""
    worst, said = subgroups.get("worst"), str(subgroups.get("sentence") or "")
    tested = any(test.get("p") is not None for test in subgroups.get("tests") or ())
    if not worst:
        few = f"Too few patients to tell which group of {listed(columns)} is the worst."
        return ("6.2" if tested else "6.3",), said or few
    p = worst.get("p_adjusted", worst.get("p_holm"))
    differs = p is not None and p < SIGNIFICANT
    rule = "6.1" if differs else "6.2"
    if said or not worst.get("estimate"):
        return (rule,), said
    start = "Worst" if differs else "Lowest" if _higher(worst) else "Highest"
    chance = "" if differs else ", which may be chance"
    return (rule,), f"{start} in {_where(worst)}: {_values(worst)} ({_p(p)}){chance}."


def checked(subgroups: dict[str, Any] | None) -> list[str]:
    """Columns whose groups were judged by themselves."""
    known = subgroups or {}
    return list(known.get("checked") or [column["column"] for column in known.get("columns") or ()])


def _higher(worst: dict[str, Any]) -> bool:
    """Whether the group's value lies below that of the others."""
    value, rest = (worst.get(key, {}).get("value") if worst.get(key) else None for key in ("estimate", "rest"))
    return value is None or rest is None or value <= rest


def _where(worst: dict[str, Any]) -> str:
    return f"the group {worst.get('column')} = {worst.get('group', worst.get('level'))}"


def _values(worst: dict[str, Any]) -> str:
    """`AUROC 0.71 [0.62, 0.79] (120 patients) against 0.85 [0.80, 0.90] in the others`."""
    group = Estimate.from_dict(worst["estimate"])
    name = LABELS.get(str(worst.get("metric") or group.metric), str(worst.get("metric")))
    rest = f" against {Estimate.from_dict(worst['rest']).text()} in the others" if worst.get("rest") else ""
    return f"{name} {group.text()} in {group.n_patients:,} patients{rest}"


def _p(p: float | None) -> str:
    if p is None:
        return "not tested"
    return "p < 0.001 after Holm" if p < 0.001 else f"p = {p:.2g} after Holm"


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
