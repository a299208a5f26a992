"""The tested samples of a run as cases: what was predicted, whether it was right, and how surprising the truth was."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.evaluation.groups import groupings
from bedside.evaluation.thresholds import decide
from bedside.folder import Run
from bedside.logistic import SMALLEST
from bedside.report.words import find

Order = Literal["surprise", "score", "sample"]
PAGE = 25  # cases on a page
SIDES = ("too low", "near", "too high")  # where a predicted number lies, by more than the mean absolute error


@dataclass(frozen=True)
class Wanted:
    """Which cases are asked for; empty means all."""

    target: str = ""
    decision: str = ""
    groups: dict[str, str] = field(default_factory=dict)  # column -> group, as the report names it
    fold: int | None = None
    repeat: int | None = None
    order: Order = "surprise"


class Cases:
    """Test predictions of a run, one row per sample and repeat.

    Surprise is the log loss of the sample: minus the logarithm of the probability that the model gave to what was true;
    for a number it is the distance between prediction and truth.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        record = run.estimates["task"]
        self.task = Task(record["kind"], tuple(record["classes"]))

    @cached_property
    def table(self) -> pd.DataFrame:
        """Test rows of predictions.csv in their order, with `decision`, `score`, `correct` and `surprise`.

        `score` is that of the positive class if the task is binary, of the decided class if it has several, else the number.
        """
        test = self.run.predictions
        test = test[test["part"] == "test"].reset_index(drop=True)
        scores = test[self.task.score_columns()].to_numpy(dtype=np.float64)
        if self.task.kind == "regression":
            error = scores[:, 0] - test["target"].to_numpy(dtype=np.float64)
            side = np.select([error < -self.usual_error, error > self.usual_error], [SIDES[0], SIDES[2]], SIDES[1])
            near = side == SIDES[1]
            return test.assign(decision=side, score=scores[:, 0], correct=near, error=error, surprise=np.abs(error))
        chosen = self._decided(test, scores)
        truth, rows = self.task.encode(test["target"]), np.arange(len(test))
        shown = scores[:, 1] if self.task.kind == "binary" else scores[rows, chosen]
        surprise = -np.log(np.clip(scores[rows, truth], SMALLEST, 1))
        names = np.array(self.task.classes, dtype=object)
        return test.assign(decision=names[chosen], score=shown, correct=chosen == truth, surprise=surprise)

    @property
    def usual_error(self) -> float:
        """The mean absolute error of the report, from which on a number counts as far from the truth."""
        found = find(self.run.estimates, "mae")
        return float(found.value) if found and found.value is not None else 0.0

    def _decided(self, test: pd.DataFrame, scores: np.ndarray) -> np.ndarray:
        """Number of the decided class: at the frozen threshold of the fold, or the highest score; (n,)."""
        if self.task.kind == "binary":
            return decide(test, self.task, self.run.estimates["thresholds"]).astype(int)
        return np.asarray(scores.argmax(axis=1))

    @cached_property
    def groups(self) -> dict[str, dict[str, np.ndarray]]:
        """Columns of groups and their levels or bands as the report names them, each a mask over the rows, (n,)."""
        bands = self.run.settings.get("evaluation", {}).get("bands", {})
        told = {"repeat", "fold", "part", "decision", "score", "correct", "error", "surprise"}
        plain = self.table.drop(columns=[name for name in told if name in self.table])
        return {g.column: {one.name: one.rows for one in g.groups} for g in groupings(plain, self.task, bands)}

    @property
    def columns(self) -> tuple[str, ...]:
        """What can be decided."""
        return self.task.classes or SIDES

    @property
    def folds(self) -> list[int]:
        return sorted(map(int, self.table["fold"].unique()))

    @property
    def repeats(self) -> list[int]:
        return sorted(map(int, self.table["repeat"].unique()))

    def among(self, wanted: Wanted, *, cell: bool = True) -> pd.DataFrame:
        """The rows that are asked for, in the order asked for; without `cell`, of all cells of the matrix."""
        table, keep = self.table, np.ones(len(self.table), dtype=bool)
        for column, name in wanted.groups.items():
            keep &= self.groups.get(column, {}).get(name, np.zeros(len(table), dtype=bool))
        for column, value in (("fold", wanted.fold), ("repeat", wanted.repeat)):
            if value is not None:
                keep &= (table[column] == value).to_numpy()
        for column, name in (("target", wanted.target), ("decision", wanted.decision)):
            if cell and name:
                keep &= (table[column] == name).to_numpy()
        return ordered(table[keep], wanted.order)

    def matrix(self, wanted: Wanted) -> np.ndarray:
        """Samples by truth (rows) and decision (columns) among the asked-for ones, the mean over repeats, (k, k).

        A number has one row, and the columns `SIDES`.
        """
        rows = self.among(wanted, cell=False)
        truth = self.task.encode(rows["target"]) if self.task.classes else np.zeros(len(rows), dtype=int)
        chosen = pd.Index(self.columns).get_indexer(pd.Index(rows["decision"]))
        counts = np.zeros((max(1, len(self.task.classes)), len(self.columns)))
        np.add.at(counts, (truth, chosen), 1 / (1 if wanted.repeat is not None else len(self.repeats)))
        return np.round(counts, 6)

    def case(self, sample: str, repeat: int) -> dict[str, Any] | None:
        """One row as plain values; None if this sample was not tested."""
        found = self.table[(self.table["sample"] == sample) & (self.table["repeat"] == repeat)]
        return None if found.empty else {str(name): value for name, value in found.iloc[0].items()}


def ordered(rows: pd.DataFrame, order: Order) -> pd.DataFrame:
    """Most surprising first, highest score first, or by name; ties by name."""
    by: Sequence[str] = ["sample", "repeat"] if order == "sample" else [order, "sample", "repeat"]
    return rows.sort_values(list(by), ascending=[order == "sample", *[True] * (len(by) - 1)], kind="stable")


def pages(count: int) -> int:
    """How many pages so many cases fill; at least one."""
    return max(1, -(-count // PAGE))
