"""What the promises mean: each of these tests fails if the promise is broken.

A promise about data ("fitted on training samples only") is tested by changing everything that may not matter, and by
asking for the same bits. A promise about a setting ("class weights act") is tested by what it must do to the scores.
"""

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside import RunError
from bedside.cohort import Fold
from bedside.models import families, settings_class
from bedside.run import Stage, train_steps
from bedside.seeds import derive
from bedside.settings import RunSettings, build, merge
from bedside.splits.folds import make_folds
from bedside.training import fits
from bedside.training.fits import FoldFit, Progress, train_folds
from cohorts import cohort as make_cohort
from cohorts import table as make_table

FAMILIES_AND_TASKS = [(name, task) for name, family in families().items() for task in family.tasks]
NETWORKS_AND_TASKS = [(name, task) for name, task in FAMILIES_AND_TASKS if families()[name].network]
SMALL = {"model": {"hidden": [8]}, "train": {"epochs": 4, "patience": 3, "learning_rate": 0.01}}
RUN = {**SMALL, "folds": {"scheme": "crossval", "number": 3}, "evaluation": {"resamples": 100}}
COHORTS = {task: make_cohort(60, task=task) for task in ("binary", "multiclass", "regression")}


def train(cohort, options=None, *, folds=None):
    """Fold name -> FoldFit, and the progress events; one holdout fold unless folds are given or asked for."""
    settings = build(RunSettings, merge(SMALL, options or {}))
    folds = folds or make_folds(cohort, settings.folds, seed=0)
    events = list(train_folds(settings.family, cohort, folds, settings))
    return {e.fold.name: e for e in events if isinstance(e, FoldFit)}, [e for e in events if isinstance(e, Progress)]


def train_one(cohort, options=None, *, fold=None):
    """The FoldFit of a single fold."""
    (only,) = train(cohort, options, folds=fold and [fold])[0].values()
    return only


def family_options(name, **settings):
    """Options for a quick fit of any family, with those of `settings` that it knows laid over its own."""
    known = {option: value for option, value in settings.items() if option in settings_class(name).model_fields}
    return {"family": name, "model": known}


def quick_family(name, **train_options):
    """SMALL for a network; a few small trees for a forest; `model` is replaced as a whole, not merged."""
    quick = family_options(name, hidden=[8], trees=10, leaf_samples=3)
    return build(RunSettings, {**quick, "train": {**SMALL["train"], **train_options}})


def fit_family(name, cohort, fold, **train_options):
    """Family `name` fitted on one fold."""
    events = train_folds(name, cohort, [fold], quick_family(name, **train_options))
    (only,) = (event for event in events if isinstance(event, FoldFit))
    return only.fitted


def with_other(cohort, rows):
    """The cohort with other features and targets in `rows`: numbers a thousandfold, unseen levels, new gaps, each
    class exchanged for the next one."""
    frame = cohort.inputs.frame.copy()
    for feature in cohort.inputs.features:
        column = frame.columns.get_loc(feature.name)
        wild = "never seen" if feature.kind == "category" else 1e4 + 1e3 * np.arange(len(rows))
        frame.iloc[rows, column] = wild
        frame.iloc[rows[::5], column] = None
    samples, classes = cohort.samples.copy(), cohort.task.classes
    known = cohort.target[rows]
    other = 1e3 + 50 * known if not classes else np.array(classes, dtype=object)[(known + 1) % len(classes)]
    samples.iloc[rows, samples.columns.get_loc("target")] = other
    return replace(cohort, samples=samples, inputs=replace(cohort.inputs, frame=frame))


def learned(preparation):
    """Everything that the steps of a preparation have learned: {step: {attribute: value}}."""
    found = {}
    for name, step in preparation.steps.items():
        for part, transformer in getattr(step, "named_steps", {"": step}).items():
            found[f"{name} {part}"] = {key: value for key, value in vars(transformer).items() if key.endswith("_")}
    return found


# Training learns from training samples ------------------------------------------------------------------------------


@pytest.mark.parametrize(("family", "task"), FAMILIES_AND_TASKS)
def test_validation_and_test_samples_teach_nothing(family, task):
    """In a single epoch the validation samples of a network have nothing to decide either."""
    cohort = COHORTS[task]
    (fold,) = make_folds(cohort, RunSettings().folds, seed=0)
    other = with_other(cohort, np.concatenate([fold.valid, fold.test]))
    ours, theirs = (fit_family(family, data, fold, epochs=1, patience=None) for data in (cohort, other))
    np.testing.assert_equal(learned(theirs.preparation), learned(ours.preparation))
    trained = cohort.inputs.take(fold.train)
    assert np.array_equal(theirs.preparation(trained), ours.preparation(trained))
    assert np.array_equal(theirs.scores(trained), ours.scores(trained))
