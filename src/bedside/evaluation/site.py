"""A model's scores brought to a new hospital: the intercept alone, or slope and intercept, in log odds.

    logit p' = a + logit p        the intercept: the risk is higher or lower here than where the model learned
    logit p' = a + b logit p      slope and intercept: its scores are also too extreme here, or not extreme enough

(Cox 1958, doi:10.1093/biomet/45.3-4.562; Steyerberg et al. 2004, doi:10.1002/sim.1844; Janssen et al. 2008,
doi:10.1016/j.jclinepi.2007.04.018.) What an update is worth is judged on patients that it was not fitted on: each
tenth of the patients is scored by the update of the others.
"""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Roles, Task, minus
from bedside.errors import DataError, SettingError, nearest
from bedside.evaluation import calibrated, panels
from bedside.evaluation.calibration import LogisticRefit, obstacle
from bedside.evaluation.intervals import Panel, estimates, resample
from bedside.evaluation.resampling import presence_of
from bedside.evaluation.statistics import Metric
from bedside.logistic import fitted_intercept, fitted_line, log_odds
from bedside.recalibration import RAW, Line
from bedside.settings import EvaluationSettings, FoldSettings
from bedside.splits.folds import make_folds

FEWEST = 10  # patients with and without the class for each number that is fitted
ENOUGH = 100  # of each for slope and intercept by default, and to know what they are worth
FOLDS = 10  # no more than FEWEST, so that every part has patients with and without the class
METHODS = ("intercept", "slope")  # intercept alone; slope and intercept


def site_update(
    predictions: pd.DataFrame,
    task: Task,
    settings: EvaluationSettings,
    *,
    seed: int,
    method: str | None = None,
    patient_column: bool = True,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Fit both updates, take one, and judge before and after.

    Args:
        predictions: one row per sample of the new hospital: sample, patient, repeat, fold, part (all test), target and
            the model's scores.
        task: binary.
        settings: resamples and level.
        seed: deals the tenths and drives the resampling.
        method: `intercept` or `slope`; by default `slope` from 100 patients with and 100 without the class on, because
            with fewer the slope is uncertain and an intercept alone is the safer update (Steyerberg et al. 2004).
        patient_column: False if samples stand for patients because no column names them.

    Returns:
        The record of recalibration.json, and the predictions with `score_<class>` of the update that was taken, by
        cross-validation, beside `raw_score_<class>`.

    Raises:
        DataError: if there are fewer than 10 patients with or without the class.
        SettingError: if the slope is asked for with fewer than 20, or has no estimate.
    """
    test = panels.tested(predictions)
    if method not in (None, *METHODS):
        raise SettingError(
            f"--method {method} is not known; it is {' or '.join(METHODS)}.{nearest(str(method), METHODS)}"
        )
    truth = task.encode(test["target"]) == 1
    counts = {
        name: int(test["patient"][truth == positive].nunique())
        for name, positive in zip(task.classes, (False, True), strict=True)
    }
    rarest, fewest = min(counts.items(), key=lambda pair: pair[1])
    _refuse_few(rarest, fewest)
    odds = log_odds(test[task.score_columns()[1]].to_numpy(dtype=np.float64))
    hurdle = obstacle(truth, odds, str(task.positive))
    if not hurdle and fewest < 2 * FEWEST:
        hurdle = f"{fewest} patients of class {rarest} are too few for slope and intercept, which take {2 * FEWEST}"
    if not hurdle and (found := line(truth, odds, "slope").slope) <= 0:
        slope = minus(f"{found:.2g}")
        hurdle = f"the slope would be {slope}, so here higher scores do not go with more of class {task.positive}"
    possible = METHODS[:1] if hurdle else METHODS
    if method == "slope" and hurdle:
        raise SettingError(f"--method slope cannot be had: {hurdle}. Take --method intercept.")
    taken = method or ("slope" if not hurdle and fewest >= ENOUGH else "intercept")
    fitted = _fitted(test, truth, odds, settings, seed, possible)
    after = _cross_validated(test, task, odds, truth, possible, seed)
    sides = {"before": test, **after}
    record = {
        "method": taken,
        "line": vars(line(truth, odds, taken)),
        "chosen_by": "given" if method else "number of patients",
        "fitted": fitted,
        "not_fitted": hurdle,
        "patients": counts,
        "n_patients": int(test["patient"].nunique()),
        "patient_column": patient_column,
        "n_samples": len(test),
        "events": int(truth.sum()),
        "folds": FOLDS,
        "level": settings.level,
        "judged": {name: _judged(table, task, settings, seed) for name, table in sides.items()},
    }
    record["sentences"] = sentences(record, task)
    return record, after[taken]


def line(truth: np.ndarray, odds: np.ndarray, method: str) -> Line:
    """The update of largest likelihood; target, boolean, and log odds of the score, (n,)."""
    target = truth.astype(np.float64)
    return Line(*fitted_line(target, odds)) if method == "slope" else Line(fitted_intercept(target, odds), 1.0)


def _refuse_few(rarest: str, fewest: int) -> None:
    if fewest < FEWEST:
        raise DataError(
            f"The new data have {fewest} patients of class {rarest}; an update takes at least {FEWEST} with and {FEWEST} "
            "without the class, and with fewer it would follow chance. Collect more, or use the model as it is and say so."
        )


def _fitted(
    test: pd.DataFrame, truth: np.ndarray, odds: np.ndarray, settings: EvaluationSettings, seed: int, methods: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:  # fmt: skip
    """The numbers of each update with intervals from resampled patients."""
    everyone, centre, unit = np.ones(len(odds), dtype=bool), odds.mean(), odds.std()
    alone = LogisticRefit(truth, np.ones((len(odds), 1)), odds)
    metrics = {"intercept": [Metric("intercept", (alone,), lambda s: s[:, 0], (everyone,))]}
    if "slope" in methods:
        both = LogisticRefit(truth, np.column_stack([everyone, (odds - centre) / unit]), np.zeros(len(odds)))
        metrics["slope"] = [
            Metric("intercept", (both,), lambda s: s[:, 0] - s[:, 1] * centre / unit, (everyone,)),
            Metric("slope", (both,), lambda s: s[:, 1] / unit, (everyone,)),
        ]
    patients = pd.factorize(test["patient"], sort=True)[0]
    n = int(patients.max()) + 1
    panel = Panel([metric for group in metrics.values() for metric in group], patients, n)
    draws = resample(panel, presence_of(truth, patients), resamples=settings.resamples, seed=seed)
    found = iter(estimates([panel], panel(np.ones((1, n)))[0], draws, level=settings.level, interval=settings.interval))
    return {name: [next(found).to_dict() for _ in group] for name, group in metrics.items()}


def _cross_validated(
    test: pd.DataFrame, task: Task, odds: np.ndarray, truth: np.ndarray, methods: tuple[str, ...], seed: int
) -> dict[str, pd.DataFrame]:  # fmt: skip
    """The predictions by each update, every patient scored by the update of the other tenths."""
    samples = pd.DataFrame({"patient": test["patient"], "target": test["target"]})
    cohort = Cohort("new hospital", samples, Roles("target", "patient"), task, None, np.arange(len(test)))
    dealt = make_folds(cohort, FoldSettings(scheme="crossval", number=FOLDS), seed=seed)
    names = task.score_columns()
    tables = {}
    for method in methods:
        score, fold = np.empty(len(test)), np.empty(len(test), dtype=int)
        for part in dealt:
            others = np.concatenate([part.train, part.valid])
            score[part.test] = line(truth[others], odds[others], method)(test[names[1]].to_numpy()[part.test])
            fold[part.test] = part.number
        raw = {f"{RAW}{name}": test[name] for name in names}
        tables[method] = test.assign(fold=fold, **{names[0]: 1 - score, names[1]: score}, **raw)
    return tables


def _judged(table: pd.DataFrame, task: Task, settings: EvaluationSettings, seed: int) -> dict[str, Any]:
    name = str(task.positive)
    found = calibrated.judged(table, task, name, settings, seed=seed)
    return calibrated.class_record(table, task, name, found, settings, seed=seed)


def sentences(record: dict[str, Any], task: Task) -> list[str]:
    """How many patients there were, what was taken, and whether it helped."""
    counts = record["patients"]
    rarest, fewest = min(counts.items(), key=lambda pair: pair[1])
    listed = " and ".join(f"{count:,} of class {name}" for name, count in counts.items())
    said = [f"{record['n_patients']:,} new patients ({listed}), {record['events']:,} samples of class {task.positive}."]
    if not record["patient_column"]:
        said[0] = (
            f"{record['n_patients']:,} new samples ({listed}), each taken for a patient, because no column names them."
        )
    if fewest < ENOUGH:
        said[0] += f" Fewer than {ENOUGH} of class {rarest}: too few to tell what the update is worth."
    which = "slope and intercept" if record["method"] == "slope" else "the intercept alone"
    why = f" ({record['not_fitted']})" if record["not_fitted"] else ""
    said.append(f"The update takes {which}{why}.")
    said.append(f"Before: {_lower(record['judged']['before']['sentence'])}")
    said.append(f"After, on patients it was not fitted on: {_lower(record['judged'][record['method']]['sentence'])}")
    return said


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
