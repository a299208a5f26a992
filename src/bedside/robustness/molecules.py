"""The same compound as another laboratory might have written it down: with its salt or without, charged or not, flat."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import chemistry, quiet, read_molecule

LABELS = {
    "no-salt": "only the largest part, without salts",
    "salt": "written as the hydrochloride",
    "uncharged": "protons added or taken until no charge is left",
    "flat": "without stereochemistry",
}


@dataclass(frozen=True)
class Change:
    """One way in which the same compound is written; where it changes nothing, the molecule stays."""

    kind: str
    label: str
    strength: float = 1.0
    columns: tuple[str, ...] = ()

    def __call__(self, inputs: GraphInputs) -> GraphInputs:
        """The molecules, written so."""
        chem = chemistry()
        with quiet():
            texts = [self._written(chem, molecule.smiles) for molecule in inputs.molecules]
        known = zip(texts, inputs.molecules, strict=True)
        return replace(
            inputs, molecules=tuple(old if text == old.smiles else read_molecule(text) for text, old in known)
        )

    def _written(self, chem: Any, smiles: str) -> str:
        from rdkit.Chem.MolStandardize import rdMolStandardize

        molecule = chem.MolFromSmiles(smiles)
        if self.kind == "salt":
            return f"{smiles}.Cl"
        if self.kind == "no-salt":
            molecule = rdMolStandardize.LargestFragmentChooser().choose(molecule)
        elif self.kind == "uncharged":
            molecule = rdMolStandardize.Uncharger().uncharge(molecule)
        else:
            chem.RemoveStereochemistry(molecule)
        return str(chem.MolToSmiles(molecule))


def changes() -> Iterator[Change]:
    """Every change that is tried on molecules, in the order of the report."""
    for kind, label in LABELS.items():
        yield Change(kind, label)
