"""Intervals that need no resampling: of a proportion, of an AUROC, of means of either, and of both at exactly 0 or 1."""

from dataclasses import replace

import numpy as np
from scipy.special import ndtri, stdtrit

from bedside.evaluation import influence
from bedside.evaluation.areas import ALIKE, cells
from bedside.evaluation.resampling import Panel
from bedside.evaluation.statistics import Metric, Ranking, Sums, ratio

FEWEST = 3  # patients of each class, below which their spread is not known: two lie close together too often


def auroc_interval(panels: list[Panel], alike: list[Metric], *, level: float) -> tuple[float, float, str] | None:
    """DeLong's interval of an AUROC on the logit scale; None if the spread of a class is not known.

    On the logit scale the interval stays within 0 and 1 and covers better than the plain one if the AUROC is high or
    patients are few. Student's t takes the place of the normal, with the degrees of freedom that the patients of both
    classes leave (Satterthwaite 1946, doi:10.2307/3002019): with ten ill patients the normal promises too much (tested
    by simulation, see docs/evaluation.md).

    Args:
        panels: one per repeat; they know the patient of each sample.
        alike: the AUROC of each repeat.
        level: coverage, in 0..1.
    """
    units = np.concatenate([panel.patients for panel in panels])
    value = _ranked(panels, alike)
    if value is None or not 0 < value.value < 1:
        return None
    if min(len(np.unique(units[value.part == side])) for side in (0, 1)) < FEWEST:
        return None
    error, freedom, _ = influence.standard_error(value, units)
    if error <= ALIKE:
        return None
    low, high = influence.limits(value, error / (value.value * (1 - value.value)), freedom, level)
    single = len(panels) == 1 and len(np.unique(units)) == len(units)
    together = "" if single else ", the samples of a patient kept together (Obuchowski)"
    return low, high, f"DeLong interval on the logit scale{together}"


def _ranked(panels: list[Panel], alike: list[Metric]) -> influence.Linear | None:
    """The AUROC over all repeats with what each sample contributes to it."""
    ranks = [metric.statistics[0] for metric in alike]
    assert all(isinstance(one, Ranking) for one in ranks)
    truth, score, folds = (
        np.concatenate([getattr(one, name) for one in ranks]) for name in ("target", "score", "folds")
    )
    repeats = np.repeat(np.arange(len(panels)), [len(panel.patients) for panel in panels])
    where = influence.Cells(repeats, cells(folds, repeats))
    return influence.auroc(truth.astype(bool), score, where, np.ones(len(truth), dtype=bool))


def mean_interval(
    panels: list[Panel], alike: list[Metric], value: float, *, level: float
) -> tuple[float, float, str] | None:
    """Interval of a mean over classes, such as balanced accuracy or a macro AUROC, put together from those of the classes.

    The ends lie as far from the mean as the root of the summed squares of the classes' own distances says, with the
    correlation that patients who count in several classes bring (Zou & Donner 2008, doi:10.1002/sim.3095). So a class
    with few patients, or one whose share is 1, counts with an interval that resampling could not see.

    Args:
        panels: one per repeat.
        alike: the mean of each repeat, each over the same classes.
        value: their mean over repeats.
        level: coverage, in 0..1.
    """
    classes = len(alike[0].statistics)
    if any(len(metric.statistics) != classes for metric in alike):
        return None
    below, above, terms = [], [], []
    for number in range(classes):
        one = [_of_one_class(metric, number) for metric in alike]
        each = [float(m(np.ones((1, len(m.rows[0]))))[0]) for m in one]
        centre = float(np.mean(each))
        found = _of_class(panels, one, each, centre, level)
        if found is None:
            return None
        below.append(centre - found[0])
        above.append(found[1] - centre)
        terms.append(_terms(panels, one))
    size = np.sqrt((np.array(terms) ** 2).sum(axis=1))
    scaled = np.array(terms) / np.where(size > ALIKE, size, 1.0)[:, None]
    together = scaled @ scaled.T
    np.fill_diagonal(together, 1.0)
    down, up = (float(np.sqrt(max(0.0, side @ together @ side))) / classes for side in map(np.array, (below, above)))
    how = "Wilson" if alike[0].edge == "proportion" else "DeLong"
    method = f"put together from the {how} intervals of {classes} classes (Zou & Donner)"
    return max(0.0, value - down), min(1.0, value + up), method


def _of_one_class(metric: Metric, number: int) -> Metric:
    """One of the classes that a mean is over, as a metric of its own."""
    share = metric.edge == "proportion"
    return replace(
        metric,
        statistics=(metric.statistics[number],),
        rows=(metric.rows[number],),
        strata=metric.strata[number : number + 1],
        finish=(lambda s: ratio(s[:, 1], s[:, 0])) if share else (lambda s: s[:, 0]),
    )


def _of_class(
    panels: list[Panel], one: list[Metric], each: list[float], centre: float, level: float
) -> tuple[float, float, str] | None:
    """The interval of one class, whose values in the repeats are `each` and their mean `centre`."""
    if centre in (0.0, 1.0):
        bounds = [at_the_edge(m, panel, v, level=level) for m, panel, v in zip(one, panels, each, strict=True)]
        return min(b[0] for b in bounds), max(b[1] for b in bounds), bounds[0][2]
    if one[0].edge == "proportion":
        return proportion_interval(panels, one, centre, level=level)
    return auroc_interval(panels, one, level=level)


def _terms(panels: list[Panel], alike: list[Metric]) -> np.ndarray:
    """How far the value of one class hangs on each patient, (patients,)."""
    if alike[0].edge == "proportion":
        return _shares(panels, alike)[0]
    units = np.concatenate([panel.patients for panel in panels])
    value = _ranked(panels, alike)
    assert value is not None, "the class has an interval"
    return np.bincount(units, value.terms, panels[0].n_patients)


def _shares(panels: list[Panel], alike: list[Metric]) -> tuple[np.ndarray, np.ndarray, float]:
    """Of a proportion over all repeats: terms of the patients, who counts in it, and the most samples that one brings."""
    terms, most = np.zeros(panels[0].n_patients), 0.0
    inside = np.zeros(panels[0].n_patients, dtype=bool)
    for panel, metric in zip(panels, alike, strict=True):
        counts = metric.statistics[0]
        assert isinstance(counts, Sums)
        among, hits = (np.bincount(panel.patients, column, panel.n_patients) for column in counts.columns)
        terms += (hits - hits.sum() / among.sum() * among) / among.sum() / len(panels)
        inside |= among > 0
        most = max(most, among.max())
    return terms, inside, most


def proportion_interval(
    panels: list[Panel], alike: list[Metric], value: float, *, level: float
) -> tuple[float, float, str] | None:
    """Wilson's interval of a proportion, on as many samples as the patients are worth.

    If every patient gives one sample this is Wilson's interval as it stands. Samples of one patient resemble each
    other, and repeats predict the same patients again, so their number is replaced by the effective one,
    p (1 - p) / V, with the variance V of the proportion between patients (Franco et al. 2019,
    Journal of Survey Statistics and Methodology 7:334). Where samples share patients, V rests on as many deviations as there are patients, and
    the effective number shrinks by what Student's t takes from them (Korn & Graubard 1998, Survey Methodology 24:193).

    Args:
        panels: one per repeat.
        alike: the proportion of each repeat, a sum of hits over a sum of samples.
        value: their mean, in 0..1 and neither 0 nor 1.
        level: coverage, in 0..1.
    """
    terms, inside, most = _shares(panels, alike)
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
