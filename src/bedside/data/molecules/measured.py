"""Numbers that a chemist could state about a molecule without any model; what a new series of compounds would move."""

import numpy as np

from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import chemistry, quiet


def measured(inputs: GraphInputs) -> tuple[list[str], np.ndarray]:
    """Size, weight, fat solubility, polar surface, hydrogen bonds, rings, charge and parts of each molecule, by RDKit.

    Returns:
        Names, and numbers of shape (n, len(names)).
    """
    chem = chemistry()
    from rdkit.Chem import Crippen, Descriptors, rdMolDescriptors

    functions = {
        "atoms": lambda molecule: molecule.GetNumAtoms(),
        "weight in g/mol": Descriptors.MolWt,
        "logP": Crippen.MolLogP,
        "polar surface in Å²": rdMolDescriptors.CalcTPSA,
        "hydrogen bond donors": rdMolDescriptors.CalcNumHBD,
        "hydrogen bond acceptors": rdMolDescriptors.CalcNumHBA,
        "rotatable bonds": rdMolDescriptors.CalcNumRotatableBonds,
        "rings": rdMolDescriptors.CalcNumRings,
        "charge": chem.GetFormalCharge,
        "parts": lambda molecule: len(chem.GetMolFrags(molecule)),
    }
    with quiet():
        read = [chem.MolFromSmiles(molecule.smiles) for molecule in inputs.molecules]
        rows = [[function(molecule) for function in functions.values()] for molecule in read]
    return list(functions), np.array(rows, dtype=np.float64).reshape(len(inputs), len(functions))
