"""Values with their standard errors by linearisation, patients kept together, and differences of two groups.

Each sample has a term: how far the value would move if the sample weighed a little more. The variance of the value is
the sum over patients of the squared sum of their terms (the infinitesimal jackknife, Efron 1982,
doi:10.1137/1.9781611970319, chapter 6). For an AUROC of patients with one sample each this is the variance of DeLong et al. 1988,
doi:10.2307/2531595, with several that of Obuchowski 1997, doi:10.2307/2533958; for a share of independent samples it is
p (1 - p) / (n - 1). Unlike resampling it resolves p-values as small as many tests need.

Shares and AUROCs are held against each other on the scale of log odds, where their errors are more nearly normal; the
interval of their difference is put together from those of the two (Zou & Donner 2008, doi:10.1002/sim.3095).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t

from bedside.evaluation.areas import ALIKE, pairs_of, pairs_won
from bedside.evaluation.paired import Paired
from bedside.logistic import fitted_intercept, log_odds


@dataclass(frozen=True)
class Linear:
    """A value and the terms of its samples, (n,), 0 where a sample is not part of it.

    `part` tells the samples of independent parts apart, such as those with and without the condition, (n,), -1 outside.
    `share` is True for a number between 0 and 1.
    """

    value: float
    terms: np.ndarray
    part: np.ndarray
    share: bool


@dataclass(frozen=True)
class Cells:
    """Where each sample was tested: number of its repeat and of its fold over all repeats, from 0; both (n,)."""

    repeat: np.ndarray
    fold: np.ndarray


def auroc(truth: np.ndarray, score: np.ndarray, cells: Cells, rows: np.ndarray) -> Linear | None:
    """AUROC of the samples in `rows`, pairs within cells only; None without a pair.

    Args:
        truth: True for the positive class, (n,).
        score: any real numbers, (n,).
        cells: repeat and fold of each sample.
        rows: mask, (n,).
    """
    positive, repeat = truth[rows], cells.repeat[rows]
    present = np.unique(cells.fold[rows], return_inverse=True)[1]
    won, others = pairs_won(positive, score[rows], present), pairs_of(positive, present)
    n_repeats = int(cells.repeat.max()) + 1
    pairs = np.bincount(repeat, others * positive, minlength=n_repeats)
    if not pairs.all():
        return None
    each = np.bincount(repeat, won * positive, minlength=n_repeats) / pairs
    terms, part = np.zeros(len(truth)), np.full(len(truth), -1)
    terms[rows] = (won - others * each[repeat]) / pairs[repeat] / n_repeats
    part[rows] = np.where(others > 0, positive, -1)
    return Linear(float(each.mean()), terms, part, share=True)


def share(hits: np.ndarray, cells: Cells, among: np.ndarray) -> Linear | None:
    """The share of the samples `among` that are `hits`, masks of shape (n,)."""
    found = mean(hits.astype(np.float64), cells, among)
    return found and Linear(found.value, found.terms, found.part, share=True)


def mean(values: np.ndarray, cells: Cells, among: np.ndarray) -> Linear | None:
    """The mean of (n,) values over the samples `among`; None if a repeat has none."""
    repeats = int(cells.repeat.max()) + 1
    counts = np.bincount(cells.repeat[among], minlength=repeats)
    if not counts.all():
        return None
    each = np.bincount(cells.repeat[among], values[among], minlength=repeats) / counts
    terms = np.where(among, (values - each[cells.repeat]) / counts[cells.repeat] / repeats, 0.0)
    return Linear(float(each.mean()), terms, np.where(among, 0, -1), share=False)


def intercept(truth: np.ndarray, score: np.ndarray, cells: Cells, rows: np.ndarray) -> Linear | None:
    """Calibration intercept: a of `logit P(truth) = a + logit(score)`; None if a repeat has one class only."""
    odds, repeats = log_odds(score), int(cells.repeat.max()) + 1
    values, terms = [], np.zeros(len(truth))
    for number in range(repeats):
        here = np.flatnonzero(rows & (cells.repeat == number))
        if not len(here) or truth[here].all() or not truth[here].any():
            return None
        found = fitted_intercept(truth[here], odds[here])
        chance = expit(found + odds[here])
        terms[here] = (truth[here] - chance) / max((chance * (1 - chance)).sum(), 1e-12) / repeats
        values.append(found)
    return Linear(float(np.mean(values)), terms, np.where(rows, 0, -1), share=False)


def average(parts: list[Linear | None]) -> Linear | None:
    """The plain mean of several values, such as a macro AUROC; None if one is missing."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts):
        return None
    terms = np.mean([part.terms for part in known], axis=0)
    used = np.max([part.part for part in known], axis=0)
    return Linear(float(np.mean([part.value for part in known])), terms, np.minimum(used, 0), known[0].share)


def standard_error(value: Linear, units: np.ndarray) -> tuple[float, float, np.ndarray]:
    """(standard error, degrees of freedom, sum of terms of each unit) of a value; number of the unit of each sample, (n,).

    Degrees of freedom are those of Satterthwaite 1946, doi:10.2307/3002019, over the independent parts.
    """
    each = np.zeros(int(units.max()) + 1)
    variances, sizes = [], []
    for number in np.unique(value.part[value.part >= 0]):
        rows = value.part == number
        size = len(np.unique(units[rows]))
        sums = np.bincount(units[rows], value.terms[rows], minlength=len(each)) * np.sqrt(size / max(size - 1, 1))
        each += sums
        variances.append(float(sums @ sums))
        sizes.append(size)
    freedoms = [v * v / max(size - 1, 1) for v, size in zip(variances, sizes, strict=True)]
    freedom = sum(variances) ** 2 / sum(freedoms) if sum(freedoms) > 0 else 1.0
    return float(np.sqrt(each @ each)), float(freedom), each


def difference(first: Linear, second: Linear, units: np.ndarray, level: float) -> Paired:
    """First minus second with its interval and two-sided p-value; patients may be in both groups.

    Args:
        first, second: the same metric of two groups of samples.
        units: number of the patient of each sample, (n,), from 0.
        level: coverage of the interval, in 0..1.
    """
    value = first.value - second.value
    if first.share and any(part.value in (0.0, 1.0) for part in (first, second)):
        return Paired(value, why="one of the two is exactly 0 or 1, which does not tell its spread")
    sides = [standard_error(part, units) for part in (first, second)]
    if any(error <= 0 for error, _, _ in sides):
        return Paired(value, why="every patient of a group tells the same, which does not tell its spread")
    (error, freedom, terms), (other_error, other_freedom, other_terms) = sides
    slopes = [1 / (part.value * (1 - part.value)) if first.share else 1.0 for part in (first, second)]
    errors = np.array([error * slopes[0], other_error * slopes[1]])
    together = float(terms @ other_terms) / (error * other_error)  # correlation, 0 if no patient is in both groups
    variance = float(errors @ errors - 2 * together * errors[0] * errors[1])
    if variance <= ALIKE * float(errors @ errors):
        return Paired(value, why="the same patients tell the same in both groups, so the difference has no spread")
    joint = float((errors @ errors) ** 2 / (errors[0] ** 4 / freedom + errors[1] ** 4 / other_freedom))
    gap = logit(first.value) - logit(second.value) if first.share else value
    statistic = float(gap / np.sqrt(variance))
    (low, high), (other_low, other_high) = (
        limits(part, one, joint, level) for part, one in zip((first, second), errors, strict=True)
    )
    down, up = (first.value - low, high - first.value), (second.value - other_low, other_high - second.value)
    below = np.sqrt(max(0.0, down[0] ** 2 + up[1] ** 2 - 2 * together * down[0] * up[1]))
    above = np.sqrt(max(0.0, up[0] ** 2 + down[1] ** 2 - 2 * together * up[0] * down[1]))
    p = float(2 * t.sf(abs(statistic), joint))
    return Paired(value, float(value - below), float(value + above), statistic, p)


def limits(value: Linear, error: float, freedom: float, level: float) -> tuple[float, float]:
    """Ends of the interval of a value; `error` and the interval's symmetry are on the scale of log odds for a share."""
    half = float(error * t.ppf((1 + level) / 2, freedom))
    if not value.share:
        return value.value - half, value.value + half
    return float(expit(logit(value.value) - half)), float(expit(logit(value.value) + half))
