"""Intervals that need no resampling: of a proportion, of an AUROC, and of either at exactly 0 or 1."""

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from bedside.evaluation.areas import ALIKE, area, cells, pairs_won
from bedside.evaluation.resampling import Panel
from bedside.evaluation.statistics import Metric, Ranking, Sums


def auroc_interval(panels: list[Panel], alike: list[Metric], *, level: float) -> tuple[float, float, str] | None:
    """DeLong's interval of an AUROC on the logit scale; None if the spread of a class is not known.

    On the logit scale the interval stays within 0 and 1 and covers better than the plain one if the AUROC is high or
    patients are few (tested by simulation, see docs/evaluation.md).

    Args:
        panels: one per repeat; they know the patient of each sample.
        alike: the AUROC of each repeat.
        level: coverage, in 0..1.
    """
    ranks = [metric.statistics[0] for metric in alike]
    assert all(isinstance(one, Ranking) for one in ranks)
    truth, score, folds = (
        np.concatenate([getattr(one, name) for one in ranks]) for name in ("target", "score", "folds")
    )
    units = np.concatenate([panel.patients for panel in panels])
    repeats = np.repeat(np.arange(len(panels)), [len(panel.patients) for panel in panels])
    truth = truth.astype(bool)
    value, error, _ = area(truth, pairs_won(truth, score, cells(folds, repeats)), folds, units, repeats)
    if value is None or error is None or error <= ALIKE or not 0 < value < 1:
        return None
    half = ndtri((1 + level) / 2) * error / (value * (1 - value))
    low, high = expit(logit(value) + np.array([-half, half]))
    single = len(panels) == 1 and len(np.unique(units)) == len(units)
    together = "" if single else ", the samples of a patient kept together (Obuchowski)"
    return float(low), float(high), f"DeLong interval on the logit scale{together}"


def proportion_interval(
    panels: list[Panel], alike: list[Metric], value: float, *, level: float
) -> tuple[float, float, str] | None:
    """Wilson's interval of a proportion, on as many samples as the patients are worth.

    If every patient gives one sample this is Wilson's interval as it stands. Samples of one patient resemble each
    other, and repeats predict the same patients again, so their number is replaced by the effective one,
    p (1 - p) / V, with the variance V of the proportion between patients (Franco et al. 2019,
    doi:10.1093/jssam/smy019). Where samples share patients, V rests on as many deviations as there are patients, and
    the effective number shrinks by what Student's t takes from them (Korn & Graubard 1998, Survey Methodology 24:193).

    Args:
        panels: one per repeat.
        alike: the proportion of each repeat, a sum of hits over a sum of samples.
        value: their mean, in 0..1 and neither 0 nor 1.
        level: coverage, in 0..1.
    """
    terms, most = np.zeros(panels[0].n_patients), 0.0
    inside = np.zeros(panels[0].n_patients, dtype=bool)
    for panel, metric in zip(panels, alike, strict=True):
        counts = metric.statistics[0]
        assert isinstance(counts, Sums)
        among, hits = (np.bincount(panel.patients, column, panel.n_patients) for column in counts.columns)
        terms += (hits - hits.sum() / among.sum() * among) / among.sum() / len(panels)
        inside |= among > 0
        most = max(most, among.max())
    patients = int(inside.sum())
    spread = float(terms @ terms)
    if patients < 2 or spread <= ALIKE**2:
        return None
    if most == 1 and len(panels) == 1:
        return *wilson(value * patients, patients, level=level), "Wilson interval"
    worth = value * (1 - value) / spread
    if most > 1:
        tail = (1 + level) / 2
        worth *= (patients - 1) / patients * (ndtri(tail) / stdtrit(patients - 1, tail)) ** 2
    return *wilson(value * worth, worth, level=level), "Wilson interval on the effective number of samples"


def at_the_edge(metric: Metric, panel: Panel, value: float, *, level: float) -> tuple[float, float, str]:
    """(low, high, method) for a proportion or an AUROC of exactly 0 or 1, from the number of patients alone.

    A proportion has Wilson's interval (Wilson 1927, doi:10.1080/01621459.1927.10502953) on the patients in the
    denominator. An AUROC of 1 means that each of m pairs of patients, no patient in two pairs, was ranked right,
    where m is the smaller number of patients with and without the class, within each fold and added up. If the true
    AUROC is A, that has a chance of at most A^m, so A is at least (alpha / 2)^(1 / m). A mean of k such numbers has
    the mean of their bounds, each at alpha / k (Bonferroni).
    A predictive value at a stated prevalence grows with sensitivity and specificity, so its bound is that of their
    Wilson bounds, each at alpha / 2.
    """
    alpha = (1 - level) / len(metric.rows)
    if metric.edge == "bayes":
        return _of_two_rates(metric, panel, value, alpha=alpha)
    if metric.edge == "proportion":
        counts = [panel.patients_in(rows) for rows in metric.rows]
        bounds = [wilson(value * count, count, level=1 - alpha) for count in counts]
        method = f"Wilson interval on {' and '.join(map(str, counts))} patients"
    else:
        counts = [_pairs(panel, rows, strata) for rows, strata in zip(metric.rows, metric.strata, strict=True)]
        sure = [(alpha / 2) ** (1 / count) for count in counts]
        bounds = [(bound, 1.0) if value == 1 else (0.0, 1 - bound) for bound in sure]
        method = f"exact bound from {' and '.join(map(str, counts))} independent pairs of patients"
    low, high = np.mean(bounds, axis=0)
    return float(low), float(high), f"{method}, because resampling can only repeat a value of {value:.0f}"


def _of_two_rates(metric: Metric, panel: Panel, value: float, *, alpha: float) -> tuple[float, float, str]:
    """`at_the_edge` for a metric made of the sums of two proportions, positives, hits, negatives, rejections."""
    sums = metric.statistics[0](np.ones((1, len(panel.patients))))[0]
    rates, counts = (sums[1] / sums[0], sums[3] / sums[2]), [panel.patients_in(rows) for rows in metric.rows]
    ends = np.array([wilson(rate * n, n, level=1 - alpha) for rate, n in zip(rates, counts, strict=True)])
    shares = np.ones((2, 4))
    shares[:, 1], shares[:, 3] = ends[0], ends[1]
    low, high = np.where(np.isnan(found := metric.finish(shares)), value, found)
    method = f"from Wilson intervals of sensitivity and specificity on {' and '.join(map(str, counts))} patients"
    return float(low), float(high), f"{method}, because resampling can only repeat a value of {value:.0f}"


def _pairs(panel: Panel, rows: np.ndarray, strata: np.ndarray) -> int:
    """Pairs of a patient in the mask `rows` and one not, both of one fold and no patient in two pairs."""
    inside = [strata == number for number in np.unique(strata[strata >= 0])]
    return sum(min(panel.patients_in(fold & rows), panel.patients_in(fold & ~rows)) for fold in inside)


def wilson(hits: float, n: float, *, level: float) -> tuple[float, float]:
    """Wilson's score interval of a proportion, hits out of n (1927, doi:10.1080/01621459.1927.10502953)."""
    z = ndtri((1 + level) / 2)
    share, width = hits / n, z * z / n
    centre = (share + width / 2) / (1 + width)
    half = z / (1 + width) * np.sqrt(share * (1 - share) / n + width / (4 * n))
    # At 0 and 1 the bound is the share itself; rounding must not move it past.
    return float(max(0.0, min(share, centre - half))), float(min(1.0, max(share, centre + half)))
