"""The known patients of a run, in counts: the folder `reference/` of a run, and new samples counted in the same way.

Tables are counted column by column. Images are counted by what a person could measure on them without looking at what
they show (brightness, contrast, sharpness, size), recordings by level, amplitude, roughness, length and gaps, molecules by weight, solubility and the like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bedside.cohort import Cohort
from bedside.data.molecules.measured import measured as measured_molecules
from bedside.data.signals.measured import measured as measured_signals
from bedside.errors import RunError
from bedside.evaluation.histograms import counted, histogram
from bedside.folder import read_json, write_json
from bedside.seeds import one_per_patient
from bedside.splits.image_statistics import measured as measured_images
from bedside.splits.images import learned_white

FOLDER, COLUMNS = "reference", "columns.json"
MOST = {"image": 2000, "signal": 20_000, "graph": 20_000}  # that are measured, each of another patient

_MEASURED: dict[str, Callable[[Any], tuple[list[str], np.ndarray]]] = {
    "signal": measured_signals,
    "graph": measured_molecules,
}


@dataclass(frozen=True)
class Column:
    name: str
    kind: str
    values: np.ndarray  # numbers with NaN or text with None, (n,)
    words: tuple[str, ...] = ()


def write_columns(folder: Path, cohort: Cohort, seed: int) -> None:
    """columns.json: counts of every column over all patients of the cohort, each with one sample."""
    image, most = cohort.inputs.kind == "image", MOST.get(cohort.inputs.kind)
    rows = one_per_patient(cohort.patients, seed)
    if most is not None and len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:most])
    inputs = cohort.inputs.take(rows)
    record: dict[str, Any] = {"kind": cohort.inputs.kind, "patients": len(rows)}
    if image:
        record |= {"channels": int(inputs.records["channels"].max()), "white": learned_white(inputs)}
    columns = columns_of(inputs, record)
    record["columns"] = [histogram(one.name, one.kind, one.values, words=one.words) for one in columns]
    write_json(folder / COLUMNS, record)


def read_columns(folder: Path) -> dict[str, Any]:
    """What `write_columns` wrote.

    Raises:
        RunError: if the run keeps no reference.
    """
    if not (folder / COLUMNS).exists():
        raise RunError(
            f"{folder.parent} keeps nothing to hold new patients against: it was made by an older bedside, or with "
            "reference.keep=nothing. Train again to monitor it."
        )
    return dict(read_json(folder / COLUMNS))


def columns_of(inputs: Any, record: dict[str, Any]) -> Sequence[Column]:
    """The columns of samples: those of a table, or what can be measured on images, recordings and molecules as the record says."""
    if record["kind"] == "image":
        return _numbers(*measured_images(inputs, record["channels"], record["white"]))
    if record["kind"] in _MEASURED:
        return _numbers(*_MEASURED[record["kind"]](inputs))
    return [
        Column(
            feature.name,
            feature.kind,
            inputs.frame[feature.name].to_numpy(),
            feature.levels if feature.kind == "boolean" else (),
        )
        for feature in inputs.features
    ]


def _numbers(names: Sequence[str], values: np.ndarray) -> list[Column]:
    return [Column(name, "number", column) for name, column in zip(names, values.T, strict=True)]


def count_new(inputs: Any, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Counts of new samples, one per patient, in the bins of each known column."""
    known = {column["name"]: column for column in record["columns"]}
    return [counted(known[one.name], one.values) for one in columns_of(inputs, record)]
