"""Molecules in memory, each a graph of its own size."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bedside.data.molecules.structure import Molecule


@dataclass(frozen=True)
class GraphInputs:
    """The molecules of the samples; `unreadable` are rows without one, each with the reason, and `lost_patients` those who
    had no other. `column` is where they stood in their table."""

    molecules: tuple[Molecule, ...]
    unreadable: tuple[tuple[str, str], ...] = ()
    lost_patients: int | None = 0
    kind: str = "graph"
    column: str | None = None
    features: tuple[Any, ...] = ()  # molecules have no columns

    def __len__(self) -> int:
        return len(self.molecules)

    def take(self, rows: np.ndarray) -> "GraphInputs":
        """The given rows, shape (k,), in that order; the molecules themselves are not copied."""
        return replace(self, molecules=tuple(self.molecules[row] for row in rows))

    @cached_property
    def sizes(self) -> np.ndarray:
        """Atoms of each molecule, hydrogens not counted, (n,)."""
        return np.array([len(molecule) for molecule in self.molecules], dtype=np.int64)

    def fingerprint(self) -> str:
        """sha256 of every canonical SMILES, 64 hexadecimal digits."""
        return hashlib.sha256("\n".join(molecule.smiles for molecule in self.molecules).encode()).hexdigest()
