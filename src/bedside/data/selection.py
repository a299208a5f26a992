"""Columns that must not slip into the features: identifiers, free text, constants. Left out, never silently."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.codes import FORCE, count, finding, listing, plural, quoted
from bedside.data.columns import Column, looks_like_local_dates
from bedside.data.decode import SUFFIXES
from bedside.data.molecules.recognise import looks_like_molecules
from bedside.errors import DataError

NEARLY_UNIQUE = 0.9  # share of different values from which text, or a number called an id, identifies
FREE_TEXT = 100  # different values from which mostly different text is free text
_WORDS_OF_TEXT = 5  # mean words per cell from which it is a sentence

_PATIENT = re.compile(
    r"(patient|patienten|pat|subject|participant|proband|person|case|fall)_?(id|ids|nr|no|num|number|nummer|code|key|identifier)"
    r"|patient|patients|subject|participant|proband|mrn|pid|patid|subjid"
)
_IDENTIFIER = re.compile(
    r"(.*_)?(id|ids|uid|uuid|guid|mrn|pid|nr|no|idx|index|identifier|accession|rowid)"
    r"|(sample|row|record|image|file|visit|case|study)(_?(id|nr|no|num|number|name))?"
)


_OTHER_KINDS = {"image-column", "molecule-column"}  # what names or holds samples that are no rows of numbers
IMAGE_ENDINGS = tuple(chain.from_iterable(SUFFIXES.values()))


@dataclass(frozen=True)
class Units:
    """Patients as units: `first` is a row of each, shape (patients,); `of` the patient of each row, shape (n,)."""

    first: np.ndarray
    of: np.ndarray

    @classmethod
    def from_patients(cls, patients: np.ndarray) -> "Units":
        of = pd.factorize(patients)[0]
        return cls(np.unique(of, return_index=True)[1], of)

    def one_value_each(self, column: Column) -> np.ndarray | None:
        """The column with one value per patient, shape (patients,), or None if it varies within a patient."""
        codes = pd.factorize(column.values)[0]
        return column.values[self.first] if np.array_equal(codes[self.first][self.of], codes) else None


def select(
    columns: Sequence[Column], patients: np.ndarray, *, forced: bool, has_patient_column: bool
) -> tuple[list[Column], list[Finding]]:
    """The columns to learn from, and a finding for each one left out (or, if `forced`, used all the same).

    Raises:
        DataError: if a column is empty, or none is left.
    """
    _refuse_empty(columns)
    units = Units.from_patients(patients)
    constant = [column.name for column in columns if _is_constant(column)]
    problems = {
        column.name: problem
        for column in columns
        if not _is_constant(column) and (problem := _problem(column, units, has_patient_column))
    }
    found = [*problems.values(), *([_constant(constant)] if constant else [])]
    out = set() if forced else {*problems, *constant}
    keep = [column for column in columns if column.name not in out]
    if not keep:
        force = "" if {problem.code for problem in found} <= _OTHER_KINDS else FORCE
        told = " ".join(problem.message for problem in found)
        raise DataError(f"No column is left to learn from. {told} {force}".strip())
    dates = [_calendar(column.name) for column in keep if column.kind == "date"]
    return keep, [*(map(_kept, found) if forced else found), *dates]


def _refuse_empty(columns: Sequence[Column]) -> None:
    empty = [column.name for column in columns if column.missing.all()]
    if empty:
        raise DataError(
            f"{plural(len(empty), 'Column', 'Columns')} {listing(empty)} {plural(len(empty), 'is', 'are')} empty in every "
            f"row. Leave {plural(len(empty), 'it', 'each')} out: --exclude {quoted(empty[0])}."
        )


def _is_constant(column: Column) -> bool:
    """One value and no gaps; a value with gaps still tells who has it."""
    values = column.values
    return bool(np.all(values == values[0])) and not column.missing[0]


def _problem(column: Column, units: Units, has_patient_column: bool) -> Finding | None:
    """Why this column should not be learned from, if so."""
    name = column.name
    if column.kind == "category" and looks_like_local_dates(column):
        shown = listing(list(pd.unique(column.values[~column.missing])), 2)
        message = f"Column '{name}' looks like dates ({shown}) and was left out, because the order of day and month is not known."
        return finding(
            "warning",
            "unread-date",
            message,
            "Write dates as 2026-11-22, or make them a number such as an age.",
            (name,),
        )
    if column.kind not in ("category", "number") or (column.kind == "number" and not _whole(column)):
        return None
    present = column.values[~column.missing]
    distinct = len(pd.unique(present))
    if not has_patient_column and _PATIENT.fullmatch(_plain(name)):
        message = f"Column '{name}' looks like a patient identifier ({count(distinct, 'value')} in {count(len(column.values), 'sample')}) and was left out."
        remedy = f"If it names the patient, add --patient {quoted(name)}, so that no patient is in training and test. {FORCE}"
        return finding("warning", "patient-column", message, remedy, (name,))
    if column.kind == "category" and np.mean([str(cell).lower().endswith(IMAGE_ENDINGS) for cell in present]) > 0.5:
        message = (
            f"Column '{name}' names image files and was left out; add --image {quoted(name)} to learn from the images."
        )
        return finding("warning", "image-column", message, columns=(name,))
    reason = _identifies(column, units, distinct, present)
    text = column.kind == "category" and _is_free_text(present, distinct)
    if (reason or text) and column.kind == "category" and looks_like_molecules(name, present):
        message = f"Column '{name}' looks like molecules in SMILES and was left out; add --smiles {quoted(name)} to learn from the molecules."
        return finding("warning", "molecule-column", message, columns=(name,))
    if reason:
        message = f"Column '{name}' looks like an identifier ({reason}) and was left out."
        return finding("warning", "identifier", message, FORCE, (name,))
    if text:
        message = f"Column '{name}' looks like free text ({count(distinct, 'different value')} in {count(len(present), 'sample')}) and was left out."
        return finding("warning", "free-text", message, f"Make numbers or categories of it. {FORCE}", (name,))
    return None


def _identifies(column: Column, units: Units, distinct: int, present: np.ndarray) -> str | None:
    """The reason to take a column for an identifier of samples or of patients, if there is one."""
    if reason := _nearly_unique(column, present, distinct):
        return f"{reason} in {count(len(present), 'sample')}"
    if len(units.first) < len(units.of) and distinct >= NEARLY_UNIQUE * len(units.first):
        values = units.one_value_each(column)
        if values is not None:
            values = values[~pd.isna(values)]
            if reason := _nearly_unique(column, values, distinct):
                return f"{reason} in {count(len(values), 'patient')}"
    return None


def _nearly_unique(column: Column, values: np.ndarray, distinct: int) -> str | None:
    """Text that differs nearly everywhere; whole numbers only if they are called an id, or count the samples."""
    if distinct < 3 or distinct < NEARLY_UNIQUE * len(values):
        return None
    reason = f"{distinct:,} different values"
    if column.kind == "category" or _IDENTIFIER.fullmatch(_plain(column.name)):
        return reason
    if len(values) < 20 or distinct < len(values):
        return None
    counts_on = values.max() - values.min() < 2 * len(values)
    return reason if counts_on or bool(np.all(np.diff(values) > 0)) else None


def _is_free_text(present: np.ndarray, distinct: int) -> bool:
    if distinct > FREE_TEXT and distinct > len(present) / 2:
        return True
    words = np.mean([len(cell.split()) for cell in present[:1000]])
    return bool(words >= _WORDS_OF_TEXT and distinct > 20)


def _whole(column: Column) -> bool:
    values = column.values
    with np.errstate(invalid="ignore"):
        return bool(np.all((values % 1 == 0) | np.isnan(values)))


def _plain(name: str) -> str:
    """`PatientID` and `Patient ID` -> `patient_id`."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[\s._#-]+", "_", name).strip("_").lower()


def _constant(names: list[str]) -> Finding:
    one = len(names) == 1
    message = f"{plural(len(names), 'Column', 'Columns')} {listing(names)} {'has' if one else 'have'} the same value in every sample and {'was' if one else 'were'} left out."
    return finding("warning", "constant", message, FORCE, names)


def _calendar(name: str) -> Finding:
    message = f"Column '{name}' is a calendar date, used as a decimal year: it may teach the model when a sample was taken, not what it shows."
    remedy = f"Leave it out (--exclude {quoted(name)}), or make it a number such as an age or a number of days."
    return finding("warning", "calendar-date", message, remedy, (name,))


def _kept(problem: Finding) -> Finding:
    message = problem.message.replace("was left out", "is used because data.features names it").replace(
        "were left out", "are used because data.features names them"
    )
    return finding("warning", "forced-feature", message, "", problem.columns)
