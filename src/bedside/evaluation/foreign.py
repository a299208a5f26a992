"""Anybody's predictions become a predictions table: a vendor's, a colleague's, or our own predictions.csv.

Nothing is guessed. The positive class is taken from the data only where its name leaves no doubt, scores must be
probabilities, and what is missing is named together with the way to supply it.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from bedside.cohort import RESERVED, Task
from bedside.data.cells import as_numbers, read_text, text_cells
from bedside.data.columns import read_columns
from bedside.data.targets import class_names, is_pair
from bedside.errors import DataError, SettingError, nearest
from bedside.recalibration import RAW

PREFIX = "score_"
BEFORE = RAW + PREFIX  # scores before recalibration, kept as they are
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")  # what cells of any type may hold
OWN = ("sample", "patient", "repeat", "fold", "part", "target")


def foreign(
    table: pd.DataFrame,
    *,
    target: str | None = None,
    score: str | None = None,
    predicted: str | None = None,
    positive: str | None = None,
    patient: str | None = None,
    sample: str | None = None,
    site: str | None = None,
    subgroups: Sequence[str] = (),
    decimal: str = ".",
) -> tuple[pd.DataFrame, Task]:
    """A predictions table and its task from a table with one row per sample.

    Args:
        table: as read from a file. Scores stand in `score` (probability of the positive class), in one column
            `score_<class>` per class, or in `predicted` (a number as target). A table with the columns of
            predictions.csv keeps its folds and parts; of any other, every row is a test sample.
        target: column with the truth; `target` by default.
        score: column with the score; by default `score`, the `score_<class>` columns, or `predicted`.
        predicted: column with the predicted number, where the target is a number.
        positive: class whose probability is given; needed unless the names say it, such as 0 and 1.
        patient: column that identifies the patient; by default `patient` if there is one, else each sample counts
            as its own patient.
        sample: column that identifies the sample; by default `sample` if there is one, else rows are numbered.
        site: column that names the hospital or scanner; by default `site` in a table with the columns of predictions.csv.
        subgroups: columns of groups; by default every further column of a table with the columns of predictions.csv,
            and none of any other table.
        decimal: decimal mark of numbers that are text.

    Cells that hold exactly one of `data.cells.MISSING`, such as NA or nothing, are missing, and classes are named as
    in training: 1.0 is 1.

    Raises:
        DataError: if a column is missing, a value is missing or not a probability, the target has one class only or
            a class without a score column, the positive class is not known, or a sample stands twice.
        SettingError: if `positive` has no effect, both `score` and `predicted` are named, or a column of groups has
            another role.
    """
    if table.empty:
        raise DataError("The predictions have no rows. Give one row per sample, with its target and its score.")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise DataError(f"Column {twice!r} stands twice. Rename or drop one of them.")
    truth = _column(table, target, "target")
    scores, kind = _score_columns(table, score, predicted)
    named = _own_names(table, patient, sample)
    if kind == "number":
        _refuse_positive(positive, "regression")
        predictions, task = _numbers(table, truth, scores[0], decimal)
    else:
        predictions, task = _classes(table, truth, scores, positive, decimal)
    taken = {truth, *scores, *(name for name in (patient, sample) if name)}
    before = [BEFORE + name for name in task.classes if is_own(table) and BEFORE + name in table.columns]
    raw = pd.DataFrame({name: _probability(table, name, decimal) for name in before}, index=table.index)
    groups = group_cells(table, site, subgroups, decimal, {*OWN, "linked", *taken, *before, *predictions.columns})
    known = {*OWN, "linked", *scores, *before, *predictions.columns, *groups.columns}
    roles = [name for name in table.columns if is_own(table) and name not in known]  # site, time and subgroups
    named = pd.concat([named, predictions, raw, groups, table[roles]], axis=1)
    _refuse_twice(named)
    return named, task


def is_own(table: pd.DataFrame) -> bool:
    """Whether the table has the columns of predictions.csv."""
    return set(OWN) <= set(table.columns)


def group_cells(
    table: pd.DataFrame, site: str | None, subgroups: Sequence[str], decimal: str, taken: set[str]
) -> pd.DataFrame:
    """Site and subgroups as they are compared: sites are text, numbers are numbers, empty cells are missing."""
    own = [str(name) for name in table.columns if is_own(table) and name not in {*taken, "site", "time"}]
    place = site or ("site" if is_own(table) and "site" in table.columns else None)
    columns = {"site": _column(table, place, "site")} if place else {}
    for name in subgroups or own:
        columns[name] = _column(table, name, "subgroup")
    for name, column in columns.items():
        if column in taken or (name in RESERVED and name != "site"):
            raise SettingError(f"Column {column!r} has another role already and cannot make groups; name another one.")
    read = {
        name: read_text(table[column]) if name == "site" else _group(table[[column]], decimal)
        for name, column in columns.items()
    }
    return pd.DataFrame(read, index=table.index)


def _group(column: pd.DataFrame, decimal: str) -> np.ndarray:
    """A column of groups as training reads it; yes and no keep their words, codes and categories are text."""
    (read,), _ = read_columns(column, decimal=decimal)
    if read.kind != "boolean":
        return read.values
    words = np.array(read.words or ("0", "1"), dtype=object)
    cells = words[np.where(read.missing, 0, read.values).astype(int)]
    cells[read.missing] = None
    return cells


def _column(table: pd.DataFrame, name: str | None, default: str) -> str:
    """The named column, or the default one."""
    wanted = name or default
    if wanted in table.columns:
        return wanted
    option = f"--{default} COLUMN"
    remedy = "Check the spelling." if name else f"Name it with {option}."
    raise DataError(
        f"There is no column {wanted!r}; the table has {', '.join(map(str, table.columns))}."
        f"{nearest(wanted, map(str, table.columns))} {remedy}"
    )


def _score_columns(
    table: pd.DataFrame, score: str | None, predicted: str | None
) -> tuple[list[str], Literal["class", "number"]]:
    """Columns with scores, the named one or what stands in the table, and what they predict."""
    if score is not None and predicted is not None:
        raise SettingError(
            f"score={score!r} names probabilities and predicted={predicted!r} numbers; give one of the two."
        )
    if predicted is not None:
        return [_column(table, predicted, "predicted")], "number"
    if score is not None:
        return [_column(table, score, "score")], "class"
    if "score" in table.columns:
        return ["score"], "class"
    several = [str(name) for name in table.columns if str(name).startswith(PREFIX)]
    if several:
        return several, "class"
    return (["predicted"], "number") if "predicted" in table.columns else ([_column(table, None, "score")], "class")


def _own_names(table: pd.DataFrame, patient: str | None, sample: str | None) -> pd.DataFrame:
    """sample, patient, repeat, fold and part of each row."""
    rows = pd.Series(np.arange(len(table)), index=table.index).astype(str)
    sample = sample or ("sample" if "sample" in table.columns else None)
    patient = patient or ("patient" if "patient" in table.columns else None)
    samples = _texts(table, _column(table, sample, "sample")) if sample else rows
    patients = _texts(table, _column(table, patient, "patient")) if patient else samples
    own = pd.DataFrame({"sample": samples, "patient": patients})
    if not is_own(table):
        return own.assign(repeat=0, fold=0, part="test")
    odd = set(table["part"].astype(str)) - {"valid", "test"}
    if odd:
        raise DataError(f"Column 'part' holds {sorted(odd)[0]!r}; it may hold valid and test only.")
    if "linked" in table.columns:
        own["linked"] = _texts(table, "linked")
    folds = {name: _numeric(table, name, ".").astype(np.int64) for name in ("repeat", "fold")}
    return own.assign(**folds, part=table["part"].astype(str))


def _complete(table: pd.DataFrame, name: str) -> pd.Series:
    """A column without missing values."""
    missing = pd.isna(table[name]) if pd.api.types.is_numeric_dtype(table[name]) else pd.isna(read_text(table[name]))
    if missing.any():
        raise DataError(
            f"Column {name!r} has {int(missing.sum())} missing values, the first in row {int(missing.argmax()) + 1}. "
            "Fill them in or remove these rows, and say so where you report the result."
        )
    return table[name]


def _texts(table: pd.DataFrame, name: str) -> pd.Series:
    """A complete column as text; 1.0 is 1."""
    return pd.Series(read_text(_complete(table, name)), index=table.index, dtype=str)


def _numeric(table: pd.DataFrame, name: str, decimal: str) -> pd.Series:
    """A column of finite numbers; text is read with the decimal mark."""
    column = _complete(table, name)
    typed = pd.api.types.is_numeric_dtype(column) or pd.api.types.infer_dtype(column) in _NUMBERS
    values = column.to_numpy(np.float64) if typed else as_numbers(text_cells(column), decimal)
    odd = ~np.isfinite(values)
    if odd.any():
        cell, mark = str(column[odd].iloc[0]), "," if decimal == "." else "."
        meant = np.isfinite(as_numbers(np.array([cell], dtype=object), mark)).all()
        remedy = f" If {mark!r} is the decimal mark, add --decimal {mark!r}." if not typed and meant else ""
        row = int(np.flatnonzero(odd)[0]) + 1
        remedy = remedy or " Correct the cell, or name another column."
        raise DataError(f"Column {name!r} holds {cell!r} in row {row}, where finite numbers are needed.{remedy}")
    return pd.Series(values, index=table.index)


def _numbers(table: pd.DataFrame, truth: str, score: str, decimal: str) -> tuple[pd.DataFrame, Task]:
    found = {"target": _numeric(table, truth, decimal), "predicted": _numeric(table, score, decimal)}
    return pd.DataFrame(found), Task("regression")


def _class_names(table: pd.DataFrame, truth: str, decimal: str) -> pd.Series:
    """The class of each sample as training names it; predictions.csv holds such names already."""
    column = _complete(table, truth)
    (read,), _ = read_columns(table[[truth]], decimal=decimal, categories=[truth] if is_own(table) else [])
    return pd.Series(class_names(column, read), index=table.index, dtype=str)


def _classes(
    table: pd.DataFrame, truth: str, scores: list[str], positive: str | None, decimal: str
) -> tuple[pd.DataFrame, Task]:
    """Target and score columns of a binary or multiclass task."""
    target = _class_names(table, truth, decimal)
    present = sorted(target.unique())
    if len(present) == 1:
        raise DataError(
            f"All {len(target)} samples have {truth} = {present[0]}. Judging a score needs samples of both classes: add those of the other, or name another column with --target."
        )
    values = {name: _probability(table, name, decimal) for name in scores}
    if len(scores) == 1:
        classes = _two_classes(present, positive, truth)
        score = values[scores[0]]
        found = pd.DataFrame({"target": target, PREFIX + classes[0]: 1 - score, PREFIX + classes[1]: score})
        return found, Task("binary", classes)
    names = tuple(name.removeprefix(PREFIX) for name in scores)
    _refuse_unscored(present, names)
    _refuse_improper(pd.DataFrame(values))
    if len(names) > 2:
        _refuse_positive(positive, f"multiclass, with {len(names)} classes")
    else:
        own = is_own(table) and positive is None  # predictions.csv: the positive class comes last
        names = names if own else _two_classes(sorted(names), positive, truth)
    found = pd.DataFrame({"target": target, **{PREFIX + name: values[PREFIX + name] for name in names}})
    return found, Task("binary" if len(names) == 2 else "multiclass", names)


def _refuse_positive(positive: str | None, task: str) -> None:
    if positive is not None:
        raise SettingError(f"positive={positive!r} has no effect: the task is {task}. Leave it away.")


def _two_classes(present: list[str], positive: str | None, truth: str) -> tuple[str, str]:
    """(other class, positive class)."""
    if len(present) > 2:
        raise DataError(
            f"Column {truth!r} has {len(present)} classes ({', '.join(present[:6])}), but one score column tells only two "
            f"apart. Give one column {PREFIX}<class> per class; if the target is a number, name the prediction with --predicted."
        )
    if positive is not None:
        if positive not in present:
            raise DataError(
                f"The positive class {positive!r} is not in column {truth!r}, which holds {' and '.join(present)}."
                f"{nearest(positive, present)} Name one of these with --positive."
            )
        return next(name for name in present if name != positive), positive
    for other, wanted in (present, present[::-1]):
        if is_pair(other.casefold(), wanted.casefold()):
            return other, wanted
    raise DataError(
        f"Which of {' and '.join(present)} is the class that the score is the probability of? "
        f"Name it, such as --positive {present[-1]}."
    )


def _probability(table: pd.DataFrame, name: str, decimal: str) -> pd.Series:
    """A column of numbers in 0..1."""
    numbers = _numeric(table, name, decimal)
    low, high = numbers.min(), numbers.max()
    if low < 0 or high > 1:
        raise DataError(
            f"Column {name!r} goes from {low:g} to {high:g}; scores must be probabilities in 0..1. Divide percentages by "
            "100, put logits through the logistic function, and calibrate other scores on other patients first."
        )
    return numbers


def _refuse_unscored(present: list[str], names: tuple[str, ...]) -> None:
    unscored = [name for name in present if name not in names]
    if unscored:
        raise DataError(
            f"The target has the class {unscored[0]!r}, but there is no column {PREFIX}{unscored[0]}; score columns are "
            f"{', '.join(PREFIX + name for name in names)}.{nearest(unscored[0], names)} Add the column or rename the class."
        )


def _refuse_improper(scores: pd.DataFrame) -> None:
    """Probabilities of the classes of a sample sum to 1, give or take rounding to two decimals."""
    totals = scores.sum(axis=1).to_numpy()
    odd = np.flatnonzero(np.abs(totals - 1) > 0.005 * scores.shape[1] + 1e-9)
    if len(odd):
        raise DataError(
            f"The scores of row {odd[0] + 1} sum to {totals[odd[0]]:g}; the probabilities of all classes must sum to 1. "
            "Give every class its column, or normalise the scores."
        )


def _refuse_twice(predictions: pd.DataFrame) -> None:
    """A sample is tested once per repeat, and stands once in each fold."""
    test = predictions[predictions["part"] == "test"]
    twice = test.duplicated(["repeat", "sample"])
    if not twice.any():
        twice = predictions.duplicated(["repeat", "fold", "sample"])
        test = predictions
    if twice.any():
        raise DataError(
            f"Sample {test.loc[twice, 'sample'].iloc[0]!r} stands more than once. Keep one row per sample; if the column "
            "names patients with several samples each, name it with --patient and leave the sample column out."
        )
