"""The report: one HTML page that needs nothing but itself, and its figures as files for papers."""

from pathlib import Path
from typing import Any

from bedside.cohort import minus
from bedside.folder import Run
from bedside.report import brief, image_words, page, tables
from bedside.report import groups as groups_of
from bedside.report import methods as words_of
from bedside.report.calibration import calibration_section, decision_section
from bedside.report.columns import columns
from bedside.report.documents import present
from bedside.report.figures import draw
from bedside.report.gallery import gallery
from bedside.report.images import image_facts, short_facts
from bedside.report.null import null
from bedside.report.operating import point
from bedside.report.panel import panel, static_rows
from bedside.report.sample_size import sample_size
from bedside.report.style import Drawing

# Sections of the report with figures, in order.
ORDER = (
    "calibration", "decision", "performance", "groups", "coverage", "abstention", "columns", "latent", "training",
    "folds", "null", "flow",
)  # fmt: skip


def write_report(run: Run) -> Path:
    """Write `report.html` and `figures/*.svg` into the run folder; the same run gives the same bytes.

    Everything is read and drawn before the first file is written, and report.html comes last.

    Raises:
        RunError: if the run is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    drawings = draw(run)
    every = [drawing for name, section in drawings.items() if not name.endswith("_narrow") for drawing in section]
    return page.write_page(run.path / "report.html", "report.html", page_context(run, drawings), every)


def page_context(run: Run, drawings: dict[str, list[Drawing]]) -> dict[str, Any]:
    """Everything the templates need, as plain values."""
    estimates, description = run.estimates, run.description
    splits, operating, seen = tables.split_rows(run), panel(run), gallery(run)
    ordered = [drawing for section in ORDER for drawing in drawings[section]]
    grouped, doubts = groups_of.group_tables(run), groups_of.uncertainty(run)
    groups = tables.estimate_groups(estimates["estimates"])
    per_class = tables.class_table(estimates)
    paragraphs = words_of.methods(run)
    return {
        "kind": "report",
        "cohort": description,
        "estimates": estimates,
        "findings": run.findings,
        "environment": run.environment,
        "family": run.settings.get("family", "model"),
        "predicted": words_of.what_is_predicted(run),
        "facts": _facts(run),
        "sentences": [minus(sentence) for sentence in brief.sentences(run)],
        "documents": present(run),
        "headlines": _headlines(groups, estimates["task"]["kind"]),
        "contents": _contents(run, estimates, operating, _explained(run, seen), drawings),
        "level": f"{estimates['level']:.0%}",
        "groups": groups,
        "per_class": per_class,
        "notes": tables.footnotes(
            *([row["estimate"].to_dict() for row in group["rows"]] for group in groups),
            per_class["records"] if per_class else [],
        ),
        "comparison": tables.comparison_rows(estimates) if estimates["baseline"] else [],
        "comparison_notes": tables.footnotes(estimates["baseline"]["differences"]) if estimates["baseline"] else {},
        "baseline_words": image_words.baseline_words(estimates),
        "calibration": calibration_section(run),
        "decision": decision_section(run),
        "drawings": drawings,
        "numbers": {drawing.name: i for i, drawing in enumerate(ordered, start=1)},
        "point": point(run),
        "repeated": tables.repeat_rows(estimates, page.HEADLINES[estimates["task"]["kind"]]),
        "panel": operating,
        "panel_rows": static_rows(operating) if operating else [],
        "grouped": grouped,
        "doubts": doubts,
        "gallery": seen,
        "columns": columns(run),
        "null": null(run),
        "sample_size": sample_size(run),
        "images": image_facts(description),
        "splits": splits,
        "patient_ranges": tables.split_ranges(splits, "patients"),
        "sample_ranges": tables.split_ranges(splits, "samples"),
        "features": tables.feature_rows(description),
        "link_duplicates": run.settings.get("folds", {}).get("link_duplicates", False),
        "copies_together": description["linked"]["groups"] > 0 and words_of.keeps_copies_together(run),
        "scheme": words_of.scheme(run),
        "methods": paragraphs,
        "settings": tables.setting_rows(run.settings),
        "command": words_of.repeat_command(run),
        "record": page.record(run, *(image_words.record(run) if "images" in description else [])),
        "folder": run.path.name,
    }


def _facts(run: Run) -> list[tuple[str, str]]:
    """The two lines of facts under the title."""
    cohort, baseline = run.description, run.estimates["baseline"]
    return [
        page.patients_fact(run),
        ("Samples", f"{cohort['samples']:,}"),
        page.outcome_fact(run),
        ("Images", short_facts(cohort)) if "images" in cohort else ("Features", f"{len(cohort['features']):,}"),
        page.splits_fact(run),
        ("Model", str(run.settings.get("family", ""))),
        ("Baseline", baseline["family"] if baseline else "switched off"),
        ("Date", str(run.environment["started"])[:10]),
    ]


def _headlines(groups: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    rows = {row["estimate"].metric: row for group in groups for row in group["rows"]}
    return [rows[metric] for metric in page.HEADLINES[kind] if metric in rows]


def _explained(run: Run, seen: dict[str, Any] | None) -> str:
    """The heading of what the model uses, of the reason why it is not known, or nothing."""
    images = "images" in run.description
    there = seen or run.columns or run.environment.get("explanation_problem")
    return ("What the network looked at" if images else "What the model uses") if there else ""


def _contents(
    run: Run,
    estimates: dict[str, Any],
    operating: dict[str, Any] | None,
    explained: str,
    drawings: dict[str, list[Drawing]],
) -> list[tuple[str, str]]:
    """Sections that this run has, in order: (id, heading)."""
    sections = [
        ("findings", "Findings", True),
        ("estimates", "Estimates", True),
        ("baseline", "Against the baseline", bool(estimates["baseline"])),
        ("calibration", "Calibration", "calibration" in estimates),
        ("decision-curve", "Is it worth deciding by the score?", bool(drawings["decision"])),
        ("performance", "Performance in figures", True),
        ("operating", "The operating point", bool(estimates.get("operating"))),
        ("panel", "Choose an operating point", operating is not None),
        ("groups", "Groups and sites", bool(estimates.get("subgroups"))),
        ("uncertainty", "What the model does not know", bool(estimates.get("uncertainty"))),
        ("seen", explained, bool(explained)),
        ("latent", "How the network sorts the samples", bool(drawings["latent"])),
        (
            "learning",
            "Learning and folds" if drawings["training"] else "".join(one.title for one in drawings["folds"]),
            bool(drawings["training"] or drawings["folds"]),
        ),
        ("null", "With shuffled targets", run.null is not None),
        (
            "sample_size",
            "What this cohort can and cannot show",
            bool(estimates.get("sample_size", {}).get("sentences")),
        ),
        ("data", "Patients and data", True),
        ("methods", "How the numbers were made", True),
        ("settings", "Settings", True),
        ("reproducibility", "Reproducibility", True),
    ]
    return [(name, heading) for name, heading, there in sections if there]
