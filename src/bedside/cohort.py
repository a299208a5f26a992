"""The frozen objects that stages hand to each other; changing one needs a decision record.

Nothing here reads files or imports torch. A `Cohort` is what the data stage gives, a `Fold` what the
splits give, a predictions table what training gives, and an `Estimate` what evaluation gives.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, Self

import numpy as np
import pandas as pd

TaskKind = Literal["binary", "multiclass", "regression"]
Level = Literal["error", "warning", "note"]

# Columns of `Cohort.samples` and of predictions.csv that a subgroup column may not be called.
RESERVED = ("sample", "patient", "repeat", "fold", "part", "target", "predicted", "site", "time", "linked")


@dataclass(frozen=True)
class Roles:
    """What each named column of the user's file is for; names are the file's own."""

    target: str
    patient: str | None = None
    site: str | None = None
    time: str | None = None
    subgroups: tuple[str, ...] = ()
    split: str | None = None

    def columns(self) -> tuple[str, ...]:
        """Every column that has a role, in the order above, each once."""
        named = [self.target, self.patient, self.site, self.time, *self.subgroups, self.split]
        return tuple(dict.fromkeys(name for name in named if name is not None))


@dataclass(frozen=True)
class Task:
    """What is predicted. For a binary task `classes` is (other class, positive class), in that order."""

    kind: TaskKind
    classes: tuple[str, ...] = ()

    @property
    def positive(self) -> str | None:
        """The class a binary task looks for, such as the disease; None for other tasks."""
        return self.classes[1] if self.kind == "binary" else None

    @property
    def n_outputs(self) -> int:
        """Output nodes of a network: one for binary and regression, one per class otherwise."""
        return len(self.classes) if self.kind == "multiclass" else 1

    def encode(self, target: pd.Series) -> np.ndarray:
        """Class names -> integers from 0 in the order of `classes`, -1 if unknown, shape (n,); numbers stay numbers."""
        if self.kind == "regression":
            return target.to_numpy(dtype=np.float64)
        return np.asarray(pd.Index(self.classes).get_indexer(pd.Index(target.astype(str))), dtype=np.int64)

    def score_columns(self) -> list[str]:
        """Names of the score columns of predictions.csv: `predicted`, or one `score_<class>` per class."""
        return ["predicted"] if self.kind == "regression" else [f"score_{name}" for name in self.classes]


class Inputs(Protocol):
    """How the samples of a cohort are read; one class per kind of data, no torch inside."""

    kind: str  # "table", "image", "signal" or "graph"

    def __len__(self) -> int: ...

    def take(self, rows: np.ndarray) -> "Inputs":
        """The given rows, shape (k,), in that order."""
        ...

    def fingerprint(self) -> str:
        """sha256 of the content, 64 hexadecimal digits: goes into the run and names caches."""
        ...


@dataclass(frozen=True)
class Finding:
    """Something a check saw in the data, in words a clinician can act on."""

    level: Level
    code: str
    message: str
    remedy: str = ""
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


@dataclass(frozen=True)
class KnownTruth:
    """What a generator knows of the samples it made; training never sees it, explanations are held against it.

    `masks` says where a thing is, by its name, False everywhere where a sample has none: in images ("lesion", "ruler")
    (n, height, width) bool, in recordings ("change", "pulse") (n, time) bool, the time points in any channel.
    `without` holds the inputs of the same samples with an artefact taken away, by the name of its mask.
    """

    masks: Mapping[str, np.ndarray]
    without: Mapping[str, Any] = field(default_factory=dict)  # Inputs of the same kind and length


@dataclass(frozen=True)
class Cohort:
    """The samples of one study, one row per sample.

    `samples` is indexed by sample id (text) and has the columns `patient` (text), `target` (class name as
    text, or a number), then `site` and `time` if they have a role, then one column per subgroup under its own name.
    `linked` numbers groups of samples that must stay together because they are duplicates, shape (n,);
    samples without a duplicate have a number of their own. `split` is the division that came with the data, "train",
    "valid" or "test" for each sample, shape (n,), or None. `scaffolds` names the skeleton of each molecule, text, shape (n,);
    None for other kinds. `truth` makes what is known of generated samples when it is
    asked for; it is None for real ones and no part of the fingerprint.
    """

    name: str
    samples: pd.DataFrame
    roles: Roles
    task: Task
    inputs: Any  # Inputs; each family asks for the kind it can read
    linked: np.ndarray
    findings: tuple[Finding, ...] = ()
    about: dict[str, str] = field(default_factory=dict)  # source and licence, for the report
    split: np.ndarray | None = None
    scaffolds: np.ndarray | None = None
    truth: Callable[[], KnownTruth] | None = None

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def target(self) -> np.ndarray:
        """Integers from 0 in the order of `task.classes`, or numbers for regression; shape (n,)."""
        return self.task.encode(self.samples["target"])

    def with_scaffolds(self, scaffolds: np.ndarray) -> "Cohort":
        """The same cohort with the skeleton of each molecule, text, shape (n,)."""
        return replace(self, scaffolds=scaffolds)

    @property
    def patients(self) -> np.ndarray:
        """Patient identifier of each sample, text, shape (n,)."""
        return self.samples["patient"].to_numpy(dtype=object)

    def fingerprint(self) -> str:
        """sha256 of inputs, samples, roles, task and links, 64 hexadecimal digits: another cohort, another number."""
        digest = hashlib.sha256(self.inputs.fingerprint().encode())
        digest.update(repr((self.roles, self.task)).encode())
        digest.update(self.samples.to_csv().encode())
        digest.update(pd.factorize(self.linked)[0].astype("<i8").tobytes())
        if self.split is not None:
            digest.update(repr(list(self.split)).encode())
        return digest.hexdigest()

    @property
    def n_patients(self) -> int:
        return int(self.samples["patient"].nunique())


@dataclass(frozen=True)
class Fold:
    """Row numbers of one fold; the three sets share no patient and no linked duplicate."""

    repeat: int  # several repeats may train on the same division with other random numbers
    number: int
    train: np.ndarray
    valid: np.ndarray  # early stopping and thresholds look here
    test: np.ndarray  # nothing is chosen here
    dealt: int | None = None  # the first repeat with this division, if it is another one

    @property
    def name(self) -> str:
        return f"repeat{self.repeat}-fold{self.number}"


# A number that does not belong to a name, a date or a range; with the hyphen of its power of ten.
_NUMBER = re.compile(r"(?<![\w.\-–])-?\d+(?:\.\d+)?(?:e-\d\d\b)?")


def minus(words: str) -> str:
    """Words for people, with a minus sign in numbers below zero; hyphens of names, dates and ranges stay."""
    return _NUMBER.sub(lambda number: number[0].replace("-", "−"), words)


def level_text(level: float) -> str:
    """`95 %`, `97.5 %`: the coverage of an interval for people, with a space that does not break."""
    return f"{100 * level:.4g}\u00a0%"


def share_text(share: float) -> str:
    """`12 %`: a share in whole per cent for people, with a space that does not break."""
    return f"{100 * share:.0f}\u00a0%"


_WITH_UNIT = ("mae", "rmse", "calibration_in_the_large")  # in the unit of the target, which may be tiny


@dataclass(frozen=True)
class Estimate:
    """A number never travels without its interval, its sample size and its method.

    `value` is None when the metric is not defined on these data, `low` and `high` are None when no honest
    interval can be given; `method` then says why. `of` names the class, or "macro", or is empty.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    level: float  # coverage, in 0..1
    n_patients: int
    n_samples: int
    method: str
    of: str = ""

    def digits(self) -> int:
        """Decimals that the width of the interval supports: an AUC from 40 patients is not known to 0.001."""
        if self.low is None or self.high is None or self.value is None:
            return 2
        width = self.high - self.low
        if width <= 0:
            return 3
        most = 12 if self.metric in _WITH_UNIT else 3
        return int(np.clip(1 - np.floor(np.log10(width)), 0, most))

    def text(self) -> str:
        """`0.99 [0.98, 1.00]`, with as many digits as the interval supports."""
        if self.value is None:
            return "not defined"
        d = self.digits()
        if self.low is None or self.high is None:
            return f"{self.value:z.{d}f} [no interval]"
        return f"{self.value:z.{d}f} [{self.low:z.{d}f}, {self.high:z.{d}f}]"  # z: no -0.00

    def __str__(self) -> str:
        return f"{self.text()} ({level_text(self.level)} CI, {self.n_patients} patients)"

    def to_dict(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        return cls(**record)
