"""From settings to a run folder: the whole pipeline, step by step.

Every step writes its files whole and is skipped if they are there already. So a run that was killed between, or
within, any two steps continues where it stood and ends with the same predictions as if nothing had happened.
"""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, Fold, Task
from bedside.data import read_cohort
from bedside.data.checks import refuse_leaks
from bedside.data.codes import worst_first
from bedside.data.description import describe
from bedside.environment import describe_environment, versions
from bedside.errors import RunError, SettingError
from bedside.evaluation import evaluate
from bedside.folder import Run, open_run, whole_folder, write_json, write_table, write_yaml
from bedside.models import baseline_for, family_named, model_settings
from bedside.models.suited import acting, refuse_unsuited, setting_findings
from bedside.report.card import write_card
from bedside.report.html import write_report
from bedside.settings import RunSettings, build, merge
from bedside.splits.folds import everything, fold_findings, folds_table, make_folds
from bedside.training.fits import FoldFit, Plan, Progress, train_everything, train_folds
from bedside.training.fitted import FittedEstimator, FittedNetwork
from bedside.training.model import Model, save_model

PARTS = ".parts"  # finished folds of an unfinished run


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
        settings = _settings_of(old, settings, source)
        source = source if isinstance(source, Cohort) else settings.source
    if source is None:
        raise SettingError("Name the data: a built-in cohort (`bedside cohorts`) or the path of a table.")
    if not isinstance(source, Cohort):
        settings = settings.model_copy(update={"source": str(source)})
        source = read_cohort(str(source), settings.data)
    cohort = source
    findings = refuse_leaks(cohort, settings.data.allow_leak)
    refuse_unsuited(settings, cohort.task, cohort.inputs.kind)
    folds = make_folds(cohort, settings.folds, seed=settings.seed)
    added = [*fold_findings(cohort, folds, settings.folds), *setting_findings(settings, cohort.task)]
    findings = worst_first([*findings, *added])

    run = _continue(old, cohort, folds) if old else _begin(cohort, settings, folds, findings, folder)
    yield Begun(run, cohort, folds, findings)
    if not run.finished:
        yield from _fit(run, cohort, folds, settings, settings.family, "predictions.csv")
        if settings.evaluation.baseline:
            simple = baseline_for(cohort.task, settings.family)
            plain = settings.model_copy(update={"family": simple, "model": {}})
            yield from _fit(run, cohort, folds, plain, simple, "baseline.csv")
        yield Stage("evaluation")
        run = _evaluate(run, cohort, settings)
        yield from _keep_model(run, cohort, folds, settings)
        yield Stage("report")
        _record(run, wall_seconds=round(time.monotonic() - started, 1))
        report(run.path)
    _tidy(run.path)
    yield Finished(Run(run.path))


def report(path: str | Path) -> Path:
    """Make card.md and report.html of a run anew from its files; the same as `bedside report`.

    Raises:
        RunError: if the run is not finished.
    """
    run = open_run(path)
    write_card(run)
    return write_report(run)


def _settings_of(old: Run, given: RunSettings, source: Any) -> RunSettings:
    """The settings a run was begun with; settings given again must agree with them.

    Raises:
        SettingError: naming what differs.
    """
    known = {name: value for name, value in old.settings.items() if name != "bedside"}
    again = given.model_dump(exclude_unset=True)
    if isinstance(source, str | Path):
        again["source"] = str(source)
    differing = [
        f"{name} (asked {value}, the run has {found})"
        for name, value in _flat(again).items()
        if str(found := _flat(known).get(name)) != str(value)
    ]
    if differing:
        raise SettingError(f"--resume continues {old.path} as it was begun. Leave out: {'; '.join(differing)}.")
    return build(RunSettings, known)


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"train": {"epochs": 3}} -> {"train.epochs": 3}; tuples become lists."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat


def _begin(
    cohort: Cohort, settings: RunSettings, folds: list[Fold], findings: Sequence[Finding], folder: str | Path | None
) -> Run:
    """Make the run folder, whole, with everything that is known before training."""
    path = Path(folder) if folder is not None else _new_folder(cohort.name)
    if path.exists() and any(path.iterdir()):
        raise RunError(f"{path} is there already. Name another folder, or continue it with --resume {path}.")
    with whole_folder(path) as new:
        write_yaml(new / "settings.yaml", {"bedside": versions()["bedside"], **acting(settings, cohort.task)})
        write_json(new / "environment.json", describe_environment(cohort, settings.seed))
        write_table(new / "cohort.csv", cohort.samples.reset_index(names="sample"))
        write_json(new / "description.json", describe(cohort))
        write_table(new / "folds.csv", folds_table(cohort, folds))
        write_json(new / "findings.json", [asdict(finding) for finding in findings])
    return Run(path)


def _new_folder(name: str) -> Path:
    """runs/<cohort>-<date>-<time>, with a number added if two runs begin in one second."""
    stem = Path("runs") / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    return next(path for k in range(1, 10_000) if not (path := stem if k == 1 else Path(f"{stem}-{k}")).exists())


def _continue(old: Run, cohort: Cohort, folds: list[Fold]) -> Run:
    """An unfinished run, if data, versions and folds are still the same.

    Raises:
        RunError: saying what has changed.
    """
    known = old.environment
    if known["data_fingerprint"] != cohort.inputs.fingerprint():
        raise RunError(f"The data of {old.path} have changed since it was begun; start a new run.")
    changed = [
        f"{name} {known['versions'].get(name)} -> {now}"
        for name, now in versions().items()
        if known["versions"].get(name) != now
    ]
    if changed:
        raise RunError(f"{old.path} was begun with other versions ({', '.join(changed)}); start a new run.")
    if not np.array_equal(folds_table(cohort, folds).to_numpy(dtype=str), old.folds.to_numpy(dtype=str)):
        raise RunError(f"The folds of {old.path} cannot be repeated with these data; start a new run.")
    return old


def _fit(
    run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, family: str, name: str
) -> Iterator[Event]:
    """Fit a family on every fold and gather its predictions in the table `name`."""
    if (run.path / name).exists():
        return
    parts = run.path / PARTS / Path(name).stem
    finished = {fold.name for fold in folds if (parts / fold.name).exists()}
    yield Stage("training", family, len(folds))
    epochs: dict[str, list[dict[str, Any]]] = {fold.name: [] for fold in folds}
    for event in train_folds(family, cohort, folds, settings, finished=finished):
        yield event
        if isinstance(event, Progress):
            for fold, row in _history_rows(event, cohort.task):
                epochs[fold.name].append(row)
        elif isinstance(event, FoldFit):
            with whole_folder(parts / event.fold.name) as part:
                _save_fold(part, event, cohort, epochs[event.fold.name])
        elif isinstance(event, Plan) and name == "predictions.csv":
            _record(run, device=event.device, threads=event.threads, parameters=event.parameters)
    for table in ("learning_rates.csv", "history.csv", name) if name == "predictions.csv" else (name,):
        stored = "predictions.csv" if table == name else table
        blocks = [
            pd.read_csv(file, dtype=str, keep_default_na=False)
            for fold in folds
            if (file := parts / fold.name / stored).exists()
        ]
        if blocks:
            write_table(run.path / table, pd.concat(blocks, ignore_index=True))


def _save_fold(part: Path, fit: FoldFit, cohort: Cohort, epochs: list[dict[str, Any]]) -> None:
    """Everything that a fold gives: member, predictions, history, learning-rate sweep."""
    fit.fitted.save(part)
    write_table(part / "predictions.csv", predict_fold(fit, cohort))
    if epochs:
        last_best = max(k for k, row in enumerate(epochs) if row["best"])
        rows = [{**row, "best": int(k == last_best)} for k, row in enumerate(epochs)]
        write_table(part / "history.csv", pd.DataFrame(rows))
    if fit.sweep is not None:
        sweep = {"learning_rate": fit.sweep.learning_rates, "loss": fit.sweep.losses}
        table = pd.DataFrame({"repeat": fit.fold.repeat, "fold": fit.fold.number, **sweep})
        write_table(
            part / "learning_rates.csv", table.assign(chosen=(table.learning_rate == fit.sweep.chosen).astype(int))
        )


def predict_fold(fit: FoldFit, cohort: Cohort) -> pd.DataFrame:
    """The predictions table of one fold: its validation and test samples, scored once."""
    blocks = []
    for part, rows in (("valid", fit.fold.valid), ("test", fit.fold.test)):
        samples = cohort.samples.iloc[rows]
        scores = fit.fitted.scores(cohort.inputs.take(rows)).reshape(len(rows), -1)
        head = {"sample": samples.index, "patient": samples["patient"].to_numpy(), "repeat": fit.fold.repeat}
        block = pd.DataFrame({**head, "fold": fit.fold.number, "part": part, "target": samples["target"].to_numpy()})
        block[cohort.task.score_columns()] = scores
        roles = [name for name in samples if name not in ("patient", "target")]
        blocks.append(pd.concat([block, samples[roles].reset_index(drop=True)], axis=1))
    return pd.concat(blocks, ignore_index=True)


def _history_rows(progress: Progress, task: Task) -> Iterator[tuple[Fold, dict[str, Any]]]:
    """One history.csv row for each fold that still trained in this epoch."""
    record = progress.record
    metric = {"binary": "auroc", "multiclass": "accuracy", "regression": "r2"}[task.kind]
    for k, fold in enumerate(progress.folds):
        if record.active[k]:
            yield (
                fold,
                {
                    "repeat": fold.repeat,
                    "fold": fold.number,
                    "epoch": record.epoch,
                    "train_loss": float(record.train_loss[k]),
                    "valid_loss": float(record.valid_loss[k]),
                    f"train_{metric}": float(record.train_metric[k]),
                    f"valid_{metric}": float(record.valid_metric[k]),
                    "learning_rate": record.learning_rate,
                    "best": bool(record.best[k]),
                },
            )


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
    if (run.path / "model").exists():
        return
    options = model_settings(settings.family, settings.model).acting()
    thresholds = [threshold["value"] for threshold in run.estimates["thresholds"]]
    model = Model(
        family=settings.family,
        settings=options,
        task=cohort.task,
        features=cohort.inputs.features,
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
                save_model(run.path / "model", replace(model, members=(event.fitted,)), ["everything"])
        return
    kind = FittedNetwork if family_named(settings.family).network else FittedEstimator
    parts = run.path / PARTS / "predictions"
    members = [kind.load(parts / fold.name, settings.family, options, cohort.task) for fold in folds]
    save_model(run.path / "model", replace(model, members=tuple(members)), [fold.name for fold in folds])


def _tidy(path: Path) -> None:
    """Remove what only an unfinished run needs, and what a killed one left half-written."""
    shutil.rmtree(path / PARTS, ignore_errors=True)
    for left in path.glob(".*.part"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _record(run: Run, **facts: Any) -> None:
    """Add facts to environment.json."""
    write_json(run.path / "environment.json", {**Run(run.path).environment, **facts})
