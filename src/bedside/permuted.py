"""The whole pipeline again and again with targets that belong to other patients: it must score chance.

Preparation, training, early stopping and threshold are the same code as of the real run; folds are dealt anew, because
they are stratified by the target. Tables are laid under each other, so that networks of many runs train as one stack.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Fold
from bedside.errors import DataError, SettingError
from bedside.evaluation.null import FEWEST, judge_null, score_table
from bedside.evaluation.panels import sizes, tested
from bedside.fold_parts import PARTS, Events, FitTask, Way, fit_folds
from bedside.folder import Run, write_json
from bedside.seeds import derive
from bedside.settings import EvaluationSettings, RunSettings
from bedside.splits.folds import make_folds
from bedside.splits.shuffled import reordered, shuffled

NULL = "null.json"
HOME = f"{PARTS}/null"  # in the folder of the run, while it is made
_PLACE = 0xA0  # of the seeds of this module
_TRIES = 20  # shuffles until every class is in every part
_CELLS = 20_000_000  # cells of the tables that are laid under each other
_MEMBERS = 200  # that train at once

Pipeline = Callable[[Cohort], pd.DataFrame]


def null_of(
    cohort: Cohort, pipeline: Pipeline, *, runs: int = 20, seed: int = 0, settings: EvaluationSettings | None = None
) -> dict[str, object]:
    """Whether anybody's pipeline scores chance when targets are shuffled, and the p-value of its real result.

    Args:
        cohort: what the pipeline reads.
        pipeline: everything that looks at targets, from a cohort to a table with the columns of predictions.csv.
        runs: times that the targets are shuffled.

    Returns:
        What a run keeps as null.json; see `evaluation.null.judge_null`.

    Raises:
        SettingError: if `runs` is below 5.
    """
    if runs < FEWEST:
        raise SettingError(f"runs={runs} shuffled runs tell nothing; use {FEWEST} or more, better 20.")
    settings = settings or EvaluationSettings()
    predictions = pipeline(cohort)
    permuted = []
    for k in range(runs):
        other = shuffled(reordered(cohort, seed=derive(seed, _PLACE, k, 1)), seed=derive(seed, _PLACE, k, 0))
        permuted.append(score_table(pipeline(other), cohort.task, settings))
    n = sizes(tested(predictions), cohort.task, patient_column=cohort.roles.patient is not None)
    return judge_null(
        score_table(predictions, cohort.task, settings),
        permuted,
        cohort.task,
        n,
        level=settings.level,
        sites="site" in predictions,
    )


def null_steps(run: Run, cohort: Cohort, settings: RunSettings, way: Way) -> Events:
    """Fit `settings.null_runs` shuffled copies of the cohort, and write null.json; finished fits are not repeated."""
    runs = settings.null_runs or 0
    home = Run(run.path / HOME)
    home.path.mkdir(parents=True, exist_ok=True)
    scored: list[dict[str, float]] = []
    together = _together(cohort, settings)
    for first in range(0, runs, together):
        copies = [_copy(cohort, settings, k) for k in range(first, min(first + together, runs))]
        big, folds, repeats = laid_together(copies)
        task = FitTask(str(settings.family), big, tuple(folds), settings, members=False)
        name = f"null-{first}.csv"
        yield from fit_folds(home, task, name, way)
        table = run.part(f"{HOME}/{name}")
        for k in range(len(copies)):
            own = table[table["repeat"] // repeats == k]
            scored.append(score_table(own, cohort.task, settings.evaluation))
    real = score_table(run.predictions, cohort.task, settings.evaluation)
    level, sites = settings.evaluation.level, "site" in cohort.samples
    record = judge_null(real, scored, cohort.task, run.estimates["n"], level=level, sites=sites)
    write_json(run.path / NULL, record)
    shutil.rmtree(home.path)


def _together(cohort: Cohort, settings: RunSettings) -> int:
    """Copies that are laid under each other: images come alone, because a copy would be decoded again."""
    if cohort.inputs.kind != "table":
        return 1
    folds = len(make_folds(cohort, settings.folds, seed=settings.seed))
    cells = len(cohort) * max(1, len(cohort.inputs.features))
    return int(np.clip(min(_CELLS // cells, _MEMBERS // folds), 1, settings.null_runs or 1))


def _copy(cohort: Cohort, settings: RunSettings, k: int) -> tuple[Cohort, list[Fold]]:
    """The k-th shuffled cohort and its folds; shuffled again if a class is missing somewhere."""
    for again in range(_TRIES):
        other = shuffled(cohort, seed=derive(settings.seed, _PLACE, k, again))
        try:
            return other, make_folds(other, settings.folds, seed=derive(settings.seed, _PLACE, k) % 2**32)
        except DataError as error:
            problem = error
    raise DataError(f"Shuffled targets could not be dealt to folds: {problem}")


def laid_together(copies: list[tuple[Cohort, list[Fold]]]) -> tuple[Cohort, list[Fold], int]:
    """One cohort with the samples of every copy, all folds of all copies in it, and the number of repeats of a copy.

    A fold's rows lie within its copy, so the copies are as separate as if each were fitted by itself; the repeats of copy
    k begin with k times the number of repeats.
    """
    first, folds = copies[0]
    repeats = max(fold.repeat for fold in folds) + 1
    n = len(first)
    moved = [
        replace(
            fold,
            repeat=k * repeats + fold.repeat,
            train=fold.train + k * n,
            valid=fold.valid + k * n,
            test=fold.test + k * n,
            dealt=None if fold.dealt is None else k * repeats + fold.dealt,
        )
        for k, (_, own) in enumerate(copies)
        for fold in own
    ]
    if len(copies) == 1:
        return first, moved, repeats
    samples = pd.concat([copy.samples for copy, _ in copies])
    inputs = first.inputs.take(np.tile(np.arange(n), len(copies)))
    linked = np.concatenate([copy.linked for copy, _ in copies])  # a patient is one in every copy
    return replace(first, samples=samples, inputs=inputs, linked=linked, split=None, truth=None), moved, repeats
