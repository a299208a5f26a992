"""Every model family bedside knows. This table fills the command line, the documentation and the contract tests.

A package outside adds its own through the entry point group `bedside.families`: the entry point's name is the
family's name and it points to a `Family`. It passes the same contract tests as the families here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from bedside.cohort import Task, TaskKind
from bedside.errors import SettingError, nearest
from bedside.settings import Settings, build

CLASSES: tuple[TaskKind, ...] = ("binary", "multiclass")
ALL: tuple[TaskKind, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Family:
    """A kind of model: where it is built, what it reads, what it predicts, and one line about it.

    `builder` is imported only when a model is built. A network's builder takes (n_inputs, n_outputs, settings) and
    gives an `nn.Module` that maps (batch, n_inputs) to (batch, n_outputs) of logits. Any other builder takes
    (task, settings, seed) and gives a scikit-learn estimator.
    """

    builder: str  # "module:function"
    settings: str  # "module:class"
    data: str  # kind of inputs: "table"
    tasks: tuple[TaskKind, ...]
    network: bool
    summary: str
    reads_features: bool = True
    trusted: tuple[str, ...] = ()  # types its saved estimator may hold beside skops' own list


FAMILIES: dict[str, Family] = {
    "mlp": Family(
        builder="bedside.models.mlp:build",
        settings="bedside.models.mlp:MLPSettings",
        data="table",
        tasks=ALL,
        network=True,
        summary="Multilayer perceptron: the neural network for tables",
    ),
    "logistic": Family(
        builder="bedside.models.classic:logistic",
        settings="bedside.models.classic:LogisticSettings",
        data="table",
        tasks=CLASSES,
        network=False,
        summary="Logistic regression: the baseline for classes",
    ),
    "ridge": Family(
        builder="bedside.models.classic:ridge",
        settings="bedside.models.classic:RidgeSettings",
        data="table",
        tasks=("regression",),
        network=False,
        summary="Ridge regression: the baseline for numbers",
    ),
    "forest": Family(
        builder="bedside.models.classic:forest",
        settings="bedside.models.classic:ForestSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Random forest: many decision trees on resampled patients",
        trusted=("sklearn.tree._tree.Tree",),
    ),
    "boosting": Family(
        builder="bedside.models.classic:boosting",
        settings="bedside.models.classic:BoostingSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="Gradient boosting: trees that correct each other, often the best on tables",
        trusted=("sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",),
    ),
    "prevalence": Family(
        builder="bedside.models.classic:prevalence",
        settings="bedside.models.classic:PrevalenceSettings",
        data="table",
        tasks=ALL,
        network=False,
        summary="No features at all: the share of each class, or the mean; what any model must beat",
        reads_features=False,
    ),
}


@cache
def families() -> Mapping[str, Family]:
    """All families: those of bedside, then those that installed packages add."""
    others = {point.name: point.load() for point in entry_points(group="bedside.families")}
    return {**others, **FAMILIES}


def family_named(name: str) -> Family:
    """The family of that name.

    Raises:
        SettingError: if there is none; the message names the nearest and all known ones.
    """
    known = families()
    if name not in known:
        raise SettingError(f"Unknown model family '{name}'.{nearest(name, known)} Known families: {', '.join(known)}.")
    return known[name]


def settings_class(name: str) -> type[Settings]:
    """The settings a family understands under `model.`"""
    kind: type[Settings] = _load(family_named(name).settings)
    return kind


def model_settings(name: str, values: Mapping[str, Any]) -> Settings:
    """Validated settings of a family, from what was given under `model.`

    Raises:
        SettingError: if the family does not know a setting, or a value is out of range.
    """
    made: Settings = build(settings_class(name), dict(values), prefix="model.")
    return made


def build_model(name: str, *args: Any) -> Any:
    """Call a family's builder; see `Family` for its arguments."""
    return _load(family_named(name).builder)(*args)


def baseline_for(task: Task, family: str) -> str:
    """The simple family that a model is compared with; the simple family itself is compared with no features at all."""
    simple = "ridge" if task.kind == "regression" else "logistic"
    return "prevalence" if family == simple else simple


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
