"""Did a column change? Tests of known against new patients that need nothing but counts.

Everything here takes each patient once, so counts are independent and the tests are exact or nearly so: Smirnov's
test for numbers (did they shift?) together with Pearson's over tenths (did they spread?), Pearson's for categories, Fisher's
for gaps. The population stability index says how much changed,
never whether: its customary limits of 0.1 and 0.25 pay no heed to the number of patients, and chance alone passes them
when there are few (Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227). `paired.holm` keeps false alarms rare however
many columns there are.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln
from scipy.stats import chi2, fisher_exact, kstwobign, norm

ALPHA = 0.05  # false alarms, over everything that is tested at once
LARGEST = 20_000  # patients on both sides, above which Smirnov's p-value comes from its limit
FEWEST_EXPECTED = 5  # in each cell of Pearson's test; rarer levels are joined
EFFICIENCY = 2 / np.pi  # of Smirnov's test against the t-test for a shift of a normal number, at the least
POWER = 0.8
QUESTIONS = 2  # about a number: did it shift, did it spread? Each may raise half of its false alarms
LARGE = 0.8  # standard deviations; who would miss a shift as large as this cannot say that there is none

TOO_FEW = "too few patients to tell"


def smirnov(known: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """Largest distance of two distributions, and the chance of one at least as large without drift.

    Exact for values in bins: how many of all patients fall into each bin is held fixed, every deal of them to the two
    sides is equally likely, and those deals are counted along the bins. With one value per bin this is the two-sample
    Kolmogorov-Smirnov test. Above `LARGEST` patients the limit is used, which errs on the careful side in bins.

    Args:
        known: patients in each bin, in order, (bins,).
        new: the same of new patients, (bins,).

    Returns:
        Distance in 0..1 and p-value; (0, 1) if a side is empty.

    Source:
        Schröer & Trenkler 1995, doi:10.1016/0167-9473(94)00040-P (exact and with ties).
    """
    n, m = int(known.sum()), int(new.sum())
    if n == 0 or m == 0:
        return 0.0, 1.0
    ahead = np.abs(np.cumsum(new) * n - np.cumsum(known) * m)
    distance = int(ahead.max())
    if distance == 0:
        return 0.0, 1.0
    if n + m > LARGEST:
        return distance / (n * m), float(kstwobign.sf(distance / (n * m) * np.sqrt(n * m / (n + m))))
    share, ways, above = m / (n + m), np.ones(1), 0
    for total in (known + new)[(known + new) > 0].astype(int):
        ways = np.convolve(ways, _binomial(np.arange(total + 1), total, share))[: m + 1]
        above += int(total)
        dealt = np.arange(len(ways))
        ways[np.abs(dealt * n - (above - dealt) * m) >= distance] = 0
    inside = ways[m] / _binomial(np.array(m), n + m, share) if len(ways) > m else 0.0
    return distance / (n * m), float(np.clip(1 - inside, 0, 1))


def _binomial(hits: np.ndarray, trials: int, share: float) -> np.ndarray:
    """Probability of so many hits, as scipy's `binom.pmf` without its checks."""
    ways = gammaln(trials + 1) - gammaln(hits + 1) - gammaln(trials - hits + 1)
    return np.exp(ways + hits * np.log(share) + (trials - hits) * np.log1p(-share))


def levels_changed(known: np.ndarray, new: np.ndarray) -> float:
    """p-value of Pearson's test that levels are as frequent as they were.

    Levels of which fewer than `FEWEST_EXPECTED` patients are expected on a side are joined, by their frequency in both
    sides together; two that are left are tested by Fisher.

    Args:
        known: patients with each level, (levels,).
        new: the same of new patients, (levels,).
    """
    n, m = int(known.sum()), int(new.sum())
    if n == 0 or m == 0:
        return 1.0
    table = np.stack([known, new])[:, np.argsort(-(known + new), kind="stable")]
    while table.shape[1] > 2 and table[:, -1].sum() * min(n, m) / (n + m) < FEWEST_EXPECTED:
        joined = table[:, -2:].sum(axis=1, keepdims=True)
        table = np.concatenate([table[:, :-2], joined], axis=1)
        table = table[:, np.argsort(-table.sum(axis=0), kind="stable")]
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    if table.shape[1] == 2:
        return float(fisher_exact(table)[1])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / (n + m)
    return float(chi2.sf(((table - expected) ** 2 / expected).sum(), table.shape[1] - 1))


def missing_changed(known: tuple[int, int], new: tuple[int, int]) -> float | None:
    """p-value of Fisher's exact test that gaps are as frequent as they were; None if there are none to compare.

    Args:
        known: (missing, all) patients.
        new: the same of new patients.
    """
    if known[0] + new[0] in (0, known[1] + new[1]) or not known[1] or not new[1]:
        return None
    table = [[known[0], known[1] - known[0]], [new[0], new[1] - new[0]]]
    return float(fisher_exact(table)[1])


def stability_index(known: np.ndarray, new: np.ndarray) -> float | None:
    """The population stability index: sum of (new share - known share) ln(new share / known share).

    Half a patient is added to each bin, so that an empty one does not make it infinite.

    Args:
        known: patients in each bin, (bins,).
        new: the same of new patients, (bins,).

    Returns:
        The index, 0 without any difference; None if a side is empty.
    """
    if not known.sum() or not new.sum():
        return None
    shares = [(side + 0.5) / (side.sum() + 0.5 * len(side)) for side in (known, new)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def index_by_chance(bins: int, known: int, new: int) -> float | None:
    """The index that chance alone exceeds in 5 % of studies of this size: about chi-squared times 1/known + 1/new.

    Source:
        Yurdakul & Naranjo 2020, doi:10.21314/JRMV.2020.227.
    """
    if bins < 2 or not known or not new:
        return None
    return float(chi2.ppf(1 - ALPHA, bins - 1) * (1 / known + 1 / new))


def tenths(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    """Bins joined in pairs: the index is customarily taken over tenths, (bins / 2,)."""
    counts = np.asarray(counts)
    return np.add.reduceat(counts, np.arange(0, len(counts), 2)) if len(counts) > 10 else counts


def column_tests(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What one column tells: p-values of its distribution and of its gaps, its index and what chance makes of it.

    Args:
        known: from `histograms.histogram`.
        new: from `histograms.counted`, of new patients in the same bins.

    Returns:
        `p` and `p_missing` (None if not tested), `distance` (numbers), `psi`, `psi_chance`.
    """
    before, after = np.array(known["counts"], dtype=int), np.array(new["counts"], dtype=int)
    numbers = "edges" in known
    if numbers:
        distance, shifted = smirnov(before, after)
        before, after = tenths(before), tenths(after)
        p = min(1.0, QUESTIONS * min(shifted, levels_changed(before, after)))
    else:
        unseen = np.array(list(new["unseen"].values()), dtype=int)
        before, after = np.append(before, np.zeros_like(unseen)), np.append(after, unseen)
        distance, p = None, levels_changed(before, after)
    n, m = int(before.sum()), int(after.sum())
    one_value = np.count_nonzero(before + after) < 2
    return {
        "p": None if not n or not m or one_value else p,
        "p_missing": missing_changed((known["missing"], known["n"]), (new["missing"], new["n"])),
        "distance": distance,
        "psi": stability_index(before, after),
        "psi_chance": index_by_chance(len(before), n, m),
    }


def detectable(known: int, new: int, alpha: float) -> float | None:
    """The smallest shift of a normal number, in standard deviations, that is found four times in five; None without patients.

    Args:
        known: patients on one side.
        new: patients on the other.
        alpha: false alarms that Smirnov's test alone may raise: of those of a number, one in `QUESTIONS`.
    """
    if not known or not new:
        return None
    patients = EFFICIENCY * known * new / (known + new)
    return float((norm.isf(alpha / 2) + norm.ppf(POWER)) / np.sqrt(patients))


def verdict(p: float | None, known: int, new: int, alpha: float) -> str:
    """`drift`, `no drift found`, `TOO_FEW` or `not compared`.

    Args:
        p: adjusted p-value, or None if nothing was tested.
        known: patients on one side.
        new: patients on the other.
        alpha: false alarms that its search for a shift may raise, before anything is found.
    """
    if p is not None and p < ALPHA:
        return "drift"
    shift = detectable(known, new, alpha)
    if shift is None or shift > LARGE:
        return TOO_FEW
    return "not compared" if p is None else "no drift found"
