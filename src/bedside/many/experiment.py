"""A folder of many fits: what was asked, the folds, and below `fits/` a folder for each setting that was tried.

Each of these has settings.yaml, predictions.csv and history.csv as a run has them, but no model: what is chosen is
trained by `bedside train --settings`. A killed experiment continues with what is not there yet.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bedside.begin import describe_into, read_source
from bedside.claim import claim, filled
from bedside.cohort import Cohort, Finding, Fold
from bedside.data.checks import refuse_leaks
from bedside.data.codes import worst_first
from bedside.environment import versions
from bedside.errors import RunError, SettingError
from bedside.fold_parts import (
    PARTS,
    FitTask,
    Way,
    finished_in,
    fit_elsewhere,
    fit_folds,
    gather,
    keep_facts,
    keep_files,
    tasks_of,
)
from bedside.fold_parts import record as keep
from bedside.folder import Fit, Run, read_yaml, whole_folder, write_json, write_yaml
from bedside.models.suited import acting
from bedside.parallel import run_each
from bedside.recalibration import recalibration_findings
from bedside.run import Stage
from bedside.settings import RunSettings, build
from bedside.splits.folds import fold_findings, make_folds
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan, Progress

ASKED, FITS = "asked.yaml", "fits"
REPEATS = 5  # times that a table is dealt anew: the folds of one deal alone tell little about differences
Events = Iterator[Stage | Plan | Extracted | Progress | FoldFit | FoldKept]


@dataclass(frozen=True)
class Ready:
    """What every experiment needs before its first fit; `old` is the folder that it continues, if it does."""

    asked: dict[str, Any]
    cohort: Cohort
    source: str | None
    folds: list[Fold]
    findings: list[Finding]
    old: Run | None

    @property
    def shared(self) -> dict[str, Any]:
        """Settings of all fits, as for `RunSettings`."""
        return dict(self.asked["shared"])


def prepared(
    kind: str,
    source: str | Path | Cohort | None,
    asked: Mapping[str, Any],
    folder: str | Path | None,
    resume: str | Path | None,
    *,
    repeats: bool = True,
) -> Ready:
    """Read the data and deal the folds of a new experiment, or of one that continues.

    Without a scheme of folds, or a split that came with the data, patients are cross-validated.

    Args:
        kind: "compare", "tune" or "curve".
        asked: plain values; `shared` has the settings of all fits.
        folder: where a new experiment shall go.
        resume: the folder of an unfinished one, in which everything is known already.
        repeats: deal anew several times where fits cost little.

    Raises:
        SettingError: if something is asked beside `resume`, or shuffled targets are asked for.
        RunError: if the data have changed since the experiment was begun.
    """
    old = None
    if resume is not None:
        if folder is not None or any(asked.values()):
            raise SettingError(f"--resume continues {resume} as it was begun; leave every other option out.")
        old, asked = open_experiment(resume, kind)
    shared = dict(asked["shared"])
    if shared.get("null_runs") is not None:
        raise SettingError(
            "Setting null_runs has no effect here: `bedside train --null` shuffles targets for one model."
        )
    base = build(RunSettings, {name: shared[name] for name in ("source", "data") if name in shared})
    cohort, base = read_source(source, base, old)
    if old is not None and old.environment["data_fingerprint"] != cohort.fingerprint():
        raise RunError(f"The data of {old.path} have changed since it was begun; start a new one.")
    findings = refuse_leaks(cohort, base.data.allow_leak)
    dealt = shared.get("folds", {})
    if "scheme" not in dealt and (cohort.split is None or dealt.keys() & {"number", "repeats"}):
        times = REPEATS if repeats and cohort.inputs.kind == "table" else 1
        dealt = {"scheme": "crossval", "repeats": times, **dealt}
    shared = {**shared, "folds": dealt} if dealt else shared
    settings = build(RunSettings, {name: shared[name] for name in ("folds", "seed") if name in shared})
    folds = make_folds(cohort, settings.folds, seed=settings.seed)
    added = recalibration_findings(cohort, folds, shared.get("evaluation", {}).get("recalibrate", "none"))
    findings = worst_first([*findings, *fold_findings(cohort, folds, settings.folds), *added])
    stored = {**asked, "shared": {**shared, "source": base.source} if base.source else shared}
    return Ready(stored, cohort, base.source, folds, findings, old)


def begin_experiment(
    kind: str,
    asked: Mapping[str, Any],
    cohort: Cohort,
    common: RunSettings,
    folds: Sequence[Fold],
    findings: Sequence[Finding],
    folder: str | Path | None,
) -> Run:
    """Make the folder, with everything that is known before training.

    Args:
        kind: "compare", "tune" or "curve": the verb that continues it.
        asked: what `open_experiment` gives back.
        common: settings that all fits share.

    Raises:
        RunError: if the folder is in use.
    """
    path = claim(f"{cohort.name}-{kind}", folder)
    with filled(path) as new:
        write_yaml(new / ASKED, {"kind": kind, "bedside": versions()["bedside"], **asked})
        describe_into(new, cohort, common, folds, findings)
    return Run(path)


def open_experiment(path: str | Path, kind: str) -> tuple[Run, dict[str, Any]]:
    """The folder, and what was asked.

    Raises:
        RunError: if it is no experiment of this kind, or another version of bedside or of a library began it.
    """
    folder = Path(path)
    if not (folder / ASKED).is_file():
        raise RunError(f"{folder} has no {ASKED}: it was not made by `bedside {kind}`.")
    asked, run = read_yaml(folder / ASKED), Run(folder)
    if asked.get("kind") != kind:
        raise RunError(f"{folder} was made by `bedside {asked.get('kind')}`; continue it with that.")
    known, now = run.environment["versions"], versions()
    changed = [f"{name} {known.get(name)} -> {found}" for name, found in now.items() if known.get(name) != found]
    if changed:
        raise RunError(f"{folder} was begun with other versions ({', '.join(changed)}); start a new one.")
    return run, asked


def fit_all(run: Run, tasks: Mapping[str, FitTask], way: Way) -> Events:
    """Fit every task into the folder `fits/<key>`, as far as it is not there yet."""
    for key, task in tasks.items():
        if not (run.path / FITS / key).exists():
            with whole_folder(run.path / FITS / key) as new:
                write_yaml(new / "settings.yaml", acting(task.settings, task.cohort))
                write_json(new / "environment.json", {})
    homes = {key: Fit(run.path / FITS / key) for key in tasks}
    todo = {key: task for key, task in tasks.items() if not (homes[key].path / "predictions.csv").exists()}
    if way.here:
        for key, task in todo.items():
            yield Stage(
                "training",
                f"{task.family} ({len(tasks) - len(todo) + list(todo).index(key) + 1} of {len(tasks)})",
                len(task.folds),
            )
            yield from _timed(homes[key], task)
        return
    yield Stage("training", f"{len(todo)} settings", sum(len(task.folds) for task in todo.values()))
    pieces: dict[str, FitTask] = {}
    for key, task in todo.items():
        finished = finished_in(homes[key].path / PARTS / "predictions", task.folds)
        pieces |= {f"{key}/{name}": piece for name, piece in tasks_of(replace(task, finished=finished)).items()}
    for name, result in run_each(fit_elsewhere, pieces, jobs=way.jobs, cluster=way.cluster):
        key = name.partition("/")[0]
        home = Fit(homes[key].path)
        keep_facts(home, result.facts)
        keep(home, seconds=home.environment.get("seconds", 0) + result.seconds)
        keep_files(home.path / PARTS / "predictions", result.files)
        yield from (FoldKept(fold) for fold in pieces[name].folds)
    for key, task in todo.items():
        gather(homes[key], task.folds, "predictions.csv")


def _timed(home: Run, task: FitTask) -> Events:
    """Fit here, and keep how long it took beside what took it."""
    started = time.perf_counter()
    yield from fit_folds(home, task)
    seconds = Run(home.path).environment.get("seconds", 0) + time.perf_counter() - started
    keep(home, seconds=seconds)
