"""The report: one HTML page that needs nothing but itself, and its figures as files for papers."""

from pathlib import Path
from typing import Any

from bedside.folder import Run
from bedside.report import image_words, page, tables
from bedside.report import methods as words_of
from bedside.report.figures import draw
from bedside.report.gallery import gallery
from bedside.report.images import image_facts, short_facts
from bedside.report.panel import panel, static_rows


def write_report(run: Run) -> Path:
    """Write `report.html` and `figures/*.svg` into the run folder; the same run gives the same bytes.

    Everything is read and drawn before the first file is written, and report.html comes last.

    Raises:
        RunError: if the run is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    drawings = draw(run)
    every = (drawing for section in drawings.values() for drawing in section)
    return page.write_page(run.path / "report.html", "report.html", page_context(run, drawings), every)


def page_context(run: Run, drawings: dict[str, list[Any]]) -> dict[str, Any]:
    """Everything the templates need, as plain values."""
    estimates, description = run.estimates, run.description
    splits, operating, seen = tables.split_rows(run), panel(run), gallery(run)
    ordered = [drawing for section in ("performance", "latent", "training", "folds") for drawing in drawings[section]]
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
        "headlines": _headlines(groups, estimates["task"]["kind"]),
        "contents": _contents(estimates, operating, seen or run.environment.get("explanation_problem"), drawings),
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
        "drawings": drawings,
        "numbers": {drawing.name: i for i, drawing in enumerate(ordered, start=1)},
        "panel": operating,
        "panel_rows": static_rows(operating) if operating else [],
        "gallery": seen,
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


def _contents(
    estimates: dict[str, Any],
    operating: dict[str, Any] | None,
    seen: Any,
    drawings: dict[str, list[Any]],
) -> list[tuple[str, str]]:
    """Sections that this run has, in order: (id, heading)."""
    sections = [
        ("findings", "Findings", True),
        ("estimates", "Estimates", True),
        ("baseline", "Against the baseline", bool(estimates["baseline"])),
        ("performance", "Performance in figures", True),
        ("panel", "Choose an operating point", operating is not None),
        ("seen", "What the network looked at", seen is not None),
        ("latent", "How the network sorts the samples", bool(drawings["latent"])),
        (
            "learning",
            "Learning and folds" if drawings["training"] else "".join(one.title for one in drawings["folds"]),
            bool(drawings["training"] or drawings["folds"]),
        ),
        ("data", "Patients and data", True),
        ("methods", "How the numbers were made", True),
        ("settings", "Settings", True),
        ("reproducibility", "Reproducibility", True),
    ]
    return [(name, heading) for name, heading, there in sections if there]
