"""The page of a stress: what the model does with noise, gaps, wrong units or poor images."""

from pathlib import Path
from typing import Any

from bedside.cohort import Estimate, level_text
from bedside.errors import RunError
from bedside.folder import Run
from bedside.report import methods as words_of
from bedside.report import page, tables
from bedside.report.stress_figures import graded, headline_name, stress_figure
from bedside.report.style import calm

MOST_ROWS = 60  # of the table; all are in stress.csv


def write_stress(run: Run) -> Path:
    """Write `stress.html` and `figures/stress.svg` into the run folder; the same stress.json gives the same bytes.

    Raises:
        RunError: if a file is missing or damaged.
        StorageError: if the disk is full.
    """
    record = run.stress
    if record is None:
        raise RunError(f"{run.path} has no stress.json. Make it with `bedside stress {run.path}`.")
    with calm():
        there = bool(graded(record))
        drawings = [stress_figure(record), stress_figure(record, narrow=True)] if there else []
    context = page_context(run, record)
    return page.write_page(run.path / "stress.html", "stress.html", {**context, "pair": drawings}, drawings[:1])


def page_context(run: Run, record: dict[str, Any]) -> dict[str, Any]:
    """Everything the template needs, as plain values."""
    rows = [_row(row) for row in record["changes"][:MOST_ROWS]]
    estimates = [Estimate.from_dict(row["stressed"]).to_dict() for row in record["changes"][:MOST_ROWS]]
    n = record["n"]
    return {
        "kind": "stress",
        "cohort": run.description,
        "environment": run.environment,
        "family": run.settings.get("family", "model"),
        "predicted": words_of.what_is_predicted(run),
        "contents": [
            ("changes", "Every change"),
            *([("units", "Units")] if record["units"] else []),
            ("methods", "How it was done"),
        ],
        "facts": [
            ("Tested patients", f"{n['patients']:,}"),
            ("Samples", f"{n['samples']:,} of {n['tested']:,} tested"),
            ("Changes tried", str(len(record["changes"]))),
            ("Model", str(run.settings.get("family", ""))),
        ],
        "sentences": record["sentences"],
        "headline": headline_name(record),
        "level": level_text(record["level"]),
        "regression": record["headline"] == "r2",
        "rows": rows,
        "hidden": len(record["changes"]) - len(rows),
        "notes": tables.footnotes(estimates[:1]),
        "units": record["units"],
        "data": record["data"],
        "resamples": f"{record['resamples']:,}",
        "seed": record["seed"],
        "folder": run.path.name,
    }


def _row(row: dict[str, Any]) -> dict[str, Any]:
    flipped = None if row["flipped"] is None else Estimate.from_dict(row["flipped"])
    return {
        "label": row["label"],
        "worse": row["verdict"] == "worse",
        "verdict": {"worse": "worse", "better": "better"}.get(row["verdict"], "not distinguishable"),
        "stressed": Estimate.from_dict(row["stressed"]),
        "difference": Estimate.from_dict(row["difference"]),
        "moved": Estimate.from_dict(row["moved"]),
        "flipped": flipped,
    }
