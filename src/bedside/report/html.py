"""The report: one HTML page that needs nothing but itself, and its figures as files for papers."""

from pathlib import Path
from typing import Any

from bedside.cohort import level_text, minus
from bedside.folder import Run
from bedside.report import groups as groups_of
from bedside.report import kinds, page, tables
from bedside.report import methods as words_of
from bedside.report.calibration import calibration_section, decision_section
from bedside.report.columns import columns
from bedside.report.documents import present
from bedside.report.figures import draw
from bedside.report.gallery import gallery
from bedside.report.gaps import gaps
from bedside.report.images import image_facts
from bedside.report.molecules import molecule_facts
from bedside.report.null import null
from bedside.report.operating import point
from bedside.report.panel import panel, static_rows
from bedside.report.random_split import random_split
from bedside.report.sample_size import sample_size
from bedside.report.signals import signal_facts
from bedside.report.style import Drawing
from bedside.report.synthetic import synthetic
from bedside.report.told import Told, told

# Sections of the report with figures, in order.
ORDER = (
    "calibration", "decision", "performance", "groups", "coverage", "abstention", "columns", "latent", "synthetic", "training",
    "folds", "null", "flow",
)  # fmt: skip


def write_report(run: Run) -> Path:
    """Write `report.html` and `figures/*.svg` into the run folder; the same run gives the same bytes.

    Everything is read and drawn before the first file is written, and report.html comes last.

    Raises:
        RunError: if the run is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    run = told(run)
    drawings = draw(run)
    every = [drawing for name, section in drawings.items() if not name.endswith("_narrow") for drawing in section]
    return page.write_page(run.path / "report.html", "report.html", page_context(run, drawings), every)


def page_context(run: Told, drawings: dict[str, list[Drawing]]) -> dict[str, Any]:
    """Everything the templates need, as plain values."""
    estimates, description = run.estimates, run.description
    splits, operating, seen = tables.split_rows(run), panel(run), gallery(run)
    ordered = [drawing for section in ORDER for drawing in drawings[section]]
    grouped, doubts = groups_of.group_tables(run), groups_of.uncertainty(run)
    groups = tables.estimate_groups(estimates["estimates"])
    per_class = tables.class_table(estimates)
    return {
        "kind": "report",
        "cohort": description,
        "estimates": estimates,
        "findings": run.findings,
        "environment": run.environment,
        "family": run.settings.get("family", "model"),
        "predicted": words_of.what_is_predicted(run),
        "facts": _facts(run),
        "sentences": [minus(said.text) for said in run.said],
        "documents": present(run),
        "headlines": _headlines(groups, estimates["task"]["kind"]),
        "contents": _contents(run, estimates, operating, seen, drawings),
        "level": level_text(estimates["level"]),
        "groups": groups,
        "per_class": per_class,
        "notes": tables.footnotes(
            *([row["estimate"].to_dict() for row in group["rows"]] for group in groups),
            per_class["records"] if per_class else [],
        ),
        "comparison": tables.comparison_rows(estimates) if estimates["baseline"] else [],
        "comparison_notes": tables.footnotes(estimates["baseline"]["differences"]) if estimates["baseline"] else {},
        "baseline_words": kinds.baseline_words(estimates),
        "calibration": calibration_section(run),
        "decision": decision_section(run),
        "drawings": drawings,
        "numbers": {drawing.name: i for i, drawing in enumerate(ordered, start=1)},
        "point": point(run),
        "together": tables.ensemble_rows(estimates, [*page.HEADLINES[estimates["task"]["kind"]], "accuracy"]),
        "repeated": tables.repeat_rows(estimates, page.HEADLINES[estimates["task"]["kind"]]),
        "panel": operating,
        "panel_rows": static_rows(operating) if operating else [],
        "grouped": grouped,
        "doubts": doubts,
        "gallery": seen,
        "columns": columns(run),
        "gaps": gaps(run),
        "drawn_cohort": synthetic(run),
        "null": null(run),
        "sample_size": sample_size(run),
        "images": image_facts(description),
        "signals": signal_facts(description),
        "molecules": molecule_facts(description),
        "random": random_split(run),
        "synthetic": kinds.synthetic(description),
        "splits": splits,
        "patient_ranges": tables.split_ranges(splits, "patients"),
        "sample_ranges": tables.split_ranges(splits, "samples"),
        "features": tables.feature_rows(description),
        "link_duplicates": run.settings.get("folds", {}).get("link_duplicates", False),
        "copies_together": description["linked"]["groups"] > 0 and words_of.keeps_copies_together(run),
        "scheme": words_of.scheme(run),
        "methods": run.paragraphs,
        "settings": tables.setting_rows(run.settings),
        "command": words_of.repeat_command(run),
        "record": page.record(run, *kinds.record(run)),
        "folder": run.path.name,
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    """The two lines of facts under the title."""
    cohort, baseline = run.description, run.estimates["baseline"]
    return [
        page.patients_fact(run),
        ("Samples", f"{cohort['samples']:,}"),
        page.outcome_fact(run),
        kinds.input_fact(cohort),
        page.splits_fact(run),
        ("Model", str(run.settings.get("family", ""))),
        ("Baseline", baseline["family"] if baseline else "switched off"),
        ("Date", str(run.environment["started"])[:10]),
    ]


def _headlines(groups: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    rows = {row["estimate"].metric: row for group in groups for row in group["rows"]}
    return [rows[metric] for metric in page.HEADLINES[kind] if metric in rows]


def _contents(
    run: Told,
    estimates: dict[str, Any],
    operating: dict[str, Any] | None,
    seen: dict[str, Any] | None,
    drawings: dict[str, list[Drawing]],
) -> list[tuple[str, str]]:
    """Sections that this run has, in order: (id, heading)."""
    missing = {
        "baseline": estimates["baseline"] is None,
        "random": run.random_split is None,
        "calibration": "calibration" not in estimates,
        "decision-curve": not drawings["decision"],
        "operating": not estimates.get("operating"),
        "panel": operating is None,
        "groups": estimates.get("subgroups") is None,
        "uncertainty": estimates.get("uncertainty") is None,
        "seen": seen is None and run.columns is None and not run.environment.get("explanation_problem"),
        "latent": not drawings["latent"],
        "gaps": run.gaps is None,
        "synthetic": run.synthetic is None,
        "learning": not drawings["training"] and not drawings["folds"],
        "null": run.null is None,
        "sample_size": not estimates.get("sample_size", {}).get("sentences"),
    }
    return [(name, heading) for name, heading in run.headings.items() if not missing.get(name)]
