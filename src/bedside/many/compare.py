"""Candidates on the same folds, side by side: which differ, and which the data cannot tell apart."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.cohort import Cohort, Fold
from bedside.errors import SettingError
from bedside.evaluation.comparison import compare_candidates
from bedside.fold_parts import HERE, FitTask, Way, record, tidy
from bedside.folder import Fit, Run, locked, write_json
from bedside.many.candidates import Candidate, Grid, make_candidates
from bedside.many.experiment import FITS, begin_experiment, fit_all, prepared
from bedside.report.comparison import write_comparison
from bedside.run import Begun, Event, Finished, Stage
from bedside.settings import RunSettings

COMPARISON = "comparison.json"


@dataclass(frozen=True)
class Asked:
    """What is to be compared: settings that all candidates share, families, and values of settings."""

    shared: Mapping[str, Any] = field(default_factory=dict)
    families: Sequence[str] = ()
    grid: Grid = field(default_factory=dict)


def compare(source: str | Path | Cohort, asked: Asked, *, folder: str | Path | None = None, way: Way = HERE) -> Run:
    """Train and compare candidates on the same folds; the same as `bedside compare`.

    Returns:
        The finished comparison: `comparison.json` and `comparison.html` lie in its folder, `path`.

    Raises:
        BedsideError: one of its children, with a message that says what to do.
    """
    *_, last = compare_steps(source, asked, folder=folder, way=way)
    assert isinstance(last, Finished)
    return last.run


def compare_steps(
    source: str | Path | Cohort | None,
    asked: Asked,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    way: Way = HERE,
) -> Iterator[Event]:
    """As `compare`, but hands out what happens as it happens.

    Args:
        source: a cohort, the name of a built-in one, or the path of a table or of images.
        asked: the candidates; without a scheme of folds, or a split that came with the data, they are cross-validated.
        folder: where the comparison goes; by default a new folder under `runs/`.
        resume: an unfinished comparison to continue instead.
        way: where the fits run; the results are the same.
    """
    started = time.monotonic()
    wanted = {
        "shared": dict(asked.shared),
        "families": list(asked.families),
        "grid": {name: list(values) for name, values in asked.grid.items()},
    }
    ready = prepared("compare", source, wanted, folder, resume)
    cohort, folds = ready.cohort, ready.folds
    candidates = make_candidates(cohort, ready.shared, ready.asked["families"], ready.asked["grid"])
    if len(candidates) < 2:
        raise SettingError("A comparison needs two candidates: name --family twice, or a --grid of settings.")
    common = candidates[0].settings
    run = ready.old or begin_experiment("compare", ready.asked, cohort, common, folds, ready.findings, folder)
    with locked(run.path):
        yield Begun(run, cohort, folds, ready.findings)
        tasks = {_key(k): _task(cohort, folds, candidate) for k, candidate in enumerate(candidates)}
        yield from fit_all(run, tasks, way)
        yield Stage("evaluation")
        _judge(run, cohort, candidates, common)
        record(run, wall_seconds=round(time.monotonic() - started, 1))
        yield Stage("report")
        write_comparison(run)
        tidy(run.path)
    yield Finished(Run(run.path))


def _key(number: int) -> str:
    return f"{number + 1:02d}"


def _task(cohort: Cohort, folds: Sequence[Fold], candidate: Candidate) -> FitTask:
    return FitTask(
        str(candidate.settings.family), cohort, tuple(folds), candidate.settings, members=False, name=candidate.name
    )


def _judge(run: Run, cohort: Cohort, candidates: Sequence[Candidate], common: RunSettings) -> None:
    """comparison.json from the predictions as they were written."""
    homes = {candidate.name: Fit(run.path / FITS / _key(k)) for k, candidate in enumerate(candidates)}
    found = compare_candidates(
        {name: home.predictions for name, home in homes.items()},
        cohort.task,
        common.evaluation,
        folds=run.folds,
        seed=common.seed,
        patient_column=cohort.roles.patient is not None,
    )
    for entry, candidate in zip(found["candidates"], candidates, strict=True):
        home = homes[candidate.name]
        facts = {name: home.environment.get(name) for name in ("seconds", "parameters", "parameters_trained")}
        entry |= {"varied": candidate.varied, "folder": f"{FITS}/{home.path.name}", **facts}
    write_json(run.path / COMPARISON, found)
