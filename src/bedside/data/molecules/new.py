"""New molecules for a trained model: read as in training, with what training never saw said."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data.align import Aligned, new_samples
from bedside.data.codes import count, finding, listing, plural
from bedside.data.files import read_file
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.measured import measured
from bedside.data.molecules.read import molecules_of
from bedside.data.molecules.structure import ELEMENTS
from bedside.errors import DataError
from bedside.settings import DataSettings

_CHECKED = ("atoms", "weight in g/mol", "logP", "charge")


def read_new_molecules(source: str | Path, known: Mapping[str, Any], settings: DataSettings) -> Aligned:
    """Molecules to predict for, from a table; what they do is not needed.

    Args:
        source: the table.
        known: what training saw, as `describe_molecules` says it.
        settings: `smiles` names the column, by default the one that was called so in training, or is called smiles; `patient`, `target`, `skip_unreadable`,
            and how tables are read.

    Raises:
        DataError: if the column is missing or a molecule cannot be read.
    """
    frame = read_file(Path(source), settings)
    column = settings.smiles or _column(list(frame.columns), known.get("column"))
    settings = settings.model_copy(update={"smiles": column})
    read = molecules_of(frame, settings)
    samples = new_samples(frame, [], settings).iloc[read.rows]
    found = _unseen(read.inputs, samples.index.tolist(), known)
    return Aligned(read.inputs, samples, (*read.findings, *found), tuple(map(str, frame.columns)))


def one_new_molecule(inputs: GraphInputs, known: Mapping[str, Any]) -> Aligned:
    """A single molecule to predict for, with what training never saw said; `known` as in `read_new_molecules`."""
    name = "1"
    samples = pd.DataFrame(index=pd.Index([name], name="sample"))
    return Aligned(inputs, samples, tuple(_unseen(inputs, [name], known)))


def _column(columns: list[str], trained: str | None) -> str:
    if trained in columns:
        return str(trained)
    named = [name for name in columns if name.strip().lower() == "smiles"]
    if not named:
        raise DataError(
            f"No column of the new data is called smiles; name the one that holds the molecules: --smiles COLUMN. Columns: {listing(columns, 12)}."
        )
    return named[0]


def _unseen(inputs: GraphInputs, names: list[str], known: Mapping[str, Any]) -> list[Finding]:
    """Elements that no training molecule had, and sizes, weights, solubilities and charges outside theirs."""
    found = list[Finding]()
    remedy = "The model has learned nothing about such molecules."
    for place, element in enumerate((*ELEMENTS, "another")):
        rows = [row for row, molecule in enumerate(inputs.molecules) if molecule.atoms[:, place].any()]
        if rows and element not in known["elements"]:
            what = "an element beside those that are known" if element == "another" else f"the element {element}"
            message = (
                f"{_which(rows, names)} {plural(len(rows), 'has', 'have')} {what}, which no training molecule has."
            )
            found.append(finding("warning", "new-levels", message, remedy))
    ranges = {one["name"]: one for one in known["measured"]}
    columns, numbers = measured(inputs)
    for name in _CHECKED:
        values, low, high = numbers[:, columns.index(name)], ranges[name]["low"], ranges[name]["high"]
        beyond = np.flatnonzero((values < low) | (values > high))
        if len(beyond):
            message = f"{_which(beyond, names)} {plural(len(beyond), 'lies', 'lie')} outside training in {name} ({values[beyond[0]]:.3g}; training {low:.3g} to {high:.3g})."
            found.append(finding("warning", "new-range", message, remedy))
    return found


def _which(rows: Sequence[int] | np.ndarray, names: list[str]) -> str:
    """Some of the new molecules, as the beginning of a sentence."""
    return "This molecule" if len(names) == 1 else f"{count(len(rows), 'new molecule')}, such as {names[rows[0]]!r},"
