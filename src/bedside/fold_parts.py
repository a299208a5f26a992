"""Fit a family on every fold, and keep what each fold gives as soon as it is there.

A fold's member, predictions and history lie in a folder of their own under `.parts` until the run is finished, so a
run that is killed loses only the folds that were in training.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Fold, Task
from bedside.errors import RunError
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.models import model_settings
from bedside.models.backbone import frozen_part
from bedside.models.losses import Supervised
from bedside.settings import RunSettings
from bedside.splits.folds import linked_patients
from bedside.training.events import Extracted, FoldFit, Plan, Progress
from bedside.training.fits import train_folds
from bedside.training.fitted import scores

PARTS = ".parts"


def fit_folds(
    run: Run, cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, family: str, name: str
) -> Iterator[Plan | Extracted | Progress | FoldFit]:
    """Fit a family on every fold that is not there yet, and gather the predictions in the table `name`.

    Raises:
        RunError: if a run that continues would train on another device or number of threads than it was begun on.
    """
    parts = run.path / PARTS / Path(name).stem
    finished = {fold.name for fold in folds if (parts / fold.name).exists()}
    epochs: dict[str, list[dict[str, Any]]] = {fold.name: [] for fold in folds}
    for event in train_folds(family, cohort, folds, settings, finished=finished):
        yield event
        if isinstance(event, Progress):
            for fold, row in _history_rows(event, cohort.task):
                before = [known["epoch"] for known in epochs[fold.name] if known.get("phase", "") != event.phase]
                epochs[fold.name].append({**row, "epoch": row["epoch"] + max(before, default=0)})
        elif isinstance(event, FoldFit):
            with whole_folder(parts / event.fold.name) as part:
                _save_fold(part, event, cohort, epochs[event.fold.name])
        elif isinstance(event, Plan) and name == "predictions.csv":
            _same_machine(run, event)
            freeze = frozen_part(model_settings(family, settings.model))
            record(run, **_plan_facts(event), **({"freeze": freeze} if freeze else {}))
    for table in ("learning_rates.csv", "history.csv", name) if name == "predictions.csv" else (name,):
        stored = "predictions.csv" if table == name else table
        blocks = [
            pd.read_csv(file, dtype=str, keep_default_na=False)
            for fold in folds
            if (file := parts / fold.name / stored).exists()
        ]
        if blocks:
            write_table(run.path / table, pd.concat(blocks, ignore_index=True))


def _plan_facts(plan: Plan) -> dict[str, Any]:
    """What environment.json keeps of a plan: what is the same whenever the run is repeated on this machine."""
    facts = {"device": plan.device, "threads": plan.threads, "parameters": plan.parameters}
    more = {"parameters_trained": plan.trained, "batch_size": plan.batch_size, "weights": plan.weights}
    more["levels"] = plan.levels
    return facts | {name: value for name, value in more.items() if value is not None}


def _same_machine(run: Run, plan: Plan) -> None:
    now = _plan_facts(plan)
    known = {name: run.environment.get(name) for name in now if name in ("device", "threads", "batch_size")}
    if known["device"] is not None and known != {name: now[name] for name in known}:
        words = (", ".join(f"{name} {facts[name]}" for name in known) for facts in (known, now))
        raise RunError(
            f"{run.path} was begun with {next(words)}, now it would go on with {next(words)}, and its last digits "
            "would differ; start a new run."
        )


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


def _history_rows(progress: Progress, task: Task) -> Iterator[tuple[Fold, dict[str, Any]]]:
    """One history.csv row for each fold that still trained in this epoch."""
    record = progress.record
    metric = Supervised(task).metric
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
