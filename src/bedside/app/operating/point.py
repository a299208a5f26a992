"""What another threshold, or another prevalence, would mean: the numbers of the page, by the functions of the evaluation."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.errors import SettingError
from bedside.evaluation import Curves, curves
from bedside.evaluation.intervals import Panel, averaged, estimates, resample
from bedside.evaluation.operating import per_1000
from bedside.evaluation.panels import metrics_of, presence, tested, units
from bedside.evaluation.thresholds import decide
from bedside.evaluation.utility import THRESHOLDS, NetBenefit
from bedside.folder import Run
from bedside.report.panel import operating_point

RATES = ("sensitivity", "specificity")
VALUES = ("ppv_at_prevalence", "npv_at_prevalence")
RESAMPLES = 300  # behind the intervals of predictive values; those of the report have more


@dataclass(frozen=True)
class Point:
    """Everything at one threshold and one prevalence.

    `threshold` is None at the frozen one, where each fold keeps its own. `dots` are whole patients out of 1,000: tp, fn,
    tn, fp. `per_1000` has the same with intervals, see `evaluation.operating`. `benefit` is the net benefit at the
    threshold probability that the threshold stands for, and that of treating everybody.
    """

    threshold: float | None
    prevalence: float
    estimates: dict[str, Estimate]
    dots: dict[str, int]
    per_1000: dict[str, Any]
    counts: dict[str, int]  # tp, fn, tn, fp of the tested samples, over all repeats
    benefit: tuple[float, float] | None


class Operating:
    """The test patients of a binary run, ready to be decided anew.

    Raises:
        SettingError: if the run has no threshold.
    """

    def __init__(self, run: Run) -> None:
        record = run.estimates["task"]
        self.run, self.task = run, Task(record["kind"], tuple(record["classes"]))
        self.frozen: list[dict[str, Any]] = run.estimates["thresholds"]
        if self.task.kind != "binary" or not self.frozen:
            raise SettingError(
                f"{run.path.name} decides by no threshold, because it does not choose between two classes; look at its cases instead."
            )

    @cached_property
    def test(self) -> pd.DataFrame:
        return tested(self.run.predictions)

    @cached_property
    def truth(self) -> np.ndarray:
        """True for the class to detect, (n,)."""
        return np.asarray(self.task.encode(self.test["target"]) == 1)

    @cached_property
    def score(self) -> np.ndarray:
        return self.test[self.task.score_columns()[1]].to_numpy(dtype=np.float64)

    @cached_property
    def patients(self) -> np.ndarray:
        return pd.factorize(units(self.test), sort=True)[0]

    @cached_property
    def curves(self) -> Curves | None:
        """ROC of the class to detect; None if the test part holds one class only."""
        found = curves(self.run.predictions, self.task, level=self.level)
        return found[0] if found else None

    @property
    def level(self) -> float:
        return float(self.run.estimates["level"])

    @property
    def prevalence(self) -> float:
        """Of the tested samples."""
        return float(self.truth.mean())

    @property
    def middle(self) -> float:
        """The frozen threshold, or the mean of those of the folds: where the slider begins."""
        return float(np.mean([record["value"] for record in self.frozen]))

    def at(self, threshold: float | None, prevalence: float) -> Point:
        """All numbers at a threshold, None for the frozen ones, and a prevalence in 0..1, both excluded."""
        cut = self._cut(threshold)
        found = self._estimates(cut, prevalence)
        decided = decide(self.test, self.task, cut)
        hits, alarms = int((decided & self.truth).sum()), int((decided & ~self.truth).sum())
        ill, well = int(self.truth.sum()), int((~self.truth).sum())
        place = self.middle if threshold is None else threshold
        data = {"thresholds": [place], "found": [hits], "alarms": [alarms], "positives": ill, "negatives": well}
        shown = operating_point(data, 0, prevalence)
        return Point(
            threshold,
            prevalence,
            found,
            {name: shown[name] for name in ("tp", "fn", "tn", "fp")},
            per_1000(found["sensitivity"], found["specificity"], prevalence),
            {"tp": hits, "fn": ill - hits, "tn": well - alarms, "fp": alarms},
            self._benefit(place, prevalence),
        )

    def _cut(self, threshold: float | None) -> list[dict[str, Any]]:
        return self.frozen if threshold is None else [{**record, "value": threshold} for record in self.frozen]

    def _estimates(self, cut: list[dict[str, Any]], prevalence: float) -> dict[str, Estimate]:
        """Sensitivity, specificity and predictive values with their intervals, as the report makes them."""
        n_patients = int(self.patients.max()) + 1
        panels = []
        for repeat in np.unique(self.test["repeat"]):
            mask = (self.test["repeat"] == repeat).to_numpy()
            metrics = metrics_of(self.test[mask], self.task, cut, prevalence)
            wanted = [metric for metric in metrics if metric.name in (*RATES, *VALUES)]
            panels.append(Panel(wanted, self.patients[mask], n_patients))
        both = averaged(panels)
        values = both(np.ones((1, n_patients)))[0]
        drawn = resample(both, presence(self.test, self.task, self.patients), resamples=RESAMPLES, seed=0)
        return {one.metric: one for one in estimates(panels, values, drawn, level=self.level)}

    def benefit_curve(self, prevalence: float) -> pd.DataFrame:
        """Net benefit where the condition is as common as stated: threshold, model, all; patients of each class weigh alike."""
        model, everybody = self._net_benefit(THRESHOLDS, prevalence)
        return pd.DataFrame({"threshold": THRESHOLDS, "model": model, "all": everybody})

    def _benefit(self, threshold: float, prevalence: float) -> tuple[float, float] | None:
        """Net benefit of deciding by the score and of treating everybody, at this threshold probability."""
        if not 0 < threshold < 1:
            return None
        model, everybody = self._net_benefit(np.array([threshold]), prevalence)
        return float(model[0]), float(everybody[0])

    def _net_benefit(self, thresholds: np.ndarray, prevalence: float) -> tuple[np.ndarray, np.ndarray]:
        """Of score and of treating everybody, (t,) each: samples are drawn as often as the prevalence asks."""
        here = self.prevalence
        drawn = np.where(self.truth, prevalence / here, (1 - prevalence) / (1 - here))
        found = NetBenefit(self.truth, self.score, np.arange(len(self.truth)), thresholds)(drawn[None])[0]
        return found[: len(thresholds)], found[len(thresholds) :]
