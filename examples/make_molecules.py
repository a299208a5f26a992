"""Make molecules to try bedside on, in the folder where this is called: put together by chance, and never made by anybody.

    python examples/make_molecules.py

molecules.csv holds 240 pairs of rings with three groups hanging on them, as SMILES; the target says whether one of these is a
nitro group. Nothing else goes with it, neither the rings nor the size, so the explanation of a good model shows the nitro groups.
Every tenth is written as a salt, and two rows hold no molecule. new_molecules.csv holds 20 others without a target.
"""

from pathlib import Path

import pandas as pd

from bedside.contract.molecules import NITRO, substituted

KNOWN, NEW = 240, 20
BROKEN = {17: "c1ccccc", 101: "C(C)(C)(C)(C)C"}  # an open ring; a carbon with five bonds


def write(folder: Path) -> None:
    """molecules.csv and new_molecules.csv in `folder`; the same molecules every time."""
    texts, _ = substituted(KNOWN + NEW, seed=1)
    table = pd.DataFrame({"compound": [f"C{k + 1:03d}" for k in range(len(texts))], "smiles": texts})
    table["nitro"] = ["yes" if NITRO in text else "no" for text in texts]
    table.loc[::10, "smiles"] += ".Cl"
    table.loc[list(BROKEN), "smiles"] = list(BROKEN.values())
    table[:KNOWN].to_csv(folder / "molecules.csv", index=False, lineterminator="\n")
    table[KNOWN:].drop(columns="nitro").to_csv(folder / "new_molecules.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    write(Path())
