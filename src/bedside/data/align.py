"""New data for a trained model: the columns it learned from, found by name and read as they were in training."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding, Task
from bedside.data.cells import read_text
from bedside.data.codes import count, finding, listing, plural
from bedside.data.columns import Column, Kind, read_columns
from bedside.data.files import named_columns, read_file, refuse_idle
from bedside.data.roles import sample_ids
from bedside.data.table import Feature, TableInputs
from bedside.data.targets import read_outcomes
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings


@dataclass(frozen=True)
class Aligned:
    """New samples as a model reads them.

    `samples` is indexed by sample id like those of a cohort and has the columns `patient` and `target`, as they stand in the
    file, if `settings` name columns that are there; `findings` say what differs from the training data.
    """

    inputs: Any  # Inputs; TableInputs for a table, ImageInputs for images, SignalInputs for recordings
    samples: pd.DataFrame
    findings: tuple[Finding, ...]
    columns: tuple[str, ...] = ()  # of a table of features, for hints in errors

    def outcomes(self, name: str, task: Task, decimal: str) -> np.ndarray:
        """Outcomes as training names them, or numbers; None or NaN where there is none, (n,).

        Raises:
            DataError: if the column `name` is not there, or holds what the model does not predict.
        """
        if "target" not in self.samples:
            raise DataError(
                f"The new data lack the column '{name}' with the outcomes.{nearest(name, self.columns)} If it has another name, "
                "add --target COLUMN."
            )
        return read_outcomes(self.samples["target"], name, task, decimal)


def align(
    source: str | Path | pd.DataFrame,
    features: Sequence[Feature],
    settings: DataSettings | None = None,
    *,
    roles: Collection[str] = (),
) -> Aligned:
    """Read new data for a model that learned from `features`; the order of the columns does not matter.

    Samples are named by the column `sample`, if there is one that is no feature, or else by their row from '1'.

    Args:
        source: a file or DataFrame, one row per sample, with every feature as a column.
        features: what the model learned from, in its order.
        settings: how the file is read, and the patient column; target and other roles are not needed.
        roles: columns that had a role in training or were excluded; that they are not used is not mentioned.

    Raises:
        DataError: if the file cannot be read, a feature's column is missing or of another kind.
    """
    settings = settings or DataSettings()
    if isinstance(source, pd.DataFrame):
        refuse_idle(settings, ("separator", "decimal", "encoding", "sheet"), "a DataFrame")
        frame = named_columns(source, "the table")
    else:
        frame = read_file(Path(source), settings)
    return align_cells(frame, features, settings, roles=roles)


def align_cells(
    frame: pd.DataFrame, features: Sequence[Feature], settings: DataSettings, *, roles: Collection[str] = ()
) -> Aligned:
    """The same for raw cells that were read from a file as `settings` say; see `align`."""
    names = [feature.name for feature in features]
    _refuse_missing_columns(names, list(frame.columns))
    kinds: dict[str, Kind] = {feature.name: feature.kind for feature in features}
    columns, found = read_columns(frame[names], decimal=settings.decimal, kinds=kinds)
    columns = [_as_trained(column, feature) for column, feature in zip(columns, features, strict=True)]
    found = [*differences(columns, features), *found, *_extra(frame, names, settings, roles)]
    there = tuple(map(str, frame.columns))
    return Aligned(TableInputs.of(columns, features), new_samples(frame, names, settings), tuple(found), there)


def _refuse_missing_columns(names: list[str], columns: list[str]) -> None:
    there = set(columns)
    missing = [name for name in names if name not in there]
    if missing:
        hints = [f"'{name}':{hint}" for name in missing[:3] if (hint := nearest(name, there - set(names)))]
        lack = f"The new data lack {count(len(missing), 'column')} that the model needs: {listing(missing, 20)}."
        remedy = f"Add {plural(len(missing), 'it', 'them')}; cells that are not known may be empty."
        raise DataError(" ".join([lack, *hints, remedy]))


def _as_trained(column: Column, feature: Feature) -> Column:
    """A column without any value takes the kind it had in training."""
    if column.kind == feature.kind:
        return column
    empty = np.full(len(column.values), None if feature.kind == "category" else np.nan)
    return Column(column.name, feature.kind, empty)


def differences(columns: Sequence[Column], features: Sequence[Feature]) -> list[Finding]:
    """What the model never saw in training."""
    found, outside, empty = [], [], []
    for column, feature in zip(columns, features, strict=True):
        present = column.values[~column.missing]
        if not len(present):
            empty.append(feature.name)
        elif feature.kind == "category":
            known = set(feature.levels)
            unseen = [level for level in present if level not in known]
            if unseen:
                shown = listing(sorted(set(unseen)))
                message = f"Column '{feature.name}' has {count(len(unseen), 'sample')} with {shown}, which training never saw."
                remedy = f"The model treats them as unknown. In training: {listing(feature.levels)}."
                found.append(finding("warning", "new-levels", message, remedy, (feature.name,)))
        elif feature.low is not None and feature.high is not None:
            beyond = int(((present < feature.low) | (present > feature.high)).sum())
            if beyond:
                outside.append(
                    (feature.name, f"{feature.name} ({beyond:,} outside {feature.low:g} to {feature.high:g})")
                )
    if outside:
        shown = ", ".join(text for _, text in outside[:6]) + (
            f" and {len(outside) - 6} more" if len(outside) > 6 else ""
        )
        message = f"Values outside the range of training: {shown}."
        remedy = "Check the units; scores for these samples are extrapolated."
        found.append(finding("warning", "new-range", message, remedy, [name for name, _ in outside]))
    if empty:
        message = f"{listing(empty)} {plural(len(empty), 'is', 'are')} empty in all new samples."
        found.append(
            finding("warning", "new-missing", message, "The model fills in what was usual in training.", empty)
        )
    return found


def _extra(frame: pd.DataFrame, names: list[str], settings: DataSettings, roles: Collection[str]) -> list[Finding]:
    known = {
        *names,
        *roles,
        "sample",
        settings.patient,
        settings.target,
        settings.site,
        settings.time,
        *settings.subgroups,
        *settings.exclude,
    }
    extra = [name for name in frame.columns if name not in known]
    if not extra:
        return []
    message = f"{count(len(extra), 'column')} of the new data {plural(len(extra), 'is', 'are')} not used by the model: {listing(extra)}."
    return [finding("note", "new-extra", message, "", extra)]


def new_samples(frame: pd.DataFrame, names: list[str], settings: DataSettings) -> pd.DataFrame:
    """Ids of the new samples, from the column `sample` if it is none of `names`, and patients and outcomes if they are there."""
    ids = sample_ids(len(frame))
    if "sample" in frame.columns and "sample" not in names:
        ids = read_text(frame["sample"])
        empty = np.flatnonzero(pd.isna(ids))
        if len(empty):
            raise DataError(
                f"Column 'sample' is empty in {count(len(empty), 'row')}, the first is row {empty[0] + 1}. Fill it in or delete the column."
            )
        twice = pd.Series(ids)[pd.Series(ids).duplicated()]
        if len(twice):
            raise DataError(
                f"Column 'sample' holds {twice.iloc[0]!r} more than once. Give each sample an id of its own, or delete the column."
            )
    samples = pd.DataFrame(index=pd.Index(ids, name="sample"))
    if settings.patient is not None and settings.patient in frame.columns:
        samples["patient"] = read_text(frame[settings.patient])
    if settings.target is not None and settings.target in frame.columns:
        samples["target"] = frame[settings.target].to_numpy()
    return samples


def outside(inputs: TableInputs) -> np.ndarray:
    """For each sample the columns whose value the cohort of training did not have, such as `dose (92), drug (D)`, (n,)."""
    named: list[list[str]] = [[] for _ in range(len(inputs))]
    for feature in inputs.features:
        values = inputs.frame[feature.name].to_numpy()
        if feature.kind == "category":
            beyond = ~pd.isna(values) & ~pd.Series(values, dtype=object).isin(feature.levels).to_numpy()
        elif feature.low is not None and feature.high is not None:
            beyond = (values < feature.low) | (values > feature.high)
        else:
            continue
        for row in np.flatnonzero(beyond):
            shown = values[row] if feature.kind == "category" else f"{values[row]:g}"
            named[row].append(f"{feature.name} ({shown})")
    return np.array([", ".join(names) for names in named], dtype=object)
