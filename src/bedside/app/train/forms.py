"""Settings as fields of a form, made from `settings.py` and the settings of a family; and what is typed as values.

Nothing is written twice: names, help, ranges, choices, defaults and conditions are those of the settings classes. What
could not act on these data, or with this family, is not shown.
"""

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from bedside.app.setting_words import CHOICES, label_of
from bedside.app.words import t
from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.models import model_settings, settings_class
from bedside.settings import RunSettings, Settings, build, conditions_of, merge, nested, parse_assignment

# What a first training may want to change; the others are behind "more settings".
FIRST = (
    "folds.scheme",
    "folds.number",
    "train.epochs",
    "train.learning_rate",
    "evaluation.threshold",
    "evaluation.threshold_value",
    "seed",
)
# What `settings.py` leaves to the run: the folds must be several, or be dealt by chance.
_DEALT = {"folds.scheme": ["auto", "holdout", "crossval"]}
ONLY_WITH = {
    "final": {"folds.scheme": ["crossval", "site"]},
    "folds.link_scaffolds": _DEALT,
    "folds.random_beside": _DEALT,
}
# What the page Data asks, what other verbs write, and what is no single value.
ELSEWHERE = ("source", "family", "chosen_by", "data", "model")


@dataclass(frozen=True)
class Entry:
    """One setting as a field. `options` are its choices; `conditions` {full name: values} say when it acts."""

    name: str
    section: str
    field: FieldInfo
    options: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return label_of(self.name)

    @property
    def help(self) -> str:
        """What it means; what each choice means stands in the menu already."""
        return t(plain(self.field.description or "", in_menu=self.name in CHOICES))

    @property
    def is_switch(self) -> bool:
        return self.field.annotation is bool

    @property
    def optional(self) -> bool:
        return type(None) in get_args(self.field.annotation)

    @property
    def default(self) -> str:
        """What acts if nothing is typed, as it would be typed."""
        return shown(self.field.get_default(call_default_factory=True))

    @property
    def conditions(self) -> dict[str, list[str]]:
        prefix = f"{self.section}." if self.section else ""
        own = {f"{prefix}{other}": [shown(one) for one in found] for other, found in conditions_of(self.field).items()}
        return own | ONLY_WITH.get(self.name, {})

    def acts(self, values: Mapping[str, str], entries: Mapping[str, "Entry"]) -> bool:
        """Whether it has an effect beside these values."""
        return all(
            values.get(other, entries[other].default) in allowed
            for other, allowed in self.conditions.items()
            if other in entries
        )

    def parse(self, text: str) -> Any:
        """What was typed, as a value of the setting; nothing typed is the default.

        Raises:
            SettingError: saying what may be typed.
        """
        text = text.strip()
        if not text:
            return self.field.get_default(call_default_factory=True)
        typed: Any = text
        if not self.options and str not in self._parts():
            typed = parse_assignment(f"value={self._list(text)}")["value"]
        try:
            one: Any = {"value": (self.field.annotation, self.field)}
            return create_model("One", __config__=Settings.model_config, **one).model_validate({"value": typed}).value
        except ValidationError:
            raise SettingError(
                t("{label}: {needs}, not {text!r}.", label=self.label, needs=self.needs, text=text)
            ) from None

    @property
    def needs(self) -> str:
        """What may be typed, in words: `a whole number from 1 to 100,000`."""
        if self.options:
            return t("one of {options}", options=", ".join(self.options))
        if any(get_origin(part) is tuple for part in self._parts()):
            texts = any(str in get_args(part) for part in self._parts())
            return t("a list such as age, sex") if texts else t("a list such as 64, 64")
        if any(part is dict or get_origin(part) is dict for part in self._parts()):
            return t("names with lists, such as {example}", example="{age: [45, 65]}")
        kind = t("a whole number") if int in self._parts() else t("a number") if float in self._parts() else t("text")
        return f"{kind}{self._bounds()}"

    def _bounds(self) -> str:
        found = {
            name: getattr(one, name)
            for one in self.field.metadata
            for name in ("ge", "gt", "le", "lt")
            if hasattr(one, name)
        }
        low = (
            t(" from {low}", low=f"{found['ge']:,}")
            if "ge" in found
            else t(" above {low}", low=f"{found['gt']:,}")
            if "gt" in found
            else ""
        )
        high = (
            t(" to {high}", high=f"{found['le']:,}")
            if "le" in found
            else t(" below {high}", high=f"{found['lt']:,}")
            if "lt" in found
            else ""
        )
        return low + high

    def _parts(self) -> tuple[Any, ...]:
        annotation = self.field.annotation
        union = get_origin(annotation) in (Union, types.UnionType)
        return tuple(part for part in get_args(annotation) if part is not type(None)) if union else (annotation,)

    def _list(self, text: str) -> str:
        """`64, 64` is a list where a list is wanted."""
        lists = any(get_origin(part) is tuple for part in self._parts())
        return f"[{text}]" if lists and not text.startswith("[") else text


def plain(help: str, *, in_menu: bool = False) -> str:
    """Help without the marks of the command line, and, if a menu names them, without the sentence on the choices."""
    sentences = re.split(r"(?<=\.) ", help)
    kept = [one for one in sentences if not (in_menu and re.match(r"`[\w-]+`(, `[\w-]+`)*: ", one))]
    text = " ".join(kept)
    return (re.sub(r" \(`[\w-]+`\)", "", text) if in_menu else text).replace("`", "")


def shown(value: Any) -> str:
    """A value as it is typed."""
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def entries(family: str, facts: Mapping[str, Any]) -> dict[str, Entry]:
    """Every setting that can act with this family on these data, by its full name."""
    idle = set(_idle(family, facts))
    found: dict[str, Entry] = {}
    for section, kind in _sections(family):
        for name, field in kind.model_fields.items():
            full = f"{section}.{name}" if section else name
            nested_one = isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
            if nested_one or full in ELSEWHERE or {section, full} & idle:
                continue
            found[full] = Entry(full, section, field, _options(full, field, facts))
    return found


def gather(family: str, facts: Mapping[str, Any], typed: Mapping[str, str]) -> dict[str, Any]:
    """What was typed as nested settings of a run; what has no effect beside the rest is left out.

    Raises:
        SettingError: naming the setting, what was found and what may stand there.
    """
    known = entries(family, facts)
    values = {
        name: known[name].parse(text)
        for name, text in typed.items()
        if name in known and known[name].acts(typed, known)
    }
    settings = nested(values)
    checked: RunSettings = build(RunSettings, merge({"family": family}, settings))
    model_settings(family, checked.model)
    return merge({"family": family}, settings)


def _sections(family: str) -> Iterator[tuple[str, type[Settings]]]:
    yield "", RunSettings
    for name, field in RunSettings.model_fields.items():
        if name == "model":
            yield name, settings_class(family)
        elif name not in ELSEWHERE and isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield name, field.annotation


def _idle(family: str, facts: Mapping[str, Any]) -> Iterator[str]:
    """Sections and settings that have no effect here, by the rules that a run is refused by."""
    from bedside.models.suited import idle

    scheme = "crossval"  # which of the schemes acts is seen while the form is filled in
    settings = build(RunSettings, {"source": "here", "family": family, "folds": {"scheme": scheme}})
    for section, setting, _ in idle(settings, _stand_in(facts)):
        yield ".".join(filter(None, [section, setting]))


def _stand_in(facts: Mapping[str, Any]) -> Any:
    """As much of a cohort as those rules look at."""
    inputs = types.SimpleNamespace(kind=facts["kind"])
    scaffolds = () if facts["kind"] == "graph" else None
    return types.SimpleNamespace(task=Task(facts["task"], tuple(facts["classes"])), inputs=inputs, scaffolds=scaffolds)


def _options(name: str, field: FieldInfo, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The choices of a menu; left out are schemes of folds that need a role which nobody named, and what does not act on
    this kind of data."""
    for part in (field.annotation, *get_args(field.annotation)):
        if get_origin(part) is Literal:
            choices = tuple(map(str, get_args(part)))
            if name == "folds.scheme":
                lacking = {"site": facts["sites"] < 2, "time": not facts["time"], "given": not facts["split"]}
                choices = tuple(one for one in choices if not lacking.get(one))
            from bedside.models.suited import choices_on

            return choices_on(facts["kind"]).get(name, choices)
    return ()
