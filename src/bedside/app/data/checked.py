"""A draft's data, read and looked at as `bedside check` does, and what later pages need to know of them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.app.data.drafts import Draft
from bedside.app.data.previews import Thumbnail, frame_of, rows_of, thumbnails_of
from bedside.cohort import Cohort, Finding
from bedside.data import read_cohort
from bedside.data.checks import check as check_cohort
from bedside.data.description import describe
from bedside.models import default_family
from bedside.settings import DataSettings, build

LEAKS = ("leak", "suspicious", "derived")  # findings whose features may have to go


@dataclass(frozen=True)
class Checked:
    """`draft` knows the facts now; a preview is made only of data that are no file."""

    draft: Draft
    findings: list[Finding]
    rows: tuple[list[str], list[list[str]], list[int]] | None
    thumbnails: list[Thumbnail]

    @property
    def stops(self) -> bool:
        """Training would refuse these data as they are."""
        allowed = set(self.draft.data.get("allow_leak", ()))
        return any(found.level == "error" and not set(found.columns) <= allowed for found in self.findings)


def check(draft: Draft, folder: Path) -> Checked:
    """Read the cohort, look for leaks, duplicates and gaps, and keep what was confirmed.

    Args:
        folder: of the drafts.

    Raises:
        BedsideError: if the data cannot be read, or do not fit the roles.
    """
    cohort = read_cohort(draft.source, build(DataSettings, draft.data, prefix="data."))
    findings = check_cohort(cohort)
    known = replace(draft, confirmed=True, facts=facts_of(cohort)).save(folder)
    table = cohort.inputs.kind == "table"
    rows = rows_of(frame_of(cohort)) if draft.kind == "built-in" and table else None
    return Checked(known, findings, rows, [] if table else thumbnails_of(cohort))


def facts_of(cohort: Cohort) -> dict[str, Any]:
    """Plain values about the cohort: enough to choose a family and settings without reading it again."""
    told = describe(cohort)
    return {
        "kind": cohort.inputs.kind,
        "task": cohort.task.kind,
        "classes": list(cohort.task.classes),
        "positive": cohort.task.positive,
        "counts": {str(name): int(n) for name, n in cohort.samples["target"].value_counts().items()}
        if cohort.task.kind != "regression"
        else {},
        "target": cohort.roles.target,
        "samples": told["samples"],
        "patients": told["patients"],
        "features": len(told["features"]),
        "sites": len(told["sites"]),
        "time": "time" in cohort.samples,
        "split": cohort.split is not None,
        "title": told["about"].get("title", ""),
        "licence": told["about"].get("licence", ""),
        "synthetic": told["about"].get("synthetic", ""),
        "family": default_family(cohort.inputs),
    }
