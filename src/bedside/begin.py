"""A new run folder, or an old one that may be continued."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bedside.claim import claim, filled
from bedside.cohort import Cohort, Finding, Fold
from bedside.data import read_cohort
from bedside.data.description import describe
from bedside.data.samples import COHORTS
from bedside.environment import describe_environment, versions
from bedside.errors import RunError, SettingError
from bedside.folder import Run, write_json, write_table, write_yaml
from bedside.models import default_family, family_named
from bedside.models.suited import acting, refuse_unsuited
from bedside.settings import RunSettings, build
from bedside.splits.folds import chosen_scheme, folds_table


def read_source(source: Any, settings: RunSettings, old: Run | None) -> tuple[Cohort, RunSettings]:
    """The cohort, and the settings with the name of its source.

    Raises:
        SettingError: if no data are named, twice, or as a bare data frame.
    """
    if isinstance(source, Cohort):
        if settings.source is not None:
            raise SettingError(f"Setting source={settings.source} has no effect beside a cohort that is read already.")
        return source, settings
    if source is not None and not isinstance(source, str | Path):
        kind = type(source).__name__
        raise SettingError(f"A {kind} says nothing about roles; train on bedside.read_table(data, target=...).")
    if source is not None and settings.source not in (None, str(source)):
        raise SettingError(f"The data are named twice: {source} and source={settings.source}. Leave one out.")
    name = str(source) if source is not None else settings.source
    if name is None:
        raise SettingError("Name the data: a built-in cohort (`bedside cohorts`) or the path of a table.")
    place = found_again(old, name) if old is not None else name
    return read_cohort(str(place), settings.data), settings.model_copy(update={"source": name})


def settled(cohort: Cohort, settings: RunSettings) -> RunSettings:
    """The settings with what follows from the data written out, once they are known to suit the data.

    Raises:
        SettingError: if the family does not suit the data, or a setting would have no effect.
    """
    family = settings.family or default_family(cohort.inputs)
    folds = settings.folds.model_copy(update={"scheme": chosen_scheme(cohort, settings.folds)})
    settings = settings.model_copy(update={"family": family, "folds": folds})
    refuse_unsuited(settings, cohort)
    return _written_out(cohort, _trained_as_usual(settings))


def _trained_as_usual(settings: RunSettings) -> RunSettings:
    """The settings with what a family needs to be trained well, where nobody asked for anything else."""
    usual = family_named(str(settings.family)).train
    asked = settings.train.model_fields_set
    more = {name: value for name, value in usual.items() if name not in asked}
    if not settings.train.early_stopping or more.get("patience", 0) >= more.get("epochs", settings.train.epochs):
        more.pop("patience", None)
    if settings.train.find_learning_rate:
        more.pop("learning_rate", None)
    return settings.model_copy(update={"train": settings.train.model_copy(update=more)}) if more else settings


def _written_out(cohort: Cohort, settings: RunSettings) -> RunSettings:
    """The settings with what a network takes from its weights and from what images or recordings are."""
    if not family_named(str(settings.family)).network or cohort.inputs.kind in ("table", "graph"):
        return settings
    if cohort.inputs.kind == "signal":
        from bedside.training.signal_augment import resolve

        return settings.model_copy(update={"augment": resolve(settings.augment)})
    from bedside.training.image_members import augment_settings, image_size

    family = str(settings.family)
    size = image_size(family, cohort, settings)
    preparation = settings.preparation.model_copy(update={"image_size": size})
    return settings.model_copy(
        update={"augment": augment_settings(family, settings, cohort), "preparation": preparation}
    )


def explainable(settings: RunSettings, cohort: Cohort) -> bool:
    """Whether it can be said what the model uses."""
    return family_named(str(settings.family)).explains(cohort.inputs.kind)


def begin(
    cohort: Cohort, settings: RunSettings, folds: list[Fold], findings: Sequence[Finding], folder: str | Path | None
) -> Run:
    """Make the run folder, whole, with everything that is known before training.

    Raises:
        RunError: if the folder is in use.
    """
    path = claim(cohort.name, folder)
    with filled(path) as new:
        write_yaml(new / "settings.yaml", {"bedside": versions()["bedside"], **acting(settings, cohort)})
        describe_into(new, cohort, settings, folds, findings)
    return Run(path)


def describe_into(
    folder: Path, cohort: Cohort, settings: RunSettings, folds: Sequence[Fold], findings: Sequence[Finding]
) -> None:
    """Everything that is known of data, splits and machine before training, as files."""
    write_json(folder / "environment.json", describe_environment(cohort, settings))
    write_table(folder / "cohort.csv", cohort.samples.reset_index(names="sample"))
    write_json(folder / "description.json", describe(cohort))
    write_table(folder / "folds.csv", folds_table(cohort, list(folds)))
    write_json(folder / "findings.json", [asdict(finding) for finding in findings])


def go_on(old: Run, cohort: Cohort, folds: list[Fold]) -> Run:
    """An unfinished run, if data, versions and folds are still the same.

    Raises:
        RunError: saying what has changed.
    """
    known = old.environment
    if known["data_fingerprint"] != cohort.fingerprint():
        raise RunError(f"The data of {old.path} have changed since it was begun; start a new run.")
    changed = [
        f"{name} {known['versions'].get(name)} -> {now}"
        for name, now in versions().items()
        if known["versions"].get(name) != now
    ]
    if changed:
        raise RunError(f"{old.path} was begun with other versions ({', '.join(changed)}); start a new run.")
    if not np.array_equal(folds_table(cohort, folds).to_numpy(dtype=str), old.folds.to_numpy(dtype=str)):
        raise RunError(f"The folds of {old.path} cannot be repeated with these data; start a new run.")
    return old


def read_again(run: Run, settings: RunSettings, source: str | Path | None, *, verb: str) -> Cohort:
    """The cohort of a finished run, from where it was or from `source`.

    Raises:
        RunError: if the data cannot be found or are not those of the run.
    """
    place = str(source) if source is not None else found_again(run, settings.source)
    if place is None:
        raise RunError(
            f"{run.path} was trained on a cohort without a name; say where its data lie: "
            f"`bedside {verb} {run.path} DATA`."
        )
    if source is None and place not in COHORTS and not Path(place).exists():
        raise RunError(
            f"The data of {run.path} are no longer in {place}; say where they are now: `bedside {verb} {run.path} DATA`."
        )
    cohort = read_cohort(place, settings.data)
    if cohort.fingerprint() != run.environment["data_fingerprint"]:
        raise RunError(f"The data in {place} are not those that {run.path} was made from.")
    return cohort


def settings_of(old: Run, given: RunSettings, source: Any) -> RunSettings:
    """The settings a run was begun with; settings given again must agree with them.

    Raises:
        SettingError: naming what differs.
    """
    known = {name: value for name, value in old.settings.items() if name != "bedside"}
    again = given.model_dump(exclude_unset=True)
    if isinstance(source, str | Path):
        again["source"] = str(source)
    differing = [
        f"{name} (asked {value}, the run has {found})"
        for name, value in _flat(again).items()
        if str(found := _flat(known).get(name)) != str(value)
    ]
    if differing:
        raise SettingError(f"--resume continues {old.path} as it was begun. Leave out: {'; '.join(differing)}.")
    return build(RunSettings, known)


def found_again(old: Run, source: str | None) -> str | None:
    """The source of a run as it was typed, or where its file lay if the run continues from another folder."""
    known = old.environment.get("source_path")
    return known if source is not None and known is not None and not Path(source).exists() else source


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"train": {"epochs": 3}} -> {"train.epochs": 3}; tuples become lists."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = list(value) if isinstance(value, tuple) else value
    return flat
