"""From settings to a run folder: the whole pipeline, step by step.

Every step writes its files whole and is skipped if they are there already. So a run that was killed between, or
within, any two steps continues where it stood and ends with the same predictions as if nothing had happened.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bedside.begin import begin, found_again, go_on, settings_of
from bedside.cohort import Cohort, Finding, Fold
from bedside.data import read_cohort
from bedside.data.checks import refuse_leaks
from bedside.data.codes import worst_first
from bedside.errors import RunError, SettingError
from bedside.evaluation import evaluate
from bedside.fold_parts import PARTS, fit_folds, record
from bedside.folder import Run, checksum, locked, open_run, write_json
from bedside.models import baseline_for, family_named, model_settings
from bedside.models.suited import refuse_unsuited, setting_findings
from bedside.report.card import write_card
from bedside.report.html import write_report
from bedside.settings import RunSettings, build, merge
from bedside.splits.folds import everything, fold_findings, make_folds
from bedside.training.fits import FoldFit, Plan, Progress, train_everything
from bedside.training.fitted import FittedEstimator, FittedNetwork
from bedside.training.model import Model, save_model


@dataclass(frozen=True)
class Begun:
    """The data are read, checked and split; training comes next."""

    run: Run
    cohort: Cohort
    folds: Sequence[Fold]
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline begins; `folds` members of `family` will be fitted in it, or none."""

    name: str
    family: str = ""
    folds: int = 0


@dataclass(frozen=True)
class Finished:
    run: Run


Event = Begun | Stage | Plan | Progress | FoldFit | Finished


def train(
    source: str | Path | Cohort,
    settings: RunSettings | Mapping[str, Any] | None = None,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    **options: Any,
) -> Run:
    """Train, evaluate and report; the same as `bedside train`.

    Args:
        source: a cohort, the name of a built-in one, or the path of a table.
        settings: a `RunSettings`, or nested values such as {"train": {"epochs": 80}}.
        folder: where the run goes; by default a new folder under `runs/`.
        resume: an unfinished run folder to continue instead.
        options: settings by section, laid over `settings`: `family="forest"`, `data={"target": "disease"}`.

    Returns:
        The finished run: `run.estimates`, `run.predictions`, `run.path / "report.html"`.

    Raises:
        BedsideError: one of its children, with a message that says what to do.
    """
    given = settings.model_dump(exclude_unset=True) if isinstance(settings, RunSettings) else dict(settings or {})
    *_, last = train_steps(source, build(RunSettings, merge(given, options)), folder=folder, resume=resume)
    assert isinstance(last, Finished)
    return last.run


def train_steps(
    source: str | Path | Cohort | None,
    settings: RunSettings,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
) -> Iterator[Event]:
    """As `train`, but hands out what happens as it happens; the command line and the app draw it."""
    started = time.monotonic()
    old = open_run(resume) if resume is not None else None
    if old is not None:
        if folder is not None:
            raise SettingError(f"--resume continues {old.path} where it is; leave out the folder {folder}.")
        settings = settings_of(old, settings, source)
        if old.finished:
            _tidy(old.path)
            yield Finished(old)
            return
    cohort, settings = _cohort(source, settings, old)
    findings = refuse_leaks(cohort, settings.data.allow_leak)
    refuse_unsuited(settings, cohort.task, cohort.inputs.kind)
    folds = make_folds(cohort, settings.folds, seed=settings.seed)
    added = [*fold_findings(cohort, folds, settings.folds), *setting_findings(settings, cohort.task)]
    findings = worst_first([*findings, *added])

    run = go_on(old, cohort, folds) if old else begin(cohort, settings, folds, findings, folder)
    with locked(run.path):
        yield Begun(run, cohort, folds, findings)
        simple = baseline_for(cohort.task, settings.family)
        plain = settings.model_copy(update={"family": simple, "model": {}})
        for name, asked in (("predictions.csv", settings), ("baseline.csv", plain)):
            wanted = name != "baseline.csv" or settings.evaluation.baseline
            if wanted and not (run.path / name).exists():
                yield Stage("training", asked.family, len(folds))
                yield from fit_folds(run, cohort, folds, asked, asked.family, name)
        yield Stage("evaluation")
        run = _evaluate(run, cohort, settings)
        yield from _keep_model(run, cohort, folds, settings)
        yield Stage("report")
        record(run, wall_seconds=round(time.monotonic() - started, 1), resumed=old is not None)
        report(run.path)
        _tidy(run.path)
    yield Finished(Run(run.path))


def _cohort(source: Any, settings: RunSettings, old: Run | None) -> tuple[Cohort, RunSettings]:
    """The cohort, and the settings with the name of its source.

    Raises:
        SettingError: if no data are named, twice, or as a bare data frame.
    """
    if isinstance(source, Cohort):
        if settings.source is not None:
            raise SettingError(f"Setting source={settings.source} has no effect beside a cohort that is read already.")
        return source, settings
    if source is not None and not isinstance(source, str | Path):
        kind = type(source).__name__
        raise SettingError(f"A {kind} says nothing about roles; train on bedside.read_table(data, target=...).")
    if source is not None and settings.source not in (None, str(source)):
        raise SettingError(f"The data are named twice: {source} and source={settings.source}. Leave one out.")
    name = str(source) if source is not None else settings.source
    if name is None:
        raise SettingError("Name the data: a built-in cohort (`bedside cohorts`) or the path of a table.")
    place = found_again(old, name) if old is not None else name
    return read_cohort(str(place), settings.data), settings.model_copy(update={"source": name})


def report(path: str | Path) -> Path:
    """Make card.md and report.html of a run anew from its files; the same as `bedside report`.

    Raises:
        RunError: if the run is not finished.
    """
    run = open_run(path)
    if "wall_seconds" not in run.environment:
        raise RunError(f"{run.path} is not finished. Continue it with `bedside train --resume {run.path}`.")
    write_card(run)
    return write_report(run)


def _evaluate(run: Run, cohort: Cohort, settings: RunSettings) -> Run:
    """estimates.json from predictions.csv as it was written, so that anybody can repeat it."""
    run = Run(run.path)
    if not (run.path / "estimates.json").exists():
        estimates = evaluate(
            run.predictions,
            cohort.task,
            settings.evaluation,
            seed=settings.seed,
            baseline=run.baseline,
            baseline_family=baseline_for(cohort.task, settings.family),
            patient_column=cohort.roles.patient is not None,
        )
        write_json(run.path / "estimates.json", estimates)
    return Run(run.path)


def _keep_model(run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings) -> Iterator[Event]:
    """model/: the tested model, the ensemble of the fold members, or one more fit on everything."""
    if "model_sha256" in Run(run.path).environment:
        return
    options = model_settings(settings.family, settings.model).acting()
    thresholds = [threshold["value"] for threshold in run.estimates["thresholds"]]
    model = Model(
        family=settings.family,
        settings=options,
        task=cohort.task,
        features=cohort.inputs.features,
        roles=cohort.roles.columns(),
        members=(),
        threshold=float(np.mean(thresholds)) if thresholds else None,
        final="tested" if len(folds) == 1 else settings.final,
        parameters=run.environment.get("parameters"),
    )
    if len(folds) > 1 and settings.final == "refit":
        yield Stage("refit", settings.family, 1)
        epochs = None
        if run.history is not None:
            epochs = round(float(run.history.loc[run.history.best == 1, "epoch"].median()))
        fold = everything(cohort, repeat=folds[-1].repeat + 1)
        for event in train_everything(settings.family, cohort, fold, settings, epochs=epochs):
            yield event
            if isinstance(event, FoldFit):
                _save(run, replace(model, members=(event.fitted,)), ["everything"])
        return
    kind = FittedNetwork if family_named(settings.family).network else FittedEstimator
    parts = run.path / PARTS / "predictions"
    members = [kind.load(parts / fold.name, settings.family, options, cohort.task) for fold in folds]
    _save(run, replace(model, members=tuple(members)), [fold.name for fold in folds])


def _save(run: Run, model: Model, names: list[str]) -> None:
    """The model folder, and the checksum of its list of checksums."""
    save_model(run.path / "model", model, names)
    record(run, model_sha256=checksum(run.path / "model" / "model.json"))


def _tidy(path: Path) -> None:
    """Remove what only an unfinished run needs, and what a killed one left half-written."""
    shutil.rmtree(path / PARTS, ignore_errors=True)
    for left in [*path.rglob(".*.part"), path / ".lock"]:
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
