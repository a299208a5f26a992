"""The training cases that a model finds most like a new sample: what became of them, and how they differ.

Likeness is the distance in the last hidden layer of the first member, each of its numbers scaled to variance 1 over that
member's training samples; a model without such a layer is asked in its prepared inputs. One case per patient.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.app.opened import Opened
from bedside.data.table import Feature
from bedside.explain.columns import cell_text

SHOWN = 5
DIFFERENCES = 3  # columns that are named


@dataclass(frozen=True)
class Difference:
    column: str
    here: str  # of the new sample
    there: str  # of the training case


@dataclass(frozen=True)
class Neighbour:
    sample: str
    patient: str
    row: int  # in the cohort
    outcome: str
    distance: float  # 1 is the distance between two training samples drawn by chance (the median)
    differs: tuple[Difference, ...]  # most different first, in units of the spread in training; empty for images


def nearest_cases(opened: Opened, inputs: Any) -> list[Neighbour]:
    """The nearest training cases of one sample, the nearest first.

    Raises:
        RunError: if the data of the run are no longer there.
    """
    rows, known = opened.neighbours
    scale = known.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    distances = np.sqrt((((known - opened.vectors(inputs)[0]) / scale) ** 2).sum(axis=1))
    usual = _usual(known / scale, opened.seed)
    cohort, found, seen = opened.cohort, [], set()
    for place in np.argsort(distances, kind="stable"):
        row = int(rows[place])
        patient = str(cohort.patients[row])
        if patient in seen:
            continue
        seen.add(patient)
        outcome = cohort.samples["target"].iloc[row]
        outcome = f"{outcome:g}" if cohort.task.kind == "regression" else str(outcome)
        differs = () if opened.pictured else _differences(opened, inputs, row)
        sample = str(cohort.samples.index[row])
        found.append(Neighbour(sample, patient, row, outcome, float(distances[place] / usual), differs))
        if len(found) == SHOWN:
            break
    return found


def _usual(known: np.ndarray, seed: int) -> float:
    """Median distance between pairs of training samples."""
    chance = np.random.default_rng(seed)
    one, other = chance.integers(len(known), size=(2, 1000))
    apart = np.sqrt(((known[one] - known[other])[one != other] ** 2).sum(axis=1))
    return float(np.median(apart)) or 1.0 if len(apart) else 1.0


def _differences(opened: Opened, inputs: Any, row: int) -> tuple[Difference, ...]:
    """Columns in which two samples differ most."""
    frame = opened.cohort.inputs.frame
    found = []
    for feature in inputs.features:
        here, there = inputs.frame[feature.name].iloc[0], frame[feature.name].iloc[row]
        apart = _apart(feature, here, there, opened)
        if apart > 0:
            found.append((apart, Difference(feature.name, cell_text(feature, here), cell_text(feature, there))))
    found.sort(key=lambda pair: -pair[0])
    return tuple(difference for _, difference in found[:DIFFERENCES])


def _apart(feature: Feature, here: Any, there: Any, opened: Opened) -> float:
    """How different two cells are: in standard deviations, or 1 for another level; a gap differs from a value by 1."""
    gaps = [value is None or value != value for value in (here, there)]
    if any(gaps):
        return 0.0 if all(gaps) else 1.0
    if feature.kind in ("category", "boolean"):
        return float(here != there)
    spread = float(np.nanstd(opened.cohort.inputs.frame[feature.name].to_numpy(np.float64)))
    return abs(float(here) - float(there)) / spread if spread > 0 else 0.0
