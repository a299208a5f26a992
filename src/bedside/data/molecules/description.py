"""Molecules in numbers, as plain values for description.json and for a model that will meet new ones."""

from collections import Counter
from typing import Any

import numpy as np

from bedside.cohort import Cohort
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.measured import measured
from bedside.data.molecules.structure import ATOM_FEATURES, ELEMENTS

MOST_SCAFFOLDS = 6


def describe_molecules(cohort: Cohort) -> dict[str, Any]:
    """Atoms of the smallest, median and largest molecule; which elements occur and in how many molecules; the range of each
    number that can be measured; the commonest scaffolds; how many have several parts, such as salts; what was not read; and the column that they stood in."""
    inputs: GraphInputs = cohort.inputs
    names, numbers = measured(inputs)
    of_elements = np.array([molecule.atoms[:, : len(ELEMENTS) + 1].any(axis=0) for molecule in inputs.molecules])
    shown = (feature.removeprefix("element ") for feature in ATOM_FEATURES)
    elements = {name: int(n) for name, n in zip(shown, of_elements.sum(axis=0), strict=False) if n}
    counts = Counter(cohort.scaffolds.tolist() if cohort.scaffolds is not None else [])
    return {
        "column": inputs.column,
        "smallest": int(inputs.sizes.min()),
        "median": float(np.median(inputs.sizes)),
        "largest": int(inputs.sizes.max()),
        "elements": elements,
        "measured": [
            {"name": name, "low": float(column.min()), "median": float(np.median(column)), "high": float(column.max())}
            for name, column in zip(names, numbers.T, strict=True)
        ],
        "scaffolds": [{"smiles": smiles, "samples": n} for smiles, n in counts.most_common(MOST_SCAFFOLDS)],
        "n_scaffolds": len(counts),
        "parts": int((numbers[:, names.index("parts")] > 1).sum()),
        "unreadable": [{"name": name, "reason": reason} for name, reason in inputs.unreadable],
    }
