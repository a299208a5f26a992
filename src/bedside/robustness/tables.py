"""Tables that are not what they should be. Every change has a strength; strength 0 is the table as it is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from bedside.cohort import share_text
from bedside.data.table import TableInputs
from bedside.robustness.units import Mistake

NOISE = (0.1, 0.25, 0.5, 1.0)  # of each number's standard deviation in training
GAPS = (0.05, 0.1, 0.25, 0.5)  # share of all cells


@dataclass(frozen=True)
class Change:
    """One way in which the data are wrong. `kind` names it in files, `columns` are those it touches, none for all."""

    kind: str
    label: str
    strength: float
    columns: tuple[str, ...] = ()
    mistake: Mistake | None = None

    def __call__(self, inputs: TableInputs, sds: pd.Series, seed: int) -> TableInputs:
        """The changed samples of one member.

        Args:
            inputs: its test samples.
            sds: standard deviation of each column of numbers in its training samples.
            seed: same seed, same noise at every strength, only larger.
        """
        frame = inputs.frame.copy()
        numbers = [feature.name for feature in inputs.features if feature.kind == "number"]
        chance = np.random.default_rng(seed)
        if self.kind == "noise":
            noise = chance.normal(size=(len(frame), len(numbers))) * sds[numbers].to_numpy()
            frame[numbers] = frame[numbers].to_numpy(dtype=np.float64) + self.strength * noise
        elif self.kind == "gaps":
            gone = chance.random(frame.shape) < self.strength
            for k, name in enumerate(frame.columns):
                frame[name] = _emptied(frame[name], gone[:, k])
        elif self.kind == "missing":
            for name in self.columns:
                frame[name] = _emptied(frame[name], np.ones(len(frame), dtype=bool))
        elif self.kind == "swap":
            first, second = self.columns
            frame[first], frame[second] = inputs.frame[second].copy(), inputs.frame[first].copy()
        elif self.mistake is not None:
            name = self.columns[0]
            frame[name] = self.mistake.pair.mistaken(frame[name].to_numpy(dtype=np.float64), self.mistake.unit)
        return TableInputs(frame, inputs.features)


def _emptied(series: pd.Series, gone: np.ndarray) -> pd.Series:
    """The column with cells emptied, as gaps are read: None in a category, NaN in numbers."""
    values = series.to_numpy(copy=True)
    values[gone] = None if values.dtype == object else np.nan
    return pd.Series(values, index=series.index, dtype=series.dtype)


def changes(inputs: TableInputs, mistakes: Sequence[Mistake]) -> Iterator[Change]:
    """Every change that is tried on a table, in the order of the report."""
    numbers = [feature.name for feature in inputs.features if feature.kind == "number"]
    if numbers:
        for share in NOISE:
            yield Change(
                "noise",
                f"noise of {share:g} {'standard deviation' if share == 1 else 'standard deviations'} in all numbers",
                share,
            )
    for share in GAPS:
        yield Change("gaps", f"{share_text(share)} of all cells missing", share)
    for feature in inputs.features:
        yield Change("missing", f"{feature.name} missing", 1.0, (feature.name,))
    for mistake in mistakes:
        yield Change("unit", mistake.label, 1.0, (mistake.column,), mistake)
    for first, second in pairwise(numbers):
        yield Change("swap", f"{first} and {second} swapped", 1.0, (first, second))
