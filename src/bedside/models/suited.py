"""Does this family suit these data, and does every setting that was asked for act? If not, say so before training."""

from collections.abc import Iterator
from typing import Any

from bedside.cohort import Finding, Task
from bedside.errors import SettingError
from bedside.models import families, family_named, model_settings
from bedside.settings import RunSettings

CODES = {"class-weights": "Class weights were balanced, so scores are not probabilities."}


def refuse_unsuited(settings: RunSettings, task: Task, data: str) -> None:
    """Refuse a family that cannot do the task or read the data, and settings that would have no effect.

    Raises:
        SettingError: naming the families that suit, or the setting and why it cannot act.
    """
    name = settings.family
    family = family_named(name)
    if task.kind not in family.tasks or data != family.data:
        suited = [other for other, it in families().items() if task.kind in it.tasks and it.data == data]
        raise SettingError(
            f"Family '{name}' does {' or '.join(family.tasks)} on {family.data} data, but this is {task.kind} "
            f"on {data} data. Suited here: {', '.join(suited)}."
        )
    options = model_settings(name, settings.model)
    if getattr(options, "normalisation", None) == "batch" and settings.train.batch_size == 1:
        raise SettingError("model.normalisation=batch needs several samples in a batch; raise train.batch_size from 1.")
    for section, setting, reason in idle(settings, task):
        owner: Any = getattr(settings, section) if section else settings
        asked = setting in owner.model_fields_set if setting else section in settings.model_fields_set
        if asked:
            given = sorted(getattr(settings, section).model_fields_set) if section and not setting else [setting]
            names = ", ".join(f"{section}.{one}" if section else one for one in given)
            raise SettingError(f"Setting {names or section} has no effect: {reason}.")


def idle(settings: RunSettings, task: Task) -> Iterator[tuple[str, str, str]]:
    """(section, setting, reason) for everything that cannot act in this run; an empty setting means the section."""
    family = family_named(settings.family)
    if not family.network:
        reason = f"family '{settings.family}' is not a neural network"
        yield "train", "", reason
        for setting in ("accelerator", "precision"):
            yield "device", setting, reason
    if not family.reads_features:
        yield "preparation", "", f"family '{settings.family}' reads no features"
    if task.kind != "binary":
        for setting in ("threshold", "threshold_value"):
            yield "evaluation", setting, f"a {task.kind} task has no decision threshold"
        yield "data", "positive", f"a {task.kind} task has no positive class"
    if task.kind == "regression":
        yield "train", "class_weights", "a regression has no classes"
    if settings.source is None:
        for setting in sorted(type(settings.data).model_fields.keys() - {"allow_leak"}):
            yield "data", setting, "the cohort is read already; give it to read_table"
    if settings.folds.scheme in ("holdout", "time"):
        yield "", "final", f"with folds.scheme={settings.folds.scheme} the model that was tested is the final one"


def acting(settings: RunSettings, task: Task) -> dict[str, Any]:
    """Every setting that acts in this run, defaults included, for settings.yaml; loading it repeats the run."""
    record = settings.acting()
    record["model"] = model_settings(settings.family, settings.model).acting()
    for section, setting, _ in idle(settings, task):
        if not setting:
            record.pop(section, None)
        else:
            (record.get(section, {}) if section else record).pop(setting, None)
    return {name: value for name, value in record.items() if value != {}}


def setting_findings(settings: RunSettings, task: Task) -> Iterator[Finding]:
    """What a setting does to the meaning of the numbers, for the reader of the report."""
    weighted = settings.train.class_weights == "balanced" or settings.model.get("class_weights") == "balanced"
    if weighted and task.kind != "regression":
        yield Finding(
            "warning",
            "class-weights",
            "Class weights were balanced: scores are then too high for rare classes and are not probabilities.",
            "Judge calibration before using scores as risks, or leave class weights off and choose the threshold.",
        )
