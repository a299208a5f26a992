"""Threshold and prevalence: a real model's scores of real patients it had not seen, dealt to 1,000 patients.

Five folds of bedside's logistic regression score the breast cancer patients; rates, predictive values and counts are
those of the report's operating-point panel, and the rules for a threshold are those of the evaluation.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from pydantic import Field

from bedside.data.samples import load
from bedside.evaluation import thresholds
from bedside.learn.explorables.quiet import once
from bedside.report.panel import operating_point, panel_data
from bedside.settings import DataSettings, FoldSettings, RunSettings, Settings
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

FEATURES = ("mean texture", "mean compactness")  # two of thirty: with all of them there are hardly any mistakes to see
SHOWN = 1000
MISS = 20.0  # false alarms that a missed case is worth, for one of the rules


class Wish(Settings):
    """Where the line is drawn, and how common the disease is."""

    threshold: float = Field(default=0.5, ge=0, le=1)
    prevalence: float = Field(default=0.37, ge=0.001, le=0.999)


class Rule(Settings):
    """A rule that picks the threshold."""

    rule: Literal["sensitivity", "youden", "cost"] = "youden"
    prevalence: float = Field(default=0.37, ge=0.001, le=0.999)


def begin(_: Wish) -> dict[str, Any]:
    """The patients behind the scores: what the model saw of them, how many there are, and how many of them are ill."""
    ill, *_scores = held_out()
    return {"features": FEATURES, "patients": len(ill), "ill": int(ill.sum()), "miss": MISS}


def look(wish: Wish) -> dict[str, Any]:
    """The 1,000 as they are dealt: scores of the ill and of the others, highest first, and what the threshold does.

    `ill` and `well` hold scores; a patient is called ill if the score is at least the threshold. `ppv` and `npv` are
    shares in the long run, counts are whole patients; `alarms_per_found` is false alarms for each ill patient found.
    """
    point = judged(wish)
    found = point["sensitivity"] * wish.prevalence
    alarms = (1 - point["specificity"]) * (1 - wish.prevalence)
    ill, well = dealt(wish.prevalence)
    return {**point, "ill": ill, "well": well, "alarms_per_found": alarms / found if found else None}


def pick(rule: Rule) -> dict[str, Any]:
    """The threshold that a rule chooses on validation scores, to two decimals: rounded down, which misses nobody more."""
    ill, _, valid = held_out()
    value = {"sensitivity": 0.95, "youden": 0.5, "cost": MISS}[rule.rule]
    exact = thresholds.choose(ill, valid, rule=rule.rule, value=value, prevalence=rule.prevalence)
    return {"threshold": np.floor(min(exact, 1.0) * 100 + 1e-9) / 100}


def judged(wish: Wish) -> dict[str, Any]:
    """What the report's panel says at this threshold and prevalence."""
    ill, score, _ = held_out()
    data = panel_data(ill, score, wish.threshold, 1, "malignant", "benign")
    return operating_point(data, data["start"], wish.prevalence)


def dealt(prevalence: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores of 1,000 patients: the ill (k,), the others (1,000 − k,), both highest first.

    Each group is taken evenly from the ranked scores of its own, patients more than once where there are too few. So
    nothing wobbles by chance, and the counts at every threshold are the rates of the model in whole patients.
    """
    ill, score, _ = held_out()
    many = int(SHOWN * prevalence + 0.5)
    # Half patients are rounded as the panel rounds: up for the ill who are found, up for the others who are left alone.
    return _evenly(np.sort(score[ill]), many)[::-1], _evenly(np.sort(score[~ill])[::-1], SHOWN - many)


def _evenly(ranked: np.ndarray, count: int) -> np.ndarray:
    """`count` of the ranked scores (n,), at even steps from the first to the last."""
    places = len(ranked) * (2 * np.arange(count) + 1) // max(2 * count, 1)  # whole numbers, so that nothing is rounded
    return np.asarray(ranked[places])


@once
def held_out() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each patient is ill, the score as a test patient, and the score as a validation patient; each (n,).

    Every patient is tested in one fold and validates another; neither model had the patient among those it learnt from.
    """
    cohort = load("breast-cancer", DataSettings(features=FEATURES))
    settings = RunSettings(folds=FoldSettings(scheme="crossval"))
    test, valid = np.full(len(cohort), np.nan), np.full(len(cohort), np.nan)
    for event in train_folds("logistic", cohort, make_folds(cohort, settings.folds, seed=settings.seed), settings):
        if isinstance(event, FoldFit):
            for rows, score in ((event.fold.test, test), (event.fold.valid, valid)):
                score[rows] = event.fitted.scores(cohort.inputs.take(rows))[:, 1]  # type: ignore[attr-defined]
    return cohort.target == 1, test, valid


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "look": look, "pick": pick}
