"""Do the groups differ? Each group against all others, p-values adjusted over all tests, and a sentence.

Tested are the questions that matter at the bedside: are patients ranked as well, is disease found as often, are the
healthy left in peace as often, does a risk mean the same. Two groups make one test; of more groups each is held against
the samples of all others together, so their number grows with the groups and not with their pairs. Holm's adjustment
counts all tests of all columns, so a run without any difference names a worst group in at most 5 % of studies.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.evaluation import influence
from bedside.evaluation.compare import signed
from bedside.evaluation.groups import Grouping
from bedside.evaluation.influence import Cells, Linear
from bedside.evaluation.metrics import HIGHER_IS_BETTER, LABELS
from bedside.evaluation.paired import Paired, holm
from bedside.evaluation.thresholds import decide
from bedside.evaluation.worst_group import listed

TESTED = {
    "binary": ("auroc", "sensitivity", "specificity", "calibration_intercept"),
    "multiclass": ("auroc", "balanced_accuracy"),
    "regression": ("mae", "calibration_in_the_large"),
}
OTHERS = "all others"
SIGNIFICANT = 0.05  # of an adjusted p-value

Rows = np.ndarray
Values = dict[tuple[str, str], Callable[[Rows], Linear | None]]  # metric and `of` -> value of the samples in a mask


@dataclass(frozen=True)
class GroupTest:
    """One group against another, or against all others, in one metric; first minus second."""

    column: str
    group: str
    against: str
    difference: Estimate
    p: float | None
    p_adjusted: float | None = None

    @property
    def clear(self) -> bool:
        """Whether the difference stands after Holm's adjustment."""
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANT

    def to_dict(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "group": self.group,
            "against": self.against,
            "difference": self.difference.to_dict(),
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "differs": self.clear,
        }


def cells_of(test: pd.DataFrame) -> Cells:
    """Repeat and fold of each test row."""
    repeat = np.unique(test["repeat"], return_inverse=True)[1]
    return Cells(repeat, test.groupby(["repeat", "fold"], sort=True).ngroup().to_numpy())


def values_of(test: pd.DataFrame, task: Task, thresholds: list[dict[str, Any]]) -> Values:
    """The tested metrics of a task as functions of a mask of test rows."""
    cells, target = cells_of(test), task.encode(test["target"])
    scores = test[task.score_columns()].to_numpy(dtype=np.float64)
    if task.kind == "regression":
        errors = scores[:, 0] - target
        return {
            ("mae", ""): lambda rows: influence.mean(np.abs(errors), cells, rows),
            ("calibration_in_the_large", ""): lambda rows: influence.mean(errors, cells, rows),
        }
    truths = [target == number for number in range(len(task.classes))]
    if task.kind == "multiclass":
        hits = scores.argmax(axis=1) == target
        return {
            ("auroc", "macro"): lambda rows: influence.average(
                [influence.auroc(truth, scores[:, c], cells, rows) for c, truth in enumerate(truths)]
            ),
            ("balanced_accuracy", ""): lambda rows: influence.average(
                [influence.share(hits, cells, rows & truth) for truth in truths]
            ),
        }
    ill, score, alarm = truths[1], scores[:, 1], decide(test, task, thresholds)
    return {
        ("auroc", ""): lambda rows: influence.auroc(ill, score, cells, rows),
        ("sensitivity", ""): lambda rows: influence.share(alarm, cells, rows & ill),
        ("specificity", ""): lambda rows: influence.share(~alarm, cells, rows & ~ill),
        ("calibration_intercept", ""): lambda rows: influence.intercept(ill, score, cells, rows),
    }


def group_tests(
    groupings: list[Grouping],
    shown: Callable[[np.ndarray, str], bool],
    values: Values,
    units: np.ndarray,
    level: float,
) -> list[GroupTest]:
    """Every test of every grouping, adjusted over all of them.

    Args:
        groupings: columns with their groups.
        shown: whether a metric of the samples in a mask has enough patients to be shown.
        values: metrics as functions of a mask, see `values_of`.
        units: number of the patient of each test row, (n,), from 0.
        level: coverage of the intervals, in 0..1.
    """
    tests = []
    for grouping in groupings:
        pairs = [(group, OTHERS, ~group.rows) for group in grouping.groups]
        if len(grouping.groups) == 2:
            first, second = grouping.groups
            pairs = [(first, second.name, second.rows)]
        for group, against, others in pairs:
            for (metric, of), value in values.items():
                if shown(group.rows, metric) and shown(others, metric):
                    estimate, p = _tested(metric, of, value(group.rows), value(others), group.rows, units, level)
                    tests.append(GroupTest(grouping.column, group.name, against, estimate, p))
    adjusted = holm([test.p for test in tests])
    return [replace(test, p_adjusted=p) for test, p in zip(tests, adjusted, strict=True)]


def _tested(
    metric: str, of: str, one: Linear | None, other: Linear | None, rows: np.ndarray, units: np.ndarray, level: float
) -> tuple[Estimate, float | None]:
    found = Paired(None, why="not defined in one of the two groups")
    if one is not None and other is not None:
        found = influence.difference(one, other, units, level)
    how = "linearised variance, samples of a patient together; interval of this difference alone"
    method = f"no test: {found.why}" if found.why else how
    n_patients, n_samples = len(np.unique(units[rows])), int(rows.sum())
    estimate = Estimate(metric, found.difference, found.low, found.high, level, n_patients, n_samples, method, of)
    return estimate, found.p


def worst(tests: list[GroupTest], found: dict[tuple[str, str, str], Estimate]) -> GroupTest | None:
    """The test that names the worst group, or None where no difference stands after Holm's adjustment.

    Of the tests that stand and in which a group does worse, those of the first metric in the order of `TESTED` that has
    any, and of these the one with the largest difference. It is turned around where the other of two groups is worse.
    Scores that mean different things in two groups come last: there the group that is off further is the worse.
    """
    clear = [test for test in tests if test.clear]
    for metric in dict.fromkeys(test.difference.metric for test in tests):
        worse = [turned for test in clear if test.difference.metric == metric and (turned := _worse(test, found))]
        if worse:
            return max(worse, key=lambda test: abs(test.difference.value or 0.0))
    return None


def _worse(test: GroupTest, found: dict[tuple[str, str, str], Estimate]) -> GroupTest | None:
    """The test seen from the group that does worse; None if that is all others."""
    value, metric = test.difference.value or 0.0, test.difference.metric
    if metric in HIGHER_IS_BETTER:
        bad = (value < 0) == HIGHER_IS_BETTER[metric]
    else:
        here = found[test.column, test.group, metric].value or 0.0
        bad = abs(here) > abs(here - value)
    if bad:
        return test
    return turned(test) if test.against != OTHERS else None


def turned(test: GroupTest) -> GroupTest:
    """The same test with the two groups in the other order."""
    d = test.difference
    value, low, high = (None if x is None else -x for x in (d.value, d.high, d.low))
    return replace(test, group=test.against, against=test.group, difference=replace(d, value=value, low=low, high=high))


def sentence(
    tests: list[GroupTest], found: dict[tuple[str, str, str], Estimate], groupings: list[Grouping], fewest: int
) -> str:
    """The worst group, or that no difference could be shown and how large a one the intervals leave room for."""
    columns = listed([grouping.column for grouping in groupings])
    done = [test for test in tests if test.p is not None]
    if not done and tests:
        reason = tests[0].difference.method.removeprefix("no test: ")
        return f"Groups of {columns} could not be compared: {reason}."
    if not done:
        return f"Groups of {columns} could not be compared: a comparison needs {fewest} patients of each class in two groups."
    count = f"{len(done)} {'test' if len(done) == 1 else 'tests'}"
    named = worst(tests, found)
    if named is None:
        return f"No difference between groups of {columns} could be shown ({count}).{_room(done)}"
    d = named.difference
    against = named.against if named.against == OTHERS else f"{named.column} {named.against}"
    p = "p < 0.001" if (named.p_adjusted or 0) < 0.001 else f"p = {named.p_adjusted:.3f}"
    return (
        f"Worst group by {LABELS[d.metric]}: {named.column} {named.group}, "
        f"{found[named.column, named.group, d.metric].text()}, difference from {against} {signed(d)} "
        f"({p} by Holm's method for {count} of {columns})."
    )


def _room(done: list[GroupTest]) -> str:
    """The largest disadvantage in the first metric that an interval leaves room for."""
    first = done[0].difference.metric
    sides = [side for test in done if test.difference.metric == first for side in (test, turned(test))]
    sides = [side for side in sides if side.group != OTHERS]
    higher = HIGHER_IS_BETTER.get(first, True)

    def bound(test: GroupTest) -> float:
        end = test.difference.low if higher else test.difference.high
        return -(end or 0.0) if higher else (end or 0.0)

    side = max(sides, key=bound)
    size = f"{bound(side):.{side.difference.digits()}f}"
    against = side.against if side.against == OTHERS else f"{side.column} {side.against}"
    label = LABELS[first][0].upper() + LABELS[first][1:]
    return (
        f" {label} of {side.column} {side.group} may still be {'lower' if higher else 'higher'} than that of "
        f"{against} by {size}: the interval of the difference by itself is {signed(side.difference)}."
    )
