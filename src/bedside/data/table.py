"""A table becomes a cohort: `read_table` for files and DataFrames, `TableInputs` for the features."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bedside import settings as settings_module
from bedside.cohort import Cohort, Finding, Roles
from bedside.data import roles as roles_of
from bedside.data.codes import count, finding, plural
from bedside.data.columns import Column, Kind, read_columns
from bedside.data.files import named_columns, read_file, refuse_idle
from bedside.data.near_rows import near_rows
from bedside.data.selection import select
from bedside.data.targets import read_target
from bedside.settings import DataSettings

LINKED_IF_DISTINCT = 0.9  # share of different rows from which equal rows are duplicates and not coincidence
LINKED_IF_CHANCE = 0.01  # share of the equal pairs that chance may explain, below which they are duplicates
_AMOUNT = 10  # a number with more different values tells samples apart


@dataclass(frozen=True)
class Feature:
    """One column to learn from. Dates are decimal years; `low` and `high` are the range in the cohort;
    `levels` are the values of a category, or the words for false and true of a boolean."""

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "levels": list(self.levels)}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Feature":
        return cls(**{**record, "levels": tuple(record["levels"])})

    @classmethod
    def of(cls, column: Column) -> "Feature":
        if column.kind in ("number", "date"):
            return cls(column.name, column.kind, float(np.nanmin(column.values)), float(np.nanmax(column.values)))
        present = column.words if column.kind == "boolean" else sorted(set(column.values[~column.missing]))
        return cls(column.name, column.kind, levels=tuple(present))


@dataclass(frozen=True)
class TableInputs:
    """The features of the samples. Numbers, booleans and dates are float64 columns with NaN,
    categories object columns of text and None."""

    frame: pd.DataFrame
    features: tuple[Feature, ...]
    kind: str = "table"

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def parameters(self) -> int:
        """Candidate parameters of a regression on these features: one for a number, one less than its levels for a category."""
        return sum(max(1, len(f.levels) - 1) if f.kind == "category" else 1 for f in self.features)

    def take(self, rows: np.ndarray) -> "TableInputs":
        """The given rows, shape (k,), in that order."""
        return TableInputs(self.frame.take(np.asarray(rows)).reset_index(drop=True), self.features)

    def fingerprint(self) -> str:
        """sha256 of names, kinds and cells, 64 hexadecimal digits; levels and ranges do not count."""
        digest = hashlib.sha256(repr([(f.name, f.kind) for f in self.features] + [len(self)]).encode())
        for feature, (_, series) in zip(self.features, self.frame.items(), strict=True):
            if feature.kind == "category":
                codes, levels = pd.factorize(series.to_numpy(), use_na_sentinel=True)
                digest.update(repr(list(levels)).encode() + codes.astype("<i8").tobytes())
            else:
                digest.update(_canonical(series.to_numpy()).astype("<f8").tobytes())
        return digest.hexdigest()

    @classmethod
    def of(cls, columns: Sequence[Column], features: Sequence[Feature] | None = None) -> "TableInputs":
        """Inputs from columns that were read; `features` are those of training when the data are new."""
        series = {c.name: pd.Series(c.values, dtype=object if c.kind == "category" else None) for c in columns}
        return cls(pd.DataFrame(series), tuple(features or map(Feature.of, columns)))


def read_table(source: str | Path | pd.DataFrame, settings: DataSettings | None = None, **options: Any) -> Cohort:
    """Read a CSV, TSV, Parquet or Excel file, or a DataFrame, into a cohort.

    Samples are named by their row: '1' is the first row below the column names. Cells that hold exactly one of
    `cells.MISSING` are missing. A named index of a DataFrame or Parquet file becomes a column.

    Args:
        source: one row per sample, one column per role or feature.
        settings: what the columns are for and how the file is read.
        options: single fields of `DataSettings`, laid over `settings`, such as `target="disease"`.

    Raises:
        DataError: if the file or its columns cannot be used; the message names the remedy.
        SettingError: if a setting is unknown or cannot act.
    """
    settings = with_options(settings or DataSettings(), options)
    if isinstance(source, pd.DataFrame):
        refuse_idle(settings, ("separator", "decimal", "encoding", "sheet"), "a DataFrame")
        return make_cohort(named_columns(source, "the table"), settings, name="table")
    path = Path(source)
    return make_cohort(read_file(path, settings), settings, name=path.stem, about={"source": path.name})


def with_options(settings: DataSettings, options: dict[str, Any]) -> DataSettings:
    """Settings with single fields replaced; unknown names are refused with the nearest known one."""
    known = settings.model_dump(exclude_unset=True)
    return settings_module.build(DataSettings, {**known, **options}) if options else settings


def make_cohort(
    frame: pd.DataFrame, settings: DataSettings, *, name: str, about: dict[str, str] | None = None
) -> Cohort:
    """A cohort from raw cells whose columns have names; files, DataFrames and built-in cohorts all come through here."""
    columns = list(frame.columns)
    roles = roles_of.assign(settings, columns)
    names = roles_of.feature_names(settings, roles, columns)
    target, task, about_target = read_target(frame, settings)
    patients, about_patients = roles_of.read_patients(frame, roles)
    read, about_cells = read_columns(
        frame[names], decimal=settings.decimal, categories=[n for n in settings.categories if n in names]
    )
    chosen, left_out = select(
        read, patients, forced=bool(settings.features), has_patient_column=roles.patient is not None
    )
    inputs = TableInputs.of(chosen)
    linked, about_rows = link(inputs)
    linked, about_near = join_near(inputs, linked, patients)
    return Cohort(
        name=name,
        samples=read_samples(frame, settings, roles, patients, target),
        roles=roles,
        task=task,
        inputs=inputs,
        linked=linked,
        findings=(*about_patients, *about_target, *left_out, *about_cells, *about_rows, *about_near),
        about=about or {},
        split=None if roles.split is None else roles_of.read_split(frame, roles.split),
    )


def read_samples(
    frame: pd.DataFrame, settings: DataSettings, roles: Roles, patients: np.ndarray, target: pd.Series
) -> pd.DataFrame:
    """What `Cohort.samples` holds besides its ids: patients, targets, sites, times and subgroups; samples are numbered."""
    columns: dict[str, Any] = {"patient": patients, "target": target.to_numpy()}
    if roles.site is not None:
        columns["site"] = roles_of.read_site(frame, roles.site)
    if roles.time is not None:
        columns["time"] = roles_of.read_time(frame, roles.time, settings.decimal)
    for name in roles.subgroups:
        if name not in columns:
            columns[name] = roles_of.read_subgroup(frame, name, settings)
    return pd.DataFrame(columns, index=pd.Index(roles_of.sample_ids(len(frame)), name="sample"))


def link(inputs: TableInputs) -> tuple[np.ndarray, list[Finding]]:
    """Number groups of samples with identical features, shape (n,), unless chance explains them.

    Equal rows are duplicates if nearly all rows are distinct, or if independent numbers would hardly ever agree as
    often. With three yes-or-no questions they are coincidence. Rows without any value are never equal.
    """
    n = len(inputs)
    values = [
        pd.factorize(series.to_numpy(), use_na_sentinel=True)[0].astype(np.float64)
        if feature.kind == "category"
        else _canonical(series.to_numpy())
        for feature, (_, series) in zip(inputs.features, inputs.frame.items(), strict=True)
    ]
    empty = inputs.frame.isna().to_numpy().all(axis=1)
    groups = _same_rows(np.column_stack([*values, np.where(empty, np.arange(n), -1.0)]))
    if groups.max() + 1 - empty.sum() >= LINKED_IF_DISTINCT * (n - empty.sum()):
        return groups, []
    chance = _by_chance(inputs, groups) & ~empty
    repeated = chance & (np.bincount(groups)[groups] > 1)
    if not repeated.any():
        return groups, []
    distinct = len(np.unique(groups[chance]))
    message = (
        f"Only {count(distinct, 'different row')} of features in {count(int(chance.sum()), 'sample')}: rows repeat because few "
        "combinations exist, so equal rows are not treated as duplicates."
    )
    remedy = "If samples were entered twice, remove the copies."
    linked = pd.factorize(np.where(chance, n + np.arange(n), groups))[0].astype(np.int64)
    return linked, [finding("note", "rows-repeat", message, remedy)]


def join_near(inputs: TableInputs, linked: np.ndarray, patients: np.ndarray) -> tuple[np.ndarray, list[Finding]]:
    """The groups of `link`, joined where rows are nearly the same, shape (n,); see `near_rows`."""
    pairs = near_rows(inputs.frame, [f.name for f in inputs.features if f.kind in ("number", "date")], linked)
    pairs = pairs[patients[pairs[:, 0]] != patients[pairs[:, 1]]]  # one patient's samples stay together anyway
    if not len(pairs):
        return linked, []
    n = int(linked.max()) + 1
    edges = coo_array((np.ones(len(pairs)), tuple(linked[pairs].T)), shape=(n, n))
    joined = connected_components(edges, directed=False)[1][linked]
    shown = ", ".join(f"{one + 1} and {other + 1}" for one, other in pairs[:5])
    more = f" and {len(pairs) - 5:,} more" if len(pairs) > 5 else ""
    message = (
        f"{count(len(pairs), 'pair')} of rows {plural(len(pairs), 'is', 'are')} nearly the same, much nearer than chance "
        f"brings rows together: {shown}{more}."
    )
    remedy = "If it is one patient entered twice, remove a row, or give both one --patient. They stay on one side of every split."
    return pd.factorize(joined)[0].astype(np.int64), [finding("warning", "near-duplicates", message, remedy)]


def _same_rows(rows: np.ndarray) -> np.ndarray:
    """Equal rows of `rows`, shape (n, k), have the same number, from 0 in order of appearance; shape (n,)."""
    return pd.factorize(np.array([row.tobytes() for row in rows], dtype=object))[0].astype(np.int64)


def _by_chance(inputs: TableInputs, groups: np.ndarray) -> np.ndarray:
    """True for samples whose features may equal those of others by coincidence, shape (n,).

    Samples with the same numbers missing are judged together, because gaps come together too: of m such samples,
    m^2 / 2 * prod(sum(p^2)) pairs agree by chance, where p are the shares of the values of each independent number.
    """
    present, agreement = [], []
    for feature, (_, series) in zip(inputs.features, inputs.frame.items(), strict=True):
        shares = series.value_counts(normalize=True).to_numpy() if feature.kind == "number" else np.zeros(0)
        if len(shares) > _AMOUNT:
            present.append(series.notna().to_numpy())
            agreement.append(float(np.sum(shares**2)))
    known = np.array(present, dtype=bool).reshape(len(present), len(inputs)).T
    pattern = _same_rows(np.packbits(known, axis=1))
    size = np.bincount(pattern)
    expected = size / 2 * np.bincount(pattern, weights=np.exp(known @ np.log(agreement)))
    observed = np.bincount(pattern, weights=(np.bincount(groups)[groups] - 1) / 2)
    return np.asarray(expected >= LINKED_IF_CHANCE * observed)[pattern]


def _canonical(values: np.ndarray) -> np.ndarray:
    """Equal numbers have equal bytes: one NaN, no negative zero."""
    return np.where(np.isnan(values), np.nan, values + 0.0)
