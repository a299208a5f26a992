"""How good a model is: its estimates on test patients, at thresholds frozen on validation, beside the baseline."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.errors import DataError
from bedside.evaluation import compare, panels, thresholds
from bedside.evaluation.intervals import estimates, resample
from bedside.evaluation.operating import operating
from bedside.evaluation.repeats import over_repeats
from bedside.evaluation.subgroups import Judged
from bedside.settings import EvaluationSettings


def performance(
    predictions: pd.DataFrame,
    task: Task,
    settings: EvaluationSettings,
    *,
    seed: int,
    baseline: pd.DataFrame | None = None,
    baseline_family: str = "",
    patient_column: bool = True,
) -> tuple[dict[str, Any], Judged]:
    """Estimates, folds, thresholds and baseline as plain values, and the test part as other sections read it.

    Cross-validation pools the out-of-fold predictions of the folds of one repeat, takes each metric of the pool, and
    averages over repeats; patients are resampled jointly over repeats, because a repeat predicts the same patients
    again and adds none. A pool has every patient, and the interval speaks of patients. AUROC and average precision
    compare samples within a fold only, and add up over folds: scores of different fold models are not on one scale,
    and comparing them biases an AUROC downwards when the classes are unevenly dealt, as between sites, or the signal
    is weak (Parker et al. 2007, doi:10.1186/1471-2105-8-326; Airola et al. 2011, doi:10.1016/j.csda.2010.11.018).
    Every other metric, calibration too, asks of each sample by itself what its score is worth, so it needs no such
    care. `per_fold` and `spread` show each fold by itself.

    Intervals hold the fitted models fixed: they say how sure the number is for these models on patients like these,
    not how it would vary with other training patients.

    Args and errors are those of `evaluate`.
    """
    test = panels.tested(predictions)
    _check(predictions, test, task)
    patients = pd.factorize(test["patient"], sort=True)[0]
    dealt = panels.divisions(predictions)
    n = panels.sizes(test, task, patient_column=patient_column) | {"divisions": len(set(dealt.values()))}
    frozen = thresholds.per_fold(predictions, task, settings) if task.kind == "binary" else []
    stated = settings.prevalence
    model = panels.per_repeat(test, task, frozen, patients, stated)
    sides = [model]
    if baseline is not None:
        rows = panels.tested(baseline)
        compare.check_same_samples(test, rows)
        cut = thresholds.per_fold(baseline, task, settings) if task.kind == "binary" else []
        sides.append(panels.per_repeat(rows, task, cut, patients, stated))

    # One set of draws for model and baseline: columns are the metrics of the model, then those of the baseline.
    both = [panels.averaged(side) for side in sides]
    ones = np.ones((1, model[0].n_patients))
    values = np.stack([side(ones)[0] for side in both])  # (sides, metrics)
    draws = resample(
        lambda weights: np.concatenate([side(weights) for side in both], axis=1),
        panels.presence(test, task, patients),
        resamples=settings.resamples,
        seed=seed,
    )
    drawn = np.split(draws, len(sides), axis=1)  # one (resamples, metrics) per side

    how, level = how_joined(n), settings.level
    found = estimates(model, values[0], drawn[0], level=level, how=how, interval=settings.interval)
    folds = panels.per_fold(test, task, frozen, model, stated)
    result: dict[str, Any] = {
        "task": {"kind": task.kind, "classes": list(task.classes), "positive": task.positive},
        "n": n,
        "level": level,
        "resamples": settings.resamples,
        "thresholds": frozen,
        "estimates": [estimate.to_dict() for estimate in found],
        "per_fold": folds,
        "spread": panels.spread(folds, dealt),
        "spread_by_seed": panels.by_seed(folds, dealt),
        "over_repeats": over_repeats(model, found, level, dealt),
        "confusion": panels.confusion(test, task, frozen),
        "operating": operating(predictions, task, frozen, found, n, settings) if frozen else None,
        "baseline": None,
    }
    if len(sides) == 2:
        simple = estimates(sides[1], values[1], drawn[1], level=level, how=how, interval=settings.interval)
        paired = compare.differences(model[0], values[0] - values[1], drawn[0] - drawn[1], found, level=level, how=how)
        result["baseline"] = compare.comparison(task, baseline_family, found, simple, paired)
    return result, Judged(test, task, frozen, patients)


def how_joined(n: dict[str, Any]) -> str:
    """How folds and repeats were joined, for the method of each estimate."""
    pooled = f"out-of-fold predictions of {n['folds']} folds pooled" if n["folds"] > 1 else ""
    repeated = f"mean of {repeats(n)}" if n["repeats"] > 1 else ""
    return ", ".join(part for part in (pooled, repeated) if part)


def repeats(n: dict[str, Any]) -> str:
    """`10 repeats`, `3 seeds`, or `10 repeats with 3 seeds each`; of a run's sizes."""
    divisions = n.get("divisions", n["repeats"])
    seeds = n["repeats"] // divisions
    if seeds == 1:
        return f"{n['repeats']} repeats"
    return f"{seeds} seeds" if divisions == 1 else f"{divisions} repeats with {seeds} seeds each"


def _check(predictions: pd.DataFrame, test: pd.DataFrame, task: Task) -> None:
    """There is something to test, every target is known and every score is a number.

    Raises:
        DataError: if not.
    """
    if test.empty:
        raise DataError("The predictions have no row with part = test; only test samples are judged.")
    numbers = task.score_columns() if task.classes else ["target", "predicted"]
    for name in numbers:
        odd = int((~np.isfinite(test[name].to_numpy(dtype=np.float64))).sum())
        if odd:
            raise DataError(
                f"Column {name} has {odd} test samples without a finite number. Leave no sample out of the judgement "
                "silently: correct the model, or remove these samples and say so."
            )
    unknown = predictions["target"].astype(str)
    unknown = unknown[~unknown.isin(task.classes)]
    if task.classes and len(unknown):
        raise DataError(
            f"{len(unknown)} rows have a target such as {unknown.iloc[0]!r} that is not one of the classes "
            f"{', '.join(task.classes)}. Correct the target column, or add a score column for that class."
        )
