"""The section on how well a model fills gaps."""

from typing import Any

from bedside.cohort import share_text
from bedside.folder import Run


def gaps(run: Run) -> dict[str, Any] | None:
    """Everything the section needs, as plain values; None for a model that gives nothing back."""
    record = run.gaps
    if record is None:
        return None
    rows = [
        {
            "name": one["column"],
            "cells": f"{one['cells']:,}",
            **{name: _error(one, name) for name in ("model", "usual")},
        }
        for one in record["columns"]
    ]
    return {"sentences": record["sentences"], "hidden": share_text(record["hidden"]), "rows": rows}


def _error(one: dict[str, Any], name: str) -> str:
    """In standard deviations for numbers, as a share of wrong guesses otherwise."""
    return f"{one[name]:.2f} SD" if one["kind"] in ("number", "date") else f"{share_text(one[name])} wrong"
