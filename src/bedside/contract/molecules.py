"""Computed molecules, whose target is the number of nitro groups and nothing else."""

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, TaskKind
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.read import make_molecule_cohort
from bedside.data.molecules.structure import read_molecule
from bedside.settings import DataSettings

NITRO, DECOYS = "[N+](=O)[O-]", ("C(=O)O", "N(C)C", "C(C)C")  # three heavy atoms each
_FIRST_RINGS = (
    "c1({})cc({})cc(c1)",
    "c1({})cc({})nc(c1)",
    "c1({})nc({})nc(c1)",
    "C1({})CC({})CC(C1)",
    "C1({})CN({})CC(C1)",
)
_LINKS = ("", "C", "CC", "CCC", "O", "OC", "N", "C(=O)N", "S")
_LAST_RINGS = ("c2ccc({})cc2", "c2ccc({})nc2", "c2cc({})cs2", "C2CCC({})CC2", "C2CCN({})CC2", "c2ccc3cc({})ccc3c2")


def substituted(n: int, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Pairs of rings in SMILES with three substituents of equal size, and how many of these are nitro groups, (n,).

    The rings, what joins them, the other substituents and the number of atoms say nothing about the nitro groups.
    """
    rng = np.random.default_rng(seed)
    count, texts = rng.choice(4, n, p=[0.4, 0.2, 0.2, 0.2]), []
    for nitro in count:
        groups = rng.permutation([NITRO] * nitro + rng.choice(DECOYS, 3 - nitro).tolist())
        first, link, last = (str(rng.choice(parts)) for parts in (_FIRST_RINGS, _LINKS, _LAST_RINGS))
        texts.append(first.format(*groups[:2]) + link + last.format(groups[2]))
    return texts, count


@lru_cache(maxsize=8)  # finding the same compounds takes most of a check
def molecule_cohort(n: int = 150, *, seed: int = 0, task: TaskKind = "binary", per_patient: int = 1) -> Cohort:
    """The same as a `Cohort` with patient, site and sex; the number of nitro groups is the target."""
    texts, count = substituted(n, seed=seed)
    target = {
        "binary": np.where(count > 0, "nitro", "none"),
        "multiclass": np.array(["none", "one", "several"])[count.clip(max=2)],
        "regression": count + np.random.default_rng(seed).normal(0, 0.1, n).round(3),
    }[task]
    patient = np.arange(n) // per_patient
    frame = pd.DataFrame(
        {
            "patient": [f"p{number:03d}" for number in patient],
            "site": np.array(["north", "south", "west"])[patient % 3],
            "sex": np.where(patient % 2, "f", "m"),
            "outcome": target,
        },
        index=pd.Index([f"molecule-{k + 1:04d}" for k in range(n)], name="sample"),
    )
    given: dict[str, Any] = {"target": "outcome", "patient": "patient", "site": "site", "subgroups": ("sex",)}
    if task == "binary":
        given["positive"] = "nitro"
    inputs = GraphInputs(tuple(read_molecule(text) for text in texts))
    return make_molecule_cohort(inputs, frame, DataSettings(**given), name="nitro")
