"""What the columns of a table may be for: proposals with their reasons, which a person confirms or changes.

Nothing is decided here. Names are compared with words that studies use, in English and German, and cells are counted;
what neither suggests is left open.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bedside.app.words import t
from bedside.data.cells import as_numbers, read_text
from bedside.data.decode import SUFFIXES
from bedside.data.molecules.recognise import looks_like_molecules
from bedside.data.roles import SPLIT_WORDS

MOST_CLASSES = 10  # of a target that is proposed for its number of values alone
MOST_SITES = 60
MOST_GROUPS = 8  # words of a subgroup; numbers, such as the age, are cut into bands
_IMAGES = tuple(ending for endings in SUFFIXES.values() for ending in endings)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}.*")

PICTURED = {"image", "smiles"}  # roles of columns that are learned from instead of all others

# Words of a name, most telling first; `patient_id` has the words patient and id.
TARGETS = [
    "target",
    "diagnosis",
    "outcome",
    "label",
    "class",
    "malignant",
    "malignancy",
    "disease",
    "status",
    "result",
    "event",
    "death",
    "died",
    "mortality",
    "survived",
    "relapse",
    "recurrence",
    "readmission",
    "readmitted",
    "progression",
    "stage",
    "grade",
    "severity",
    "response",
    "y",
    "ziel",
    "diagnose",
    "befund",
    "ergebnis",
    "klasse",
    "krankheit",
    "tod",
    "verstorben",
    "zielvariable",
]
PATIENTS = [
    "patient",
    "patients",
    "patientid",
    "patid",
    "pid",
    "subject",
    "subjid",
    "participant",
    "proband",
    "mrn",
    "person",
    "case",
    "patienten",
    "fall",
    "fallnummer",
]
SITES = [
    "site",
    "hospital",
    "center",
    "centre",
    "clinic",
    "scanner",
    "institution",
    "klinik",
    "zentrum",
    "standort",
    "krankenhaus",
]
TIMES = ["date", "time", "datetime", "visit", "admission", "datum", "zeitpunkt", "aufnahme"]
GROUPS = ["sex", "gender", "ethnicity", "race", "age", "agegroup", "geschlecht", "alter", "ethnie"]
IDENTIFIERS = [
    "id",
    "ids",
    "uid",
    "uuid",
    "mrn",
    "nr",
    "no",
    "number",
    "nummer",
    "name",
    "index",
    "accession",
    "record",
    "row",
    "filename",
    "file",
    "identifier",
]


@dataclass(frozen=True)
class Proposal:
    """A column for a role, and why."""

    column: str
    why: str


@dataclass(frozen=True)
class Proposals:
    """At most one column for each single role; any number of subgroups and of columns to leave out."""

    roles: dict[str, Proposal] = field(default_factory=dict)
    subgroups: tuple[Proposal, ...] = ()
    exclude: tuple[Proposal, ...] = ()

    def settings(self) -> dict[str, object]:
        """As values of `DataSettings`, for those who agree with everything."""
        many = {"subgroups": self.subgroups, "exclude": self.exclude}
        found: dict[str, object] = {role: one.column for role, one in self.roles.items()}
        if self.roles.keys() & PICTURED:  # other columns are not learned from anyway
            del many["exclude"]
        return found | {name: [one.column for one in ones] for name, ones in many.items() if ones}


@dataclass(frozen=True)
class _Seen:
    """What is counted of a column."""

    name: str
    words: tuple[str, ...]
    cells: np.ndarray  # text, None where empty
    distinct: int
    number: bool

    @property
    def filled(self) -> int:
        return int((~pd.isna(self.cells)).sum())

    @property
    def unique(self) -> bool:
        """Nearly every row has another value."""
        return self.distinct >= 0.95 * max(self.filled, 1) and self.filled > 1


def propose(frame: pd.DataFrame, *, decimal: str = ".") -> Proposals:
    """Roles that names and cells suggest.

    Args:
        frame: raw cells, one row per sample.
        decimal: decimal mark of cells that are text.
    """
    left = [_see(str(name), series, decimal) for name, series in frame.items()]
    roles: dict[str, Proposal] = {}

    def take(role: str, look: Callable[[Sequence[_Seen]], Proposal | None]) -> None:
        if (found := look(left)) is not None:
            roles[role] = found
            left[:] = [seen for seen in left if seen.name != found.column]

    for role, look in (
        ("image", _image),
        ("smiles", _molecules),
        ("split", _split),
        ("patient", _patient),
        ("target", _target),
    ):
        take(role, look)
    for role, look in (("site", _site), ("time", _time)):
        take(role, look)
    exclude = tuple(found for seen in left if (found := _identifier(seen)))
    gone = {one.column for one in exclude}
    subgroups = tuple(found for seen in left if seen.name not in gone and (found := _group(seen)))
    return Proposals(roles, subgroups, exclude)


def _see(name: str, series: pd.Series, decimal: str) -> _Seen:
    cells = read_text(series)
    known = cells[~pd.isna(cells)]
    number = bool(len(known)) and not np.isnan(as_numbers(known.copy(), decimal)).any()
    return _Seen(name, words_of(name), cells, len(pd.unique(known)), number)


def words_of(name: str) -> tuple[str, ...]:
    """`PatientID` and `patient_id` -> patient, id."""
    return tuple(word.lower() for word in re.findall(r"[A-ZÄÖÜ]+(?![a-zäöüß])|[A-ZÄÖÜ]?[a-zäöüß]+|\d+", name))


def _named(left: Sequence[_Seen], known: Sequence[str]) -> list[_Seen]:
    """Columns whose name has one of the words, the most telling first."""
    found = [(min(known.index(word) for word in seen.words if word in known), k) for k, seen in enumerate(left)
             if set(seen.words) & set(known)]  # fmt: skip
    return [left[k] for _, k in sorted(found)]


def _target(left: Sequence[_Seen]) -> Proposal | None:
    for seen in _named(left, TARGETS):
        if seen.distinct > 1 and (seen.number or not seen.unique):
            values = _values(seen)
            return Proposal(seen.name, t("Its name says so; it has {values}.", values=values))
    if not left:
        return None
    last = left[-1]
    if 2 <= last.distinct <= MOST_CLASSES and not last.unique:
        why = t(
            "It is the last column and has {values}; tables often end with the answer. Look twice.",
            values=_values(last),
        )
        return Proposal(last.name, why)
    return None


def _patient(left: Sequence[_Seen]) -> Proposal | None:
    for seen in _named(left, PATIENTS):
        if seen.distinct < 2 or seen.filled < len(seen.cells):
            continue
        if seen.unique:
            return Proposal(seen.name, t("Its name says so; every row is another patient."))
        why = t("Its name says so; {patients} patients in {rows} rows.", patients=seen.distinct, rows=len(seen.cells))
        return Proposal(seen.name, why)
    return None


def _site(left: Sequence[_Seen]) -> Proposal | None:
    for seen in _named(left, SITES):
        if 2 <= seen.distinct <= MOST_SITES and not seen.unique:
            return Proposal(seen.name, t("Its name says so; it has {values}.", values=_values(seen)))
    return None


def _time(left: Sequence[_Seen]) -> Proposal | None:
    for seen in _named(left, TIMES):
        known = seen.cells[~pd.isna(seen.cells)]
        if len(known) == len(seen.cells) and all(_DATE.fullmatch(cell) for cell in known[:200]):
            return Proposal(seen.name, t("It holds dates: it says when, and is not learned from."))
    return None


def _split(left: Sequence[_Seen]) -> Proposal | None:
    for seen in left:
        values = (
            {cell.casefold() for cell in pd.unique(seen.cells[~pd.isna(seen.cells)])} if seen.distinct <= 3 else set()
        )
        if len(values) > 1 and values <= set(SPLIT_WORDS):
            return Proposal(seen.name, t("Its values say which rows train and which test."))
    return None


def _image(left: Sequence[_Seen]) -> Proposal | None:
    for seen in left:
        known = seen.cells[~pd.isna(seen.cells)]
        if len(known) and all(cell.lower().endswith(_IMAGES) for cell in known):
            return Proposal(seen.name, t("Its cells are names of image files."))
    return None


def _molecules(left: Sequence[_Seen]) -> Proposal | None:
    for seen in left:
        cells = [cell for cell in seen.cells if cell is not None and not pd.isna(cell)]
        if not seen.number and looks_like_molecules(seen.name, cells):
            return Proposal(
                seen.name, t("Its cells are molecules in SMILES, such as {example}.", example=cells[0][:40])
            )
    return None


def _group(seen: _Seen) -> Proposal | None:
    if not set(seen.words) & set(GROUPS) or seen.distinct < 2 or (not seen.number and seen.distinct > MOST_GROUPS):
        return None
    return Proposal(seen.name, t("Results are shown for each of its groups too; it stays a feature."))


def _identifier(seen: _Seen) -> Proposal | None:
    if not seen.unique:
        return None
    named = bool(set(seen.words) & {*IDENTIFIERS, *PATIENTS})
    whole = seen.number and all(cell is None or re.fullmatch(r"-?\d+", cell) for cell in seen.cells[:200])
    if named and (whole or not seen.number):
        return Proposal(seen.name, t("Nearly every row has another value, and its name is that of an identifier."))
    if not seen.number and not all(cell is None or _DATE.fullmatch(cell) for cell in seen.cells[:200]):
        return Proposal(seen.name, t("Nearly every row has another text: an identifier or free text."))
    return None


def _values(seen: _Seen) -> str:
    if seen.number and seen.distinct > MOST_CLASSES:
        return t("{count} different numbers", count=seen.distinct)
    shown = sorted(map(str, pd.unique(seen.cells[~pd.isna(seen.cells)])))[:4]
    more = ", ..." if seen.distinct > len(shown) else ""
    return t("{count} values: {shown}", count=seen.distinct, shown=", ".join(shown) + more)
