"""Where and when samples come from, and in which order they stand: what tells the target without any medicine."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from bedside.cohort import Cohort, Finding, share_text
from bedside.data import leaks
from bedside.data.codes import finding

SUSPICIOUS_AUC = 0.9
SUSPICIOUS_CORRELATION = 0.8
CHANCE = 0.01  # share of tables in no order that are taken for ordered
_FEWEST = 20  # patients below which nothing is said


def site(cohort: Cohort) -> list[Finding]:
    """A site that nearly tells the target."""
    how = _tells(cohort, "site")
    if how is None:
        return []
    remedy = "A model may recognise the site instead of the disease. Compare within sites, with --folds site or with sites that have all classes."
    return [finding("warning", "shortcut-site", f"The site alone {how}.", remedy, (str(cohort.roles.site),))]


def time(cohort: Cohort) -> list[Finding]:
    """A time of sampling that nearly tells the target."""
    how = _tells(cohort, "time")
    if how is None:
        return []
    remedy = "Cases and controls of different times differ in everything that has changed since. Compare samples of the same time, and test on another one."
    return [
        finding("warning", "shortcut-time", f"The time of the sample alone {how}.", remedy, (str(cohort.roles.time),))
    ]


def _tells(cohort: Cohort, role: str) -> str | None:
    """In words how a role alone tells the target, if it nearly does."""
    if role not in cohort.samples:
        return None
    values, category = cohort.samples[role], role == "site"
    seen = values.to_numpy(object) if category else pd.factorize(values, sort=True)[0].astype(np.float64)
    how = leaks.scan(
        seen,
        cohort.target,
        cohort.task,
        category=category,
        among=2,
        auc=SUSPICIOUS_AUC,
        correlation=SUSPICIOUS_CORRELATION,
    )
    if how is None:
        return None
    if how.perfect:
        return f"gives the target away: {how.how if category else 'the targets follow each other in time'}"
    return f"nearly gives the target away: {how.how}"


def order(cohort: Cohort) -> list[Finding]:
    """Neighbouring rows that are more alike in the target than chance explains, one row for each patient and copy.

    Neighbours agree in the ranks of their targets as in an unordered table, or the rank version of von Neumann's ratio is
    too small; with classes this counts neighbours of one class.

    Source:
        Bartels 1982, doi:10.1080/01621459.1982.10477764 (numbers); Wald & Wolfowitz 1940, doi:10.1214/aoms/1177731909 (two classes).
    """
    first = ~(pd.Series(cohort.patients).duplicated() | pd.Series(cohort.linked).duplicated()).to_numpy()
    target = cohort.target[first]
    if len(target) < _FEWEST:
        return []
    if cohort.task.kind == "regression":
        ratio, z = _neumann(target)
        words = f"neighbours differ by {share_text(ratio)} of what is usual"
    else:
        alike, expected, z = _neighbours(target)
        words = f"{alike:,} neighbours have the same class, {expected:,.0f} are expected"
    if norm.sf(z) >= CHANCE:
        return []
    message = f"The order of the rows tells of the target: {words}."
    remedy = (
        "Folds are shuffled, so nothing is lost; but patients who were entered together may have been measured together, and a "
        "row number or a date in the features would give the target away."
    )
    return [finding("note", "row-order", message, remedy)]


def _neighbours(target: np.ndarray) -> tuple[int, float, float]:
    """Neighbours of one class, how many are expected in no order, and by how many standard deviations there are more.

    The mean and the variance are those of all orders of the classes.
    """
    n, sizes = len(target), np.bincount(target).astype(np.float64)
    alike = int((target[1:] == target[:-1]).sum())
    pairs, triples = (sizes * (sizes - 1)).sum(), (sizes * (sizes - 1) * (sizes - 2)).sum()
    expected = pairs / n
    both = ((pairs**2) - 4 * triples - 2 * pairs) / (
        n * (n - 1) * (n - 2) * (n - 3)
    )  # of two pairs without a common row
    variance = expected + 2 * (n - 2) * triples / (n * (n - 1) * (n - 2)) + (n - 2) * (n - 3) * both - expected**2
    return alike, float(expected), float((alike - expected) / np.sqrt(max(variance, 1e-12)))


def _neumann(target: np.ndarray) -> tuple[float, float]:
    """Squared differences of neighbouring ranks over what no order gives, and how many standard deviations below."""
    ranks = pd.Series(target).rank().to_numpy()
    n, spread = len(ranks), ((ranks - ranks.mean()) ** 2).sum()
    ratio = (np.diff(ranks) ** 2).sum() / max(spread, 1e-12)
    return float(ratio / 2), float(
        (2 - ratio) / np.sqrt(4 * (n - 2) * (5 * n**2 - 2 * n - 9) / (5 * n * (n + 1) * (n - 1) ** 2))
    )
