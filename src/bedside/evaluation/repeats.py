"""How much a number hangs on how the folds were dealt: the t interval over repeats of a cross-validation.

It answers one question only: where would the mean lie if the same patients were dealt into folds again and again, and
the models trained anew? Every repeat tests the same patients, so it knows nothing of other patients, gets as narrow as
one likes with more repeats, and is no confidence interval of the performance. That one resamples patients.
"""

from typing import Any

import numpy as np
from scipy.stats import t

from bedside.cohort import Estimate
from bedside.evaluation.areas import ALIKE
from bedside.evaluation.resampling import Panel

METHOD = "t interval over {repeats} repeats: how far dealing the folds and training anew moves the mean, with the same patients"


def over_repeats(
    panels: list[Panel], found: list[Estimate], level: float, dealt: dict[int, int]
) -> list[dict[str, Any]]:
    """Mean over repeats with its t interval, for whole and macro metrics; empty with fewer than two repeats.

    Args:
        panels: one per repeat.
        dealt: the first repeat with the same division, for each repeat in order; seeds are averaged first.
        found: the estimates with these metrics, in the same order; they lend name and numbers of patients.
        level: coverage of the interval, in 0..1.
    """
    divisions = np.unique(list(dealt.values()), return_inverse=True)[1]
    repeats = int(divisions.max()) + 1
    if repeats < 2:
        return []
    each = np.stack([panel(np.ones((1, panel.n_patients)))[0] for panel in panels])  # (repeats and seeds, metrics)
    values = np.stack([each[divisions == k].mean(axis=0) for k in range(repeats)])
    half = t.ppf((1 + level) / 2, repeats - 1) * values.std(axis=0, ddof=1) / np.sqrt(repeats)
    records = []
    for estimate, mean, width, spread in zip(found, values.mean(axis=0), half, np.ptp(values, axis=0), strict=True):
        if estimate.value is None or estimate.of not in ("", "macro"):
            continue
        ends: tuple[float | None, float | None] = (float(mean - width), float(mean + width))
        method = METHOD.format(repeats=repeats)
        if spread <= ALIKE:
            ends, method = (None, None), f"no interval: all {repeats} repeats give the same value"
        sizes = (estimate.n_patients, estimate.n_samples)
        records.append(Estimate(estimate.metric, float(mean), *ends, level, *sizes, method, estimate.of).to_dict())
    return records
