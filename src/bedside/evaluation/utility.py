"""Decision curves: is deciding by the score worth more than treating everybody, or nobody?

Whoever treats from a threshold probability t on accepts (1 - t) / t needless treatments for each right one. The net
benefit counts right ones and subtracts needless ones at that rate, per sample:

    net benefit = true positives / n - false positives / n * t / (1 - t)

(Vickers & Elkin 2006, doi:10.1177/0272989X06295361). A score that reaches t is treated. Treating nobody has net benefit
0. Intervals resample patients and hold at each threshold by itself.

Of so many thresholds some would look useful by chance. A range is therefore called useful only if, somewhere in it,
both differences also stay above 0 in bands that hold at all thresholds at once: as many standard errors wide as the
largest deviation of a resample, among the thresholds that divide the patients into two groups of at least `FEWEST`.
Where nobody was treated wrongly resampling cannot tell that somebody might have been; so these bands are lowered by
what `WRONG` more patients on the wrong side would cost, the share of them that Wilson's interval adds at 0.
"""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Task, level_text, share_text
from bedside.evaluation.resampling import presence_of, resample
from bedside.settings import EvaluationSettings

THRESHOLDS = np.arange(1, 100) / 100  # threshold probabilities, from 1 % to 99 %
FEWEST = 10  # patients treated, and not treated, for a threshold to count in the band
WRONG = 2
MOST_RANGES = 3  # that a sentence names


class NetBenefit:
    """Net benefit of score and of treating everybody, as a function of how often each patient was drawn."""

    def __init__(self, truth: np.ndarray, score: np.ndarray, patients: np.ndarray, thresholds: np.ndarray) -> None:
        """Target, boolean (n,), score in 0..1 (n,), number of the patient of each sample (n,), thresholds (t,)."""
        self.odds = thresholds / (1 - thresholds)
        reached = np.searchsorted(thresholds, score, side="right")  # how many thresholds each score reaches
        shape = int(patients.max()) + 1, len(thresholds) + 1
        hits, alarms = np.zeros(shape), np.zeros(shape)
        np.add.at(hits, (patients[truth], reached[truth]), 1)
        np.add.at(alarms, (patients[~truth], reached[~truth]), 1)
        # A sample that reaches k thresholds counts at the first k: sums from the right, without those that reach none.
        self.hits, self.alarms = (table[:, ::-1].cumsum(axis=1)[:, ::-1] for table in (hits, alarms))

    def __call__(self, draws: np.ndarray) -> np.ndarray:
        """Draws (b, patients) -> (b, 2 t): of the score at each threshold, then of treating everybody."""
        hits, alarms = (draws @ table.astype(draws.dtype) for table in (self.hits, self.alarms))
        n = hits[:, :1] + alarms[:, :1]
        score = (hits[:, 1:] - alarms[:, 1:] * self.odds) / n
        return np.concatenate([score, (hits[:, :1] - alarms[:, :1] * self.odds) / n], axis=1)


def decision_curves(test: pd.DataFrame, task: Task, settings: EvaluationSettings, *, seed: int) -> dict[str, Any]:
    """The entry `decision_curve` of estimates.json: one curve of the positive class, or of each class against the rest.

    Args:
        test: the test part, as `panels.tested` gives it; repeats are pooled, which averages them.
        task: binary or multiclass.
        settings: resamples and level.
        seed: drives the resampling.
    """
    patients, codes = pd.factorize(test["patient"], sort=True)[0], task.encode(test["target"])
    detect = [task.classes[1]] if task.kind == "binary" else list(task.classes)
    found = []
    for name in detect:
        truth = codes == task.classes.index(name)
        if truth.any() and not truth.all():
            score = test[f"score_{name}"].to_numpy(dtype=np.float64)
            found.append({"of": name, **decision_curve(truth, score, patients, settings, seed=seed)})
    how = f"percentile bootstrap of {int(patients.max()) + 1} patients, {settings.resamples} resamples, at each threshold by itself"
    return {"thresholds": THRESHOLDS.tolist(), "method": how, "of": found}


def decision_curve(
    truth: np.ndarray, score: np.ndarray, patients: np.ndarray, settings: EvaluationSettings, *, seed: int
) -> dict[str, Any]:
    """Net benefit with intervals at `THRESHOLDS`, and where it beats both simple strategies.

    Args:
        truth: True for the class to detect, (n,), both present.
        score: its probability, (n,).
        patients: number of the patient of each sample, (n,), from 0.
        settings: resamples and level.
        seed: drives the resampling.

    Returns:
        `model` and `all` (treat everybody) as lists of net benefit, each with `_low` and `_high`; `over_all`, the
        difference of the two, likewise; the difference from treating nobody is `model` itself. `useful`: ranges
        [from, to] of thresholds where the lower ends of both differences are above 0, and in the simultaneous bands
        too somewhere. `sentence`.
    """
    benefit = NetBenefit(truth, score, patients, THRESHOLDS)
    presence = presence_of(truth, patients)
    draws = resample(benefit, presence, resamples=settings.resamples, seed=seed)
    value, k = benefit(np.ones((1, len(presence))))[0], len(THRESHOLDS)
    sides = {
        "model": (value[:k], draws[:, :k]),
        "all": (value[k:], draws[:, k:]),
        "over_all": (value[:k] - value[k:], draws[:, :k] - draws[:, k:]),
    }
    record: dict[str, Any] = {"prevalence": float(truth.mean()), "n_patients": len(presence), "n_samples": len(truth)}
    lower, sure = {}, np.ones(k, dtype=bool)
    divided = _divided(score, patients)
    for name, (point, drawn) in sides.items():
        low, high = np.quantile(drawn, [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
        record |= {name: _plain(point, 12), f"{name}_low": _plain(low, 6), f"{name}_high": _plain(high, 6)}
        lower[name] = low
        if name != "all":
            cost = WRONG / len(presence) * (benefit.odds if name == "model" else 1.0)
            sure &= _above_0(point, drawn, cost, divided, settings.level)
    record["useful"] = _ranges((lower["model"] > 0) & (lower["over_all"] > 0), sure)
    record["sentence"] = _sentence(record["useful"], settings.level)
    return record


def _plain(values: np.ndarray, digits: int) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def _divided(score: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Thresholds at which at least `FEWEST` patients are treated and as many are not, (t,)."""
    highest, lowest = np.zeros(int(patients.max()) + 1), np.ones(int(patients.max()) + 1)
    np.maximum.at(highest, patients, score)
    np.minimum.at(lowest, patients, score)
    treated = (highest[:, None] >= THRESHOLDS).sum(axis=0)
    return (treated >= FEWEST) & ((lowest[:, None] < THRESHOLDS).sum(axis=0) >= FEWEST)


def _above_0(value: np.ndarray, draws: np.ndarray, cost: Any, divided: np.ndarray, level: float) -> np.ndarray:
    """Where a difference (t,), less a cost, is above 0 in a band at all divided thresholds; draws (resamples, t)."""
    error = draws.std(axis=0)
    used = divided & (error > 0)
    if not used.any():
        return np.zeros(len(value), dtype=bool)
    largest = ((draws[:, used] - value[used]) / error[used]).max(axis=1)
    return used & (value - cost - np.quantile(largest, (1 + level) / 2) * error > 0)


def _ranges(better: np.ndarray, sure: np.ndarray) -> list[list[float]]:
    """Runs of thresholds that are better and somewhere sure, (t,) boolean each -> [[from, to], ...]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], better.astype(int), [0]])))
    runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if sure[a:b].any()]
    return [[float(THRESHOLDS[a]), float(THRESHOLDS[b - 1])] for a, b in runs]


def ranges_text(ranges: list[list[float]]) -> str:
    """`from 4 % to 61 %`, the longest ranges if there are many, or `nowhere`."""
    longest = sorted(sorted(ranges, key=lambda ends: ends[0] - ends[1])[:MOST_RANGES])
    words = [f"from {share_text(a)} to {share_text(b)}" if b > a else f"at {share_text(a)}" for a, b in longest]
    more = f", and in {len(ranges) - MOST_RANGES} shorter ranges" if len(ranges) > MOST_RANGES else ""
    return f"{', '.join(words)}{more}" or "nowhere"


def _sentence(ranges: list[list[float]], level: float) -> str:
    if not ranges:
        return (
            "At no threshold probability from 1 % to 99 % is deciding by the score shown to be worth more than treating "
            "everybody and more than treating nobody, chance over so many thresholds allowed for."
        )
    intervals = f"the {level_text(level)} intervals of both differences exclude 0"
    text = ranges_text(ranges)
    return (
        f"Deciding by the score is worth more than treating everybody and more than treating nobody at threshold "
        f"probabilities {text}, where {intervals}."
    )
