"""Recalibration: maps fitted on validation samples that turn scores into probabilities that mean what they say.

Scores are probabilities of shape (n, classes) throughout, the positive class last in a binary task. Maps are plain
numbers, kept in model.json, and never turn the order of two patients round: a slope below `SLOPES[0]`, which
validation samples without signal can ask for, is set to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, softmax

from bedside.cohort import Cohort, Finding, Fold, Task
from bedside.errors import SettingError
from bedside.logistic import SMALLEST, fitted_intercept, fitted_line, log_odds

Method = Literal["temperature", "platt", "isotonic"]
RAW = "raw_"  # before the name of a score column: the score before recalibration
RECALIBRATION = "recalibration.json"  # the map of a fold, or the update for a new hospital

SLOPES = (0.01, 100.0)  # of a map in log odds; a temperature is one over the slope
EVENTS = {"temperature": 10, "platt": 20}  # patients of the rarest class: ten for each number that is fitted
ISOTONIC_REFUSED, ISOTONIC_ENOUGH = 100, 1000  # validation patients of a fold

CODES = {
    "few-to-recalibrate": "A fold has few validation patients to fit the recalibration on.",
}


@dataclass(frozen=True)
class Line:
    """Straight in log odds: logit p' = intercept + slope logit p."""

    intercept: float
    slope: float

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Probabilities of any shape -> the same shape."""
        return np.asarray(expit(self.intercept + self.slope * log_odds(score)))


@dataclass(frozen=True)
class Steps:
    """A rising line through points, level beyond the first and the last."""

    scores: tuple[float, ...]
    shares: tuple[float, ...]

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Probabilities of any shape -> the same shape."""
        return np.asarray(np.interp(score, self.scores, self.shares))


@dataclass(frozen=True)
class Recalibration:
    """A fitted recalibration.

    `temperature` divides the logarithms of the probabilities of all classes (Guo et al. 2017, arXiv:1706.04599).
    `platt` and `isotonic` have a map of the positive class, or with several classes a map of each class against the
    rest, whose results are divided by their sum (Zadrozny & Elkan 2002, doi:10.1145/775047.775151).
    """

    method: Method
    temperature: float = 1.0
    maps: tuple[Line | Steps, ...] = ()

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Scores (n, classes) -> recalibrated scores (n, classes), rows summing to 1."""
        if self.method == "temperature":
            return np.asarray(softmax(np.log(np.clip(scores, SMALLEST, 1)) / self.temperature, axis=1))
        if len(self.maps) == 1:
            positive = self.maps[0](scores[:, 1])
            return np.stack([1 - positive, positive], axis=1)
        found = np.stack([one(scores[:, c]) for c, one in enumerate(self.maps)], axis=1)
        total = found.sum(axis=1, keepdims=True)
        return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / found.shape[1])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        if self.method == "temperature":
            return {"method": self.method, "temperature": self.temperature}
        return {"method": self.method, "maps": [{name: _plain(it) for name, it in vars(m).items()} for m in self.maps]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Self:
        if record["method"] == "temperature":
            return cls("temperature", temperature=float(record["temperature"]))
        kind: Any = Line if record["method"] == "platt" else Steps
        maps = [{name: tuple(it) if isinstance(it, list) else it for name, it in one.items()} for one in record["maps"]]
        return cls(record["method"], maps=tuple(kind(**one) for one in maps))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def fit(method: Method, target: np.ndarray, scores: np.ndarray) -> Recalibration:
    """Fit a recalibration on validation samples.

    Args:
        method: see `Recalibration`.
        target: number of the true class, (n,).
        scores: probabilities by the model, (n, classes).
    """
    if method == "temperature":
        return Recalibration(method, temperature=_temperature(target, scores))
    one = _line if method == "platt" else _steps
    detect = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    return Recalibration(method, maps=tuple(one(target == c, scores[:, c]) for c in detect))


def _temperature(target: np.ndarray, scores: np.ndarray) -> float:
    """The temperature of the least log loss, which is convex in one over the temperature."""
    logs = np.log(np.clip(scores, SMALLEST, 1))

    def gradient(slope: float) -> float:
        expected = (softmax(slope * logs, axis=1) * logs).sum(axis=1)
        return float(np.sum(expected - logs[np.arange(len(target)), target]))

    low, high = SLOPES
    if gradient(low) >= 0:
        return 1 / low
    return 1 / (high if gradient(high) <= 0 else float(brentq(gradient, low, high, xtol=1e-12)))


def _line(target: np.ndarray, score: np.ndarray) -> Line:
    """Logistic regression of the target on the log odds of the score, with targets drawn in from 0 and 1.

    So a map exists even if the scores separate the classes (Platt 1999, Probabilistic outputs for support vector
    machines, in: Advances in large margin classifiers).
    """
    n_positive, n_negative = int(target.sum()), int((~target).sum())
    wanted = np.where(target, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    odds, slope = log_odds(score), 1.0
    if odds.std() > 1e-9:
        intercept, slope = fitted_line(wanted, odds)
        if SLOPES[0] <= slope <= SLOPES[1]:
            return Line(intercept, slope)
    slope = float(np.clip(slope, *SLOPES))
    return Line(fitted_intercept(wanted, slope * odds), slope)


def _steps(target: np.ndarray, score: np.ndarray) -> Steps:
    """The best rising function of the score (Zadrozny & Elkan 2002, doi:10.1145/775047.775151)."""
    from sklearn.isotonic import IsotonicRegression

    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, target.astype(np.float64))
    return Steps(tuple(map(float, found.X_thresholds_)), tuple(map(float, found.y_thresholds_)))


def recalibrate_table(predictions: pd.DataFrame, task: Task, method: Method) -> tuple[pd.DataFrame, Recalibration]:
    """The predictions of one fold with recalibrated scores, the scores before beside them under `raw_score_<class>`.

    The map sees the rows of part `valid` and no other.
    """
    names = task.score_columns()
    raw = predictions[names].to_numpy(dtype=np.float64)
    valid = (predictions["part"] == "valid").to_numpy()
    found = fit(method, task.encode(predictions["target"][valid]), raw[valid])
    table = predictions.assign(**dict(zip(names, found(raw).T, strict=True)))
    place = table.columns.get_loc(names[-1])
    assert isinstance(place, int)
    for k, name in enumerate(names):
        table.insert(place + 1 + k, RAW + name, raw[:, k])
    return table, found


def recalibration_findings(cohort: Cohort, folds: Sequence[Fold], method: str) -> Iterator[Finding]:
    """What the number of validation patients means for a recalibration; nothing without one.

    Isotonic regression follows chance with few patients: below 1,000 it is warned of (Niculescu-Mizil & Caruana 2005,
    doi:10.1145/1102351.1102430), below 100 refused. The other methods fit one or two numbers, and want ten patients
    of the rarest class for each (Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3).

    Raises:
        SettingError: if there are too few validation patients, or none of a class, in a fold.
    """
    if method == "none" or not cohort.task.classes:
        return
    patients, target, names = cohort.patients, cohort.target, cohort.task.classes
    everyone = min(len(set(patients[fold.valid])) for fold in folds)
    counts = {
        name: min(len(set(patients[fold.valid[target[fold.valid] == code]])) for fold in folds)
        for code, name in enumerate(names)
    }
    rarest, fewest = min(counts.items(), key=lambda pair: pair[1])
    if fewest == 0:
        raise SettingError(
            f"evaluation.recalibrate={method} needs validation patients of every class, but a fold has none of class "
            f"{rarest}. Use fewer folds, or set evaluation.recalibrate=none."
        )
    if method == "isotonic" and everyone < ISOTONIC_REFUSED:
        raise SettingError(
            f"evaluation.recalibrate=isotonic needs at least {ISOTONIC_REFUSED} validation patients, but a fold has "
            f"{everyone}. Take platt, which fits two numbers, or temperature, which fits one."
        )
    if method == "isotonic" and everyone < ISOTONIC_ENOUGH:
        found = (
            f"A fold has {everyone} validation patients; below {ISOTONIC_ENOUGH:,} isotonic regression follows chance."
        )
        yield Finding("warning", "few-to-recalibrate", found, "Take evaluation.recalibrate=platt.")
    elif fewest < EVENTS.get(method, 0):
        found = f"A fold has {fewest} validation patients of class {rarest}; {method} wants {EVENTS[method]} to be fitted on."
        yield Finding("warning", "few-to-recalibrate", found, "Compare calibration before and after in the report.")
