"""The section on what this cohort can and cannot show: how wide its intervals are, and what narrower ones would take."""

from typing import Any

from bedside.folder import Run
from bedside.report.words import metric_name

_HOW = {"closed form": "", "from this interval": "from this interval", "no interval to go by": ""}


def sample_size(run: Run) -> dict[str, Any] | None:
    """Sentences and rows, or None for a run that was judged before these were counted."""
    record = run.estimates.get("sample_size")
    if not record or not record["sentences"]:
        return None
    n = run.estimates["n"]["patients"]
    rows = [
        {
            "name": metric_name(width["measure"]),
            "now": _width(width["now"]),
            "wanted": _width(width["wanted"]),
            "needed": "–" if width["patients"] is None else f"{width['patients']:,}",
            "how": _HOW[width["how"]],
            "enough": width["enough"],
        }
        for width in record["widths"]
    ]
    development = record["development"] or {}
    return {
        "sentences": record["sentences"],
        "rows": rows,
        "tested": f"{n:,}",
        "development": [{**need, "patients": f"{need['patients']:,}"} for need in development.get("needs", ())],
        "learned": f"{development['patients']:,}" if development else "",
    }


def _width(width: float | None) -> str:
    return "–" if width is None else f"{width:.2f}"
