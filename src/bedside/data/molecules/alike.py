"""Which molecules are the same drug written twice, and which share their skeleton.

Sources: Heller et al. 2015, doi:10.1186/s13321-015-0068-4 (InChI); Bemis & Murcko 1996, doi:10.1021/jm9602928 (scaffolds).
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import chemistry, quiet


def link_molecules(inputs: GraphInputs) -> np.ndarray:
    """Number the groups of molecules that hold the same compound, shape (n,).

    The same means: the same atoms in the same order of bonds in the largest part, whatever the salt, the charge of a
    proton, the stereochemistry or the tautomer; the first block of the InChIKey says so. A molecule of which RDKit can make
    no InChI is alike only to its own SMILES.
    """
    chem, uncharged = chemistry(), _uncharger()
    with quiet():
        names = [
            chem.MolToInchiKey(uncharged(part))[:14] or molecule.smiles
            for molecule, part in zip(inputs.molecules, _largest_parts(inputs), strict=True)
        ]
    return np.asarray(pd.factorize(np.array(names, dtype=object))[0], dtype=np.int64)


def scaffolds(inputs: GraphInputs) -> np.ndarray:
    """The rings of each molecule's largest part and what joins them, as SMILES without stereochemistry, text, shape (n,); empty
    for those without a ring. A salt belongs to the scaffold of its drug, whatever rings the other ion has."""
    chemistry()
    from rdkit.Chem.Scaffolds import MurckoScaffold

    uncharged = _uncharger()
    with quiet():
        found = [MurckoScaffold.MurckoScaffoldSmiles(mol=uncharged(part)) for part in _largest_parts(inputs)]
    return np.array(found, dtype=object)


def _largest_parts(inputs: GraphInputs) -> Iterator[Any]:
    """The part of each molecule with most atoms, as RDKit's molecules; one of carbon, if there is one."""
    chem = chemistry()
    from rdkit.Chem.MolStandardize import rdMolStandardize

    largest = rdMolStandardize.LargestFragmentChooser(preferOrganic=True)
    for molecule in inputs.molecules:
        yield largest.choose(chem.MolFromSmiles(molecule.smiles))


def _uncharger() -> Callable[[Any], Any]:
    """What takes charges of protons from a molecule."""
    from rdkit.Chem.MolStandardize import rdMolStandardize

    found: Callable[[Any], Any] = rdMolStandardize.Uncharger().uncharge
    return found
