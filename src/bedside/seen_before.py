"""Which new samples a model has learned from: scores of those say nothing about how good it is.

Samples are recognised by their values, cell for cell, pixel for pixel or point for point, where the data of the run are still there, and
patients by their identifiers, which the run keeps itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.begin import read_again
from bedside.cohort import Cohort
from bedside.data.align import Aligned
from bedside.errors import BedsideError
from bedside.folder import Run
from bedside.scoring import Scorer, read_new, reading_of
from bedside.settings import DataSettings, RunSettings, build

LEARNED = ("train", "valid")  # parts whose samples the members were fitted or stopped by


@dataclass(frozen=True)
class SeenBefore:
    """Of new samples: how many there are, how many equal one that the model learned from, and how many others bear the
    identifier of a patient whom it learned from. None where that cannot be told."""

    samples: int
    equal: int | None
    named: int | None

    @property
    def any(self) -> bool:
        return bool(self.equal or self.named)

    @property
    def told(self) -> bool:
        """Whether anything could be told at all."""
        return self.equal is not None or self.named is not None


def seen_in(scorer: Scorer, source: pd.DataFrame | str | Path, settings: DataSettings | None = None) -> SeenBefore:
    """As `seen_before`, of samples that are read again with their patients; the data of the run are looked for.

    Raises:
        DataError: if the new samples cannot be read.
    """
    run = scorer.run
    new = read_new(scorer.model, source, reading_of(run, settings))
    known = {name: value for name, value in run.settings.items() if name != "bedside"}
    try:
        cohort = read_again(run, build(RunSettings, known), None, verb="predict")
    except BedsideError:  # moved, changed, or never a file
        cohort = None
    return seen_before(run, new, cohort)


def seen_before(run: Run, new: Aligned, cohort: Cohort | None) -> SeenBefore:
    """Look for new samples among those that the final model of a run learned from.

    Args:
        run: a finished run.
        new: samples as its model reads them, with the column `patient` if they name patients.
        cohort: the data of the run; None if they are no longer there.
    """
    learned = learned_samples(run)
    equal = None if cohort is None else _equal(new.inputs, cohort, learned)
    named = None
    if "patient" in new.samples and run.estimates["n"]["patient_column"]:
        patients = run.cohort.loc[run.cohort["sample"].astype(str).isin(learned), "patient"].astype(str)
        named = new.samples["patient"].astype(str).isin(set(patients)).to_numpy()
        named = named if equal is None else named & ~equal
    return SeenBefore(len(new.samples), *(None if found is None else int(found.sum()) for found in (equal, named)))


def learned_samples(run: Run) -> set[str]:
    """Samples that at least one member of the final model learned from."""
    folds = run.folds
    several = len(folds[["repeat", "fold"]].drop_duplicates()) > 1
    if not (several and run.settings.get("final") == "refit"):
        folds = folds[folds["part"].isin(LEARNED)]
    return set(folds["sample"].astype(str))


def _equal(inputs: Any, cohort: Cohort, learned: set[str]) -> np.ndarray | None:
    """Which of n samples equal a learned one, (n,); None for images whose pixels nobody has looked at yet."""
    rows = np.flatnonzero(cohort.samples.index.astype(str).isin(learned))
    marks, known = _marks(inputs, inputs), _marks(cohort.inputs.take(rows), inputs)
    return None if "" in marks else np.isin(marks, known)


def _marks(inputs: Any, like: Any) -> np.ndarray:
    """What equal samples share, (n,): a hash of the cells of a table, in the columns of `like`, of the pixels of an image, or of
    the values of a recording; the canonical SMILES of a molecule."""
    if inputs.kind == "signal":
        return np.asarray(inputs.digests())
    if inputs.kind == "graph":
        return np.array([molecule.smiles for molecule in inputs.molecules])
    if inputs.kind == "image":
        return np.asarray(inputs.records["sha256"].astype(str))
    cells = {}
    for feature in like.features:
        column = inputs.frame[feature.name]
        text = feature.kind == "category"
        cells[feature.name] = column.astype(object).where(column.notna(), "") if text else column.astype(float) + 0.0
    return pd.util.hash_pandas_object(pd.DataFrame(cells), index=False, categorize=False).astype(str).to_numpy()
