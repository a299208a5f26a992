"""What the list says of each run: whom it learned from, how good it is with its interval, and the verdict in a word."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from bedside.app.words import later
from bedside.cohort import Estimate
from bedside.errors import BedsideError
from bedside.evaluation.metrics import HEADLINE
from bedside.folder import Run, held
from bedside.jobs import Job
from bedside.report.brief import said_of
from bedside.report.words import find

VERDICTS = {
    "leaks": later("something leaks"),
    "worse": later("worse than chance"),
    "chance": later("perhaps chance"),
    "few": later("too few patients to tell"),
    "better": later("better than the baseline"),
    "alike": later("like the baseline"),
    "below": later("worse than the baseline"),
    "tested": later("above chance"),
}
_BASELINE = {"better": "better", "not distinguishable": "alike", "worse": "below"}


@dataclass(frozen=True)
class Row:
    """One run; `verdict` is a key of `VERDICTS`, `state` of `state_words.STATES`, `metric` the name of its headline."""

    name: str
    state: str
    cohort: str = ""
    family: str = ""
    date: str = ""
    patients: int = 0
    metric: str = ""
    estimate: Estimate | None = None
    verdict: str = ""
    binary: bool = False
    problem: str = ""

    @property
    def finished(self) -> bool:
        return self.state == "finished"

    @property
    def queued(self) -> bool:
        """Whether the queue trains it now, or will."""
        return self.state in ("waiting", "running", "stopping")

    @property
    def busy(self) -> bool:
        return self.queued or self.state == "elsewhere"


def row_of(run: Run, jobs: list[Job]) -> Row:
    """One row of the list; a damaged run has one too, with what is wrong."""
    job = next((job for job in reversed(jobs) if job.kind == "train" and job.run == run.path), None)
    try:
        if run.finished and (job is None or job.over):
            return _finished(run.path, (run.path / "report.html").stat().st_mtime_ns)
        return _unfinished(run, job)
    except (BedsideError, KeyError, TypeError, OSError) as error:
        return Row(run.path.name, "damaged", problem=str(error))


@lru_cache(maxsize=512)
def _finished(path: Path, _when: int) -> Row:
    """Of a finished run, kept in memory until its report is written anew."""
    run = Run(path)
    task = run.estimates["task"]["kind"]
    headline = find(run.estimates, HEADLINE[task])
    return Row(
        path.name,
        "finished",
        **_facts(run),
        metric=HEADLINE[task],
        estimate=headline,
        verdict=verdict_of(run),
        binary=task == "binary",
    )


def _unfinished(run: Run, job: Job | None) -> Row:
    if job is not None and not job.over:
        return Row(run.path.name, job.state, **_facts(run))
    with held(run.path) as free:
        return Row(run.path.name, "unfinished" if free else "elsewhere", **_facts(run))


def _facts(run: Run) -> dict[str, Any]:
    started = str(run.environment["started"])
    return {
        "cohort": str(run.description["name"]),
        "family": str(run.settings.get("family", "")),
        "date": started[:16].replace("T", " "),
        "patients": int(run.description["patients"]),
    }


def verdict_of(run: Run) -> str:
    """The word that the sentences of the report come down to, the worst first."""
    rules = {rule for said in said_of(run) for rule in said.rules}
    for rule, word in (("1.5", "leaks"), ("1.2", "worse"), ("1.1", "chance"), ("1.3", "chance"), ("2.1", "few")):
        if rule in rules:
            return word
    baseline = run.estimates.get("baseline")
    return _BASELINE[baseline["verdict"]] if baseline else "tested"
