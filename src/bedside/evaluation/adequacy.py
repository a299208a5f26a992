"""What a cohort of this size can and cannot show: how wide its intervals are, and how many patients narrower ones take.

The sentences and the table of one section of the report, from numbers that are known already; the closed forms stand in
`sample_size`. What is needed is given for these results: another prevalence or another AUROC asks for another number.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from bedside.cohort import Estimate, Task
from bedside.errors import SettingError
from bedside.evaluation import influence, sample_size
from bedside.evaluation.group_tests import cells_of
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.sample_size import Need
from bedside.logistic import SMALLEST, log_odds

# Widths of 95 % intervals that Riley et al. 2021 and Archer et al. 2021 take as examples of precise ones.
WIDTHS = {"auroc": 0.1, "r2": 0.1, "calibration_slope": 0.2, "observed over expected": 0.2}
_ALONE = 1.05  # samples per patient up to which samples count as independent
TIMES_FOR_NETWORKS = 10  # as many events for each variable (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137)


@dataclass(frozen=True)
class Development:
    """Patients that a fold's model learned from, and the parameters that a regression on the same features has."""

    patients: int
    parameters: int


@dataclass(frozen=True)
class Width:
    """A 95 % interval as it is, the width that is wanted, and the patients that it takes, None if that cannot be told."""

    measure: str
    now: float | None
    wanted: float
    patients: int | None
    how: str

    @property
    def enough(self) -> bool:
        return self.now is not None and self.now <= self.wanted


def adequacy(
    found: list[Estimate], test: pd.DataFrame, task: Task, n: dict[str, Any], development: Development | None
) -> dict[str, Any]:
    """The entry `sample_size` of estimates.json.

    Args:
        found: estimates of the model.
        test: rows of the test part.
        task: what was predicted.
        n: samples, patients and events of the test part.
        development: None if it is not known what the model learned from.
    """
    known = {one.metric: one for one in found if one.of in ("", "macro", task.positive)}
    widths = _widths(known, test, task, n)
    needs, reason = _needs(known, test, task, n, development)
    return {
        "widths": [{**width.__dict__, "enough": width.enough} for width in widths],
        "development": None
        if development is None
        else {**development.__dict__, "needs": [need.to_dict() for need in needs], "problem": reason},
        "sentences": [
            *_about_widths(widths, n),
            *_about_development(needs, reason, development, task.kind),
        ],
    }


def _widths(known: dict[str, Estimate], test: pd.DataFrame, task: Task, n: dict[str, Any]) -> list[Width]:
    alone = n["samples"] <= _ALONE * n["patients"]
    headline, slope = known.get(HEADLINE[task.kind]), known.get("calibration_slope")
    needs: dict[str, Need] = {}
    if alone and task.kind == "binary":
        needs = _binary_needs(known, test, task, n)
    elif alone and task.kind == "regression" and headline is not None:
        needs = _regression_needs(headline)
    found = [
        _width(one, WIDTHS[one.metric], needs.get(one.metric), n)
        for one in (headline, slope)
        if one is not None and one.metric in WIDTHS and (task.kind != "multiclass" or one is headline)
    ]
    if "observed over expected" in needs:
        now, need = sample_size.ratio_width(_prevalence(task, n), n["patients"]), needs["observed over expected"]
        wanted = WIDTHS["observed over expected"]
        found.append(Width("observed over expected", now, wanted, need.patients, "closed form"))
    return found


def _binary_needs(known: dict[str, Estimate], test: pd.DataFrame, task: Task, n: dict[str, Any]) -> dict[str, Need]:
    prevalence = _prevalence(task, n)
    if not 0 < prevalence < 1:
        return {}
    auroc = known["auroc"].value if "auroc" in known else None
    odds = log_odds(test[task.score_columns()[1]].to_numpy(dtype=np.float64))
    needs = {"observed over expected": sample_size.for_ratio(prevalence, WIDTHS["observed over expected"])}
    if auroc is not None and 0.5 <= auroc < 1:
        needs["auroc"] = sample_size.for_auroc(auroc, prevalence, WIDTHS["auroc"])
    if known["calibration_slope"].value is not None and (information := sample_size.slope_information(odds)) > 0:
        needs["calibration_slope"] = sample_size.for_slope(information, WIDTHS["calibration_slope"])
    return needs


def _regression_needs(r2: Estimate) -> dict[str, Need]:
    if r2.value is None or not 0 < r2.value < 1:
        return {}
    return {
        "r2": sample_size.for_r2(r2.value, WIDTHS["r2"]),
        "calibration_slope": sample_size.for_linear_slope(r2.value, WIDTHS["calibration_slope"]),
    }


def _width(estimate: Estimate, wanted: float, need: Need | None, n: dict[str, Any]) -> Width:
    """By closed form; else, as with several samples of a patient, from this interval, which shrinks with the root of n."""
    now = None
    if (
        estimate.low is not None and estimate.high is not None and estimate.high > estimate.low
    ):  # brought to 95 %, if another coverage was asked for
        now = (estimate.high - estimate.low) * float(norm.ppf(0.975) / norm.ppf((1 + estimate.level) / 2))
    # A closed form that asks for fewer than were tested, and whose width they miss, does not describe these scores.
    if need is not None and not (now is not None and now > wanted and need.patients <= n["patients"]):
        return Width(estimate.metric, now, wanted, need.patients, "closed form")
    if now is None or now <= 0:
        return Width(estimate.metric, now, wanted, None, "no interval to go by")
    return Width(estimate.metric, now, wanted, int(np.ceil(n["patients"] * (now / wanted) ** 2)), "from this interval")


def _prevalence(task: Task, n: dict[str, Any]) -> float:
    return float(n["events"][task.positive] / n["samples"])


def _needs(
    known: dict[str, Estimate], test: pd.DataFrame, task: Task, n: dict[str, Any], development: Development | None
) -> tuple[list[Need], str]:
    """What developing a regression would have needed, or why that cannot be told."""
    if development is None:
        return [], ""
    headline = known.get(HEADLINE[task.kind])
    nothing = 0.0 if task.kind == "regression" else 0.5
    if headline is None or headline.value is None or headline.low is None or headline.low <= nothing:
        return [], "the result cannot be told from chance, and what is needed grows without limit as it comes near"
    try:
        if task.kind == "multiclass":
            return _several_classes(test, task, development.parameters)
        if task.kind == "regression":
            target = test.drop_duplicates("sample")["target"].to_numpy(dtype=np.float64)
            mean = float(target.mean()) or None
            return sample_size.develop_regression(
                development.parameters, headline.value, mean=mean, sd=float(target.std(ddof=1))
            ), ""
        prevalence = _prevalence(task, n)
        r2 = sample_size.cox_snell(headline.value, prevalence)
        return sample_size.develop_binary(development.parameters, prevalence, r2), ""
    except SettingError as error:
        return [], str(error).rstrip(".")


def _several_classes(test: pd.DataFrame, task: Task, parameters: int) -> tuple[list[Need], str]:
    """From every two classes held against each other within folds, and from the probabilities as a whole."""
    target, scores = task.encode(test["target"]), test[task.score_columns()].to_numpy(dtype=np.float64)
    shares = np.bincount(target, minlength=len(task.classes)) / len(target)
    logs, cells, aurocs = np.log(np.clip(scores, SMALLEST, 1)), cells_of(test), {}
    for one, other in combinations(range(len(task.classes)), 2):
        found = influence.auroc(target == other, logs[:, other] - logs[:, one], cells, np.isin(target, (one, other)))
        if found is None or found.value <= 0.5:
            return [], f"classes {task.classes[one]} and {task.classes[other]} cannot be told apart here"
        aurocs[one, other] = found.value
    r2 = sample_size.multinomial_r2(target, scores)
    if r2 <= 0:
        return [], "the probabilities fit worse than the shares of the classes do, so there is no R² to go by"
    return sample_size.develop_multiclass(parameters, shares.tolist(), aurocs, r2), ""


_WORDS = {
    "auroc": "the AUROC",
    "r2": "R²",
    "calibration_slope": "the calibration slope",
    "observed over expected": "observed over expected events",
}


def _about_widths(widths: list[Width], n: dict[str, Any]) -> list[str]:
    said = []
    for width in widths:
        name = _WORDS[width.measure]
        if width.now is None:
            said.append(f"{name[0].upper()}{name[1:]} has no interval here, so its precision is not known.")
        elif width.enough:
            said.append(
                f"{n['patients']:,} patients are enough to know {name} to a width of {_two(width.wanted)}: its interval is {_two(width.now)} wide."
            )
        elif width.patients is not None:
            said.append(
                f"The interval of {name} is {_two(width.now)} wide; a width of {_two(width.wanted)} would take about {_round(width.patients):,} patients like these, and {n['patients']:,} were tested."
            )
    return said


def _about_development(needs: list[Need], reason: str, development: Development | None, kind: str) -> list[str]:
    """What developing would have needed; `kind` of the task."""
    if development is None:
        return []
    p, learned = development.parameters, development.patients
    parameters = "1 candidate parameter" if p == 1 else f"{p:,} candidate parameters"
    parameters += " for each class but one" if kind == "multiclass" else ""
    if not needs:
        return [f"How many patients developing a regression with {parameters} needs cannot be said: {reason}."]
    most = max(needs, key=lambda need: need.patients)
    enough = "enough by this count" if learned >= most.patients else "too few by this count"
    return [
        f"Developing a regression with {parameters} and this result takes at least {most.patients:,} patients ({most.criterion}); each model learned from {learned:,}, {enough}.",
        "Networks, forests and boosting need more; how much more was counted for binary outcomes only (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137)."
        if kind != "binary"
        else f"Networks, forests and boosting need more: at least {TIMES_FOR_NETWORKS} times as many events for each variable before their results were stable (van der Ploeg et al. 2014, doi:10.1186/1471-2288-14-137).",
    ]


def _two(width: float) -> str:
    return f"{width:.2f}" if width < 10 else f"{width:.0f}"


def _round(n: int) -> int:
    """To two significant digits, upwards: a plan needs no more."""
    step = 10 ** max(0, len(str(n)) - 2)
    return -(-n // step) * step
