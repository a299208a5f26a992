"""One molecule as a graph: its atoms, each with what is known of it, and the bonds between them.

Everything chemical is left to RDKit, which is imported when the first molecule is read.
Sources: Weininger 1988, doi:10.1021/ci00057a005 (SMILES); Bemis & Murcko 1996, doi:10.1021/jm9602928 (scaffolds); Gilmer et al.
2017, arXiv:1704.01212 (atoms and bonds as features).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bedside.errors import DataError

ELEMENTS = ("C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "B", "Si", "Se")
_CHARGES = (-1, 0, 1)
_HYBRIDS = ("SP", "SP2", "SP3")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
ATOM_FEATURES: tuple[str, ...] = (
    *(f"element {name}" for name in (*ELEMENTS, "another")),
    *(f"{n} neighbours" for n in (0, 1, 2, 3, 4)),
    "5 or more neighbours",
    *(f"charge {n:+d}" if n else "no charge" for n in _CHARGES),
    "another charge",
    *(f"{n} hydrogens" for n in range(4)),
    "4 or more hydrogens",
    *(f"hybridised {name.lower()}" for name in _HYBRIDS),
    "hybridised otherwise",
    "aromatic",
    "in a ring",
    "turns left",
    "turns right",
)


@dataclass(frozen=True)
class Molecule:
    """Atoms and bonds of one molecule, hydrogens counted at the atom that they hang on.

    Attributes:
        smiles: RDKit's canonical SMILES, with stereochemistry; the atoms are numbered in its order.
        atoms: (atoms, len(ATOM_FEATURES)) of 0 and 1.
        bonds: (bonds, 2) numbers of atoms, each bond once.
        kinds: (bonds,) place in BONDS, from 0; any other kind counts as single.
    """

    smiles: str
    atoms: np.ndarray
    bonds: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.atoms)


def chemistry() -> Any:
    """RDKit's module `Chem`.

    Raises:
        DataError: if RDKit is not installed.
    """
    try:
        from rdkit import Chem
    except ImportError:
        raise DataError("Molecules are read with RDKit: pip install 'bedside[graphs]'") from None
    return Chem


def read_molecule(smiles: str) -> Molecule:
    """A molecule from SMILES; the same for every way in which the same molecule may be written.

    Raises:
        ValueError: if it is no molecule, with the reason.
    """
    chem = chemistry()
    with quiet():
        canonical = chem.MolToSmiles(_parsed(chem, smiles))
        molecule = chem.MolFromSmiles(canonical)  # numbered in the order of its canonical text
    if molecule is None:
        raise ValueError(f"RDKit wrote it as {canonical!r}, which it cannot read")
    atoms = np.array([_features(atom) for atom in molecule.GetAtoms()], dtype=np.uint8)
    pairs = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    kinds = [BONDS.index(name) if (name := str(bond.GetBondType())) in BONDS else 0 for bond in molecule.GetBonds()]
    return Molecule(canonical, atoms, np.array(pairs, dtype=np.int32).reshape(-1, 2), np.array(kinds, dtype=np.uint8))


def _parsed(chem: Any, smiles: str) -> Any:
    molecule = chem.MolFromSmiles(smiles, sanitize=False)
    if molecule is None:
        raise ValueError("it is not SMILES")
    if not molecule.GetNumAtoms():
        raise ValueError("it holds no atom")
    problems = [problem.Message() for problem in chem.DetectChemistryProblems(molecule)]
    if problems:
        raise ValueError(problems[0][:1].lower() + problems[0][1:].strip().rstrip("."))
    return chem.MolFromSmiles(smiles)


def quiet() -> Any:
    """RDKit does not write to the terminal what is told in words of our own."""
    from rdkit import rdBase

    return rdBase.BlockLogs()


def _features(atom: Any) -> list[int]:
    """What is known of one atom, in the order of ATOM_FEATURES."""
    turn = str(atom.GetChiralTag())
    return [
        *_one_of(atom.GetSymbol(), ELEMENTS),
        *_up_to(atom.GetDegree(), 5),
        *_one_of(atom.GetFormalCharge(), _CHARGES),
        *_up_to(atom.GetTotalNumHs(), 4),
        *_one_of(str(atom.GetHybridization()), _HYBRIDS),
        int(atom.GetIsAromatic()),
        int(atom.IsInRing()),
        int(turn == "CHI_TETRAHEDRAL_CCW"),
        int(turn == "CHI_TETRAHEDRAL_CW"),
    ]


def _one_of(value: object, known: tuple[Any, ...]) -> list[int]:
    """One place for each known value, and a last one for any other."""
    found = [int(value == one) for one in known]
    return [*found, int(not any(found))]


def _up_to(number: int, most: int) -> list[int]:
    """One place for each of 0 to `most`; the last one stands for more as well."""
    return [int(min(number, most) == n) for n in range(most + 1)]
