"""Molecules: structures in SMILES become graphs of atoms and bonds."""
