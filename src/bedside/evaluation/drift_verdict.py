"""From all tests of a monitoring to one verdict: adjusted p-values, a verdict for each, and sentences.

The 5 % of false alarms are spent once over everything that is tested: half on the columns, in equal shares, and half on
what looks at patients as a whole (distance from training, latent space, scores, outcomes), in equal shares. The adjustment
is Holm's, with these shares as weights, so it holds however columns, scores and outcomes depend on each other.
"""

from typing import Any

import numpy as np

from bedside.cohort import minus
from bedside.evaluation.drift import ALPHA, QUESTIONS, TOO_FEW, column_tests, detectable, verdict
from bedside.evaluation.paired import holm

OF_COLUMNS = 0.5  # of the false alarms, if columns and the patients as a whole are tested


def judged(columns: list[dict[str, Any]], whole: list[dict[str, Any]], n: dict[str, int]) -> dict[str, Any]:
    """Adjusted p-values and verdicts, written into the records, and the verdict over all.

    Args:
        columns: from `column_record`, with `p` and `p_missing`.
        whole: records with `name`, `p`, `known_patients`, `new_patients`, and `enough` if patients are not what counts.
        n: `known_patients` and `new_patients`.

    Returns:
        `verdict` ("drift", "no drift found" or "too few patients to tell"), `sentences`, `tests`, `alpha` and `shift`, the
        smallest shift of one column, in standard deviations, that would have been found four times in five.
    """
    p = [*(one[key] for one in columns for key in ("p", "p_missing")), *(one["p"] for one in whole)]
    tested = [value is not None for value in p]
    n_columns, n_whole = sum(tested[: 2 * len(columns)]), sum(tested[2 * len(columns) :])
    shares = (OF_COLUMNS, 1 - OF_COLUMNS) if n_columns and n_whole else (1.0, 1.0)
    weights = [
        shares[k >= 2 * len(columns)] / max(1, (n_columns, n_whole)[k >= 2 * len(columns)]) for k in range(len(p))
    ]
    adjusted = holm(p, weights)
    alphas = [ALPHA * shares[0] / max(1, n_columns), ALPHA * shares[1] / max(1, n_whole)]
    for k, one in enumerate(columns):
        found = [value for value in adjusted[2 * k : 2 * k + 2] if value is not None]
        one["p_adjusted"] = min(found) if found else None
        present = [one[side]["n"] - one[side]["missing"] for side in ("known", "new")]
        counts = present if one["p"] is not None else [one["known"]["n"], one["new"]["n"]]
        one["verdict"] = verdict(one["p_adjusted"], counts[0], counts[1], _for_shift(one, alphas[0]))
        one["by"] = [
            name for name, value in zip(("values", "gaps"), adjusted[2 * k : 2 * k + 2], strict=True) if _small(value)
        ]
    for one, value in zip(whole, adjusted[2 * len(columns) :], strict=True):
        one["p_adjusted"] = value
        one["verdict"] = _whole_verdict(one, alphas[1])
    alpha = (alphas[0] if n_columns else alphas[1]) / QUESTIONS  # a shift is one of a number
    shift = detectable(n["known_patients"], n["new_patients"], alpha)
    said = _overall(columns, whole)
    record = {"alpha": ALPHA, "tests": sum(tested), "shift": shift, "verdict": said}
    return {**record, "sentences": sentences(said, columns, whole, n, shift)}


def _for_shift(one: dict[str, Any], alpha: float) -> float:
    """The part of its false alarms that a record spends on a shift; a number also asks for its spread."""
    return alpha / QUESTIONS if "edges" in one else alpha


def _small(p: float | None) -> bool:
    return p is not None and p < ALPHA


def _whole_verdict(one: dict[str, Any], alpha: float) -> str:
    if one["p"] is None:
        return one.get("verdict") or "not compared"
    if _small(one["p_adjusted"]):
        return "drift"
    if "enough" in one:
        return "no drift found" if one["enough"] else TOO_FEW
    return verdict(one["p_adjusted"], one["known_patients"], one["new_patients"], _for_shift(one, alpha))


def _overall(columns: list[dict[str, Any]], whole: list[dict[str, Any]]) -> str:
    """Drift if anything drifted; otherwise what most of the columns, or else of the whole, allow to say."""
    found = [one["verdict"] for one in (*columns, *whole)]
    if "drift" in found:
        return "drift"
    asked = [one["verdict"] for one in columns] or [one["verdict"] for one in whole]
    silent = sum(name == "no drift found" for name in asked)
    return "no drift found" if 2 * silent >= len(asked) and silent else TOO_FEW


def sentences(
    said: str, columns: list[dict[str, Any]], whole: list[dict[str, Any]], n: dict[str, int], shift: float | None
) -> list[str]:
    """At most four sentences for the top of the page."""
    new = f"{n['new_patients']:,} new {'patient' if n['new_patients'] == 1 else 'patients'}"
    size = (
        f" A column whose values shifted by {shift:.1f} standard deviations would be found four times in five."
        if shift
        else ""
    )
    drifted = [one["name"] for one in columns if one["verdict"] == "drift"]
    others = [one["sentence"] for one in whole if one["verdict"] == "drift"]
    lines = []
    if said == "drift":
        told = f"{len(drifted)} of {len(columns)} columns ({_listed(drifted)})" if drifted else ""
        first = f"in {told}" if told else "not in single columns, but in the whole"
        lines.append(f"Drift: {new} differ from the patients of the run {first}.")
        lines += others
    elif said == TOO_FEW:
        lines.append(f"Too few patients to tell: {new}.{size}")
    else:
        lines.append(f"No drift found in {new}.{size}")
    few = [one["name"] for one in (*columns, *whole) if one["verdict"] == TOO_FEW]
    if few and said != TOO_FEW:
        lines.append(f"Too few patients to tell: {_listed(few)}.")
    return lines[:4]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return f"{shown} and {len(names) - 4} more" if len(names) > 4 else shown


def column_record(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """One column with its counts on both sides, its tests, and what changed in words."""
    side = {key: known[key] for key in ("n", "missing", "counts")}
    shape: dict[str, Any] = {key: known[key] for key in ("edges", "levels") if key in known}
    record = {"name": known["name"], "kind": known["kind"], **shape, "known": side, "new": new}
    return {**record, **column_tests(known, new), "words": changed(known, new)}


def changed(known: dict[str, Any], new: dict[str, Any]) -> str:
    """What differs most, in words: where the values are farthest apart, a level, and gaps."""
    parts = []
    if known["missing"] or new["missing"]:
        parts.append(
            f"missing in {_share(known['missing'], known['n'])} before, {_share(new['missing'], new['n'])} now"
        )
    before, after = np.array(known["counts"]), np.array(new["counts"])
    if not before.sum() or not (after.sum() + sum(new["unseen"].values())):
        return "; ".join([*parts, "no values to compare"])
    if "edges" in known:
        parts.insert(0, _farthest_apart(known, before, after))
    else:
        total = after.sum() + sum(new["unseen"].values())
        gap = np.abs(after / total - before / before.sum())
        k = int(gap.argmax())
        parts.insert(
            0, f"{known['levels'][k]}: {_share(before[k], before.sum())} before, {_share(after[k], total)} now"
        )
        if new["unseen"]:
            shown = ", ".join(f"{level} ({count:,})" for level, count in list(new["unseen"].items())[:3])
            more = len(new["unseen"]) - 3
            parts.insert(0, f"never seen in training: {shown}{f' and {more} more' if more > 0 else ''}")
    return "; ".join(parts)


def _farthest_apart(known: dict[str, Any], before: np.ndarray, after: np.ndarray) -> str:
    """The share of patients up to the edge where the two distributions are farthest apart."""
    if not known["edges"]:
        return "one value only"
    shares = [np.cumsum(side)[:-1] / side.sum() if side.sum() else np.zeros(len(side) - 1) for side in (before, after)]
    k = int(np.abs(shares[1] - shares[0]).argmax())
    edge, *larger = (minus(f"{one:.4g}") for one in known["edges"][k : k + 2])
    up_to = "below" if larger == [edge] else "at most"
    return f"{up_to} {edge}: {100 * shares[0][k]:.0f}\u00a0% before, {100 * shares[1][k]:.0f}\u00a0% now"


def _share(part: float, total: float) -> str:
    return f"{100 * part / total:.0f}\u00a0%" if total else "–"
