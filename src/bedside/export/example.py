"""Made-up samples with their scores, so that a client can be tried without a patient."""

from datetime import date, timedelta
from typing import Any

from bedside.data.table import Feature
from bedside.export.session import Session


def example_of(about: dict[str, Any], model: bytes) -> dict[str, Any]:
    """`rows` with a value for each column, one in the middle of the range, one with gaps alone, and their `scores`."""
    features = [Feature.from_dict(one) for one in about["features"]]
    rows: list[dict[str, Any]] = [{one.name: _middle(one) for one in features}, {one.name: None for one in features}]
    scores = Session(model).scores_of_rows(rows)
    return {"about": "Made up: these are no patients.", "rows": rows, "scores": scores.tolist()}


def _middle(feature: Feature) -> Any:
    """A value that training knew: the middle of the range, or a level."""
    if feature.kind in ("category", "boolean"):
        return feature.levels[-1]
    assert feature.low is not None
    assert feature.high is not None
    middle = (feature.low + feature.high) / 2
    if feature.kind == "number":
        return float(f"{middle:.6g}")
    return day_of(middle)


def day_of(year: float) -> str:
    """A year as a date: 2026.5 is about 2026-07-02."""
    whole = int(year)
    days = (date(whole + 1, 1, 1) - date(whole, 1, 1)).days if whole < date.max.year else 365
    return str(date(whole, 1, 1) + timedelta(days=int(days * (year % 1) + 1e-6)))
