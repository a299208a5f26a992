"""What is predicted: recognised from the target column, stated, and refused when it cannot be learned."""

import numpy as np
import pandas as pd

from bedside.cohort import Finding, Task, TaskKind
from bedside.data.cells import as_numbers, read_text, text_cells
from bedside.data.codes import count, finding, listing
from bedside.data.columns import Column, read_columns
from bedside.errors import DataError, SettingError, nearest
from bedside.settings import DataSettings

MOST_CLASSES = 100  # text with more different values is an identifier or free text
MOST_NUMBER_CLASSES = 10  # whole numbers with more different values are amounts
_EXACT = 2**53  # beyond it a float64 cannot tell neighbouring whole numbers apart

_NEGATIVE = frozenset(
    ["no", "false", "negative", "neg", "absent", "benign", "control", "controls", "healthy", "normal", "alive"]
) | frozenset(["survived", "survivor", "none", "nein", "negativ", "gesund", "kontrolle", "lebt", "falsch"])
_POSITIVE = frozenset(
    ["yes", "true", "positive", "pos", "present", "malignant", "case", "cases", "diseased", "sick", "ill", "abnormal"]
) | frozenset(["dead", "died", "deceased", "ja", "positiv", "krank", "fall", "verstorben", "wahr"])


def read_target(frame: pd.DataFrame, settings: DataSettings) -> tuple[pd.Series, Task, list[Finding]]:
    """The target of each sample, class names as text or numbers, and the task it makes.

    Raises:
        DataError: if values are missing or infinite, there is one class or far too many, or `task` cannot be done.
        SettingError: if `positive` is named for a task that has no positive class.
    """
    name = str(settings.target)
    (column,), found = read_columns(
        frame[[name]], decimal=settings.decimal, categories=set(settings.categories) & {name}
    )
    _refuse_gaps(column, name)
    kind = _kind(column, settings.task)
    if kind == "regression":
        _refuse_positive(settings, "regression")
        return pd.Series(column.values), Task("regression"), found
    values, joined = _one_line(name, class_names(frame[name], column))
    classes = sorted(set(values), key=_class_order)
    _refuse_class_number(name, classes, kind)
    found = [*found, *joined, *_spellings(frame[name], column)]
    if kind == "multiclass":
        _refuse_positive(settings, f"multiclass, with {len(classes)} classes")
        return pd.Series(values, dtype=object), Task(kind, tuple(classes)), found
    positive, assumed = _positive(name, classes, settings.positive)
    negative = classes[0] if positive == classes[1] else classes[1]
    return pd.Series(values, dtype=object), Task("binary", (negative, positive)), found + assumed


def read_outcomes(raw: pd.Series, name: str, task: Task, decimal: str) -> np.ndarray:
    """Outcomes of new samples as training names them, or numbers; None or NaN where there is none, (n,).

    Args:
        raw: the column as it stands in the file.
        name: of the column.
        task: of the model.
        decimal: decimal mark of numbers that are text.

    Raises:
        DataError: if one is none of the classes, or no number where one is predicted.
    """
    known = ~pd.isna(read_text(raw))
    cells = raw[known].reset_index(drop=True)
    found = np.full(len(raw), np.nan) if task.kind == "regression" else np.full(len(raw), None, dtype=object)
    if known.any():
        found[known] = (
            _amounts(cells, name, decimal) if task.kind == "regression" else _known_classes(cells, name, task, decimal)
        )
    return found


def _amounts(cells: pd.Series, name: str, decimal: str) -> np.ndarray:
    numbers = as_numbers(text_cells(cells), decimal)
    odd = np.flatnonzero(~np.isfinite(numbers))
    if len(odd):
        raise DataError(f"Column '{name}' holds {cells[odd[0]]!r}, where the model predicts a number.")
    return numbers


def _known_classes(cells: pd.Series, name: str, task: Task, decimal: str) -> np.ndarray:
    """Cells as they stand, or, where these are no classes, read as the target was: yes, YES and Yes are one class."""
    found, _ = _one_line(name, read_text(cells))
    if not set(found) <= set(task.classes):
        (column,), _ = read_columns(cells.to_frame(name), decimal=decimal)
        found, _ = _one_line(name, class_names(cells, column))
    unknown = sorted(set(found) - set(task.classes))
    if unknown:
        raise DataError(
            f"Column '{name}' has the outcome {unknown[0]!r}, but the model knows {', '.join(task.classes)}."
            f"{nearest(unknown[0], task.classes)} Name the outcomes as in training."
        )
    return found


def _kind(column: Column, asked: str) -> TaskKind:
    """The task that was asked for, if it can be done, or the one that the target looks like."""
    distinct = len(pd.unique(column.values))
    if column.kind == "date":
        raise DataError(
            f"Target '{column.name}' holds dates. Make it a number, such as days until the event, or a class."
        )
    if asked == "regression":
        if column.kind != "number":
            shown = listing(list(dict.fromkeys(column.values))[:3] if column.kind == "category" else list(column.words))
            raise DataError(f"Target '{column.name}' holds text ({shown}); task=regression needs numbers.")
        if distinct == 1:
            raise DataError(
                f"Target '{column.name}' is {column.values[0]:g} in every sample; there is nothing to learn."
            )
        return "regression"
    if asked != "auto":
        return asked  # type: ignore[return-value]
    if column.kind == "number":
        whole = bool(np.all(column.values % 1 == 0))
        if distinct > 1 and not (whole and distinct <= MOST_NUMBER_CLASSES):
            return "regression"
    return "multiclass" if distinct > 2 else "binary"


def class_names(raw: pd.Series, column: Column) -> np.ndarray:
    """Class of each sample as text: numbers in full without useless decimals, the file's own words otherwise."""
    if column.kind == "boolean" and column.words:
        return np.array(column.words, dtype=object)[column.values.astype(int)]
    if column.kind != "number" or np.abs(column.values).max() > _EXACT:
        return read_text(raw)
    codes, values = pd.factorize(column.values)
    return np.array([str(int(value)) if value % 1 == 0 else repr(float(value)) for value in values], dtype=object)[
        codes
    ]


def _one_line(name: str, values: np.ndarray) -> tuple[np.ndarray, list[Finding]]:
    """Class names as column names and reports show them: line breaks and runs of blanks become single blanks."""
    codes, levels = pd.factorize(values)
    lines = [" ".join(level.split()) for level in levels]
    changed = [level for level, line in zip(levels, lines, strict=True) if level != line]
    if not changed:
        return values, []
    message = f"Target '{name}' has class names with line breaks or repeated blanks: {listing(changed)}. They are read with single blanks."
    found = finding("note", "spelling", message, "Write each on one line in the file.", (name,))
    return np.array(lines, dtype=object)[codes], [found]


def _spellings(raw: pd.Series, column: Column) -> list[Finding]:
    """Classes that differ only in case: words for yes and no were read as one class, others were not."""
    if column.kind not in ("boolean", "category"):
        return []
    spelt = pd.Series([" ".join(str(level).split()) for level in pd.unique(read_text(raw))], dtype=object).unique()
    alike = pd.Series(spelt, dtype=object).groupby([level.casefold() for level in spelt])
    twins = [listing(sorted(group)) for _, group in alike if len(group) > 1]
    if not twins:
        return []
    shown = "; ".join(twins[:4]) + (f"; and {len(twins) - 4} more" if len(twins) > 4 else "")
    message = f"Target '{column.name}' spells a class in more than one way: {shown}."
    if column.kind == "boolean":
        remedy = "They are read as one class; write them alike in the file."
        return [finding("note", "spelling", message, remedy, (column.name,))]
    remedy = "Write them alike, or they count as different classes."
    return [finding("warning", "spelling", message, remedy, (column.name,))]


def _class_order(name: str) -> tuple[int, float, str]:
    """Numbers by value, then text by alphabet."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _refuse_gaps(column: Column, name: str) -> None:
    rows = np.flatnonzero(column.missing) + 1
    if len(rows) == len(column.values):
        raise DataError(f"Target '{name}' is empty in every row. Name another column with --target.")
    if len(rows):
        shown = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
        raise DataError(
            f"Target '{name}' is missing in {count(len(rows), 'row')} of {len(column.values):,} (data rows {shown}). "
            "A sample without an answer can neither train nor test: fill the values in or remove these rows. "
            "Cells such as NA, - or ? count as missing."
        )


def _refuse_class_number(name: str, classes: list[str], kind: TaskKind) -> None:
    n = len(classes)
    if n == 1:
        raise DataError(
            f"Target '{name}' has one class only ({classes[0]!r}) in every sample; at least two are needed."
        )
    if n > MOST_CLASSES:
        raise DataError(
            f"Target '{name}' has {n:,} different values, such as {listing(classes[:3])}; at most {MOST_CLASSES} classes can be "
            "learned. It looks like an identifier or free text: name another target, or group the values."
        )
    if kind == "binary" and n != 2:
        raise DataError(
            f"Target '{name}' has {n} classes ({listing(classes)}); task=binary needs two. Merge classes, or leave task away."
        )
    if kind == "multiclass" and n == 2:
        raise DataError(
            f"Target '{name}' has two classes ({listing(classes)}); task=multiclass needs three. Use task=binary."
        )


def _refuse_positive(settings: DataSettings, task: str) -> None:
    if settings.positive is not None:
        raise SettingError(f"positive={settings.positive!r} has no effect: the task is {task}. Leave it away.")


def _positive(name: str, classes: list[str], asked: str | None) -> tuple[str, list[Finding]]:
    """The class to detect: named, recognised by its word, or assumed with a warning."""
    if asked is not None:
        asked = " ".join(asked.split())
        if asked not in classes:
            raise DataError(
                f"Target '{name}' has no class '{asked}'.{nearest(asked, classes)} Its classes: {listing(classes)}."
            )
        return asked, []
    for other, positive in (classes, classes[::-1]):
        if is_pair(other.casefold(), positive.casefold()):
            return positive, []
    message = f"The positive class of '{name}' was assumed to be {classes[1]!r}, the last of {listing(classes)}; sensitivity and predictive values depend on it."
    return classes[1], [finding("warning", "assumed-positive", message, "Name it: --positive CLASS.", (name,))]


def is_pair(negative: str, positive: str) -> bool:
    """0 and 1, a known word, or a word and its denial, such as 'no sepsis' and 'sepsis'."""
    if (negative, positive) in (("0", "1"), ("-1", "1")) or negative in {
        f"{no}{positive}" for no in ("no ", "not ", "non-", "non", "no_", "kein ", "keine ")
    }:
        return True
    known = (negative in _NEGATIVE, positive in _POSITIVE)
    crossed = (positive in _NEGATIVE, negative in _POSITIVE)
    return any(known) and not any(crossed)
