"""Parts that several documents of a run share."""

from typing import Any

from bedside.cohort import Estimate, minus
from bedside.report import flow_figures, tables
from bedside.report.document import Line, Picture, Table, text
from bedside.report.methods import what_is_predicted
from bedside.report.told import Told
from bedside.report.words import number, percent

FURTHER = {
    "operating": "operating points",
    "calibration": "calibration",
    "decision_curve": "the decision curve",
    "subgroups": "groups of patients",
    "uncertainty": "uncertainty of single scores",
    "sample_size": "sample size",
}  # entries of estimates.json that a run may have


def title_of(run: Told) -> str:
    return f"{run.description['name']}, {what_is_predicted(run)}"


def made_from(run: Told) -> str:
    version = run.environment["versions"]["bedside"]
    return f"Made by bedside {version} from the run of {str(run.environment['started'])[:10]} in {run.path.name}."


def synthetic(run: Told) -> str:
    """How the images were made, if they are no patients'."""
    said = (run.description.get("images") or {}).get("synthetic")
    return str(said).rstrip(".") if said else ""


def further(run: Told) -> list[str]:
    """What else estimates.json holds, in words."""
    return [words for key, words in FURTHER.items() if run.estimates.get(key)]


def picture(run: Told) -> Picture:
    return Picture(flow_figures.flow_figure(run), lambda: flow_figures.flow_png(run))


def estimate_table(run: Told) -> Table:
    """Every overall estimate with its interval, patients and method, under the headings of the report."""
    rows: list[tuple[Line, ...]] = []
    groups = []
    for group in tables.estimate_groups(run.estimates["estimates"]):
        groups.append((len(rows), group["name"]))
        rows += [_estimate_row(row["name"], row["estimate"]) for row in group["rows"]]
    caption = f"Estimates on test patients, with {run.estimates['level']:.0%} intervals."
    return Table(
        "Estimates",
        caption,
        ("Measure", "Estimate", "Patients", "Method"),
        tuple(rows),
        (0.24, 0.24, 0.12, 0.4),
        tuple(groups),
    )


def _estimate_row(name: str, estimate: Estimate) -> tuple[Line, ...]:
    macro = ", macro" if estimate.of == "macro" else ""
    return text(f"{name}{macro}"), text(minus(estimate.text())), text(f"{estimate.n_patients:,}"), text(estimate.method)


def class_table(run: Told) -> Table | None:
    """Each class against the rest; None without several classes."""
    found = tables.class_table(run.estimates)
    if found is None:
        return None
    rows = tuple(
        (text(row["name"]), *(text(minus(cell.text()) if cell else "–") for cell in row["cells"]))
        for row in found["rows"]
    )
    share = 0.8 / len(found["metrics"])
    widths = (0.2, *(share for _ in found["metrics"]))
    return Table("Classes", "Each class against the rest.", ("Class", *found["metrics"]), rows, widths)


def feature_table(run: Told) -> Table | None:
    """Median and quartiles or levels, and gaps, of the features; None for images."""
    found = tables.feature_rows(run.description)
    if not found["rows"]:
        return None
    rows = tuple((text(row["name"]), text(_values(row, run)), text(_gaps(row))) for row in found["rows"])
    hidden = (
        f" {found['hidden']} more complete ones are left out here and stand in description.json."
        if found["hidden"]
        else ""
    )
    caption = f"Features of all {run.description['samples']:,} samples: median [quartiles], or levels.{hidden}"
    return Table("Characteristics", caption, ("Feature", "Values", "Missing"), rows, (0.32, 0.46, 0.22))


def _values(row: dict[str, Any], run: Told) -> str:
    if "levels" in row:
        shown = ", ".join(
            f"{level['level']} ({percent(level['samples'], run.description['samples'])})" for level in row["levels"][:6]
        )
        return shown + (f" and {row['n_levels'] - 6} more" if row["n_levels"] > 6 else "")
    return minus(f"{number(row['median'])} [{number(row['q25'])}, {number(row['q75'])}]")


def _gaps(row: dict[str, Any]) -> str:
    return f"{row['missing']:,} ({row['share']})" if row["missing"] else "none"
