"""What a predictions table gives away about how it was made: patients on both sides of a split, rows that trained."""

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.evaluation.panels import units

CODES = {
    "predictions-patients": "A predictions table has samples of one patient in both the validation and the test part of a fold.",
    "predictions-folds": "A predictions table has samples of one patient tested in several folds.",
    "predictions-training": "A predictions table has rows that are named as training rows.",
}
_FOLDS, _PARTS = ("fold", "folds", "cv_fold"), ("part", "split", "set", "subset", "partition")
_TRAINING = ("train", "training", "trained", "development")
_REMEDY = "Deal folds by patient and score again: a model that has seen a patient recognises the patient, and every number is too good."


def audit(named: pd.DataFrame, table: pd.DataFrame, *, own: bool, patients_known: bool) -> list[Finding]:
    """Warnings and notes about the division behind a table.

    Args:
        named: what `foreign` made of it.
        table: as it was given, same rows.
        own: the table has the columns of predictions.csv.
        patients_known: a column names the patients.
    """
    found = [] if own else _training_rows(table)
    if not patients_known:
        return found
    if own:
        return [*found, *_both_parts(named), *_several_folds(named)]
    column = next((str(name) for name in table if str(name).lower() in _FOLDS), None)
    if column is None:
        return found
    cells = named.assign(part="test", fold=table[column].astype(str).to_numpy())
    return [*found, *_several_folds(cells, column)]


def _training_rows(table: pd.DataFrame) -> list[Finding]:
    for name in table:
        if str(name).lower() not in _PARTS:
            continue
        training = table[name].astype(str).str.strip().str.lower().isin(_TRAINING)
        if training.any():
            message = f"Column '{name}' names {int(training.sum()):,} of {len(table):,} rows as training; they are judged as if they were test rows."
            remedy = "Leave these rows out: what a model says of those it learned from tells nothing about others."
            return [Finding("warning", "predictions-training", message, remedy, (str(name),))]
    return []


def _both_parts(named: pd.DataFrame) -> list[Finding]:
    """Patients who validate and are tested in the same fold: threshold and stopping have seen them."""
    parts = named.assign(unit=units(named)).groupby(["repeat", "fold", "unit"])["part"].nunique()
    crossing = parts[parts > 1].reset_index()["unit"].unique()
    if not len(crossing):
        return []
    message = f"{_patients(crossing)} in both the validation and the test part of a fold: what is chosen on validation has seen them."
    return [Finding("warning", "predictions-patients", message, _REMEDY)]


def _several_folds(named: pd.DataFrame, column: str = "fold") -> list[Finding]:
    """Patients tested in several folds of one repeat: unless left out, their other samples trained each model."""
    test = named[named["part"] == "test"]
    folds = test.assign(unit=units(test)).groupby(["repeat", "unit"])["fold"].nunique()
    crossing = folds[folds > 1].reset_index()["unit"].unique()
    if not len(crossing):
        return []
    message = f"{_patients(crossing)} tested in more than one fold (column '{column}'): if their other samples trained these models, every number is too good."
    remedy = f"{_REMEDY} Right only if each model was trained without them, as bedside does when sites are held out."
    return [Finding("warning", "predictions-folds", message, remedy)]


def _patients(names: np.ndarray) -> str:
    return f"{len(names):,} {'patient is' if len(names) == 1 else 'patients are'} (such as {str(names[0])!r})"
