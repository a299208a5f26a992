"""Every metric, its formula and its source. A metric takes resampling weights (b, n) and gives (b,) values.

`binary`, `multiclass` and `regression` list the metrics of a task in their order of presentation. The value on the
data as given is the metric of a single row of ones; an interval comes from the same function of drawn weights.
Which metrics matter and why: Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7 (calibration);
Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; Cox 1958, doi:10.1093/biomet/45.3-4.562
(recalibration); Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602 (ECE); Saito & Rehmsmeier 2015,
doi:10.1371/journal.pone.0118432 (average precision).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from bedside.evaluation.statistics import EXACT_ROWS, SMALLEST, Ranking, Recalibration, Statistic, Sums, log_odds

ECE_BINS = 10
HIGHER_IS_BETTER = {
    **dict.fromkeys(("auroc", "average_precision", "accuracy", "balanced_accuracy", "sensitivity", "specificity"), True),
    **dict.fromkeys(("ppv", "npv", "r2"), True),
    **dict.fromkeys(("brier", "log_loss", "ece", "mae", "rmse"), False),
}
HEADLINE = {"binary": "auroc", "multiclass": "auroc", "regression": "r2"}


@dataclass(frozen=True, eq=False)
class Metric:
    """A number with a name, what it is made of, and what to say when it cannot be had.

    `rows` are the samples in the denominator, one mask of shape (n,) per proportion that is averaged. When the
    value lies at its `edge`, 0 or 1, resampling the same samples can only repeat it, and the interval comes from
    the number of patients in `rows` instead (see `intervals.at_the_edge`).
    """

    name: str
    statistics: tuple[Statistic, ...]
    finish: Callable[[np.ndarray], np.ndarray]  # (b, k of all statistics) -> (b,)
    rows: tuple[np.ndarray, ...]
    of: str = ""
    edge: Literal["", "proportion", "ranking"] = ""
    undefined: str = ""  # why there is no value, when there is none
    note: str = ""  # a choice the reader must know to repeat it
    biased: bool = False  # resampling adds to it, so its draws are shifted back

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """Weights (b, n) -> values (b,); NaN where the metric is not defined."""
        return self.finish(np.concatenate([statistic(weights) for statistic in self.statistics], axis=1))


def binary(target: np.ndarray, score: np.ndarray, decision: np.ndarray, *, positive: str = "positive") -> list[Metric]:
    """Metrics of a two-class task.

    Args:
        target: True for the positive class, shape (n,).
        score: predicted probability of the positive class, in 0..1, shape (n,).
        decision: True where the score reaches the threshold of its fold, shape (n,).
        positive: name of the positive class, for messages.
    """
    everyone = np.ones(len(target), dtype=bool)
    decided = _decisions(target, decision, positive)
    accuracy = _proportion("accuracy", everyone, target == decision, "there is no sample")
    balanced = _balanced([decided[0], decided[1]])
    squares = Sums(everyone, target, (target - score) ** 2)
    brier = Metric("brier", (squares,), lambda s: _ratio(s[:, 2], s[:, 0]), (everyone,))
    null = Metric(
        "brier_null",
        (squares,),
        lambda s: _ratio(s[:, 1], s[:, 0]) * (1 - _ratio(s[:, 1], s[:, 0])),
        (everyone,),
        note="Brier score of predicting the observed prevalence for everyone: prevalence x (1 - prevalence)",
    )
    ranks = _ranking(target, score, positive)
    chance = np.where(target, score, 1 - score)
    slope, intercept = _recalibrated(target, score, positive)
    ece = _calibration_error(target, score)
    return [*ranks, accuracy, balanced, *decided, brier, null, _log_loss(chance), slope, intercept, ece]


def multiclass(target: np.ndarray, scores: np.ndarray, classes: tuple[str, ...]) -> list[Metric]:
    """Metrics of a task with several classes: macro averages, the whole, and each class against the rest.

    The decision is the class with the highest score. Macro averages are plain means over the classes that have
    samples (Hand & Till 2001, doi:10.1023/A:1010920819831, discuss the choice for AUROC).

    Args:
        target: number of the true class, shape (n,).
        scores: predicted probabilities, shape (n, classes), rows summing to 1.
        classes: names of the classes, in the order of the columns.
    """
    everyone = np.ones(len(target), dtype=bool)
    decision = scores.argmax(axis=1)
    truths = [target == number for number in range(len(classes))]
    present = [number for number, truth in enumerate(truths) if truth.any()]
    absent = [classes[number] for number, truth in enumerate(truths) if not truth.any()]
    note = f"over the classes present; without {', '.join(absent)}" if absent else ""

    ranks = [_ranking(truth, scores[:, c], classes[c]) for c, truth in enumerate(truths)]
    decided = [_decisions(truth, decision == c, classes[c]) for c, truth in enumerate(truths)]
    calibrated = [_recalibrated(truth, scores[:, c], classes[c]) for c, truth in enumerate(truths)]
    onehot = np.eye(len(classes))[target]
    whole = [
        _macro([ranks[c][0] for c in present], note),
        _macro([ranks[c][1] for c in present], note),
        _proportion("accuracy", everyone, target == decision, "there is no sample"),
        replace(_balanced([decided[c][0] for c in present]), note=note),
        replace(_mean("brier", ((onehot - scores) ** 2).sum(axis=1)), note="squared errors summed over the classes"),
        _log_loss(scores[np.arange(len(target)), target]),
        replace(
            _calibration_error(target == decision, scores.max(axis=1)),
            note=f"confidence in the decided class, {ECE_BINS} equal-width bins",
        ),
    ]
    each = [
        replace(metric, of=name)
        for name, *lists in zip(classes, ranks, decided, calibrated, strict=True)
        for group in lists
        for metric in group
    ]
    order = list(dict.fromkeys([metric.name for metric in whole] + [metric.name for metric in each]))
    return sorted(whole + each, key=lambda metric: order.index(metric.name))


def regression(target: np.ndarray, predicted: np.ndarray) -> list[Metric]:
    """Metrics of a task with a number as target; both arrays of shape (n,), in the unit of the target.

    r2 is one minus the squared errors over the squared deviations from the mean of these samples, so predicting
    that mean gives 0. Calibration slope: the target regressed on the prediction (Archer et al. 2021,
    doi:10.1002/sim.8766).
    """
    everyone = np.ones(len(target), dtype=bool)
    unit = target.std() or 1.0
    truth, guess = (target - target.mean()) / unit, (predicted - target.mean()) / unit
    errors = truth - guess
    spread = Sums(everyone, truth, truth**2, errors**2)
    centre = guess - guess.mean() if np.ptp(guess) > 1e-9 else np.zeros(len(guess))
    line = Sums(everyone, centre, truth, centre**2, centre * truth)
    return [
        Metric("r2", (spread,), _explained, (everyone,), undefined="the target is the same in all samples"),
        _mean("mae", np.abs(predicted - target)),
        Metric("rmse", (spread,), lambda s: unit * np.sqrt(_ratio(s[:, 3], s[:, 0])), (everyone,)),
        replace(_mean("calibration_in_the_large", predicted - target), note="mean predicted minus mean observed"),
        Metric(
            "calibration_slope",
            (line,),
            partial(_slope, scale=float(centre.var())),
            (everyone,),
            undefined="the prediction is the same in all samples",
        ),
    ]


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """(b,) / (b,), NaN where the denominator is not positive."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _mean(name: str, values: np.ndarray) -> Metric:
    """The mean over samples of (n,) values."""
    everyone = np.ones(len(values), dtype=bool)
    return Metric(name, (Sums(everyone, values),), lambda s: _ratio(s[:, 1], s[:, 0]), (everyone,))


def _proportion(name: str, among: np.ndarray, hits: np.ndarray, undefined: str) -> Metric:
    """The share of the samples `among` that are `hits`, both boolean of shape (n,)."""
    counts = Sums(among, among & hits)
    return Metric(
        name, (counts,), lambda s: _ratio(s[:, 1], s[:, 0]), (among,), edge="proportion", undefined=undefined
    )


def _decisions(target: np.ndarray, decision: np.ndarray, positive: str) -> list[Metric]:
    """Sensitivity, specificity, PPV and NPV of a boolean decision, (n,), for a boolean target, (n,)."""
    return [
        _proportion("sensitivity", target, decision, f"no sample is {positive}"),
        _proportion("specificity", ~target, ~decision, f"every sample is {positive}"),
        _proportion("ppv", decision, target, f"no sample was called {positive}"),
        _proportion("npv", ~decision, ~target, f"every sample was called {positive}"),
    ]


def _average(metrics: list[Metric], name: str) -> Metric:
    """The plain mean of several metrics."""
    widths = [len(metric.statistics) for metric in metrics]
    assert set(widths) == {1}, "averages are of metrics with one statistic each"
    return Metric(
        name,
        tuple(metric.statistics[0] for metric in metrics),
        partial(_mean_of_parts, parts=[metric.finish for metric in metrics]),
        tuple(metric.rows[0] for metric in metrics),
        edge=metrics[0].edge,
        undefined="; ".join(dict.fromkeys(metric.undefined for metric in metrics)),
    )


def _mean_of_parts(sums: np.ndarray, parts: list[Callable[[np.ndarray], np.ndarray]]) -> np.ndarray:
    """Each part finishes its own pair of columns, (b, 2 x parts) -> (b,)."""
    return np.mean([part(pair) for part, pair in zip(parts, np.split(sums, len(parts), axis=1), strict=True)], axis=0)


def _balanced(sensitivities: list[Metric]) -> Metric:
    """Balanced accuracy: the mean of the sensitivities of the classes."""
    return _average(sensitivities, "balanced_accuracy")


def _macro(metrics: list[Metric], note: str) -> Metric:
    return replace(_average(metrics, metrics[0].name), of="macro", note=note)


def _ranking(target: np.ndarray, score: np.ndarray, positive: str) -> list[Metric]:
    """AUROC and average precision of a score, (n,), for a boolean target, (n,)."""
    ranking = Ranking(target, score)
    undefined = f"all samples are {positive}" if target.all() else f"no sample is {positive}"
    everyone = np.ones(len(target), dtype=bool)
    auroc = Metric("auroc", (ranking,), lambda s: s[:, 0], (target,), edge="ranking", undefined=undefined)
    return [auroc, Metric("average_precision", (ranking,), lambda s: s[:, 1], (everyone,), undefined=undefined)]


def _log_loss(chance: np.ndarray) -> Metric:
    """Mean negative logarithm of the probability given to the true class, (n,)."""
    metric = _mean("log_loss", -np.log(np.clip(chance, SMALLEST, 1)))
    clipped = f"scores below {SMALLEST:g} count as {SMALLEST:g}" if (chance < SMALLEST).any() else ""
    return replace(metric, note=clipped)


def _calibration_error(target: np.ndarray, score: np.ndarray) -> Metric:
    """Expected calibration error: |mean score - frequency| in equal-width bins, weighted by their samples.

    Within a bin the weighted sum of (target - score) is all that is needed, so it is a function of sums.
    """
    bins = np.minimum((score * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = np.eye(ECE_BINS)[bins] * (target - score)[:, None]  # (n, bins)
    everyone = np.ones(len(target), dtype=bool)
    return Metric(
        "ece",
        (Sums(everyone, gaps),),
        lambda s: _ratio(np.abs(s[:, 1:]).sum(axis=1), s[:, 0]),
        (everyone,),
        note=f"{ECE_BINS} equal-width bins",
        biased=True,
    )


def _recalibrated(target: np.ndarray, score: np.ndarray, positive: str) -> list[Metric]:
    """Calibration slope b of `logit P(target) = a + b logit(score)`, and intercept a of the same with b = 1.

    1 and 0 when calibrated; a slope below 1 means scores too extreme, a negative intercept scores too high.
    """
    everyone = np.ones(len(target), dtype=bool)
    odds = log_odds(score)
    spread = odds.std()
    obstacle = _obstacle(target, odds, positive)
    slope = intercept = None
    if not target.all() and target.any():
        intercept = Recalibration(target, np.ones((len(target), 1)), odds)
    if not obstacle:
        standard = (odds - odds.mean()) / spread
        slope = Recalibration(target, np.column_stack([everyone, standard]), np.zeros(len(target)))
    return [
        _coefficient("calibration_slope", slope, everyone, obstacle, divisor=spread),
        _coefficient("calibration_intercept", intercept, everyone, obstacle, divisor=1.0),
    ]


def _obstacle(target: np.ndarray, odds: np.ndarray, positive: str) -> str:
    """Why no calibration slope can be estimated, or nothing (Albert & Anderson 1984, doi:10.1093/biomet/71.1.1)."""
    if not target.any():
        return f"no sample is {positive}"
    if target.all():
        return f"all samples are {positive}"
    if np.ptp(odds) < 1e-9:
        return "not estimable: all samples have the same score"
    high, low = odds[target], odds[~target]
    if high.min() >= low.max() or low.min() >= high.max():
        return "not estimable: the scores separate the classes completely"
    return ""


def _coefficient(name: str, fit: Recalibration | None, rows: np.ndarray, obstacle: str, *, divisor: float) -> Metric:
    """The last coefficient of a recalibration, in the unit of log odds; NaN if there is no fit."""
    if fit is None:
        return Metric(name, (Sums(rows),), lambda s: np.full(len(s), np.nan), (rows,), undefined=obstacle)
    undefined = obstacle or "not estimable: the logistic recalibration does not converge"
    if len(rows) <= EXACT_ROWS:
        return Metric(name, (fit,), lambda s: s[:, -1] / divisor, (rows,), undefined=undefined)
    return Metric(name, (fit.sums(),), lambda s: fit.step(s)[:, -1] / divisor, (rows,), undefined=undefined)


def _explained(sums: np.ndarray) -> np.ndarray:
    """Sums of 1, y, y^2 and squared errors (b, 4) -> R2 (b,); NaN where y does not vary."""
    spread = sums[:, 2] - _ratio(sums[:, 1] ** 2, sums[:, 0])
    return 1 - _ratio(sums[:, 3], np.where(spread > 1e-6 * sums[:, 0], spread, 0))


def _slope(sums: np.ndarray, scale: float) -> np.ndarray:
    """Sums of 1, x, y, x^2 and xy (b, 5) -> least-squares slope of y on x (b,); NaN where x does not vary."""
    n, x, y, xx, xy = sums.T
    spread = xx - _ratio(x * x, n)
    return _ratio(xy - _ratio(x * y, n), np.where(spread > 1e-6 * scale * n, spread, 0))
