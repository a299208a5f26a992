"""A table with one row per molecule becomes a cohort; a column holds the structures in SMILES."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding
from bedside.data import roles as roles_of
from bedside.data.assemble import ONLY_SIGNALS, assemble, assign_roles
from bedside.data.cells import read_text
from bedside.data.codes import count, finding, plural
from bedside.data.files import read_file, refuse_idle
from bedside.data.molecules.alike import link_molecules, scaffolds
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import Molecule, read_molecule
from bedside.data.targets import read_target
from bedside.errors import DataError
from bedside.settings import DataSettings

_SHOWN = 3
_NOT_MOLECULES = ("image", "modality", "label_pattern", "synthetic", *ONLY_SIGNALS)


@dataclass(frozen=True)
class Read:
    """Molecules that could be read: the rows of the table they stand in, (n,), and what was not read."""

    inputs: GraphInputs
    rows: np.ndarray
    findings: tuple[Finding, ...]


def read_molecules(path: Path, settings: DataSettings) -> Cohort:
    """A cohort of molecules from a table whose column `settings.smiles` holds them.

    Raises:
        DataError: if the table or a molecule cannot be read.
        SettingError: if a setting cannot act on molecules.
    """
    refuse_idle(settings, _NOT_MOLECULES, "molecules")
    frame = read_file(path, settings)
    roles = assign_roles(frame, settings, "molecule")
    read_target(frame, settings)  # a wrong target is told before thousands of structures are read
    if settings.smiles in roles.columns():
        raise DataError(
            f"Column '{settings.smiles}' holds the molecules, so it cannot have another role; name it once."
        )
    read = molecules_of(frame, settings)
    kept = frame.iloc[read.rows].set_axis(pd.Index(roles_of.sample_ids(len(frame))[read.rows]), axis=0)
    return make_molecule_cohort(
        read.inputs, kept, settings, name=path.stem, about={"source": path.name}, findings=read.findings
    )


def make_molecule_cohort(
    inputs: GraphInputs,
    frame: pd.DataFrame,
    settings: DataSettings,
    *,
    name: str,
    about: dict[str, str] | None = None,
    findings: tuple[Finding, ...] = (),
) -> Cohort:
    """A cohort from molecules and what is known about them.

    Args:
        inputs: one per sample.
        frame: raw cells, one row per molecule; the index holds the sample ids, the columns are named by `settings`.
        settings: what the columns are for; `target` must be named.
        name: what the cohort is called.
        about: source, licence and the like, for the report.
        findings: what was found while reading.

    Raises:
        DataError: if a column is missing or cannot be used for its role.
    """
    cohort = assemble(
        inputs,
        lambda: link_molecules(inputs),
        frame,
        settings,
        thing="molecule",
        one_each=None,
        name=name,
        about=about or {},
        split=None,
        findings=findings,
    )
    return cohort.with_scaffolds(scaffolds(inputs))


def molecules_of(frame: pd.DataFrame, settings: DataSettings) -> Read:
    """The molecules of a table, in the order of its rows.

    Raises:
        DataError: if the column is missing, or a molecule cannot be read and may not be left out, or none can.
    """
    column = str(settings.smiles)
    roles_of.require(column, frame.columns, "smiles")
    molecules: list[Molecule] = []
    rows: list[int] = []
    lost: list[tuple[str, str]] = []
    for row, cell in enumerate(read_text(frame[column])):
        try:
            molecules.append(read_molecule("" if pd.isna(cell) else cell))
            rows.append(row)
        except ValueError as error:
            lost.append((str(row + 1), str(error)))
    if lost and (not molecules or not settings.skip_unreadable):
        raise DataError(_told(lost, len(frame), column, none=not molecules))
    left = len(lost), count(len(lost), "molecule")
    found = (
        finding("warning", "unreadable", f"{left[1]} could not be read and {plural(left[0], 'was', 'were')} left out.")
        if lost
        else None
    )
    inputs = GraphInputs(tuple(molecules), tuple(lost), _lost_patients(frame, rows, settings), column=column)
    return Read(inputs, np.array(rows, dtype=np.int64), (found,) if found else ())


def _told(lost: list[tuple[str, str]], n: int, column: str, *, none: bool) -> str:
    shown = "; ".join(f"row {row}: {reason}" for row, reason in lost[:_SHOWN])
    more = f"; and {len(lost) - _SHOWN:,} more" if len(lost) > _SHOWN else ""
    if none:
        return f"Column '{column}' holds no molecule that can be read ({shown}{more}). Name the column of SMILES: --smiles COLUMN."
    return (
        f"{len(lost):,} of {count(n, 'molecule')} in column '{column}' cannot be read ({shown}{more}). "
        "Mend them, or leave them out with --skip-unreadable."
    )


def _lost_patients(frame: pd.DataFrame, rows: list[int], settings: DataSettings) -> int:
    """Patients of whom no molecule could be read; without a patient column each row is one."""
    if settings.patient is None or settings.patient not in frame:
        return len(frame) - len(rows)
    patients = frame[settings.patient].astype(str)
    return len(set(patients) - set(patients.iloc[rows]))
