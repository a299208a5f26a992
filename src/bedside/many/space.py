"""Where to look for better settings: a range or a list of values for each setting, written as one would say it.

`1e-4..1e-2 log` is a range on a logarithmic scale, `0.0..0.5` a range, `1..50` one of whole numbers, and
`[16],[64],[64,64]` a list. Every family brings a space of its own (`FAMILIES`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from bedside.cohort import Cohort
from bedside.errors import SettingError
from bedside.many.candidates import SHARED, parse_values
from bedside.models import family_named
from bedside.models.suited import idle
from bedside.settings import RunSettings

Kind = Literal["choice", "integer", "linear"]


@dataclass(frozen=True)
class Dimension:
    """The values that one setting may take: a list of them, or those between two numbers."""

    kind: Kind
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False

    def to_dict(self) -> dict[str, Any]:
        record = asdict(self)
        if self.kind == "choice":
            return {"kind": "choice", "values": [list(v) if isinstance(v, tuple) else v for v in self.values]}
        return {"kind": "log" if self.log else self.kind, "low": record["low"], "high": record["high"]}


Space = Mapping[str, Dimension]


def parse_space(texts: Sequence[str]) -> dict[str, Dimension]:
    """`train.learning_rate=1e-4..1e-2 log` -> dimensions by the full name of the setting.

    Raises:
        SettingError: if a text is no such thing.
    """
    space: dict[str, Dimension] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise SettingError(
                f"--search {text!r} is not a setting with values; write train.learning_rate='1e-4..1e-2 log' or model.hidden=[16],[64,64]."
            )
        space[name.strip()] = dimension(name.strip(), values.strip())
    return space


def dimension(name: str, text: str) -> Dimension:
    """Values of one setting from their words."""
    if ".." not in text:
        values = tuple(parse_values(name, text))
        if len(values) < 2:
            raise SettingError(f"{name}={text} is one value; use --set for it, or name several.")
        return Dimension("choice", values)
    low, _, rest = text.partition("..")
    high, _, scale = rest.strip().partition(" ")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise SettingError(f"{name}={text}: the ends of a range are numbers, such as 1e-4..1e-2 log.") from None
    if scale not in ("", "log") or not ends[0] < ends[1] or (scale == "log" and ends[0] <= 0):
        raise SettingError(f"{name}={text} is no range: write LOW..HIGH, or LOW..HIGH log with LOW above 0.")
    whole = all(end.strip().lstrip("+-").isdigit() for end in (low, high))
    return Dimension("integer" if whole else "linear", (), *ends, scale == "log")


def space_for(cohort: Cohort, settings: RunSettings, asked: Space, fixed: set[str]) -> dict[str, Dimension]:
    """What is searched: what was asked for, or the family's own space without the settings that are fixed or idle.

    Args:
        settings: without the values that will be searched.
        fixed: full names of settings that have been given a value.

    Raises:
        SettingError: if something is both fixed and searched, cannot act here, or nothing is left to search.
    """
    for name in asked:
        if name in fixed:
            raise SettingError(f"{name} is both fixed (--set) and searched (--search); leave one out.")
        if name.partition(".")[0] in SHARED or name in ("family", "final", "null_runs"):
            raise SettingError(f"--search {name}: tuning must not change the data or the folds that judge it.")
    cannot = {(section, setting): reason for section, setting, reason in idle(settings, cohort)}
    found = dict(asked)
    if not asked:
        own = family_named(str(settings.family)).search
        found = {name: dimension(name, text) for name, text in own.items() if name not in fixed}
    for name in list(found):
        section, _, setting = name.rpartition(".")
        reason = cannot.get((section, setting)) or cannot.get((section, ""))
        if reason and name in asked:
            raise SettingError(f"--search {name} has no effect: {reason}.")
        if reason:
            del found[name]
    if not found:
        raise SettingError(
            f"There is nothing to search for family '{settings.family}'; name settings with --search NAME=VALUES."
        )
    return found
