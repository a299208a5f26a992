"""The model card: what the run knows is filled in, what only a person can answer is asked.

Source: Mitchell et al. 2019, Model Cards for Model Reporting, doi:10.1145/3287560.3287596.
"""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside import folder
from bedside.folder import Run
from bedside.report import methods as words_of
from bedside.report import tables
from bedside.report.gallery import verdicts
from bedside.report.images import image_facts


def write_card(run: Run) -> Path:
    """Write `card.md` into the run folder; the same run gives the same bytes.

    Raises:
        RunError: if the run is not finished or a file of it is damaged.
        StorageError: if the disk is full.
    """
    templates = Environment(
        loader=PackageLoader("bedside.report"), autoescape=False, finalize=plain, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    path = run.path / "card.md"
    folder.write_text(path, templates.get_template("card.md").render(card_context(run)))
    return path


def card_context(run: Run) -> dict[str, Any]:
    """Everything the template needs, as plain values."""
    return {
        "cohort": run.description,
        "estimates": run.estimates,
        "groups": tables.estimate_groups(run.estimates["estimates"]),
        "per_class": tables.class_table(run.estimates),
        "findings": [finding for finding in run.findings if finding["level"] != "note"],
        "environment": run.environment,
        "family": run.settings.get("family", "model"),
        "predicted": words_of.what_is_predicted(run),
        "methods": words_of.methods(run),
        "command": words_of.repeat_command(run),
        "images": image_facts(run.description),
        "gallery": verdicts(run),
    }


def plain(value: Any) -> Any:
    """Text of the data as Markdown that shows it and does nothing else: no HTML, no links, no broken tables."""
    if not isinstance(value, str):
        return value
    one_line = " ".join(value.split())
    return re.sub(r"([\\`*_|]|\](?=\())", r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;"))
