"""A small table of molecules for tests: rings with groups hanging on them, and a class that one of the groups decides."""

from itertools import product

import pandas as pd

RINGS = ("c1ccccc1{}", "C1CCCCC1{}", "c1ccncc1{}", "c1ccsc1{}", "c1ccoc1{}", "C1CCNCC1{}", "c1ccc2ccccc2c1{}", "C1CCOC1{}", "CCCC{}", "C1CCSC1{}")  # fmt: skip
CHAINS = ("", "C", "CC", "CCC")
GROUPS = ("C(=O)O", "N", "O", "[N+](=O)[O-]")  # the first two make the class "acid" or "base"


def table() -> pd.DataFrame:
    """160 molecules of 10 scaffolds; "acid" if one has a carboxyl group."""
    rows = [ring.format(chain + group) for ring, chain, group in product(RINGS, CHAINS, GROUPS)]
    return pd.DataFrame({"smiles": rows, "kind": ["acid" if "C(=O)O" in one else "other" for one in rows]})
