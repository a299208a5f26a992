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

from bedside.begin import begin, explainable, found_again, go_on, read_source, settings_of, settled
from bedside.cohort import Cohort, Finding, Fold
from bedside.data import read_cohort
from bedside.data.checks import refuse_leaks
from bedside.data.codes import worst_first
from bedside.data.samples import COHORTS
from bedside.errors import BedsideError, RunError, SettingError
from bedside.evaluation import evaluate
from bedside.explain import FOLDER, explain_run
from bedside.fold_parts import HERE, PARTS, FitTask, Way, fit_folds, kept_epochs, kept_recalibrations, record, tidy
from bedside.folder import Run, checksum, locked, open_run, write_json
from bedside.models import baseline_for, model_settings
from bedside.models.suited import setting_findings
from bedside.models.weight_places import named_file
from bedside.recalibration import RAW, Recalibration, fit, recalibration_findings
from bedside.report.card import write_card
from bedside.report.html import write_report
from bedside.settings import ExplainSettings, RunSettings, build, merge, nested
from bedside.splits.folds import everything, fold_findings, make_folds
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan, Progress
from bedside.training.fits import train_everything
from bedside.training.model import Model, load_model, save_model
from bedside.training.saved import load_members


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


@dataclass(frozen=True)
class Explained:
    """Explanations: so many steps of so many are done, or why there are none."""

    done: int
    total: int
    problem: str = ""


Event = Begun | Stage | Plan | Extracted | Progress | FoldFit | FoldKept | Explained | Finished


def train(
    source: str | Path | Cohort,
    settings: RunSettings | Mapping[str, Any] | None = None,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    way: Way = HERE,
    **options: Any,
) -> Run:
    """Train, evaluate and report; the same as `bedside train`.

    Args:
        source: a cohort, the name of a built-in one, or the path of a table.
        settings: a `RunSettings`, or nested values such as {"train": {"epochs": 80}}.
        folder: where the run goes; by default a new folder under `runs/`.
        resume: an unfinished run folder to continue instead.
        way: where folds that can be fitted apart are fitted, such as `Way(jobs=4)`; the results are the same.
        options: settings by section, laid over `settings`: `family="forest"`, `data={"target": "disease"}`.

    Returns:
        The finished run: `run.estimates`, `run.predictions`, `run.path / "report.html"`.

    Raises:
        BedsideError: one of its children, with a message that says what to do.
    """
    given = settings.model_dump(exclude_unset=True) if isinstance(settings, RunSettings) else dict(settings or {})
    asked = build(RunSettings, merge(nested(given), options))
    *_, last = train_steps(source, asked, folder=folder, resume=resume, way=way)
    assert isinstance(last, Finished)
    return last.run


def train_steps(
    source: str | Path | Cohort | None,
    settings: RunSettings,
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    way: Way = HERE,
) -> Iterator[Event]:
    """As `train`, but hands out what happens as it happens; the command line and the app draw it."""
    started = time.monotonic()
    old = open_run(resume) if resume is not None else None
    if old is not None:
        if folder is not None:
            raise SettingError(f"--resume continues {old.path} where it is; leave out the folder {folder}.")
        settings = settings_of(old, settings, source)
        if old.finished:
            tidy(old.path)
            yield Finished(old)
            return
    named_file(str(settings.model.get("weights", "none")))  # a misspelt file is noticed before the data are read
    cohort, settings = read_source(source, settings, old)
    findings = refuse_leaks(cohort, settings.data.allow_leak)
    settings = settled(cohort, settings)
    folds = make_folds(cohort, settings.folds, seed=settings.seed)
    added = [*fold_findings(cohort, folds, settings.folds), *setting_findings(settings, cohort)]
    added += recalibration_findings(cohort, folds, settings.evaluation.recalibrate)
    findings = worst_first([*findings, *added])

    run = go_on(old, cohort, folds) if old else begin(cohort, settings, folds, findings, folder)
    with locked(run.path):
        yield Begun(run, cohort, folds, findings)
        try:
            yield from _train(run, cohort, folds, settings, way)
        except BedsideError:
            if old is None and not any(run.path.rglob("member.json")):
                shutil.rmtree(run.path)  # nothing was learned, as when weights are missing; the name is free again
            raise
        yield Stage("evaluation")
        run = _evaluate(run, cohort, settings)
        yield from _keep_model(run, cohort, folds, settings)
        if explainable(settings, cohort) and settings.explain.samples and not (run.path / FOLDER).exists():
            yield from _explain_if_possible(Run(run.path), cohort, settings)
        yield Stage("report")
        record(run, wall_seconds=round(time.monotonic() - started, 1), resumed=old is not None)
        report(run.path)
        tidy(run.path)
    yield Finished(Run(run.path))


def _train(run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, way: Way) -> Iterator[Event]:
    """predictions.csv of the family and baseline.csv of the simple one, from the same folds."""
    simple = baseline_for(cohort.task, str(settings.family))
    plain = settings.model_copy(update={"family": simple, "model": {}})
    for name, asked in (("predictions.csv", settings), ("baseline.csv", plain)):
        wanted = name != "baseline.csv" or settings.evaluation.baseline
        if wanted and not (run.path / name).exists():
            yield Stage("training", str(asked.family), len(folds))
            task = FitTask(str(asked.family), cohort, tuple(folds), asked)
            yield from fit_folds(run, task, name, way)


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


def explain_steps(
    path: str | Path, *, source: str | Path | None = None, samples: int | None = None, method: str | None = None
) -> Iterator[Event]:
    """Explain test samples of a finished run anew, and renew its report; the same as `bedside explain`.

    Args:
        path: the run.
        source: where the images lie, if they were moved since.
        samples: how many to show; as in the run by default.
        method: see `ExplainSettings.method`.

    Raises:
        RunError: if the images are not those of the run, or it is not finished.
        SettingError: if the model is no network for images.
    """
    run = open_run(path)
    if not run.finished:
        raise RunError(f"{run.path} is not finished. Continue it with `bedside train --resume {run.path}`.")
    settings = build(RunSettings, {name: value for name, value in run.settings.items() if name != "bedside"})
    asked = {name: value for name, value in (("samples", samples), ("method", method)) if value is not None}
    explain = build(ExplainSettings, {**settings.explain.model_dump(), **asked}, prefix="explain.")
    place = str(source) if source is not None else found_again(run, settings.source)
    if place is None:
        raise RunError(f"{run.path} was trained on a cohort without a name; add --source with the place of its images.")
    if source is None and place not in COHORTS and not Path(place).exists():
        raise RunError(f"The data of {run.path} are no longer in {place}; say where they are now with --source.")
    cohort = read_cohort(place, settings.data)
    if not explainable(settings, cohort):
        raise SettingError(
            f"`bedside explain` shows what a network for images looked at; this is {settings.family} on "
            f"{cohort.inputs.kind} data."
        )
    if cohort.fingerprint() != run.environment["data_fingerprint"]:
        raise RunError(f"The images in {place} are not those that {run.path} was made from.")
    with locked(run.path):
        yield from _explain(run, cohort, settings.model_copy(update={"explain": explain}))
        yield Stage("report")
        report(run.path)
        tidy(run.path)
    yield Finished(Run(run.path))


def _explain_if_possible(run: Run, cohort: Cohort, settings: RunSettings) -> Iterator[Event]:
    """As `_explain`; but whatever goes wrong there, a model that was trained and judged gets its report, which says so."""
    try:
        yield from _explain(run, cohort, settings)
    except Exception as error:
        known = isinstance(error, BedsideError)
        problem = (
            str(error) if known else f"{type(error).__name__}: {error}. This is an error of bedside; please report it."
        )
        record(run, explanation_problem=problem)
        yield Explained(0, 1, problem)


def _explain(run: Run, cohort: Cohort, settings: RunSettings) -> Iterator[Event]:
    """explanations/, by the networks of model/ that were tested on the samples."""
    yield Stage("explanation")
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    members: dict[str, Any] = dict(zip(model.names, model.members, strict=True))
    maps = dict(zip(model.names, model.recalibration, strict=False))
    for done, total in explain_run(run, cohort, settings, members, maps):
        yield Explained(done, total)
    record(run, explanation_problem=None)


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
            baseline_family=baseline_for(cohort.task, str(settings.family)),
            patient_column=cohort.roles.patient is not None,
        )
        write_json(run.path / "estimates.json", estimates)
    return Run(run.path)


def _keep_model(run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings) -> Iterator[Event]:
    """model/: the tested model, the ensemble of the fold members, or one more fit on everything."""
    if "model_sha256" in Run(run.path).environment:
        return
    family = str(settings.family)
    options = model_settings(family, settings.model).acting()
    thresholds = [threshold["value"] for threshold in run.estimates["thresholds"]]
    model = Model(
        family=family,
        settings=options,
        task=cohort.task,
        features=cohort.inputs.features,
        roles=cohort.roles.columns(),
        members=(),
        threshold=float(np.mean(thresholds)) if thresholds else None,
        final="tested" if len(folds) == 1 else settings.final,
        parameters=run.environment.get("parameters"),
        images=run.description.get("images"),
    )
    if len(folds) > 1 and settings.final == "refit":
        model = replace(model, recalibration=_of_all_folds(run, cohort, settings))
        yield Stage("refit", family, 1)
        fold = everything(cohort, repeat=folds[-1].repeat + 1)
        for event in train_everything(family, cohort, fold, settings, epochs=kept_epochs(run.history)):
            yield event
            if isinstance(event, FoldFit):
                _save(run, replace(model, members=(event.fitted,), names=("everything",)))
        return
    parts = [run.path / PARTS / "predictions" / fold.name for fold in folds]
    members = load_members(parts, family, options, cohort.task)
    maps = kept_recalibrations(parts)
    _save(run, replace(model, members=members, names=tuple(fold.name for fold in folds), recalibration=maps))


def _of_all_folds(run: Run, cohort: Cohort, settings: RunSettings) -> tuple[Recalibration, ...]:
    """For a model that has no validation samples of its own: fitted on those of all folds before recalibration."""
    if settings.evaluation.recalibrate == "none":
        return ()
    valid = run.predictions[run.predictions["part"] == "valid"]
    raw = valid[[RAW + name for name in cohort.task.score_columns()]].to_numpy(dtype=np.float64)
    return (fit(settings.evaluation.recalibrate, cohort.task.encode(valid["target"]), raw),)


def _save(run: Run, model: Model) -> None:
    """The model folder, and the checksum of its list of checksums."""
    save_model(run.path / "model", model)
    record(run, model_sha256=checksum(run.path / "model" / "model.json"))
