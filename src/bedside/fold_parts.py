"""Fit a family on every fold, and keep what each fold gives as soon as it is there.

A fold's member, predictions and history lie in a folder of their own under `.parts` until the run is finished, so a
run that is killed loses only the folds that were in training. Folds train in this process, or as tasks in others; the
files are the same either way.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Fold
from bedside.errors import RunError, TrainingError
from bedside.folder import Run, cells_as_csv, read_json, whole_folder, write_json, write_table, write_text
from bedside.models import model_settings
from bedside.models.backbone import frozen_part
from bedside.parallel import run_each
from bedside.recalibration import RECALIBRATION, Recalibration, recalibrate_table
from bedside.settings import RunSettings
from bedside.splits.folds import linked_patients
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan, Progress
from bedside.training.fits import dealt, train_folds
from bedside.training.fitted import scores
from bedside.training.kept_vectors import keep_vectors
from bedside.training.novelty import learn

PARTS = ".parts"

Events = Iterator[Plan | Extracted | Progress | FoldFit | FoldKept]


@dataclass(frozen=True)
class Way:
    """Where folds are fitted: in this process, in `jobs` of them, or on a cluster; see `parallel.run_each`."""

    jobs: int = 1
    cluster: str | None = None

    @property
    def here(self) -> bool:
        return self.jobs == 1 and self.cluster is None


HERE = Way()


@dataclass(frozen=True)
class FitTask:
    """Folds that are fitted together, wherever that is."""

    family: str
    cohort: Cohort
    folds: tuple[Fold, ...]
    settings: RunSettings
    finished: tuple[str, ...] = ()
    members: bool = True  # keep the trained models; without, only what they predict
    name: str = ""  # of the candidate that is fitted, for errors


@dataclass(frozen=True)
class FitResult:
    """What a task gives: files by their path within the folder of parts, and facts for environment.json."""

    files: dict[str, bytes]
    facts: dict[str, Any]
    seconds: float


def fit_folds(run: Run, task: FitTask, name: str = "predictions.csv", way: Way = HERE) -> Events:
    """Fit a family on every fold that is not there yet, and gather the predictions in the table `name`.

    Raises:
        RunError: if a run that continues would train on another device or number of threads than it was begun on.
    """
    parts = run.path / PARTS / Path(name).stem
    task = replace(task, finished=finished_in(parts, task.folds))
    model = name == "predictions.csv"
    if way.here:
        for event in _fit(task, parts):
            if isinstance(event, Plan) and model:
                keep_facts(run, _facts(event, task))
            yield event
    else:
        tasks = tasks_of(task)
        for key, result in run_each(fit_elsewhere, tasks, jobs=way.jobs, cluster=way.cluster):
            if model:
                keep_facts(run, result.facts)
            keep_files(parts, result.files)
            yield from (FoldKept(fold) for fold in tasks[key].folds)
    gather(run, task.folds, name)


def tasks_of(task: FitTask) -> dict[str, FitTask]:
    """The task in as many pieces as can be fitted apart, by the name of their first fold, without what is finished."""
    pieces = (replace(task, folds=part) for part in dealt(task.family, task.cohort, task.folds, task.settings))
    todo = (piece for piece in pieces if not all(fold.name in task.finished for fold in piece.folds))
    return {piece.folds[0].name: piece for piece in todo}


def fit_elsewhere(task: FitTask) -> FitResult:
    """Fit in this process, whichever it is, and hand the files over instead of leaving them here."""
    started = time.perf_counter()
    facts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        parts = Path(place)
        for event in _fit(task, parts):
            if isinstance(event, Plan):
                facts = _facts(event, task)
        files = {str(path.relative_to(parts)): path.read_bytes() for path in sorted(parts.rglob("*")) if path.is_file()}
    return FitResult(files, facts, time.perf_counter() - started)


def _fit(task: FitTask, parts: Path) -> Events:
    """Fit, and write a folder for each fold into `parts`."""
    epochs: dict[str, list[dict[str, Any]]] = {fold.name: [] for fold in task.folds}
    for event in _named(task, train_folds(task.family, task.cohort, task.folds, task.settings, finished=task.finished)):
        yield event
        if isinstance(event, Progress):
            for fold, row in _history_rows(event):
                before = [known["epoch"] for known in epochs[fold.name] if known.get("phase", "") != event.phase]
                epochs[fold.name].append({**row, "epoch": row["epoch"] + max(before, default=0)})
        elif isinstance(event, FoldFit):
            with whole_folder(parts / event.fold.name) as part:
                if task.members:
                    event.fitted.save(part)
                    _save_reference(part, event, task)
                _save_fold(part, event, task, epochs[event.fold.name])


def _named(task: FitTask, events: Events) -> Events:
    """The events; an error of the training says of which candidate."""
    try:
        yield from events
    except TrainingError as error:
        if not task.name:
            raise
        raise TrainingError(f"Candidate {task.name}: {error} Or compare again without this candidate.") from error


def finished_in(parts: Path, folds: Sequence[Fold]) -> tuple[str, ...]:
    """Names of the folds whose files are there."""
    return tuple(fold.name for fold in folds if (parts / fold.name).exists())


def keep_files(parts: Path, files: dict[str, bytes]) -> None:
    """Files of several folds as they came from elsewhere, each folder whole; what folds share lies beside them."""
    parts.mkdir(parents=True, exist_ok=True)
    folders: dict[str, dict[str, bytes]] = {}
    for name, content in files.items():
        folder, _, file = name.partition("/")
        if file:
            folders.setdefault(folder, {})[file] = content
        elif not (parts / folder).exists():
            (parts / folder).write_bytes(content)
    for folder, contents in folders.items():
        with whole_folder(parts / folder) as part:
            for file, content in contents.items():
                (part / file).parent.mkdir(parents=True, exist_ok=True)
                (part / file).write_bytes(content)


def gather(run: Run, folds: Sequence[Fold], name: str) -> None:
    """The tables of all folds in one each: predictions, and of the model also its history and learning rates."""
    parts = run.path / PARTS / Path(name).stem
    for table in ("learning_rates.csv", "history.csv", name) if name == "predictions.csv" else (name,):
        stored = "predictions.csv" if table == name else table
        blocks = [
            pd.read_csv(file, dtype=str, keep_default_na=False)
            for fold in folds
            if (file := parts / fold.name / stored).exists()
        ]
        if blocks:
            write_text(run.path / table, cells_as_csv(pd.concat(blocks, ignore_index=True)))


def _facts(plan: Plan, task: FitTask) -> dict[str, Any]:
    """What environment.json keeps of a plan: what is the same whenever the run is repeated on this machine."""
    facts = {"device": plan.device, "threads": plan.threads, "parameters": plan.parameters}
    more = {
        "parameters_trained": plan.trained,
        "batch_size": plan.batch_size,
        "weights": plan.weights,
        "levels": plan.levels,
        "freeze": frozen_part(model_settings(task.family, task.settings.model)),
    }
    return facts | {name: value for name, value in more.items() if value is not None}


def keep_facts(run: Run, facts: dict[str, Any]) -> None:
    """Facts of a training into environment.json.

    Raises:
        RunError: if a run that continues was begun on another device or number of threads.
    """
    same = {name: value for name, value in facts.items() if name in ("device", "threads", "batch_size")}
    known = {name: run.environment.get(name) for name in same}
    if known["device"] is not None and known != same:
        words = (", ".join(f"{name} {found[name]}" for name in same) for found in (known, same))
        raise RunError(
            f"{run.path} was begun with {next(words)}, now it would go on with {next(words)}, and its last digits "
            "would differ; start a new run."
        )
    record(run, **facts)


def _save_reference(part: Path, fit: FoldFit, task: FitTask) -> None:
    """What new samples are held against, of the folds of the first repeat: each patient is tested in one of them."""
    asked, fold = task.settings.reference, fit.fold
    if asked.keep == "nothing" or fold.repeat > 0:
        return
    scheme = task.settings.folds.scheme
    single = scheme in ("holdout", "time", "given")
    if (novelty := learn(fit.fitted, fold.name, task.cohort, fold, single=single)) is not None:
        novelty.save(part)
    again = task.settings.final == "refit" and len(task.folds) > 1  # then the model that is kept has vectors of its own
    if asked.keep != "summaries" and fold.number == 0 and not again:
        given = (task.cohort, fold, asked)
        kept = keep_vectors(fit.fitted, fold.name, *given, by_site=scheme == "site", seed=task.settings.seed)
        if kept is not None:
            kept.save(part)


def _save_fold(part: Path, fit: FoldFit, task: FitTask, epochs: list[dict[str, Any]]) -> None:
    """What a fold gives beside its member: predictions and their recalibration, history, learning-rate sweep."""
    table, found = predict_recalibrated(fit, task.cohort, task.settings)
    if found is not None:
        write_json(part / RECALIBRATION, found.to_dict())
    write_table(part / "predictions.csv", table)
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


def kept_recalibrations(parts: Sequence[Path]) -> tuple[Recalibration, ...]:
    """The recalibration of each fold, in the order of the folders; none if none was asked for."""
    files = [part / RECALIBRATION for part in parts]
    return tuple(Recalibration.from_dict(read_json(file)) for file in files if file.exists())


def kept_epochs(history: pd.DataFrame | None) -> dict[str, int]:
    """By phase, the median over the folds of how many epochs made the weights that were kept."""
    if history is None:
        return {}
    table = history.assign(phase=history.get("phase", ""))
    kept: dict[str, list[int]] = {}
    for _, fold in table.groupby(["repeat", "fold"]):
        last, done = int(fold.loc[fold["best"] == 1, "epoch"].max()), 0
        for phase, rows in fold.groupby("phase", sort=False):
            kept.setdefault(str(phase), []).append(int(np.clip(last - done, 0, len(rows))))
            done += len(rows)
    return {phase: round(float(np.median(epochs))) for phase, epochs in kept.items()}


def predict_recalibrated(
    fit: FoldFit, cohort: Cohort, settings: RunSettings
) -> tuple[pd.DataFrame, Recalibration | None]:
    """The predictions table of one fold and the map that its validation samples made, if one is asked for."""
    table, method = predict_fold(fit, cohort), settings.evaluation.recalibrate
    return (table, None) if method == "none" else recalibrate_table(table, cohort.task, method)


def predict_fold(fit: FoldFit, cohort: Cohort) -> pd.DataFrame:
    """The predictions table of one fold: its validation and test samples, scored once."""
    blocks, linked = [], linked_patients(cohort)
    both = scores([fit.fitted], cohort.inputs.take(np.concatenate([fit.fold.valid, fit.fold.test])))[0]
    for part, rows, scored in zip(
        ("valid", "test"), (fit.fold.valid, fit.fold.test), np.split(both, [len(fit.fold.valid)]), strict=True
    ):
        samples = cohort.samples.iloc[rows]
        head = {"sample": samples.index, "patient": samples["patient"].to_numpy(), "repeat": fit.fold.repeat}
        block = pd.DataFrame({**head, "fold": fit.fold.number, "part": part, "target": samples["target"].to_numpy()})
        block[cohort.task.score_columns()] = scored.reshape(len(rows), -1)
        if linked is not None:
            block["linked"] = linked[rows]
        roles = [name for name in samples if name not in ("patient", "target")]
        blocks.append(pd.concat([block, samples[roles].reset_index(drop=True)], axis=1))
    return pd.concat(blocks, ignore_index=True)


def _history_rows(progress: Progress) -> Iterator[tuple[Fold, dict[str, Any]]]:
    """One history.csv row for each fold that still trained in this epoch."""
    record = progress.record
    metric = progress.metric
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
                    **({"phase": progress.phase} if progress.phase else {}),
                },
            )


def record(run: Run, **facts: Any) -> None:
    """Add facts to environment.json as they become known; None takes one away."""
    known = {**Run(run.path).environment, **facts}
    write_json(
        run.path / "environment.json",
        {name: value for name, value in known.items() if name not in facts or value is not None},
    )


def tidy(path: Path) -> None:
    """Remove what only an unfinished run needs, and what a killed one left half-written."""
    for left in [*path.rglob(PARTS), *path.rglob(".*.part"), path / ".lock"]:
        shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)
