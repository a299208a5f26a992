"""The page of a recalibration for a new hospital: how many patients it had, what it changes, and whether that helps."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, level_text, minus
from bedside.evaluation.curves import histogram
from bedside.folder import Run
from bedside.report import page
from bedside.report.calibration import class_rows
from bedside.report.calibration_figures import calibration_figure
from bedside.report.style import Drawing, calm, short
from bedside.report.tables import footnotes

NAMES = {"intercept": "intercept alone", "slope": "slope and intercept"}
CONTENTS = [("change", "Before and after"), ("update", "The update"), ("use", "How to use it")]


def write_update(folder: Path, final: Path, record: dict[str, Any], table: pd.DataFrame, run: Run) -> None:
    """Write report.html and its figures into `folder`, which will be called `final`.

    Args:
        record: recalibration.json.
        table: predictions with raw scores beside those of the update, by cross-validation.
        run: the run whose model is recalibrated.
    """
    update, task = record["update"], record["task"]
    with calm():
        drawings = [
            _drawing("before", f"raw_score_{task['positive']}", "Before", record, table),
            _drawing(
                "after", f"score_{task['positive']}", "After, on patients the update was not fitted on", record, table
            ),
        ]
    judged = update["judged"]
    rows = class_rows(judged[update["method"]], judged["before"]["estimates"])
    kept = [row for row in rows if row["before"] is not None]
    context = {
        "kind": "recalibration",
        "cohort": {"name": f"{record['run']} at {record['source']}"},
        "predicted": f"{record['target']}: {task['positive']}",
        "facts": _facts(record),
        "sentences": update["sentences"],
        "contents": CONTENTS,
        "level": level_text(update['level']),
        "rows": kept,
        "notes": footnotes(*(one["estimates"] for one in judged.values())),
        "fits": [_fit(name, group, update["method"]) for name, group in update["fitted"].items()],
        "not_fitted": update["not_fitted"],
        "formula": _formula(update),
        "drawings": drawings,
        "numbers": {drawing.name: k for k, drawing in enumerate(drawings, start=1)},
        "folds": update["folds"],
        "run": run.path,
        "place": final,
        "patient_column": record["patient_column"],
        "environment": {"versions": {"bedside": record["bedside"]}},
        "folder": final.name,
    }  # fmt: skip
    page.write_page(folder / "report.html", "updating.html", context, drawings)


def _drawing(name: str, column: str, title: str, record: dict[str, Any], table: pd.DataFrame) -> Drawing:
    update, task = record["update"], record["task"]
    found = update["judged"]["before" if name == "before" else update["method"]]
    truth = (table["target"].astype(str) == task["positive"]).to_numpy()
    bars = histogram(truth, table[column].to_numpy(dtype=np.float64))
    return calibration_figure(found, bars, task["classes"][0], update["level"], name=name, title=title)


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    update, task = record["update"], record["task"]
    known = "" if record["patient_column"] else " (no patient column)"
    return [
        ("Patients", f"{update['n_patients']:,}{known}"),
        ("Samples", f"{update['n_samples']:,}"),
        (f"Patients of class {short(task['positive'])}", f"{update['patients'][task['positive']]:,}"),
        ("Update", NAMES[update["method"]]),
    ]


def _fit(name: str, group: list[dict[str, Any]], taken: str) -> dict[str, Any]:
    """A row of the table of updates."""
    cells = {entry["metric"]: Estimate.from_dict(entry) for entry in group}
    return {"name": NAMES[name], "taken": name == taken, "intercept": cells["intercept"], "slope": cells.get("slope")}


def _formula(update: dict[str, Any]) -> str:
    line = update["line"]
    slope = "" if update["method"] == "intercept" else f"{line['slope']:.4g} × "
    return minus(f"log odds of the new score = {line['intercept']:.4g} + {slope}log odds of the score")
