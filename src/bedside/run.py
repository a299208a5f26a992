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

from bedside import random_split, synthesis
from bedside.begin import (
    begin,
    explainable,
    go_on,
    read_again,
    read_source,
    settings_of,
    settled,
)
from bedside.cohort import Cohort, Finding, Fold
from bedside.data.checks import refuse_leaks
from bedside.data.codes import worst_first
from bedside.data.description import DESCRIBED
from bedside.errors import BedsideError, SettingError
from bedside.evaluation import Development, evaluate
from bedside.evaluation.conformal import calibration_scores
from bedside.evaluation.groups import refuse_idle_bands
from bedside.explain import explain_run
from bedside.explain.choose import FOLDER
from bedside.explain.molecules import explain_molecules
from bedside.explain.tables import explain_table
from bedside.explain.traces import explain_traces
from bedside.fold_parts import HERE, PARTS, FitTask, Way, fit_folds, kept_epochs, kept_recalibrations, record, tidy
from bedside.folder import Run, checksum, locked, open_run, whole_folder, write_json
from bedside.models import baseline_for, model_settings
from bedside.models.suited import setting_findings
from bedside.models.weight_places import named_file
from bedside.permuted import NULL, null_steps
from bedside.recalibration import RAW, Recalibration, fit, recalibration_findings
from bedside.reference import FOLDER as REFERENCE
from bedside.reference import write_columns
from bedside.report.again import report
from bedside.settings import ExplainSettings, ReferenceSettings, RunSettings, build, merge, nested
from bedside.splits.folds import everything, fold_findings, make_folds
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan, Progress
from bedside.training.fits import train_everything
from bedside.training.kept_vectors import KeptVectors
from bedside.training.model import Conformal, Model, load_model, save_model
from bedside.training.novelty import FACTS as NOVELTY_FACTS
from bedside.training.novelty import Novelty, learn
from bedside.training.saved import load_members

_EXPLAIN: dict[str, Any] = {
    "table": explain_table,
    "image": explain_run,
    "signal": explain_traces,
    "graph": explain_molecules,
}


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
    refuse_idle_bands(
        cohort.samples[[name for name in cohort.roles.subgroups if name in cohort.samples]], settings.evaluation.bands
    )
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
        _keep_reference(run, cohort, settings)
        yield from _keep_model(run, cohort, folds, settings)
        if synthesis.wanted(cohort, settings) and not (run.path / synthesis.FOLDER).exists():
            yield Stage("synthetic samples", str(settings.family), len(folds))
            yield from _synthesise(run, cohort, folds, settings, way)
        if settings.null_runs and not (run.path / NULL).exists():
            yield Stage("shuffled targets", str(settings.family), len(folds) * settings.null_runs)
            yield from null_steps(run, cohort, settings, way)
        if random_split.wanted(cohort, settings) and not (run.path / random_split.RANDOM).exists():
            yield Stage("random split", str(settings.family), len(folds))
            yield from random_split.random_steps(run, cohort, settings, way)
        if explainable(settings, cohort) and settings.explain.samples and not (run.path / FOLDER).exists():
            yield from _explain_if_possible(Run(run.path), cohort, settings)
        yield Stage("report")
        record(run, wall_seconds=round(time.monotonic() - started, 1), resumed=old is not None)
        report(run.path)
        tidy(run.path)
    yield Finished(Run(run.path))


def _train(run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, way: Way) -> Iterator[Event]:
    """predictions.csv of the family and baseline.csv of the simple one, from the same folds."""
    simple = baseline_for(cohort.task, str(settings.family), cohort.inputs.kind)
    nothing = ReferenceSettings(keep="nothing")
    plain = settings.model_copy(update={"family": simple, "model": {}, "reference": nothing})
    for name, asked in (("predictions.csv", settings), ("baseline.csv", plain)):
        wanted = name != "baseline.csv" or settings.evaluation.baseline
        if wanted and not (run.path / name).exists():
            yield Stage("training", str(asked.family), len(folds))
            task = FitTask(str(asked.family), cohort, tuple(folds), asked)
            yield from fit_folds(run, task, name, way)


def _synthesise(run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, way: Way) -> Iterator[Event]:
    """synthetic/, from the members of the folds."""
    family = str(settings.family)
    parts = [run.path / PARTS / "predictions" / fold.name for fold in folds]
    members = load_members(parts, family, model_settings(family, settings.model).acting(), cohort.task)
    yield from synthesis.synthesis_steps(run, cohort, folds, members, settings, way)


def explain_steps(
    path: str | Path, *, source: str | Path | None = None, samples: int | None = None, method: str | None = None
) -> Iterator[Event]:
    """Explain test samples of a finished run anew, and renew its report; the same as `bedside explain`.

    Args:
        path: the run.
        source: where the table or the images lie, if they were moved since.
        samples: how many to show; as in the run by default.
        method: see `ExplainSettings.method`; for images and recordings.

    Raises:
        RunError: if the data are not those of the run, or it is not finished.
        SettingError: if the family looks at no single column or place, or a setting would have no effect.
    """
    run = open_run(path)
    run.require_finished()
    settings = build(RunSettings, {name: value for name, value in run.settings.items() if name != "bedside"})
    asked = {name: value for name, value in (("samples", samples), ("method", method)) if value is not None}
    explain = build(ExplainSettings, {**settings.explain.model_dump(), **asked}, prefix="explain.")
    cohort = read_again(run, settings, source, verb="explain")
    if not explainable(settings, cohort):
        raise SettingError(
            f"`bedside explain` shows what a model of a table or a network for images, recordings or molecules uses; this is "
            f"{settings.family} on {cohort.inputs.kind} data, which looks at no single column or place."
        )
    if method is not None and cohort.inputs.kind == "table":
        raise SettingError(f"Setting explain.method={method} has no effect on tables; leave it away.")
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
    """explanations/, by the members in model/ that were tested on the samples."""
    yield Stage("explanation")
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    steps = _EXPLAIN[cohort.inputs.kind](run, cohort, settings, dict(zip(model.names, model.deployed, strict=True)))
    for done, total in steps:
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
            baseline_family=baseline_for(cohort.task, str(settings.family), cohort.inputs.kind),
            patient_column=cohort.roles.patient is not None,
            development=_development(run, cohort),
        )
        write_json(run.path / "estimates.json", estimates)
    return Run(run.path)


def _development(run: Run, cohort: Cohort) -> Development | None:
    """Training patients of a fold, as the mean over the folds; None without columns, which have no list of parameters."""
    if cohort.inputs.kind != "table":
        return None
    trained = run.folds[run.folds["part"] == "train"]
    patients = trained["sample"].astype(str).map(cohort.samples["patient"])
    learned = patients.groupby([trained["repeat"], trained["fold"]]).nunique().mean()
    return Development(round(float(learned)), cohort.inputs.parameters)


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
        kind=cohort.inputs.kind,
        known=run.description.get(DESCRIBED.get(cohort.inputs.kind, "")),
        unusual=settings.reference.unusual,
    )
    if settings.evaluation.conformal is not None and model.final != "refit":
        table = calibration_scores(run.predictions, cohort.task)
        model = replace(model, conformal=Conformal(settings.evaluation.conformal, table))
    if len(folds) > 1 and settings.final == "refit":
        model = replace(model, recalibration=_of_all_folds(run, cohort, settings))
        yield Stage("refit", family, 1)
        fold = everything(cohort, repeat=folds[-1].repeat + 1)
        for event in train_everything(family, cohort, fold, settings, epochs=kept_epochs(run.history)):
            yield event
            if isinstance(event, FoldFit):
                novelties = _novelties_of_refit(event, cohort, folds, settings)
                _save(run, replace(model, members=(event.fitted,), names=("everything",), novelties=novelties))
        return
    parts = [run.path / PARTS / "predictions" / fold.name for fold in folds]
    members = load_members(parts, family, options, cohort.task)
    novelties = tuple(Novelty.load(part) for part in parts if (part / NOVELTY_FACTS).exists())
    names = tuple(fold.name for fold in folds)
    maps = kept_recalibrations(parts)
    _save(run, replace(model, members=members, names=names, novelties=novelties, recalibration=maps))


def _keep_reference(run: Run, cohort: Cohort, settings: RunSettings) -> None:
    """reference/: what new patients are held against."""
    if settings.reference.keep == "nothing" or (run.path / REFERENCE).exists():
        return
    with whole_folder(run.path / REFERENCE) as folder:
        write_columns(folder, cohort, settings.seed)
        for part in sorted((run.path / PARTS / "predictions").iterdir()):
            if (kept := KeptVectors.load(part)) is not None:
                kept.save(folder)


def _novelties_of_refit(
    fit: FoldFit, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings
) -> tuple[Novelty, ...]:
    """Fold by fold, in what the final model is given; none if it is a network that has seen every image in training."""
    member = fit.fitted
    if settings.reference.keep == "nothing" or (cohort.inputs.kind == "image" and not member.frozen):
        return ()
    first = [fold for fold in folds if fold.repeat == folds[0].repeat]
    learned = (learn(member, "everything", cohort, fold, single=False) for fold in first)
    return tuple(novelty for novelty in learned if novelty is not None)


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
