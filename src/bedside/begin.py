"""A new run folder, or an old one that may be continued."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort import Cohort, Finding, Fold
from bedside.data import read_cohort
from bedside.data.description import describe
from bedside.data.samples import COHORTS
from bedside.environment import describe_environment, versions
from bedside.errors import RunError, SettingError, StorageError
from bedside.folder import Run, explained, is_run, whole_folder, write_json, write_table, write_yaml
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
    return _written_out(cohort, settings)


def _written_out(cohort: Cohort, settings: RunSettings) -> RunSettings:
    """The settings with what a network for images takes from its weights and from what the images are."""
    if not looks_at_images(settings, cohort):
        return settings
    from bedside.training.image_members import augment_settings, image_size

    size = image_size(str(settings.family), cohort, settings)
    preparation = settings.preparation.model_copy(update={"image_size": size})
    return settings.model_copy(update={"augment": augment_settings(settings, cohort), "preparation": preparation})


def looks_at_images(settings: RunSettings, cohort: Cohort) -> bool:
    """Whether the model is a network that looks at images."""
    return cohort.inputs.kind == "image" and family_named(str(settings.family)).network


def explainable(settings: RunSettings, cohort: Cohort) -> bool:
    """Whether it can be said what the model uses: a network for images, or any family that reads the columns of a table."""
    return looks_at_images(settings, cohort) or family_named(str(settings.family)).data == "table"


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


@contextmanager
def filled(path: Path) -> Iterator[Path]:
    """A folder to fill, which appears whole in the place that was claimed; or the place is free again."""
    try:
        with whole_folder(path, replace=False) as new:
            yield new
    except BaseException:
        with suppress(OSError):
            path.rmdir()  # empty, or somebody else's
        raise


def claim(name: str, folder: str | Path | None) -> Path:
    """An empty folder that is ours: the one that was asked for, or a new one for this cohort below `runs/`.

    Raises:
        RunError: if it is in use.
    """
    return _claim(Path(folder)) if folder is not None else _claim_new(name)


def _claim(path: Path) -> Path:
    """The folder, empty and ours: two runs that begin at once cannot both make it."""
    if path.resolve() == Path.cwd():
        raise RunError(f"A run needs a folder of its own; name a new one, such as -o {path / 'run'}.")
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        if path.is_dir() and not any(path.iterdir()):
            return path
        hint = f", or continue it with --resume {path}" if is_run(path) else ""
        raise RunError(f"{path} is there already. Name another folder{hint}.") from None
    except OSError as error:
        raise StorageError(f"Cannot make {path}: {error.strerror}. Choose a folder that you may write.") from error
    return path


def _claim_new(name: str) -> Path:
    """runs/<cohort>-<date>-<time>, with a number added if several runs begin in one second."""
    stem = Path("runs") / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    for k in range(1, 10_000):
        path = stem if k == 1 else Path(f"{stem}-{k}")
        if not path.exists():
            with suppress(RunError):
                return _claim(path)
    raise RunError(f"There are thousands of runs named {stem}; name a folder with -o.")


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
