"""What only molecules can have: parts beside the drug, forms that are not said, series of one skeleton, and shortcuts."""

from collections import Counter

import numpy as np

from bedside.cohort import Cohort, Finding, share_text
from bedside.data.codes import count, finding, plural
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.measured import measured
from bedside.data.molecules.structure import chemistry, quiet
from bedside.data.shortcuts import Look, shortcuts

ONE_SERIES = 0.5  # share of molecules with one scaffold above which a cohort is a series of one skeleton
_REMEDY = {
    "shortcut-measured": "Right if that is how such molecules work; then compare with a model that sees this number only.",
    "shortcut-site": "Compare within sites, with --folds site or with sites that have all classes.",
}


def check(cohort: Cohort) -> list[Finding]:
    """What only molecules can have."""
    names, numbers = measured(cohort.inputs)
    looks = [
        Look("shortcut-measured", f"The number '{name}'", values) for name, values in zip(names, numbers.T, strict=True)
    ]
    parts = numbers[:, names.index("parts")]
    return [*shortcuts(cohort, looks, _REMEDY), *_salts(cohort, parts), *_forms(cohort), *_series(cohort)]


def alike(cohort: Cohort) -> str:
    """What linked samples have in common."""
    return "the same compound, whatever its salt or stereochemistry"


def _salts(cohort: Cohort, parts: np.ndarray) -> list[Finding]:
    rows = np.flatnonzero(parts > 1)
    if not len(rows):
        return []
    message = f"{count(len(rows), 'molecule')} of {len(cohort):,} {plural(len(rows), 'has', 'have')} several parts, such as sample {str(cohort.samples.index[rows[0]])!r}: salts or solvents beside the drug."
    return [
        finding("note", "salts", message, "A network reads all parts. If one class has more salts, it may notice that.")
    ]


def _forms(cohort: Cohort) -> list[Finding]:
    """Molecules whose centres or double bonds may stand in two ways, and the structure does not say in which."""
    inputs: GraphInputs = cohort.inputs
    chem = chemistry()
    with quiet():
        open_ = [
            any(
                one.specified == chem.StereoSpecified.Unspecified
                for one in chem.FindPotentialStereo(chem.MolFromSmiles(molecule.smiles))
            )
            for molecule in inputs.molecules
        ]
    n = sum(open_)
    if not n:
        return []
    message = f"{count(n, 'molecule')} of {len(cohort):,} ({share_text(n / len(cohort))}) {plural(n, 'does', 'do')} not say all of {plural(n, 'its', 'their')} stereochemistry, such as sample {str(cohort.samples.index[open_.index(True)])!r}."
    return [finding("note", "stereo", message, "Mirror images of a drug may act differently; these are read as one.")]


def _series(cohort: Cohort) -> list[Finding]:
    assert cohort.scaffolds is not None
    scaffold, n = Counter(cohort.scaffolds.tolist()).most_common(1)[0]
    if n <= ONE_SERIES * len(cohort):
        return []
    shown = f"the scaffold {scaffold}" if scaffold else "no ring"
    message = f"{share_text(n / len(cohort))} of the molecules have {shown}: what is learned holds for that series."
    return [finding("warning", "one-series", message, "Do not use the model for molecules with another skeleton.")]
