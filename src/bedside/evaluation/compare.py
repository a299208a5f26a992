"""The model beside its baseline: the same samples, folds and resampled patients for both, so the difference is paired.

Better or worse is said only if the interval of the difference in the headline metric excludes 0: AUROC for classes
(macro with several), R2 for numbers, because it is the same in any unit and 0 for knowing nothing. Nothing is said
where resampling is not to be trusted: next to an AUROC of exactly 0 or 1, or with a handful of patients of a class.
"""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.errors import DataError
from bedside.evaluation.intervals import Panel, percentile
from bedside.evaluation.metrics import HEADLINE, HIGHER_IS_BETTER, LABELS

FEWEST = 10  # patients of a class; with fewer a resampled interval is much too narrow


def check_same_samples(
    test: pd.DataFrame, other: pd.DataFrame, owners: tuple[str, str] = ("the model", "the baseline")
) -> None:
    """Both tables must test the same samples of the same patients in the same folds, in the same order.

    Raises:
        DataError: if they do not.
    """
    keys = ["repeat", "fold", "sample", "target", "patient"]
    same = len(test) == len(other) and all(
        bool(np.all(test[key].astype(str).to_numpy() == other[key].astype(str).to_numpy())) for key in keys
    )
    if not same:
        said = f"{owners[1]} predicts {len(other)} test rows and {owners[0]} {len(test)}"
        raise DataError(
            f"{said[0].upper()}{said[1:]}, and they are not the same samples in the same folds. "
            "A paired comparison needs both; train both on the same folds."
        )


def differences(
    panel: Panel, values: np.ndarray, draws: np.ndarray, found: list[Estimate], *, level: float, how: str = ""
) -> list[Estimate]:
    """Model minus baseline for every metric that has a better direction, whole or macro.

    Args:
        panel: a panel of the model.
        values: differences on the data as given, (metrics,).
        draws: differences on the same resampled patients, (resamples, metrics).
        found: estimates of the model, in the order of the columns.
        level: coverage of the intervals, in 0..1.
        how: what the method must say beyond the resampling.
    """
    paired = []
    for number, estimate in enumerate(found):
        if estimate.metric not in HIGHER_IS_BETTER or estimate.of not in ("", "macro"):
            continue
        value = None if np.isnan(values[number]) else float(values[number])
        low, high, method = percentile(draws[:, number], level=level, n_patients=panel.n_patients)
        if value is None:
            low, high, method = None, None, "not defined for the model or for the baseline"
        note = panel.metrics[number].note
        method = "; ".join(part for part in ("paired: the same patients for both", method, note, how) if part)
        paired.append(
            Estimate(
                estimate.metric, value, low, high, level, estimate.n_patients, estimate.n_samples, method, estimate.of
            )
        )
    return paired


def doubt_about(headlines: dict[str, Estimate], patients: dict[str, int]) -> str:
    """Why the difference of two headline estimates, by their owners, is not to be trusted, or nothing."""
    few = [f"{count} of class {name}" for name, count in patients.items() if count < FEWEST]
    if few:
        return f"No verdict with fewer than {FEWEST} tested patients of a class ({', '.join(few)})."
    for owner, estimate in headlines.items():
        if estimate.metric == "auroc" and estimate.value in (0.0, 1.0):
            return (
                f"No verdict where {owner} has an AUROC of exactly {estimate.value:.0f}, which resampling only repeats."
            )
    return ""


def judge(difference: Estimate, doubt: str = "") -> str:
    """better, worse, or not distinguishable: what the interval of a difference, as it is printed, allows to say.

    An end that rounds to zero counts as zero, so that no verdict hangs on a digit that the data do not support.
    Where there is a reason to doubt the interval, it allows to say nothing.
    """
    if doubt or difference.low is None or difference.high is None:
        return "not distinguishable"
    low, high = (round(end, difference.digits()) for end in (difference.low, difference.high))
    if low <= 0 <= high:
        return "not distinguishable"
    return "better" if (low > 0) == HIGHER_IS_BETTER[difference.metric] else "worse"


def patients_per_class(found: list[Estimate], task: Task) -> dict[str, int]:
    """Tested patients of each class, as the sensitivities count them; the specificity of a binary task is that of
    its other class; empty for a regression."""
    known = {(estimate.metric, estimate.of): estimate.n_patients for estimate in found}
    if task.kind == "binary":
        return {task.classes[1]: known["sensitivity", ""], task.classes[0]: known["specificity", ""]}
    return {name: known["sensitivity", name] for name in task.classes}


def comparison(
    task: Task, family: str, found: list[Estimate], baseline: list[Estimate], paired: list[Estimate]
) -> dict[str, Any]:
    """The baseline's part of estimates.json."""
    headline, patients = HEADLINE[task.kind], patients_per_class(found, task)
    model, simple, difference = (
        next(estimate for estimate in group if estimate.metric == headline and estimate.of in ("", "macro"))
        for group in (found, baseline, paired)
    )
    doubt = doubt_about({"the model": model, "the baseline": simple}, patients)
    return {
        "family": family,
        "estimates": [estimate.to_dict() for estimate in baseline],
        "differences": [estimate.to_dict() for estimate in paired],
        "headline": headline,
        "verdict": judge(difference, doubt),
        "sentence": sentence(family, model, simple, difference, doubt),
    }


def sentence(family: str, model: Estimate, simple: Estimate, difference: Estimate, doubt: str = "") -> str:
    """The comparison in words, with its numbers, and the reason if these allow no verdict."""
    verdict = judge(difference, doubt)
    words = {"better": "Better than", "worse": "Worse than", "not distinguishable": "Not distinguishable from"}
    name = f"the baseline ({family})" if family else "the baseline"
    return (
        f"{words[verdict]} {name}: {LABELS[model.metric]} {model.text()} against {simple.text()}, "
        f"difference {signed(difference)} on the same {difference.n_patients} patients."
        f"{' ' + doubt if doubt else ''}"
    )


def signed(difference: Estimate) -> str:
    """A difference with its sign: `+0.02 [-0.01, 0.05]`."""
    text = difference.text()
    return f"+{text}" if difference.value is not None and not text.startswith("-") else text
