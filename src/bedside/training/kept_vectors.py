"""Vectors of some held-out samples, kept so that the whole of new patients can be held against the whole of known ones.

Of a network these are its last hidden layer, from which a patient's inputs cannot be read off; of any family of tables,
if asked for, the prepared inputs themselves, from which they can. No identifier is kept, only which vectors belong to one
patient.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bedside.cohort import Cohort, Fold
from bedside.errors import RunError
from bedside.settings import ReferenceSettings
from bedside.training.fitted import Fitted, each
from bedside.training.space import Space, read_tensors, write_tensors

FEWEST = 20  # samples below which comparing clouds tells nothing
TENSORS, FACTS = "vectors.safetensors", "vectors.json"


@dataclass(frozen=True)
class KeptVectors:
    """`places` (n, q + 1) of samples in `space`, and the number of the patient of each, (n,)."""

    member: str  # name of the member whose vectors these are
    of: str  # "latent" or "inputs"
    space: Space
    places: np.ndarray
    patients: np.ndarray

    def place(self, member: Fitted, inputs: Any) -> np.ndarray:
        """New samples as the kept ones are, (m, q + 1)."""
        return self.space.place(_vectors(member, inputs, self.of))

    def save(self, folder: Path) -> None:
        kept = {"places": self.places.astype(np.float32), "patients": self.patients.astype(np.int32)}
        write_tensors(folder / TENSORS, {**self.space.tensors(), **kept})
        (folder / FACTS).write_text(json.dumps({"member": self.member, "of": self.of}))

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """What `save` wrote; None if nothing was kept.

        Raises:
            RunError: if a file is damaged.
        """
        if not (folder / FACTS).exists():
            return None
        tensors = read_tensors(folder / TENSORS)
        try:
            places, patients = tensors.pop("places"), tensors.pop("patients")
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            return cls(facts["member"], facts["of"], Space(**tensors), places, patients)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder / FACTS} cannot be read ({error}); remake the run.") from None


def keep_vectors(
    member: Fitted, name: str, cohort: Cohort, fold: Fold, settings: ReferenceSettings, *, by_site: bool, seed: int
) -> KeptVectors | None:
    """Vectors of samples that had no part in making the space they lie in; None if there are none to keep.

    A frozen backbone and prepared inputs place every sample alike, so any sample will do. A network that was trained
    knows its training samples; of its fold's others all will do, unless they come from other sites than most.

    Args:
        fold: that the member was fitted on.
        by_site: each fold was tested at another site.
        seed: chooses patients where there are more than `settings.samples` samples.
    """
    of = "inputs" if settings.keep == "inputs" else "latent"
    alike = of == "inputs" or member.frozen
    if by_site and not alike:
        return None
    rows = np.arange(len(cohort)) if alike else np.concatenate([fold.valid, fold.test])
    codes = np.unique(cohort.patients[rows].astype(str), return_inverse=True)[1]
    rows = np.sort(rows[whole_patients(codes, settings.samples, seed)])
    if len(rows) < FEWEST:
        return None
    train = fold.train[: max(FEWEST, settings.samples)]
    vectors = _vectors(member, cohort.inputs.take(np.concatenate([train, rows])), of)
    if not vectors.any():
        return None
    space = Space.of(vectors[: len(train)])
    patients = np.unique(cohort.patients[rows].astype(str), return_inverse=True)[1]
    return KeptVectors(name, of, space, space.place(vectors[len(train) :]), patients)


def whole_patients(patients: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most so many samples, (k,) ascending: all of each patient, drawn at random; from the number of each one's patient, (n,)."""
    turn = np.random.default_rng(seed).permutation(int(patients.max()) + 1)[patients]
    return np.flatnonzero((np.cumsum(np.bincount(turn)) <= most)[turn])  # in their turn, as long as there is room


def _vectors(member: Fitted, inputs: Any, of: str) -> np.ndarray:
    """The last hidden layer or the prepared inputs, (n, d); zeros where the model has no such layer."""

    def look(_: int, fitted: Fitted, prepared: np.ndarray) -> np.ndarray:
        found = prepared if of == "inputs" else fitted.latent(prepared)
        return np.zeros((len(prepared), 1)) if found is None else found

    return each([member], inputs, look)[0][0]
