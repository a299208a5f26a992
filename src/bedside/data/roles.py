"""Which column is for what: names are checked, patients and sites read, and nothing is taken for the user."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from bedside.cohort import RESERVED, Finding, Roles
from bedside.data.cells import read_text, text_cells
from bedside.data.codes import count, finding, listing, quoted
from bedside.data.columns import read_columns
from bedside.errors import DataError, SettingError, nearest
from bedside.settings import DataSettings

# What people call the parts of a split, and what bedside calls them.
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


def assign(settings: DataSettings, columns: Sequence[str]) -> Roles:
    """The roles that the settings give to the columns of a table.

    Raises:
        DataError: if a column does not exist, has two roles that exclude each other, or a reserved name.
    """
    if settings.target is None:
        raise DataError(
            f"No target was named. Add --target COLUMN, the column to predict. Columns: {listing(columns, 20)}."
        )
    singles = {
        "target": settings.target,
        "patient": settings.patient,
        "site": settings.site,
        "time": settings.time,
        "split": settings.split,
    }
    named = {role: name for role, name in singles.items() if name is not None}
    many = {
        "subgroup": settings.subgroups,
        "feature": settings.features,
        "exclude": settings.exclude,
        "category": settings.categories,
    }
    for role, names in [
        *((role, (name,)) for role, name in named.items()),
        *many.items(),
        ("allow-leak", settings.allow_leak),
    ]:
        for name in names:
            require(name, columns, role)
    _refuse_clashes(named, many)
    _refuse_reserved(named, settings.subgroups)
    return Roles(**named, subgroups=tuple(dict.fromkeys(settings.subgroups)))


def feature_names(settings: DataSettings, roles: Roles, columns: Sequence[str]) -> list[str]:
    """Columns to learn from: those named, or all whose only role, if any, is subgroup; in the order of the file."""
    taken = {roles.target, roles.patient, roles.site, roles.time, roles.split, *settings.exclude}
    names = list(dict.fromkeys(settings.features)) or [name for name in columns if name not in taken]
    idle = [name for name in settings.categories if name not in {*names, *roles.subgroups, roles.target}]
    if idle:
        raise SettingError(
            f"--category {quoted(idle[0])} has no effect: '{idle[0]}' is no feature, subgroup or target. Leave it away."
        )
    idle = [name for name in settings.allow_leak if name not in names]
    if idle:
        raise SettingError(f"--allow-leak {quoted(idle[0])} has no effect: '{idle[0]}' is no feature. Leave it away.")
    if not names:
        raise DataError("No column is left to learn from: every column has a role or is excluded.")
    return names


def require(name: str, columns: Iterable[str], role: str) -> None:
    """Refuse a column that the table does not have, with the nearest that it has."""
    columns = list(columns)
    if name not in columns:
        raise DataError(
            f"There is no column '{name}' ({role}).{nearest(name, columns)} Columns: {listing(columns, 20)}."
        )


def _refuse_clashes(named: dict[str, str], many: dict[str, tuple[str, ...]]) -> None:
    roles = list(named.items())
    for i, (role, name) in enumerate(roles):
        for other, same in roles[i + 1 :]:
            if name == same:
                raise DataError(f"Column '{name}' was named as {role} and as {other}; it can be only one of them.")
    alone = {role: name for role, name in named.items() if role in ("target", "patient", "split")}
    for others, forbidden in (("subgroup", alone), ("feature", named), ("exclude", named)):
        for role, name in forbidden.items():
            if name in many[others]:
                what = "cannot be excluded" if others == "exclude" else f"cannot be a {others} too"
                raise DataError(f"Column '{name}' is the {role} and {what}; name it once.")
    both = [name for name in many["feature"] if name in many["exclude"]]
    if both:
        raise DataError(f"Column '{both[0]}' was named as a feature and excluded; name it once.")


def _refuse_reserved(named: dict[str, str], subgroups: tuple[str, ...]) -> None:
    for name in subgroups:
        if (name in RESERVED and named.get(name) != name) or name.startswith(("score_", "raw_score_")):
            raise DataError(
                f"A subgroup cannot be called '{name}', because predictions.csv has a column of that name. "
                f"{_reserved_remedy(name, named)}"
            )


def _reserved_remedy(name: str, named: dict[str, str]) -> str:
    if name in ("site", "time") and name not in named:
        return f"If it is the {name}, add --{name} {name}; otherwise rename the column in the file."
    if name == "patient" and name not in named:
        return "If it is the patient, write --patient patient instead; otherwise rename the column in the file."
    return "Rename the column in the file."


def read_patients(frame: pd.DataFrame, roles: Roles) -> tuple[np.ndarray, list[Finding]]:
    """The patient of each sample as text, shape (n,); without a patient column every sample is a patient."""
    if roles.patient is None:
        message = "No patient column was named, so each sample counts as its own patient; leakage between samples of one patient cannot be ruled out."
        remedy = "If a patient may have several samples, name the column: --patient COLUMN."
        return sample_ids(len(frame)), [finding("warning", "no-patient", message, remedy)]
    return _complete(frame[roles.patient], "patient"), []


def sample_ids(n: int) -> np.ndarray:
    """Row numbers as text, from '1' for the first row below the column names; shape (n,)."""
    return np.arange(1, n + 1).astype(str).astype(object)


def read_site(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The site of each sample as text, shape (n,)."""
    return _complete(frame[name], "site")


def read_time(frame: pd.DataFrame, name: str, decimal: str) -> np.ndarray:
    """When each sample was taken: numbers as they are, dates as ISO text, so that either sorts; shape (n,)."""
    (column,), _ = read_columns(frame[[name]], decimal=decimal)
    _refuse_gaps(column.missing, name, "time")
    if column.kind == "number":
        return column.values
    if column.kind == "date":
        dates = pd.to_datetime(pd.Series(text_cells(frame[name])).str.strip(), format="ISO8601", utc=True)
        dates = dates.dt.tz_localize(None)
        form = "%Y-%m-%d" if (dates == dates.dt.normalize()).all() else "%Y-%m-%d %H:%M:%S"
        return dates.dt.strftime(form).to_numpy(dtype=object)
    shown = listing(list(dict.fromkeys(column.values)), 3)
    raise DataError(f"Column '{name}' (time) holds {shown}. Write dates as 2026-11-22, or times as numbers.")


def read_subgroup(frame: pd.DataFrame, name: str, settings: DataSettings) -> np.ndarray:
    """Numbers as float64 with NaN, anything else as text and None; shape (n,)."""
    (column,), _ = read_columns(frame[[name]], decimal=settings.decimal, categories=set(settings.categories) & {name})
    if column.missing.all():
        raise DataError(f"Column '{name}' (subgroup) is empty. Leave it out of the subgroups, or fill it.")
    return column.values if column.kind == "number" else read_text(frame[name])


def read_split(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The part that each sample was given in the data, "train", "valid" or "test", shape (n,).

    Raises:
        DataError: if a cell is empty or says something else.
    """
    cells = _complete(frame[name], "split")
    codes, words = pd.factorize(cells)
    unknown = [word for word in words if word.casefold() not in SPLIT_WORDS]
    if unknown:
        raise DataError(
            f"Column '{name}' (split) holds {listing(unknown)}; it may say only {', '.join(SPLIT_WORDS)}. "
            "Write one of these in each row, or leave --split away."
        )
    return np.array([SPLIT_WORDS[word.casefold()] for word in words], dtype=object)[codes]


def _complete(series: pd.Series, role: str) -> np.ndarray:
    """A role as text in which no cell may be empty."""
    values = read_text(series)
    _refuse_gaps(pd.isna(values), str(series.name), role)
    return values


def _refuse_gaps(missing: np.ndarray, name: str, role: str) -> None:
    rows = np.flatnonzero(missing)
    if len(rows):
        codes = " (cells such as NA, - or ? count as empty)" if role == "patient" else ""
        raise DataError(
            f"Column '{name}' ({role}) is empty in {count(len(rows), 'row')}, the first is row {rows[0] + 1}{codes}. "
            f"Fill {'it' if len(rows) == 1 else 'them'} in, or remove {'this row' if len(rows) == 1 else 'these rows'}."
        )
