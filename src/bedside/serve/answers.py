"""What is said of each sample, the same as `bedside predict` writes, as plain values for JSON; not a number is null."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bedside.cohort import Finding
from bedside.recalibration import RAW
from bedside.scoring import Scored, Scorer

NOTICE = "Research and teaching only; not a medical device."


def answers(scorer: Scorer, parts: Sequence[Any], found: Scored) -> list[dict[str, Any]]:
    """For each request its samples and findings; they were scored together.

    Args:
        parts: samples of each request, with `ids`, `patients`, `findings` and `outside`.
        found: of all their samples, one after the other.
    """
    rows = iter(_rows(scorer, found))
    unusual = None if found.judged is None else found.judged.unusual
    usual = unusual is not None and not unusual.any()  # then nothing is to be said, of any request
    answered, start = [], 0
    for part in parts:
        samples = _named(part, [next(rows) for _ in part.ids])
        mine = None if unusual is None else unusual[start : start + len(part)]
        start += len(part)
        about = () if usual else scorer.about(mine)
        findings = [finding_record(one) for one in (*part.findings, *about)]
        answered.append({"samples": samples, "findings": findings})
    return answered


def _named(part: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is known of the samples of a request, before and after their scores."""
    heads: list[dict[str, Any]] = [{"sample": name} for name in part.ids]
    if part.patients is not None:
        heads = [{**head, "patient": patient} for head, patient in zip(heads, part.patients, strict=True)]
    found = [{**head, **row} for head, row in zip(heads, rows, strict=True)]
    outside = part.outside
    if outside is not None:
        for row, beyond in zip(found, outside, strict=True):
            row["outside"] = beyond
    return found


def _rows(scorer: Scorer, found: Scored) -> Iterable[dict[str, Any]]:
    """What follows from the scores of each sample; names of keys are the same in every row."""
    task = scorer.model.task
    columns: dict[str, list[Any]] = {}
    if task.kind == "regression":
        columns["predicted"] = _numbers(found.scores)
        if found.raw is not None:
            columns[f"{RAW}predicted"] = _numbers(found.raw)
    else:
        columns["scores"] = _by_class(task.classes, found.scores)
        if found.raw is not None:
            columns[f"{RAW}scores"] = _by_class(task.classes, found.raw)
    if found.positive is not None:
        columns["decision"] = [task.classes[one] for one in found.positive.astype(int)]
    if found.spread is not None:
        columns["spread"] = _numbers(found.spread)
    if found.inside is not None:
        columns["set"] = [
            [name for name, there in zip(task.classes, row, strict=True) if there] for row in found.inside.tolist()
        ]
    if found.interval is not None:
        columns["low"], columns["high"] = map(_numbers, found.interval)
    if found.judged is not None:
        columns["unusual"], columns["distance"] = found.judged.unusual.tolist(), _numbers(found.judged.distance)
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _by_class(classes: Sequence[str], scores: np.ndarray) -> list[dict[str, float | None]]:
    if not np.isfinite(scores).all():
        return [dict(zip(classes, map(number, row), strict=True)) for row in scores.tolist()]
    return [dict(zip(classes, row, strict=True)) for row in scores.tolist()]


def _numbers(values: np.ndarray) -> list[float | None]:
    found: list[float | None] = values.tolist()
    return found if np.isfinite(values).all() else [number(one) for one in found]


def number(value: float | None) -> float | None:
    """A number that JSON knows; None for infinite ones and for what is no number."""
    return value if value is not None and math.isfinite(value) else None


def finding_record(one: Finding) -> dict[str, Any]:
    return {
        "level": one.level,
        "code": one.code,
        "message": one.message,
        "remedy": one.remedy,
        "columns": list(one.columns),
    }
