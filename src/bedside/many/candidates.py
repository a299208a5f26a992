"""What is compared: families and a grid of settings become candidates, each with a name and settings of its own.

A setting of the grid, or one that all candidates share, may not exist for every family: a forest has no learning rate.
There it is left out, and candidates that then are the same count once. If it acts nowhere it is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from bedside.begin import settled
from bedside.cohort import Cohort
from bedside.errors import SettingError, nearest
from bedside.models import default_family, settings_class
from bedside.models.suited import idle
from bedside.settings import RunSettings, build, merge, parse_assignment

SHARED = ("source", "seed", "data", "folds", "evaluation")  # what makes candidates comparable

Grid = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Candidate:
    """`varied` holds the values that tell it from others, by the full name of the setting."""

    name: str
    settings: RunSettings
    varied: dict[str, Any]


def parse_grid(texts: Sequence[str]) -> dict[str, list[Any]]:
    """`train.learning_rate=1e-4,3e-4` and `model.hidden=[32],[64,64]` -> values by the full name of the setting.

    Raises:
        SettingError: if a text is no such thing, or names a setting twice.
    """
    grid: dict[str, list[Any]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise SettingError(f"--grid {text!r} is not a setting with values; write it as train.epochs=10,30,100.")
        if name in grid:
            raise SettingError(f"--grid {name} is there twice; give all its values in one.")
        found = parse_values(name, values)
        if len({repr(value) for value in found}) < len(found):
            raise SettingError(f"--grid {text!r} has a value twice.")
        grid[name] = found
    return grid


def parse_values(name: str, text: str) -> list[Any]:
    """`[32],[64,64]` -> [[32], [64, 64]]; each value is read as `--set` reads it."""
    return [_value(name, piece) for piece in _pieces(text)]


def _pieces(text: str) -> Iterator[str]:
    """`[32],[64,64],x` -> `[32]`, `[64,64]`, `x`: commas within brackets do not separate."""
    piece, depth = "", 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and depth == 0:
            yield piece
            piece = ""
        else:
            piece += sign
    yield piece


def _value(name: str, text: str) -> Any:
    value: Any = parse_assignment(f"{name}={text}")
    for part in name.split("."):
        value = value[part]
    return value


def make_candidates(cohort: Cohort, shared: dict[str, Any], families: Sequence[str], grid: Grid) -> list[Candidate]:
    """One candidate per family and combination of the grid, in this order.

    Args:
        cohort: what they will be trained on.
        shared: settings of all of them, as for `RunSettings`.
        families: kinds of model; none means the one of `shared`, or the default for these data.
        grid: values by the full name of a setting.

    Raises:
        SettingError: if a setting acts for none of them, a grid would change the folds, or only one candidate is left.
    """
    for name in grid:
        if name.partition(".")[0] in SHARED or name == "family":
            way = "--family" if name == "family" else "--set"
            raise SettingError(f"--grid {name}: candidates are compared on the same data and folds; use {way} instead.")
    if "family" in shared and families:
        raise SettingError(
            f"family={shared['family']} and --family {families[0]} both name families; use --family only."
        )
    named = list(families) or [shared.get("family") or default_family(cohort.inputs)]
    if len(set(named)) < len(named):
        raise SettingError(f"--family {next(n for n in named if named.count(n) > 1)} is there twice.")
    used: set[str] = set()
    made: dict[str, Candidate] = {}
    for family in named:
        for values in product(*grid.values()):
            varied = dict(zip(grid, values, strict=True))
            candidate, acting = _candidate(cohort, {**shared, "family": family}, varied, several=len(named) > 1)
            used |= acting
            made.setdefault(repr(candidate.settings), candidate)
    idle_everywhere = sorted({*_flat(shared), *grid} - used - {"family"})
    if idle_everywhere:
        known = nearest(idle_everywhere[0], used)
        raise SettingError(f"Setting {idle_everywhere[0]} has no effect on {_listed(named)}; leave it away.{known}")
    return list(made.values())


def _candidate(
    cohort: Cohort, shared: dict[str, Any], varied: dict[str, Any], *, several: bool
) -> tuple[Candidate, set[str]]:
    """A candidate from the settings that act for its family, and the full names of these settings."""
    family = str(shared["family"])
    asked = merge(shared, *(_nested(name, value) for name, value in varied.items()))
    known = settings_class(family).model_fields
    asked["model"] = {name: value for name, value in asked.get("model", {}).items() if name in known}
    first = build(RunSettings, asked)
    for section, setting, _ in idle(_with_folds(cohort, first), cohort):
        if section and not setting:
            asked.pop(section, None)
        elif section:
            asked.get(section, {}).pop(setting, None)
        else:
            asked.pop(setting, None)
    acting = set(_flat(asked))
    varied = {name: value for name, value in varied.items() if name in acting}
    words = [f"{name.rpartition('.')[2]}={_short(value)}" for name, value in varied.items()]
    name = " ".join([family] * (several or not words) + words)
    return Candidate(name, settled(cohort, build(RunSettings, asked)), {"family": family, **varied}), acting


def _with_folds(cohort: Cohort, settings: RunSettings) -> RunSettings:
    from bedside.splits.folds import chosen_scheme

    scheme = chosen_scheme(cohort, settings.folds)
    return settings.model_copy(update={"folds": settings.folds.model_copy(update={"scheme": scheme})})


def _nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    return dict(value)


def _flat(nested: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, Mapping) and value and f"{prefix}{name}" != "data.synthetic":
            yield from _flat(value, f"{prefix}{name}.")
        elif not isinstance(value, Mapping) or value:
            yield f"{prefix}{name}"


def _short(value: Any) -> str:
    """`[64,64]`, `0.0003`, `1e-05`."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_short, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"any of {', '.join(names)}"
