"""What the model does not know: conformal sets, abstention, and how much repeats of the training disagree."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate
from bedside.evaluation.abstention import abstention
from bedside.evaluation.coverage import coverage
from bedside.evaluation.intervals import Panel, estimates, resample
from bedside.evaluation.panels import presence
from bedside.evaluation.statistics import mean
from bedside.evaluation.subgroups import Judged
from bedside.settings import EvaluationSettings


def uncertainty(
    predictions: pd.DataFrame, tested: Judged, settings: EvaluationSettings, *, seed: int
) -> dict[str, Any]:
    """The part `uncertainty` of estimates.json.

    Args:
        predictions: with the validation rows that sets are calibrated on.
        tested: the test rows.
        settings: level of sets and intervals, resamples, bands.
        seed: drives the resampling.
    """
    return {
        "conformal": coverage(predictions, tested, settings, seed=seed),
        "abstention": abstention(tested, settings, seed=seed),
        "repeats": _between_repeats(tested, settings, seed=seed),
    }


def _between_repeats(tested: Judged, settings: EvaluationSettings, *, seed: int) -> dict[str, Any] | None:
    """How far the models of different repeats disagree on the same sample; None with one repeat.

    The standard deviation of a sample's score over repeats (of a binary task that of the positive class, of several the
    mean over classes), averaged over samples. `bedside predict` gives the same of the members for each new sample.
    """
    rows, columns = tested.rows, tested.task.score_columns()
    if rows["repeat"].nunique() < 2:
        return None
    shown = columns[1:] if tested.task.kind == "binary" else columns
    spread = rows.groupby("sample", sort=True)[shown].std(ddof=1).mean(axis=1).dropna()
    units = pd.Series(tested.units, index=rows["sample"]).groupby(level=0).first().loc[spread.index].to_numpy()
    panel = Panel([mean("spread", spread.to_numpy())], units, int(tested.units.max()) + 1)
    draws = resample(panel, presence(rows, tested.task, tested.units), resamples=settings.resamples, seed=seed)
    value = panel(np.ones((1, panel.n_patients)))[0]
    (found,) = estimates([panel], value, draws, level=settings.level, interval=settings.interval)
    ordered: Estimate = found
    return {"repeats": int(rows["repeat"].nunique()), "spread": ordered.to_dict()}
