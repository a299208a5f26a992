"""Test samples of a table as explanations use them: prepared by the member that tested each, column by raw column.

A prepared column depends on one raw column and no other. So what belongs to a raw column (a scaled number, all levels of a
category, the mark of a gap) can be moved from one sample to another as a block, which is the same as moving the raw cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from bedside.cohort import Cohort, Task
from bedside.explain.choose import learned_from, tested_by
from bedside.folder import Run
from bedside.recalibration import RAW

CELLS = 4_000_000  # prepared numbers that are scored at once
MEASURED = 2000  # test samples that are measured, whole patients drawn by chance; more cost time and change little
REFERENCE = 2000  # training samples of each member that explanations compare with


@dataclass(frozen=True)
class Part:
    """The samples that one member tested. `x` are prepared test samples (n, d), `reference` training ones (m, d).

    `places` are row numbers in the test table, (n,); `owners` numbers the raw column behind each prepared column, (d,).
    """

    name: str
    fitted: Any  # training.fitted.Fitted
    task: Task
    places: np.ndarray
    x: np.ndarray
    reference: np.ndarray
    owners: np.ndarray
    n_columns: int

    def scores(self, x: np.ndarray) -> np.ndarray:
        """Prepared samples (n, d) -> probabilities (n, classes), or numbers (n, 1), in pieces that fit into memory."""
        if not len(x):
            return np.zeros((0, max(1, len(self.task.classes))))
        step = max(1, CELLS // max(1, x.shape[1]))
        found = [self.fitted.score(x[start : start + step]) for start in range(0, len(x), step)]
        return np.concatenate(found).reshape(len(x), -1)

    def shown(self, x: np.ndarray, output: np.ndarray) -> np.ndarray:
        """The score in the column `output` (n,) of each sample, (n,)."""
        return np.asarray(self.scores(x)[np.arange(len(x)), output])

    def of(self, columns: Sequence[int] | np.ndarray) -> np.ndarray:
        """True for prepared columns that belong to these raw columns, (d,)."""
        return np.isin(self.owners, columns)

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Sums over the prepared columns of each raw column: (n, d) -> (n, columns)."""
        prepared = np.arange(len(self.owners))
        ones = np.ones(len(prepared), dtype=values.dtype)
        belongs = csr_array((ones, (prepared, self.owners)), shape=(len(prepared), self.n_columns))
        return np.asarray(values @ belongs)


@dataclass(frozen=True)
class TableScene:
    """The test samples of the first repeat as `choose.decided` gives them, each with the member that tested it."""

    cohort: Cohort
    table: pd.DataFrame
    parts: tuple[Part, ...]
    names: tuple[str, ...]  # of the raw columns
    train: Mapping[str, np.ndarray]  # rows of the cohort that each member learned from
    seen: bool  # True if the member was trained on these samples too
    recalibrated: bool = False  # True if scores of predictions.csv were; explained are those before that

    @property
    def task(self) -> Task:
        return self.cohort.task

    @cached_property
    def rows(self) -> np.ndarray:
        """Rows of the test samples in the cohort, (n,)."""
        return np.asarray(self.cohort.samples.index.get_indexer(pd.Index(self.table["sample"])))

    @cached_property
    def patients(self) -> np.ndarray:
        """Number of the patient of each test sample, (n,)."""
        return pd.factorize(self.table["unit"], sort=True)[0]

    @cached_property
    def output(self) -> np.ndarray:
        """Column of the scores that is explained, (n,): the positive class, the decided one, or the number."""
        if self.task.kind == "binary":
            return np.ones(len(self.table), dtype=np.int64)
        return self.table["shown"].to_numpy(dtype=np.int64, copy=True)

    def measured(self, seed: int) -> np.ndarray:
        """Places of at most `MEASURED` test samples, whole patients drawn by chance, in order."""
        if len(self.table) <= MEASURED:
            return np.arange(len(self.table))
        chance = np.random.default_rng(seed).permutation(int(self.patients.max()) + 1)
        first = np.argsort(chance)[self.patients]
        order = np.argsort(first, kind="stable")
        whole = np.cumsum(np.bincount(first))
        return np.sort(order[: int(whole[whole <= MEASURED].max(initial=0)) or MEASURED])


def scene_of(run: Run, cohort: Cohort, members: Mapping[str, Any], seed: int) -> TableScene:
    """What was tested by whom, prepared.

    Raises:
        RunError: if the member of a fold is missing.
    """
    test, names = tested_by(run, cohort.task, members)
    columns = tuple(feature.name for feature in cohort.inputs.features)
    number = {name: k for k, name in enumerate(columns)}
    rows = np.asarray(cohort.samples.index.get_indexer(pd.Index(test["sample"])))
    train = {name: learned_from(run, cohort, name) for name in dict.fromkeys(names.sort_values())}
    parts = []
    for k, (name, learned) in enumerate(train.items()):
        fitted, places = members[name], np.flatnonzero(names == name)
        some = np.random.default_rng([seed, k]).permutation(len(learned))[:REFERENCE]
        x, reference = (fitted.reader(cohort.inputs.take(chosen)) for chosen in (rows[places], learned[np.sort(some)]))
        owners = np.array([number[column] for column in fitted.reader.sources()])
        parts.append(Part(name, fitted, cohort.task, places, x, reference, owners, len(columns)))
    return TableScene(
        cohort,
        test,
        tuple(parts),
        columns,
        train,
        list(members) == ["everything"],
        recalibrated=any(str(name).startswith(RAW) for name in run.predictions),
    )


def cell_text(feature: Any, value: Any) -> str:
    """A cell in words: nothing for a gap, the word of a yes or no, the level, or the number."""
    if value is None or value != value:
        return ""
    if feature.kind == "boolean":
        return str(feature.levels[int(value)]) if len(feature.levels) == 2 else f"{value:g}"
    return str(value) if feature.kind == "category" else f"{float(value):.10g}"
