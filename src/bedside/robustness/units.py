"""Pairs of units that are taken for each other, and which of them a column is in.

A factor turns the first unit into the second; those of concentrations follow from the molar mass (1 mg/dl is 10 / M mmol/l,
M in g/mol). HbA1c has an offset too: the master equation of Hoelzel et al. 2004, doi:10.1373/clinchem.2003.024802.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bedside.errors import SettingError, nearest


@dataclass(frozen=True)
class Pair:
    """Two units of one quantity: `second = first * factor + offset`.

    `usual` are ranges in which the median of adult patients lies, in the first and in the second unit; they do not overlap,
    so that a column whose name is known tells its unit, or stays unknown.
    """

    quantity: str
    names: str  # regular expression of column names
    first: str
    second: str
    factor: float
    usual: tuple[tuple[float, float], tuple[float, float]]
    offset: float = 0.0

    def mistaken(self, values: np.ndarray, unit: str) -> np.ndarray:
        """Values in `unit` as they are written in the other one, (n,)."""
        if unit == self.first:
            return values * self.factor + self.offset
        return (values - self.offset) / self.factor

    def other(self, unit: str) -> str:
        return self.second if unit == self.first else self.first


_DERIVED = re.compile(
    r"(?:^|[^a-z])(?:log(?:2|10)?|ln|sqrt|ratio|index|change|delta|diff|difference|slope|percentile|z|zscore)(?:$|[^a-z0-9])"
)

_W = r"(?:^|[^a-z])"  # where a word of a column name begins
_E = r"(?:$|[^a-z])"

PAIRS = (
    Pair("glucose", rf"glucose|{_W}glc{_E}|blood.?sugar", "mg/dl", "mmol/l", 10 / 180.156, ((60, 300), (3.3, 17))),
    Pair("cholesterol", rf"cholesterol|{_W}(?:ldl|hdl|chol){_E}", "mg/dl", "mmol/l", 10 / 386.65, ((25, 400), (0.6, 10.5))),
    Pair("triglycerides", r"triglycerid", "mg/dl", "mmol/l", 10 / 885.4, ((40, 600), (0.4, 7))),
    Pair("creatinine", r"creatinin", "mg/dl", "µmol/l", 10_000 / 113.12, ((0.4, 5), (35, 450))),
    Pair("urea", rf"{_W}urea{_E}", "mg/dl", "mmol/l", 10 / 60.06, ((15, 120), (2, 14))),
    Pair("bilirubin", r"bilirubin", "mg/dl", "µmol/l", 10_000 / 584.66, ((0.1, 2.5), (3, 45))),
    Pair("uric acid", r"uric.?acid|urate", "mg/dl", "µmol/l", 10_000 / 168.11, ((2, 12), (120, 720))),
    Pair("calcium", r"calcium", "mg/dl", "mmol/l", 10 / 40.078, ((7, 12), (1.7, 3))),
    Pair("haemoglobin", rf"ha?emoglobin|{_W}hgb{_E}", "g/dl", "g/l", 10.0, ((6, 19), (60, 190))),
    Pair("albumin", r"albumin", "g/dl", "g/l", 10.0, ((1.5, 6), (15, 60))),
    Pair("HbA1c", r"hba1c", "%", "mmol/mol", 1 / 0.09148, ((4, 13), (20, 120)), -2.152 / 0.09148),
    Pair("temperature", r"temperature|fever", "°C", "°F", 1.8, ((33, 42), (91, 108)), 32.0),
    Pair("height", rf"{_W}(?:body.?)?height{_E}", "cm", "inch", 1 / 2.54, ((130, 200), (50, 80))),
    Pair("weight", rf"{_W}(?:body.?)?weight{_E}", "kg", "lb", 1 / 0.45359237, ((35, 99), (110, 400))),
    Pair("blood pressure", rf"blood.?pressure|{_W}(?:sbp|dbp|bp|trestbps){_E}|systolic|diastolic", "mmHg", "kPa", 0.133322, ((50, 200), (6, 27))),
)  # fmt: skip
_SPELLINGS = {
    "umol/l": "µmol/l",
    "c": "°C",
    "f": "°F",
    "in": "inch",
    "mg/dl": "mg/dl",
    "lbs": "lb",
    "mmhg": "mmHg",
    "kpa": "kPa",
}


@dataclass(frozen=True)
class Mistake:
    """A column that is in one unit, and how its values read in the other one."""

    column: str
    pair: Pair
    unit: str
    told: bool  # by the user, or from the name and the usual range

    @property
    def label(self) -> str:
        return f"{self.column} in {self.pair.other(self.unit)} instead of {self.unit}"


def spelled(unit: str) -> str:
    """The unit as the table spells it: `umol/l` is µmol/l, `F` is °F."""
    plain = unit.strip().replace("μ", "µ")
    return _SPELLINGS.get(plain.casefold(), next((u for u in _units() if u.casefold() == plain.casefold()), plain))


def parse_units(texts: Sequence[str]) -> dict[str, str]:
    """`glucose=mg/dl` as {column: unit}.

    Raises:
        SettingError: if there is no `=`, or a column stands twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        column, mark, unit = text.rpartition("=")
        if not mark or not column or not unit:
            raise SettingError(f"--unit {text!r} names no unit; write COLUMN=UNIT, such as glucose=mg/dl.")
        if column in found:
            raise SettingError(f"--unit names column '{column}' twice; name it once.")
        found[column] = unit
    return found


def mistakes(medians: Mapping[str, float], named: Mapping[str, str]) -> tuple[list[Mistake], list[str]]:
    """Unit errors to try, and what the user should know of how they were found.

    Args:
        medians: median of the training samples of each column of numbers.
        named: units that the user gave, by column.

    Raises:
        SettingError: if a named column is not there, its unit is in no pair, or fits several and the name decides none.
    """
    found, words = [], []
    for column, unit in named.items():
        if column not in medians:
            raise SettingError(
                f"There is no column of numbers '{column}' to give a unit.{nearest(column, medians)} Columns of numbers: {', '.join(medians)}."
            )
        written, _, quantity = unit.partition(" of ")
        found.append(Mistake(column, _pair_named(column, spelled(written), quantity), spelled(written), told=True))
    for column, median in medians.items():
        pair = next((pair for pair in PAIRS if re.search(pair.names, column.casefold())), None)
        if pair is None or column in named:
            continue
        if _DERIVED.search(column.casefold()):
            words.append(
                f"Column '{column}' is derived from {pair.quantity} by its name, so no unit error was tried. "
                f"If it is in a unit, name that: --unit '{column}=UNIT'."
            )
            continue
        fits = [
            u for u, (low, high) in zip((pair.first, pair.second), pair.usual, strict=True) if low <= median <= high
        ]
        if len(fits) == 1:
            found.append(Mistake(column, pair, fits[0], told=False))
            words.append(
                f"Column '{column}' was taken for {pair.quantity} in {fits[0]}, from its name and its median of {median:.4g}. "
                f"If that is wrong, say so: --unit '{column}=UNIT'."
            )
        else:
            words.append(
                f"Column '{column}' may be {pair.quantity}, but a median of {median:.4g} tells neither {pair.first} nor "
                f"{pair.second}; no unit error was tried. Name its unit: --unit '{column}=UNIT'."
            )
    return found, words


def _pair_named(column: str, unit: str, quantity: str) -> Pair:
    """The pair of a unit that the user gave; the quantity, or else the name of the column, decides between several."""
    fitting = [pair for pair in PAIRS if unit in (pair.first, pair.second)]
    if quantity:
        known = [pair for pair in fitting if pair.quantity.casefold() == quantity.strip().casefold()]
        if not known:
            listed = ", ".join(pair.quantity for pair in fitting) or "none"
            raise SettingError(
                f"There is no {quantity.strip()} in {unit} (column '{column}'). Known in {unit}: {listed}."
            )
        return known[0]
    by_name = [pair for pair in fitting if re.search(pair.names, column.casefold())]
    if by_name:
        return by_name[0]
    if not fitting:
        raise SettingError(f"Unit '{unit}' of column '{column}' is in no pair. Known units: {', '.join(_units())}.")
    if len(fitting) > 1:
        quantities = ", ".join(pair.quantity for pair in fitting)
        raise SettingError(
            f"Unit '{unit}' of column '{column}' belongs to {quantities}; add the quantity: --unit '{column}={unit} of {fitting[0].quantity}'."
        )
    return fitting[0]


def _units() -> list[str]:
    return list(dict.fromkeys(unit for pair in PAIRS for unit in (pair.first, pair.second)))
