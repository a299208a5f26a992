"""Samples that are no columns, such as images and recordings, become a cohort with what a table says of them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, Roles
from bedside.data import roles as roles_of
from bedside.data.codes import finding, quoted
from bedside.data.files import refuse_idle
from bedside.data.table import read_samples
from bedside.data.targets import read_target
from bedside.errors import SettingError
from bedside.settings import DataSettings

ONLY_TABLES = ("time", "subgroups", "split", "features", "exclude", "categories", "allow_leak")
ONLY_FILES = ("separator", "decimal", "encoding", "sheet")
ONLY_COLUMNS = ("features", "exclude", "allow_leak")
ONLY_SIGNALS = ("signal", "recording", "at", "rate", "resample")
ONLY_IMAGES = ("image", "modality", "skip_unreadable")


def assemble(
    inputs: Any,
    link: Callable[[], np.ndarray],
    frame: pd.DataFrame,
    settings: DataSettings,
    *,
    thing: str,
    one_each: str | None,
    name: str,
    about: dict[str, str],
    split: np.ndarray | None,
    findings: Iterable[Finding],
) -> Cohort:
    """A cohort from inputs that are no columns.

    Args:
        inputs: one per sample.
        link: gives the numbers of the groups of duplicates, shape (n,); asked last, because it takes longest.
        frame: raw cells, one row per sample; the index holds the sample ids, the columns are named by `settings`.
        settings: what the columns are for; `target` must be named.
        thing: what one sample is called, such as "image".
        one_each: what to do if a patient may have several and no column says so; None if samples belong to nobody.
        name: what the cohort is called.
        about: source, licence and the like, for the report.
        split: "train", "valid" or "test" for each sample, shape (n,), if the data came divided and no column says so.
        findings: what was found while reading.

    Raises:
        DataError: if a column is missing or cannot be used for its role.
        SettingError: if a setting cannot act.
    """
    roles = assign_roles(frame, settings, thing)
    target, task, about_target = read_target(frame, settings)
    ids = frame.index.astype(str).to_numpy(dtype=object)
    patients, about_patients = (
        (ids, [_no_patient(thing, one_each)] if one_each else [])
        if roles.patient is None
        else roles_of.read_patients(frame, roles)
    )
    samples = read_samples(frame, settings, roles, patients, target).set_axis(pd.Index(ids, name="sample"))
    return Cohort(
        name=name,
        samples=samples,
        roles=roles,
        task=task,
        inputs=inputs,
        linked=link(),
        findings=(*about_patients, *about_target, *findings),
        about=about,
        split=roles_of.read_split(frame, roles.split) if roles.split is not None else split,
    )


def assign_roles(frame: pd.DataFrame, settings: DataSettings, thing: str) -> Roles:
    """Roles of columns; whatever chooses features has no effect, because the columns are not what is learned from."""
    refuse_idle(settings, ONLY_COLUMNS, f"{thing}s, which have no columns to learn from")
    roles = roles_of.assign(settings, list(frame.columns))
    idle = [name for name in settings.categories if name not in {*roles.subgroups, roles.target}]
    if idle:
        raise SettingError(
            f"--category {quoted(idle[0])} has no effect: '{idle[0]}' is no subgroup or target. Leave it away."
        )
    return roles


def _no_patient(thing: str, remedy: str) -> Finding:
    message = f"No patient was named, so each {thing} counts as its own patient; leakage between {thing}s of one patient cannot be ruled out."
    return finding("warning", "no-patient", message, remedy)


def class_roles(frame: pd.DataFrame, settings: DataSettings) -> dict[str, object]:
    """Settings for a frame that bedside made itself: the first column is the target; folders are classes, not numbers."""
    names = {role: role for role in ("patient", "site") if role in frame.columns}
    are_classes = frame.columns[0] == "class" and settings.task != "regression"
    return {"target": frame.columns[0], **names, "categories": ("class",) if are_classes else ()}
