"""Whether the cells of a column look like molecules in SMILES; RDKit is asked only where it is installed.

Source: Weininger 1988, doi:10.1021/ci00057a005 (the language).
"""

import re
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np

from bedside.data.molecules.structure import read_molecule

LOOKED_AT = 40  # cells, evenly over the column
MOST_OF = 0.8  # share of them that must be molecules
FEWEST_ATOMS = 4  # of the median molecule: short codes may be read as SMILES too
_ATOM = r"\[[^\[\]]{1,20}\]|Br|Cl|[BCNOPSFI]|[bcnops]|\*"
_SMILES = re.compile(rf"(?:{_ATOM}|[-=#$:/\\.()~]|%\d\d|\d)+")
_STRUCTURE = re.compile(r"[=#()\[]|[A-Za-z]\d")  # what words and codes of letters do not have


def looks_like_molecules(name: str, cells: Sequence[str]) -> bool:
    """Whether most cells are SMILES of more than a few atoms; in a column that is called so, whether most are SMILES at all.

    Args:
        name: of the column.
        cells: text, gaps left out.
    """
    some = [str(cell).strip() for cell in cells[:: max(1, len(cells) // LOOKED_AT)]]
    if not some:
        return False
    written = [cell for cell in some if _is_written(cell)]
    if len(written) < MOST_OF * len(some):
        return False
    if "smiles" in name.lower():
        return True
    structured = sum(bool(_STRUCTURE.search(cell)) for cell in written)
    if np.median([_atoms(cell) for cell in written]) < FEWEST_ATOMS or structured < len(written) / 2:
        return False
    return find_spec("rdkit") is None or sum(map(_is_read, written)) >= MOST_OF * len(written)


def _is_written(cell: str) -> bool:
    """The letters and marks of SMILES, every bracket and ring closed, at least one atom."""
    if not _SMILES.fullmatch(cell) or cell.count("(") != cell.count(")"):
        return False
    rings = re.findall(r"%\d\d|\d", re.sub(r"\[[^\]]*\]", "", cell))
    return _atoms(cell) > 0 and all(rings.count(ring) % 2 == 0 for ring in set(rings))


def _atoms(cell: str) -> int:
    return len(re.findall(_ATOM, cell))


def _is_read(cell: str) -> bool:
    try:
        read_molecule(cell)
    except ValueError:
        return False
    return True
