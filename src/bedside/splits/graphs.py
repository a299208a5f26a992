"""Molecules become arrays: padded graphs for networks, fingerprints for everything else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import ATOM_FEATURES, chemistry, quiet
from bedside.errors import RunError
from bedside.folder import write_json
from bedside.settings import PreparationSettings

RADIUS, BITS = 2, 2048  # of fingerprints: two bonds around each atom, which chemists call ECFP4


@dataclass(frozen=True)
class GraphPreparation:
    """Molecules as arrays of one size, (n, places, 1 + features + places).

    A row is an atom: 1 if there is one in this place, its features, and its bonds to the atoms in every place, 0 for none,
    else the kind of the bond from 1. Nothing is learned but `places`, which make a training array; what a network says
    of a molecule does not depend on them, and larger molecules get larger arrays.
    """

    places: int

    @classmethod
    def fit(cls, inputs: GraphInputs, settings: PreparationSettings) -> "GraphPreparation":
        """As many places as the largest training molecule has atoms."""
        return cls(int(inputs.sizes.max()))

    @property
    def shape(self) -> tuple[int, int]:
        return self.places, 1 + len(ATOM_FEATURES) + self.places

    def __call__(self, inputs: GraphInputs) -> np.ndarray:
        """Molecules -> arrays, whole numbers of 8 bits."""
        places = max(self.places, int(inputs.sizes.max(initial=0)))
        first = 1 + len(ATOM_FEATURES)
        prepared = np.zeros((len(inputs), places, first + places), dtype=np.uint8)
        for graph, molecule in zip(prepared, inputs.molecules, strict=True):
            here, there = molecule.bonds.T
            graph[: len(molecule), 0] = 1
            graph[: len(molecule), 1:first] = molecule.atoms
            graph[here, first + there] = graph[there, first + here] = molecule.kinds + 1
        return prepared

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "GraphPreparation":
        """What `save` wrote.

        Raises:
            RunError: if the file is missing or damaged.
        """
        return cls(int(_read(path)["places"]))


@dataclass(frozen=True)
class FingerprintPreparation:
    """Molecules as fingerprints, (n, bits) of 0 and 1: which surroundings of atoms, up to `radius` bonds wide, occur.

    Source: Rogers & Hahn 2010, doi:10.1021/ci100050t, by RDKit.
    """

    radius: int = RADIUS
    bits: int = BITS

    @classmethod
    def fit(cls, inputs: GraphInputs, settings: PreparationSettings) -> "FingerprintPreparation":
        """Nothing is learned from the training molecules."""
        return cls()

    def __call__(self, inputs: GraphInputs) -> np.ndarray:
        """Molecules -> fingerprints, 32-bit floats."""
        chem = chemistry()
        from rdkit.Chem import rdFingerprintGenerator

        maker = rdFingerprintGenerator.GetMorganGenerator(radius=self.radius, fpSize=self.bits)
        prepared = np.zeros((len(inputs), self.bits), dtype=np.float32)
        with quiet():
            for row, molecule in zip(prepared, inputs.molecules, strict=True):
                row[:] = maker.GetFingerprintAsNumPy(chem.MolFromSmiles(molecule.smiles))
        return prepared

    def save(self, path: Path) -> None:
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "FingerprintPreparation":
        """What `save` wrote.

        Raises:
            RunError: if the file is missing or damaged.
        """
        record = _read(path)
        return cls(int(record["radius"]), int(record["bits"]))


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); the model is damaged.") from None
