"""Every metric in every group of patients: by site, by sex, by age band, by any column that the predictions have.

One set of resampled patients serves all groups, so all intervals speak of the same cohorts. A group of fewer than
`FEWEST` patients is hidden, and within a group each metric that rests on fewer than `FEWEST` patients, or on fewer of
either class where it needs both: such numbers say more about single patients than about the model.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.evaluation import group_tests, sites
from bedside.evaluation.calibration import LogisticRefit
from bedside.evaluation.compare import FEWEST
from bedside.evaluation.groups import Group, Grouping, groupings
from bedside.evaluation.intervals import Panel, estimates, resample
from bedside.evaluation.panels import averaged, metrics_of, presence, sizes
from bedside.evaluation.statistics import Metric
from bedside.settings import EvaluationSettings

BOTH = ("auroc", "average_precision", "balanced_accuracy", "calibration_slope", "calibration_intercept")
LARGE = 200  # samples of each class from which one step errs less than resampling (see `calibration.LogisticRefit`)
ONE_CLASS = {"sensitivity": [1], "specificity": [0]}  # of a binary task


@dataclass(frozen=True)
class Judged:
    """Test rows with what every group needs of them: number of the patient and of the class of each row, (n,)."""

    rows: pd.DataFrame
    task: Task
    thresholds: list[dict[str, Any]]
    units: np.ndarray

    @cached_property  # asked for once per group and metric
    def target(self) -> np.ndarray:
        """Number of the class of each row, zero for a regression, (n,)."""
        return (
            np.zeros(len(self.rows), dtype=int)
            if self.task.kind == "regression"
            else self.task.encode(self.rows["target"])
        )

    def patients(self, rows: np.ndarray) -> int:
        """Number of patients with a row in the mask, (n,)."""
        return int(np.count_nonzero(np.bincount(self.units[rows])))

    def few(self, rows: np.ndarray, classes: list[int]) -> str:
        """The first of some classes that has fewer than `FEWEST` patients in the mask, or nothing."""
        target = self.target
        return next((self.task.classes[c] for c in classes if self.patients(rows & (target == c)) < FEWEST), "")


def by_group(tested: Judged, settings: EvaluationSettings, *, seed: int) -> dict[str, Any] | None:
    """The part `subgroups` of estimates.json; None if no column makes groups.

    Raises:
        SettingError: if bands are asked for a column that cannot have any.
    """
    found = groupings(tested.rows, tested.task, settings.bands)
    if not found:
        return None
    judged = _judged(found, tested, settings, seed)
    values = group_tests.values_of(tested.rows, tested.task, tested.thresholds)
    tests = group_tests.group_tests(
        found, lambda rows, metric: not _too_few(tested, rows, metric), values, tested.units, settings.level
    )
    known = {
        (column, name, e.metric): e
        for (column, name), each in judged.items()
        for e in each
        if e.of in ("", "macro")
    }  # fmt: skip
    named = group_tests.worst(tests, known)
    return {
        "fewest": FEWEST,
        "columns": [_column(grouping, tested, judged) for grouping in found],
        "tests": [test.to_dict() for test in tests],
        "worst": named.to_dict() if named else None,
        "sentence": group_tests.sentence(tests, known, found, FEWEST),
        "sites": sites.sites(tested.rows, tested.task, tested.units, found, _ranked(judged), settings.level),
    }


def _ranked(judged: dict[tuple[str, str], list[Estimate]]) -> set[str]:
    """Names of the sites whose AUROC is shown."""
    return {
        name
        for (column, name), each in judged.items()
        if column == "site" and any(e.metric == "auroc" and e.value is not None for e in each)
    }


def _judged(
    found: list[Grouping], tested: Judged, settings: EvaluationSettings, seed: int
) -> dict[tuple[str, str], list[Estimate]]:
    """Estimates of every group that is shown, by column and name."""
    panels = {
        (grouping.column, group.name): _panels(group, tested)
        for grouping in found
        for group in grouping.groups
        if _shown(group, tested)
    }
    if not panels:
        return {}
    sides = [averaged(panel) for panel in panels.values()]
    ones = np.ones((1, int(tested.units.max()) + 1))
    values = [side(ones)[0] for side in sides]
    draws = resample(
        lambda weights: np.concatenate([side(weights) for side in sides], axis=1),
        presence(tested.rows, tested.task, tested.units),
        resamples=settings.resamples,
        seed=seed,
    )
    drawn = np.split(draws, np.cumsum([len(value) for value in values])[:-1], axis=1)
    masks = {(grouping.column, group.name): group for grouping in found for group in grouping.groups}
    return {
        name: _hide(
            estimates(panel, value, each, level=settings.level, interval=settings.interval), masks[name], panel, tested
        )
        for (name, panel), value, each in zip(panels.items(), values, drawn, strict=True)
    }


def _shown(group: Group, tested: Judged) -> bool:
    """Whether the group has enough patients, and samples in every repeat."""
    repeats = tested.rows["repeat"]
    return tested.patients(group.rows) >= FEWEST and repeats[group.rows].nunique() == repeats.nunique()


def _panels(group: Group, tested: Judged) -> list[Panel]:
    """One panel per repeat, of the whole and macro metrics."""
    n_patients, repeats = int(tested.units.max()) + 1, tested.rows["repeat"].to_numpy()
    masks = [group.rows & (repeats == repeat) for repeat in np.unique(repeats)]
    return [
        Panel(_whole(metrics_of(tested.rows[mask], tested.task, tested.thresholds)), tested.units[mask], n_patients)
        for mask in masks
    ]


def _whole(metrics: list[Metric]) -> list[Metric]:
    return [_quick(metric) for metric in metrics if metric.of in ("", "macro")]


def _quick(metric: Metric) -> Metric:
    """The metric; a recalibration of a large group is refitted by one third-order step, as of a large cohort."""
    fit = metric.statistics[0]
    if not isinstance(fit, LogisticRefit) or min(fit.target.sum(), (1 - fit.target).sum()) < LARGE:
        return metric
    return replace(metric, statistics=(fit.sums(),), finish=lambda sums: metric.finish(fit.step(sums)))


def _hide(found: list[Estimate], group: Group, panels: list[Panel], tested: Judged) -> list[Estimate]:
    """The estimates of a group, without those that rest on too few patients."""
    shown = []
    for number, estimate in enumerate(found):
        fewest = min(panel.patients_in(rows) for panel in panels for rows in panel.metrics[number].rows)
        few = f"it rests on fewer than {FEWEST} patients" if fewest < FEWEST else ""
        reason = _too_few(tested, group.rows, estimate.metric) or few
        shown.append(_hidden(estimate, reason) if reason else estimate)
    return shown


def _too_few(tested: Judged, rows: np.ndarray, metric: str) -> str:
    """Why a metric of the samples in a mask is hidden, as far as that hangs on their classes, or nothing."""
    if tested.patients(rows) < FEWEST:
        return f"there are fewer than {FEWEST} patients"
    classes = list(range(len(tested.task.classes))) if metric in BOTH else []
    classes = ONE_CLASS.get(metric, classes) if tested.task.kind == "binary" else classes
    few = tested.few(rows, classes)
    return f"fewer than {FEWEST} patients are {few}" if few else ""


def _hidden(estimate: Estimate, reason: str) -> Estimate:
    return replace(estimate, value=None, low=None, high=None, method=f"hidden: {reason}")


def _column(grouping: Grouping, tested: Judged, judged: dict[tuple[str, str], list[Estimate]]) -> dict[str, Any]:
    """A column with its groups, as plain values; sizes of a hidden group are not told."""
    return {
        "column": grouping.column,
        "edges": list(grouping.edges),
        "groups": [_record(grouping.column, group, tested, judged) for group in grouping.groups],
    }


def _record(column: str, group: Group, tested: Judged, judged: dict[tuple[str, str], list[Estimate]]) -> dict[str, Any]:
    if (column, group.name) not in judged:
        few = tested.patients(group.rows) < FEWEST
        hidden = f"fewer than {FEWEST} patients" if few else "not tested in every repeat"
        return {"name": group.name, "hidden": hidden, "n": None, "estimates": []}
    rows = tested.rows[group.rows].assign(patient=tested.units[group.rows])
    n = sizes(rows, tested.task, patient_column=True)
    return {
        "name": group.name,
        "hidden": "",
        "n": {name: n[name] for name in ("samples", "patients", "events")},
        "estimates": [estimate.to_dict() for estimate in judged[column, group.name]],
    }
