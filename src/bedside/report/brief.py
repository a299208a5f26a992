"""The verdict of a run: the sentences that follow from its predictions, and what else was not checked."""

from typing import Any

import pandas as pd

from bedside.cohort import Task
from bedside.data.description import kind_of
from bedside.evaluation.unchecked import Known
from bedside.evaluation.verdict import Said, verdict
from bedside.folder import Run
from bedside.report.gallery import verdicts

USED = ("train", "valid")


def sentences(run: Run) -> list[str]:
    """At most six sentences, by the rules of `evaluation.verdict`."""
    return [said.text for said in said_of(run)]


def said_of(run: Run) -> list[Said]:
    """The sentences with the numbers of their rules."""
    task = run.estimates["task"]
    return verdict(run.estimates, Task(task["kind"], tuple(task["classes"])), known_of(run))


def known_of(run: Run) -> Known:
    """What the run knows beside its predictions."""
    null = run.null
    return Known(
        sites=len(run.description.get("sites") or []),
        unseen_sites=unseen_sites(run),
        subgroups=bool(run.description["roles"].get("subgroups")),
        baseline=run.estimates.get("baseline") is not None,
        permuted=null is not None,
        leaking=leaking(null),
        maps=maps(run),
        refit=run.settings.get("final") == "refit" and run.estimates["n"]["folds"] > 1,
    )


def unseen_sites(run: Run) -> bool:
    """Whether every fold tested sites only that its model had not seen."""
    if "site" not in run.cohort:
        return False
    table = run.folds.merge(run.cohort[["sample", "site"]], on="sample")
    return all(_apart(rows) for _, rows in table.groupby(["repeat", "fold"]))


def _apart(rows: pd.DataFrame) -> bool:
    part = rows["part"]
    return not set(rows.loc[part == "test", "site"]) & set(rows.loc[part.isin(USED), "site"])


def leaking(null: dict[str, Any] | None) -> bool:
    return any(metric.get("verdict") == "above chance" for metric in (null or {}).get("metrics", ()))


def maps(run: Run) -> str:
    """Why nothing is known of what a network for images or recordings looked at; empty if something is, or there is nothing to look at."""
    if kind_of(run.description) == "table" or run.history is None:
        return ""
    if run.environment.get("explanation_problem"):
        return "its maps could not be made"
    seen = verdicts(run)
    if seen is None:
        return "no maps were asked for"
    return f"its maps failed the check of {' and of '.join(seen['failed'])}" if seen["failed"] else ""
