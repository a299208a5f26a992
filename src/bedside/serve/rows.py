"""Samples of a table as they came (JSON rows, a CSV) become cells: numbers and words in the order of the model's features.

A row of plain numbers, known levels and null is read at once. Everything else (numbers as text, dates, codes for missing
values, levels that training never saw) goes the way of every new table, `data.align`; both ways give the same, which a
test holds against each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter, le
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import Aligned, align, differences
from bedside.data.cells import MISSING
from bedside.data.columns import LARGEST, Column
from bedside.data.sent import table_of
from bedside.data.table import Feature, TableInputs
from bedside.settings import DataSettings

_PLAIN_NUMBERS = frozenset({int, float, type(None)})
_PLAIN = {"number": _PLAIN_NUMBERS, "boolean": frozenset({bool, type(None)}), "date": frozenset({type(None)})}


@dataclass(frozen=True)
class Cells:
    """n samples as a model of a table reads them: `numbers` (n, k) float64 with NaN (numbers, yes or no as 1 and 0, dates as
    years), `words` (n, c) object with None, each in the order of the features of its kind; ids and patients as text."""

    layout: "Layout"
    numbers: np.ndarray
    words: np.ndarray
    ids: list[str]
    patients: Sequence[str | None] | None = None
    findings: tuple[Finding, ...] = ()
    known: bool = False  # all levels and numbers are known to lie within those of training

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def weight(self) -> int:
        """What it costs to score, in rows."""
        return len(self.numbers)

    @property
    def columns(self) -> list[Column]:
        """Column by column, in the order of the features."""
        numbers, words = iter(self.numbers.T), iter(self.words.T)
        return [
            Column(feature.name, feature.kind, next(words) if feature.kind == "category" else next(numbers))
            for feature in self.layout.features
        ]

    @property
    def inputs(self) -> TableInputs:
        """The same as members read it."""
        return TableInputs.of(self.columns, self.layout.features)

    @property
    def outside(self) -> list[list[str]]:
        """For each sample what training never had, such as `dose (92)`; as `data.align.outside` says it."""
        layout = self.layout
        named: list[list[str]] = [[] for _ in range(len(self))]
        if self.known:
            return named
        beyond = (self.numbers < layout.low) | (self.numbers > layout.high)
        for place, feature in enumerate(layout.features):
            column = layout.column[place]
            if feature.kind == "category":
                known = layout.known[column]
                for row, word in enumerate(self.words[:, column]):
                    if word is not None and word not in known:
                        named[row].append(f"{feature.name} ({word})")
            else:
                for row in np.flatnonzero(beyond[:, column]).tolist():
                    named[row].append(f"{feature.name} ({self.numbers[row, column]:g})")
        return named

    @staticmethod
    def joined(parts: Sequence["Cells"]) -> "Cells":
        """Samples of several requests, one after the other."""
        if len(parts) == 1:
            return parts[0]
        return Cells(
            parts[0].layout,
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.words for part in parts]),
            [],
        )


@dataclass(frozen=True)
class Layout:
    """Where each feature of a model lies in `Cells`, and how its samples are read."""

    features: tuple[Feature, ...]
    roles: tuple[str, ...] = ()  # columns of training that had a role
    patient: str | None = None  # the column of patients in training
    settings: DataSettings = field(default_factory=DataSettings)

    @cached_property
    def numeric(self) -> list[Feature]:
        return [feature for feature in self.features if feature.kind != "category"]

    @cached_property
    def verbal(self) -> list[Feature]:
        return [feature for feature in self.features if feature.kind == "category"]

    @cached_property
    def column(self) -> list[int]:
        """Place of each feature among those of its own kind."""
        places = {f.name: k for group in (self.numeric, self.verbal) for k, f in enumerate(group)}
        return [places[feature.name] for feature in self.features]

    @cached_property
    def low(self) -> np.ndarray:
        """Lowest value of training, (k,); minus infinity where there is no range."""
        return np.array([-np.inf if f.low is None or f.high is None else f.low for f in self.numeric])

    @cached_property
    def high(self) -> np.ndarray:
        return np.array([np.inf if f.low is None or f.high is None else f.high for f in self.numeric])

    @cached_property
    def known(self) -> list[frozenset[str]]:
        """Levels of training of each category."""
        return [frozenset(feature.levels) for feature in self.verbal]

    @cached_property
    def _flags(self) -> list[int]:
        """Places of yes-or-no features among the numbers."""
        return [place for place, feature in enumerate(self.numeric) if feature.kind == "boolean"]

    @cached_property
    def _dated(self) -> list[int]:
        return [place for place, feature in enumerate(self.numeric) if feature.kind == "date"]

    @cached_property
    def _getters(self) -> tuple[Any, Any]:
        """A row -> its numbers, and its words, as tuples."""
        return _getter([f.name for f in self.numeric]), _getter([f.name for f in self.verbal])

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(feature.name for feature in self.features)

    @cached_property
    def _beside(self) -> frozenset[str]:
        """Columns that are no features and are no surprise."""
        beside = {"sample", *self.roles} | ({self.patient} if self.patient else set())
        return frozenset(beside - self._names)

    def read(self, rows: list[dict[str, Any]]) -> Cells:
        """JSON rows, each an object of cells.

        Raises:
            DataError: if rows do not fit the model.
        """
        return self.at_once(rows) or self.aligned(rows)

    def at_once(self, rows: list[dict[str, Any]]) -> Cells | None:
        """Rows of nothing but plain cells; None if there is anything that needs a second look."""
        keys = rows[0].keys()
        get_numbers, get_words = self._getters
        try:
            numbers, words = [get_numbers(row) for row in rows], [get_words(row) for row in rows]
        except KeyError:
            return None
        if len(rows) > 1 and any(row.keys() != keys for row in rows):
            return None
        if not self._are_plain(numbers) or not all(map(self._are_known, words)):
            return None
        ids, patients = [str(number) for number in range(1, len(rows) + 1)], None
        for name in keys - self._names:
            cells = _plain_texts(rows, name) if name in self._beside else None
            if cells is None or (name == "sample" and len(set(cells)) < len(cells)):
                return None
            ids, patients = (
                (cells, patients) if name == "sample" else (ids, cells if name == self.patient else patients)
            )
        within = self._within(numbers, words)
        try:
            read = np.array(numbers, dtype=np.float64).reshape(len(rows), len(self.numeric))
        except OverflowError:
            return None
        if not within and (np.abs(read) > LARGEST).any():
            return None  # and of NaN, which is null here, nothing is larger
        text = np.empty((len(rows), len(self.verbal)), dtype=object)
        if self.verbal:
            text[:] = words
        found = Cells(self, read, text, ids, patients, known=within)
        return found if within else replace(found, findings=tuple(differences(found.columns, self.features)))

    def _are_plain(self, numbers: list[tuple[Any, ...]]) -> bool:
        """Whether cells are numbers or null, and true, false or null where the model learned from yes and no."""
        if not self._flags and not self._dated:
            return all(_PLAIN_NUMBERS.issuperset(map(type, row)) for row in numbers)
        wanted = [_PLAIN[feature.kind] for feature in self.numeric]
        return all(type(cell) in kinds for row in numbers for cell, kinds in zip(row, wanted, strict=True))

    def _are_known(self, row: tuple[Any, ...]) -> bool:
        for cell, known in zip(row, self.known, strict=True):
            if cell is not None and (type(cell) is not str or cell not in known):
                return False
        return True

    def _within(self, numbers: list[tuple[Any, ...]], words: list[tuple[Any, ...]]) -> bool:
        """Whether every cell is there and within the range of training, so that nothing is to be said."""
        low, high = self._ends
        try:
            for row in numbers:
                if not (all(map(le, low, row)) and all(map(le, row, high))):
                    return False
        except TypeError:  # null
            return False
        return not any(None in row for row in words)

    @cached_property
    def _ends(self) -> tuple[list[float], list[float]]:
        return self.low.tolist(), self.high.tolist()

    def aligned(self, rows: list[dict[str, Any]]) -> Cells:
        """Rows read as a table with the same cells would be.

        Raises:
            DataError: if rows do not fit the model.
        """
        return self.cells(align(table_of(rows, self.features), self.features, self.settings, roles=self.roles))

    def cells(self, new: Aligned) -> Cells:
        """What was aligned, as cells."""
        frame, samples = new.inputs.frame, new.samples
        numbers = [frame[f.name].to_numpy(np.float64) for f in self.numeric]
        words = [frame[f.name].to_numpy(object) for f in self.verbal]
        n = len(frame)
        patients = [None if pd.isna(one) else str(one) for one in samples["patient"]] if "patient" in samples else None
        return Cells(
            self,
            np.array(numbers, dtype=np.float64).T.reshape(n, len(numbers)),
            np.array(words, dtype=object).T.reshape(n, len(words)),
            [str(one) for one in samples.index],
            patients,
            new.findings,
        )


def _getter(names: list[str]) -> Any:
    """A row -> its cells of these names as a tuple."""
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names) if names else lambda row: ()


def _plain_texts(rows: list[dict[str, Any]], name: str) -> list[str] | None:
    """Cells of a column that are words or numbers without any sign, which stay as they are; None if one is not."""
    cells = [row[name] for row in rows]
    plain = all(type(cell) is str and cell.isalnum() and cell.isascii() and cell not in MISSING for cell in cells)
    return cells if plain else None
