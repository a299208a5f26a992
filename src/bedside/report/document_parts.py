"""Parts that several documents of a run share."""

from typing import Any

from bedside.cohort import Estimate, level_text, minus
from bedside.report import kinds, tables
from bedside.report.document import Line, Picture, Table, text
from bedside.report.flow_figures import flow_png
from bedside.report.methods import what_is_predicted
from bedside.report.told import Told
from bedside.report.words import number, percent


def title_of(run: Told) -> str:
    return f"{run.description['name']}, {what_is_predicted(run)}"


def made_from(run: Told) -> str:
    version = run.environment["versions"]["bedside"]
    return f"Made by bedside {version} from the run of {str(run.environment['started'])[:10]} in {run.path.name}."


def synthetic(run: Told) -> tuple[str, str] | None:
    """What was made by a computer and how, such as ("Synthetic images", "Drawn ..."); None if patients are behind it."""
    found = kinds.synthetic(run.description)
    return (f"Synthetic {found['what']}", found["said"]) if found else None


def further(run: Told) -> list[str]:
    """What else estimates.json holds, in words; None stands there for what was not asked or cannot be."""
    estimates = run.estimates
    curve, sizes = estimates.get("decision_curve"), estimates.get("sample_size")
    there = {
        "operating points": estimates.get("operating") is not None,
        "calibration": estimates.get("calibration") is not None and len(estimates["calibration"]["of"]) > 0,
        "the decision curve": curve is not None and len(curve["of"]) > 0,
        "groups of patients": estimates.get("subgroups") is not None,
        "uncertainty of single scores": estimates.get("uncertainty") is not None,
        "sample size": sizes is not None and len(sizes["sentences"]) > 0,
    }
    return [words for words, known in there.items() if known]


def picture(run: Told) -> Picture:
    return Picture(run.flow_drawing, lambda: flow_png(run.flow))


def estimate_table(run: Told) -> Table:
    """Every overall estimate with its interval, patients and method, under the headings of the report."""
    rows: list[tuple[Line, ...]] = []
    groups = []
    for group in tables.estimate_groups(run.estimates["estimates"]):
        groups.append((len(rows), group["name"]))
        rows += [_estimate_row(row["name"], row["estimate"]) for row in group["rows"]]
    caption = f"Estimates on test patients, with {level_text(run.estimates['level'])} intervals."
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
    """Median and quartiles or levels, and gaps, of the features; None for images and recordings."""
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
