"""The form of a new sample, made from what the model learned from: one field per column, with the range that training saw."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from bedside.app.words import t
from bedside.data.columns import Kind
from bedside.data.table import Feature
from bedside.errors import DataError
from bedside.explain.columns import cell_text
from bedside.folder import Run

_UNIT = re.compile(r"^(.*\S)\s*[\[(]\s*([^\[\]()]{1,20})\s*[\])]$")


@dataclass(frozen=True)
class Field:
    """One column to fill in. `low` and `high` are the range in training, `usual` its middle half, for numbers."""

    name: str
    kind: Kind
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    usual: tuple[float, float] | None = None

    @property
    def label(self) -> str:
        """The name without its unit."""
        found = _UNIT.match(self.name)
        return found[1] if found else self.name

    @property
    def unit(self) -> str:
        """What stands in brackets at the end of the name, such as `mg/dL`; nothing if there is none."""
        found = _UNIT.match(self.name)
        return found[2] if found else ""

    def read(self, text: str) -> Any:
        """What was typed or chosen; None for nothing.

        Raises:
            DataError: if it is not what the column holds.
        """
        text = text.strip()
        if not text:
            return None
        if self.kind == "number":
            return self._number(text)
        if self.kind == "date":
            return self._date(text).isoformat()
        if text not in self.levels:
            raise DataError(
                t(
                    "{label}: {text} is none of {levels}.",
                    label=self.label,
                    text=repr(text),
                    levels=", ".join(self.levels),
                )
            )
        return text

    def _number(self, text: str) -> float:
        plain = text.replace(",", ".") if text.count(",") == 1 and "." not in text else text
        try:
            value = float(plain)
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise DataError(
                t(
                    "{label}: {text} is not a number. Write it as 12.5, or leave it empty.",
                    label=self.label,
                    text=repr(text),
                )
            )
        return value

    def _date(self, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise DataError(
                t(
                    "{label}: {text} is not a date. Write it as 2026-11-22, or leave it empty.",
                    label=self.label,
                    text=repr(text),
                )
            ) from None

    def outside(self, text: str) -> bool:
        """Whether what was typed lies outside what training saw.

        Raises:
            DataError: as `read`.
        """
        value = self.read(text)
        if value is None or self.low is None or self.high is None:
            return False
        number = decimal_year(date.fromisoformat(value)) if self.kind == "date" else float(value)
        return not self.low <= number <= self.high

    def shown(self, number: float | None) -> str:
        """A bound of the range as people write it."""
        if number is None:
            return ""
        return day_of(number).isoformat() if self.kind == "date" else f"{number:.4g}"


def decimal_year(day: date) -> float:
    """As tables count dates: the year and the share of it that has passed."""
    first = date(day.year, 1, 1)
    return day.year + (day - first).days / (date(day.year + 1, 1, 1) - first).days


def day_of(year: float) -> date:
    """The day of a decimal year."""
    first = date(int(year), 1, 1)
    days = (date(int(year) + 1, 1, 1) - first).days
    return first + timedelta(days=round((year - int(year)) * days))


def fields_of(run: Run, features: Sequence[Feature]) -> list[Field]:
    """One field per feature, in the order of the model."""
    known = {record["name"]: record for record in run.description["features"]}
    found = []
    for feature in features:
        record = known.get(feature.name, {})
        usual = (record["q25"], record["q75"]) if "q25" in record else None
        found.append(Field(feature.name, feature.kind, feature.levels, feature.low, feature.high, usual))
    return found


def frame_of(fields: Sequence[Field], typed: Mapping[str, str]) -> pd.DataFrame:
    """What was filled in as a table with one row, as `bedside.predict` takes it.

    Raises:
        DataError: if a field holds what its column cannot.
    """
    cells = {}
    for field in fields:
        value = field.read(typed.get(field.name, ""))
        empty = np.nan if field.kind == "number" else None
        dtype = np.float64 if field.kind == "number" else object
        cells[field.name] = pd.Series([empty if value is None else value], dtype=dtype)
    return pd.DataFrame(cells)


def typed_from(fields: Sequence[Field], features: Sequence[Feature], cells: pd.Series) -> dict[str, str]:
    """What somebody would type to enter a sample of the cohort; `cells` as its inputs hold them, by name."""
    typed = {}
    for field, feature in zip(fields, features, strict=True):
        value = cells[field.name]
        text = cell_text(feature, value)
        day = text and field.kind == "date"
        typed[field.name] = day_of(float(value)).isoformat() if day else _exact(field, text, value)
    return typed


def _exact(field: Field, text: str, value: Any) -> str:
    """Numbers with every digit, so that the example gets the score it has in the data."""
    return repr(float(value)).removesuffix(".0") if text and field.kind == "number" else text
