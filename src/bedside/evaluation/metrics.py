"""Every metric, its formula and its source. A metric takes resampling weights (b, n) and gives (b,) values.

`binary`, `multiclass` and `regression` list the metrics of a task in their order of presentation. The value on the
data as given is the metric of a single row of ones; an interval comes from the same function of drawn weights.
Which metrics matter and why: Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7 (calibration);
Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; Cox 1958, doi:10.1093/biomet/45.3-4.562
(recalibration); Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602 (ECE); Saito & Rehmsmeier 2015,
doi:10.1371/journal.pone.0118432 (average precision).
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from bedside.evaluation.calibration import ECE_BINS, calibration_error, recalibrated
from bedside.evaluation.statistics import Metric, Ranking, Sums, mean, ratio
from bedside.logistic import SMALLEST

HIGHER_IS_BETTER = {
    **dict.fromkeys(
        ("auroc", "average_precision", "accuracy", "balanced_accuracy", "sensitivity", "specificity"), True
    ),
    **dict.fromkeys(("ppv", "npv", "ppv_at_prevalence", "npv_at_prevalence", "r2", "brier_scaled"), True),
    **dict.fromkeys(("brier", "log_loss", "ece", "mae", "rmse"), False),
}
HEADLINE = {"binary": "auroc", "multiclass": "auroc", "regression": "r2"}
LABELS = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "ppv_at_prevalence": "positive predictive value at the stated prevalence",
    "npv_at_prevalence": "negative predictive value at the stated prevalence",
    "brier": "Brier score",
    "brier_null": "Brier score of the prevalence",
    "brier_scaled": "scaled Brier score",
    "log_loss": "log loss",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "ece": "expected calibration error",
    "r2": "R²",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "calibration_in_the_large": "calibration in the large",
}


def binary(
    target: np.ndarray,
    score: np.ndarray,
    decision: np.ndarray,
    *,
    positive: str = "positive",
    folds: np.ndarray | None = None,
    prevalence: float | None = None,
) -> list[Metric]:
    """Metrics of a two-class task.

    Args:
        target: True for the positive class, shape (n,).
        score: predicted probability of the positive class, in 0..1, shape (n,).
        decision: True where the score reaches the threshold of its fold, shape (n,).
        positive: name of the positive class, for messages.
        folds: number of the fold of each sample, shape (n,); a ranking compares samples of one fold only.
        prevalence: share of the positive class where the model will be used, in 0..1; gives predictive values there.
    """
    everyone = np.ones(len(target), dtype=bool)
    decided = _decisions(target, decision, positive)
    accuracy = _proportion("accuracy", everyone, target == decision, "there is no sample")
    balanced = _balanced([decided[0], decided[1]])
    brier, null, _ = brier_scores(target, score)
    ranks = _ranking(target, score, positive, folds)
    chance = np.where(target, score, 1 - score)
    slope, intercept = recalibrated(target, score, positive)
    ece = calibration_error(target, score)
    decided += [] if prevalence is None else at_prevalence(target, decision, prevalence)
    return [*ranks, accuracy, balanced, *decided, brier, null, _log_loss(chance), slope, intercept, ece]


def brier_scores(target: np.ndarray, score: np.ndarray) -> list[Metric]:
    """Brier score, its null value, and how far it is on the way from the null value to 0; target boolean, both (n,).

    The scaled score is 1 - Brier / null (Steyerberg et al. 2010, doi:10.1097/EDE.0b013e3181c30fb2).
    """
    everyone = np.ones(len(target), dtype=bool)
    squares = Sums(everyone, target, (target - score) ** 2)

    def null(sums: np.ndarray) -> np.ndarray:
        share = ratio(sums[:, 1], sums[:, 0])
        return share * (1 - share)

    return [
        Metric("brier", (squares,), lambda s: ratio(s[:, 2], s[:, 0]), (everyone,)),
        Metric(
            "brier_null",
            (squares,),
            null,
            (everyone,),
            note="Brier score of predicting the observed prevalence for everyone: prevalence x (1 - prevalence)",
        ),
        Metric(
            "brier_scaled",
            (squares,),
            lambda s: 1 - ratio(ratio(s[:, 2], s[:, 0]), null(s)),
            (everyone,),
            undefined="all samples are of one class",
        ),
    ]


def multiclass(
    target: np.ndarray, scores: np.ndarray, classes: tuple[str, ...], *, folds: np.ndarray | None = None
) -> list[Metric]:
    """Metrics of a task with several classes: macro averages, the whole, and each class against the rest.

    The decision is the class with the highest score. Macro averages are plain means over the classes that have
    samples (Hand & Till 2001, doi:10.1023/A:1010920819831, discuss the choice for AUROC).

    Args:
        target: number of the true class, shape (n,).
        scores: predicted probabilities, shape (n, classes), rows summing to 1.
        classes: names of the classes, in the order of the columns.
        folds: number of the fold of each sample, shape (n,); a ranking compares samples of one fold only.
    """
    everyone = np.ones(len(target), dtype=bool)
    decision = scores.argmax(axis=1)
    truths = [target == number for number in range(len(classes))]
    present = [number for number, truth in enumerate(truths) if truth.any()]
    note = _without(classes, present)

    ranks = [_ranking(truth, scores[:, c], classes[c], folds) for c, truth in enumerate(truths)]
    paired = [c for c in present if (ranks[c][0].strata[0] >= 0).any()] or present
    over = "; ".join(part for part in (_without(classes, paired), ranks[paired[0]][0].note) if part)
    decided = [_decisions(truth, decision == c, classes[c]) for c, truth in enumerate(truths)]
    calibrated = [recalibrated(truth, scores[:, c], classes[c]) for c, truth in enumerate(truths)]
    onehot = np.eye(len(classes))[target]
    whole = [
        _macro([ranks[c][0] for c in paired], over),
        _macro([ranks[c][1] for c in paired], over),
        _proportion("accuracy", everyone, target == decision, "there is no sample"),
        replace(_balanced([decided[c][0] for c in present]), note=note),
        replace(mean("brier", ((onehot - scores) ** 2).sum(axis=1)), note="squared errors summed over the classes"),
        _log_loss(scores[np.arange(len(target)), target]),
        replace(
            calibration_error(target == decision, scores.max(axis=1)),
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
        mean("mae", np.abs(predicted - target)),
        Metric("rmse", (spread,), lambda s: unit * np.sqrt(ratio(s[:, 3], s[:, 0])), (everyone,)),
        replace(mean("calibration_in_the_large", predicted - target), note="mean predicted minus mean observed"),
        Metric(
            "calibration_slope",
            (line,),
            partial(_slope, scale=float(centre.var())),
            (everyone,),
            undefined="the prediction is the same in all samples",
        ),
    ]


def _without(classes: tuple[str, ...], present: list[int]) -> str:
    """What a macro average leaves out, or nothing."""
    absent = [name for number, name in enumerate(classes) if number not in present]
    return f"over the classes present; without {', '.join(absent)}" if absent else ""


def _proportion(name: str, among: np.ndarray, hits: np.ndarray, undefined: str) -> Metric:
    """The share of the samples `among` that are `hits`, both boolean of shape (n,)."""
    counts = Sums(among, among & hits)
    return Metric(name, (counts,), lambda s: ratio(s[:, 1], s[:, 0]), (among,), edge="proportion", undefined=undefined)


def _decisions(target: np.ndarray, decision: np.ndarray, positive: str) -> list[Metric]:
    """Sensitivity, specificity, PPV and NPV of a boolean decision, (n,), for a boolean target, (n,)."""
    return [
        _proportion("sensitivity", target, decision, f"no sample is {positive}"),
        _proportion("specificity", ~target, ~decision, f"every sample is {positive}"),
        _proportion("ppv", decision, target, f"no sample was called {positive}"),
        _proportion("npv", ~decision, ~target, f"every sample was called {positive}"),
    ]


def at_prevalence(target: np.ndarray, decision: np.ndarray, prevalence: float) -> list[Metric]:
    """PPV and NPV where `prevalence` is the share of the positive class, by Bayes' theorem; booleans of shape (n,).

    Sensitivity and specificity are those of each draw, so both are as unsure as they are. They are taken to be the
    same at the other prevalence, which a different mix of patients can spoil (Leeflang et al. 2013,
    doi:10.1503/cmaj.121286).
    """
    rates = Sums(target, target & decision, ~target, ~target & ~decision)
    made = {
        "ppv_at_prevalence": (_ppv, "sens x prev / (sens x prev + (1 - spec) x (1 - prev))"),
        "npv_at_prevalence": (_npv, "spec x (1 - prev) / (spec x (1 - prev) + (1 - sens) x prev)"),
    }
    return [
        Metric(
            name, (rates,), partial(formula, prevalence=prevalence), (target, ~target), edge="bayes",
            undefined="sensitivity and specificity do not define it", note=f"{written}, prevalence {prevalence:g}",
        )
        for name, (formula, written) in made.items()
    ]  # fmt: skip


def _ppv(sums: np.ndarray, prevalence: float) -> np.ndarray:
    """Sums of positives, hits, negatives and correct rejections, (b, 4) -> PPV (b,)."""
    right = prevalence * ratio(sums[:, 1], sums[:, 0])
    return ratio(right, right + (1 - prevalence) * (1 - ratio(sums[:, 3], sums[:, 2])))


def _npv(sums: np.ndarray, prevalence: float) -> np.ndarray:
    """Sums of positives, hits, negatives and correct rejections, (b, 4) -> NPV (b,)."""
    return _ppv(sums[:, [2, 3, 0, 1]], 1 - prevalence)


def _average(metrics: list[Metric], name: str) -> Metric:
    """The plain mean of several metrics."""
    widths = [len(metric.statistics) for metric in metrics]
    assert set(widths) == {1}, "averages are of metrics with one statistic each"
    return Metric(
        name,
        tuple(metric.statistics[0] for metric in metrics),
        partial(_mean_of_parts, parts=[metric.finish for metric in metrics]),
        tuple(metric.rows[0] for metric in metrics),
        edge=metrics[0].edge if len({metric.edge for metric in metrics}) == 1 else "",
        strata=tuple(strata for metric in metrics for strata in metric.strata),
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


def _ranking(target: np.ndarray, score: np.ndarray, positive: str, folds: np.ndarray | None) -> list[Metric]:
    """AUROC and average precision of a score, (n,), for a boolean target, (n,), within folds, (n,)."""
    ranking = Ranking(target, score, folds)
    undefined = "no fold has samples of both classes"
    if target.all() or not target.any():
        undefined = f"all samples are {positive}" if target.all() else f"no sample is {positive}"
    edge: Literal["ranking", "constant"] = "constant" if ranking.constant else "ranking"
    auroc = Metric("auroc", (ranking,), lambda s: s[:, 0], (target,), edge=edge, undefined=undefined)
    precision = Metric("average_precision", (ranking,), lambda s: s[:, 1], (target,), undefined=undefined)
    return [replace(metric, strata=(ranking.strata,), note=_within(ranking)) for metric in (auroc, precision)]


def _within(ranking: Ranking) -> str:
    """Which pairs a ranking compares, if there are several folds."""
    alone = ranking.n_folds - len(ranking.ranks)
    without = f", without {alone} of {ranking.n_folds} that hold one class only" if alone else ""
    return f"pairs within folds{without}" if ranking.n_folds > 1 else ""


def _log_loss(chance: np.ndarray) -> Metric:
    """Mean negative logarithm of the probability given to the true class, (n,)."""
    metric = mean("log_loss", -np.log(np.clip(chance, SMALLEST, 1)))
    clipped = f"scores below {SMALLEST:g} count as {SMALLEST:g}" if (chance < SMALLEST).any() else ""
    return replace(metric, note=clipped)


def _explained(sums: np.ndarray) -> np.ndarray:
    """Sums of 1, y, y^2 and squared errors (b, 4) -> R2 (b,); NaN where y does not vary."""
    spread = sums[:, 2] - ratio(sums[:, 1] ** 2, sums[:, 0])
    return 1 - ratio(sums[:, 3], np.where(spread > 1e-6 * sums[:, 0], spread, 0))


def _slope(sums: np.ndarray, scale: float) -> np.ndarray:
    """Sums of 1, x, y, x^2 and xy (b, 5) -> least-squares slope of y on x (b,); NaN where x does not vary."""
    n, x, y, xx, xy = sums.T
    spread = xx - ratio(x * x, n)
    return ratio(xy - ratio(x * y, n), np.where(spread > 1e-6 * scale * n, spread, 0))
