"""Which molecules are the same drug written twice, and which share their skeleton.

Sources: Heller et al. 2015, doi:10.1186/s13321-015-0068-4 (InChI); Bemis & Murcko 1996, doi:10.1021/jm9602928 (scaffolds).
"""

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
    chem = chemistry()
    from rdkit.Chem.MolStandardize import rdMolStandardize

    largest, names = rdMolStandardize.LargestFragmentChooser(), []
    uncharge = rdMolStandardize.Uncharger()
    with quiet():
        for molecule in inputs.molecules:
            part = uncharge.uncharge(largest.choose(chem.MolFromSmiles(molecule.smiles)))
            names.append(chem.MolToInchiKey(part)[:14] or molecule.smiles)
    return np.asarray(pd.factorize(np.array(names, dtype=object))[0], dtype=np.int64)


def scaffolds(inputs: GraphInputs) -> np.ndarray:
    """The rings of each molecule and what joins them, as SMILES without stereochemistry, text, shape (n,); empty for those
    without a ring."""
    chem = chemistry()
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with quiet():
        found = [
            MurckoScaffold.MurckoScaffoldSmiles(mol=chem.MolFromSmiles(molecule.smiles))
            for molecule in inputs.molecules
        ]
    return np.array(found, dtype=object)
