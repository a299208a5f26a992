"""What all pages have in common: their templates, facts under the title, and what it takes to get the numbers again."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside import folder
from bedside.cohort import minus
from bedside.evaluation import repeats
from bedside.folder import Run
from bedside.report import tables
from bedside.report.style import Drawing, short
from bedside.report.words import number, percent

HEADLINES = {
    "binary": ("auroc", "sensitivity", "specificity", "calibration_slope"),
    "multiclass": ("auroc", "accuracy", "balanced_accuracy"),
    "regression": ("r2", "mae", "calibration_slope"),
}


@cache
def environment() -> Environment:
    """Templates that escape whatever comes from the data, and refuse a name that is not there."""
    templates = Environment(
        loader=PackageLoader("bedside.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number=number, percent=percent, signed=tables.signed, minus=minus)
    return templates


def write_page(path: Path, template: str, context: Mapping[str, Any], drawings: Iterable[Drawing]) -> Path:
    """Render a page, then write its figures beside it and the page itself last."""
    page = environment().get_template(template).render(context)
    for drawing in drawings:
        folder.write_text(path.parent / "figures" / f"{drawing.name}.svg", drawing.svg)
    folder.write_text(path, page)
    return path


def patients_fact(run: Run) -> tuple[str, str]:
    known = run.estimates["n"]["patient_column"]
    return "Patients", f"{run.description['patients']:,}" + ("" if known else " (no patient column)")


def outcome_fact(run: Run) -> tuple[str, str]:
    """What is predicted, and how often the class to detect occurs."""
    task, n, cohort = run.estimates["task"], run.estimates["n"], run.description
    if task["kind"] == "regression":
        return "Target", cohort["roles"]["target"]
    if task["kind"] == "multiclass":
        return "Classes", str(len(task["classes"]))
    events = n["events"][task["positive"]]
    name = f"{short(cohort['roles']['target'])}: {short(task['positive'])}"
    return name, f"{events:,} of {n['samples']:,} tested ({percent(events, n['samples'])})"


def splits_fact(run: Run) -> tuple[str, str]:
    n, scheme = run.estimates["n"], run.settings.get("folds", {}).get("scheme", "")
    folds = "as given with the data" if scheme == "given" else scheme
    times = f", {repeats(n)}" if n["repeats"] > 1 else ""
    return "Splits", f"{folds}, {n['folds']} {'fold' if n['folds'] == 1 else 'folds'}{times}"


def seconds_text(seconds: float) -> str:
    """`12.3 s`, and minutes from two of them on."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def record(run: Run, *further: tuple[str, str]) -> list[tuple[str, str]]:
    """What somebody needs who wants the same numbers again; `further` facts stand before the fingerprint."""
    facts = run.environment
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return [
        ("Started", str(facts["started"])),
        ("Wall time", seconds_text(float(facts["wall_seconds"]))),
        ("Seed", str(facts["seed"])),
        ("Device", device_text(facts)),
        ("Platform", str(facts.get("platform", "–"))),
        ("Versions", versions),
        *further,
        ("Data fingerprint", f"sha256 {facts['data_fingerprint']}"),
        ("Git revision", str(facts.get("git") or "not in a repository")),
    ]


def device_text(facts: Mapping[str, Any]) -> str:
    return f"{facts['device']}, {facts['threads']} {'thread' if facts['threads'] == 1 else 'threads'}"
