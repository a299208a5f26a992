"""Features that alone give the target away: nearly always a result of the outcome, hardly ever a discovery.

Each feature becomes a table of counts, levels by classes, in the order of its values. Perfect order, pure levels
and the AUC with its ties are read from that table. A finding counts only if chance would produce it less than once
in a hundred tables of this size, so that small cohorts and many features raise no false alarm.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import gammaln
from scipy.stats import f as f_distribution
from scipy.stats import norm

from bedside.cohort import Cohort, Finding, Task
from bedside.data.codes import count, finding, quoted
from bedside.data.table import TableInputs
from bedside.errors import LeakError, SettingError

CHANCE = 0.01  # expected number of such findings in a table without any signal
SUSPICIOUS_AUC = 0.98
LEAKING_CORRELATION = 0.9999
SUSPICIOUS_CORRELATION = 0.99
_FEWEST = 10  # samples below which nothing is said about one feature
_REMEDY = (
    "A column that is known only after the outcome must not be used: --exclude {0}. "
    "If it is truly known beforehand, allow it: --allow-leak {0}."
)


@dataclass(frozen=True)
class Scan:
    """What one feature alone tells about the target; `chance` is the log probability of that without any signal."""

    chance: float
    how: str
    perfect: bool


def leaks(cohort: Cohort) -> list[Finding]:
    """One error per feature that gives the target away, one warning per feature that nearly does."""
    inputs: TableInputs = cohort.inputs
    n, target, found = len(inputs.features), cohort.target, []
    for feature, (_, series) in zip(inputs.features, inputs.frame.items(), strict=True):
        scanned = scan(series.to_numpy(), target, cohort.task, category=feature.kind == "category", among=n)
        if scanned is not None:
            found.append(_finding(feature.name, scanned))
    return found


def scan(
    values: np.ndarray,
    target: np.ndarray,
    task: Task,
    *,
    category: bool,
    among: int,
    auc: float = SUSPICIOUS_AUC,
    correlation: float = SUSPICIOUS_CORRELATION,
) -> Scan | None:
    """What `values` alone tell about the target, if it is more than chance finds `among` so many, and suspicious.

    Args:
        values: numbers with NaN, or levels of a category with None, shape (n,).
        target: as `Cohort.target`, shape (n,).
        auc, correlation: from which it is suspicious, for classes and for a regression.
    """
    if task.kind == "regression":
        looks = [_ranges(values, target), _grouped(values, target, correlation)]
        looks += [] if category else [_correlation(values, target, correlation)]
        found = min(
            (look for look in looks if look is not None), key=lambda look: (not look.perfect, look.chance), default=None
        )
    else:
        found = _separation(values, target, task.classes, category=category, suspicious=auc)
    return found if found is not None and found.chance < np.log(CHANCE / among) else None


def refuse_leaks(findings: list[Finding], allowed: tuple[str, ...]) -> list[Finding]:
    """Findings of `check` with allowed leaks as warnings.

    Raises:
        LeakError: if a feature gives the target away and is not allowed.
        SettingError: if an allowed feature gives nothing away.
    """
    leaking = {found.columns[0]: found for found in findings if found.code == "leak"}
    refused = [found for name, found in leaking.items() if name not in allowed]
    if refused:
        messages = "\n".join(str(found) for found in refused[:5])
        more = (
            f"\n{count(len(refused) - 5, 'more column')}: {', '.join(found.columns[0] for found in refused[5:])}"
            if refused[5:]
            else ""
        )
        raise LeakError(messages + more)
    idle = [name for name in allowed if name not in leaking]
    if idle:
        raise SettingError(
            f"--allow-leak {quoted(idle[0])} has no effect: '{idle[0]}' does not give the target away. Leave it away."
        )
    return [_allowed(found) if found.code == "leak" else found for found in findings]


def _allowed(leak: Finding) -> Finding:
    message = f"{leak.message} It is used because it was allowed."
    return finding("warning", "leak", message, "", leak.columns)


def _finding(name: str, scan: Scan) -> Finding:
    option = quoted(name)
    if scan.perfect:
        message = f"Column '{name}' alone gives the target away: {scan.how}."
        return finding("error", "leak", message, _REMEDY.format(option), (name,))
    message = f"Column '{name}' alone nearly gives the target away: {scan.how}."
    remedy = f"Is it known before the outcome? If not, leave it out: --exclude {option}."
    return finding("warning", "suspicious", message, remedy, (name,))


def _separation(
    values: np.ndarray, target: np.ndarray, classes: tuple[str, ...], *, category: bool, suspicious: float
) -> Scan | None:
    """The strongest of: order, levels, missingness, AUC."""
    n_classes, missing = len(classes), np.asarray(pd.isna(values))
    if missing.any() and not missing.all():
        gaps = _counts(missing.astype(np.int64), target, 2, n_classes)
        if _pure(gaps):
            empty = classes[int(gaps[1].argmax())]
            return Scan(_chance_of_purity(gaps), f"it is empty exactly in class {empty!r}", perfect=True)
        values, target = values[~missing], target[~missing]
    if len(values) < _FEWEST or len(missing) < 2 * missing.sum():
        return None
    codes = pd.factorize(values, sort=not category)[0]
    counts = _counts(codes, target, int(codes.max()) + 1, n_classes)
    if (counts.sum(axis=0) == 0).any():
        return None
    if not category and _ordered(counts):
        return Scan(_chance_of_order(counts), _how_ordered(counts, np.unique(values), classes), perfect=True)
    few = len(counts) <= len(values) / 5
    if few and _pure(counts):
        return Scan(
            _chance_of_purity(counts), f"each of its {len(counts)} values goes with one class only", perfect=True
        )
    return _nearly(counts, suspicious, sort=category) if few or not category else None


def _counts(codes: np.ndarray, target: np.ndarray, n_levels: int, n_classes: int) -> np.ndarray:
    """Samples of each level and class, shape (levels, classes)."""
    return np.bincount(codes * n_classes + target, minlength=n_levels * n_classes).reshape(n_levels, n_classes)


def _ordered(counts: np.ndarray) -> bool:
    """In the order of the levels, no class reaches into another."""
    held = counts > 0
    first, last = held.argmax(axis=0), len(counts) - 1 - held[::-1].argmax(axis=0)
    order = np.argsort(first)
    return bool(np.all(last[order][:-1] < first[order][1:]))


def _how_ordered(counts: np.ndarray, values: np.ndarray, classes: tuple[str, ...]) -> str:
    """`up to 4.5 always 'benign', from 4.7 always 'malignant'`; `values` are the levels, shape (levels,)."""
    if len(classes) > 2:
        return "each class has a range of its own"
    below = int(counts[0].argmax())
    first_above = int((counts[:, 1 - below] > 0).argmax())
    low, high = values[first_above - 1], values[first_above]
    return f"up to {low:.6g} always {classes[below]!r}, from {high:.6g} always {classes[1 - below]!r}"


def _pure(counts: np.ndarray) -> bool:
    """Every level has samples of one class only, and more than one class is there."""
    return bool(np.all((counts > 0).sum(axis=1) <= 1)) and bool(((counts > 0).any(axis=0)).all())


def _chance_of_order(counts: np.ndarray) -> float:
    """Log probability that a random order keeps the classes apart: classes! / multinomial coefficient."""
    sizes = counts.sum(axis=0)
    return float(gammaln(len(sizes) + 1) + gammaln(sizes + 1).sum() - gammaln(sizes.sum() + 1))


def _chance_of_purity(counts: np.ndarray) -> float:
    """Log probability that levels of these sizes are pure when classes are dealt independently."""
    share = np.log(counts.sum(axis=0) / counts.sum())
    return float(np.logaddexp.reduce(counts.sum(axis=1)[:, None] * share, axis=1).sum())


def _nearly(counts: np.ndarray, suspicious: float, *, sort: bool) -> Scan | None:
    """The mean over classes of the AUC of each class against the rest, if it is suspiciously high."""
    totals = counts.sum(axis=0)
    aucs = []
    for k in range(counts.shape[1]) if counts.shape[1] > 2 else (1,):
        hits = counts[:, k]
        rest = counts.sum(axis=1) - hits
        if sort:
            order = np.argsort(hits / (hits + rest), kind="stable")
            hits, rest = hits[order], rest[order]
        auc = float((hits * (np.cumsum(rest) - rest / 2)).sum() / (hits.sum() * rest.sum()))
        aucs.append(max(auc, 1 - auc))
    if np.mean(aucs) < suspicious:
        return None
    smallest, n = totals.min(), totals.sum()
    z = (np.mean(aucs) - 0.5) / np.sqrt((n + 1) / (12 * smallest * (n - smallest)))
    what = "AUC" if len(aucs) == 1 else "mean AUC of each class against the rest"
    return Scan(float(norm.logsf(z) + np.log(2)), f"{what} {np.mean(aucs):.3f}", perfect=False)


def _correlation(values: np.ndarray, target: np.ndarray, suspicious: float) -> Scan | None:
    """The larger of Pearson's and Spearman's correlation with the target, if it is suspiciously high."""
    known = ~np.isnan(values)
    x, y = values[known], target[known]
    if len(x) < _FEWEST or len(x) < len(values) / 2:
        return None
    straight, ranked = abs(_pearson(x, y)), abs(_pearson(_ranks(x), _ranks(y)))
    strongest = max(straight, ranked)
    if strongest < suspicious:
        return None
    z = np.arctanh(min(strongest, 1 - 1e-15)) * np.sqrt(len(x) - 3)
    name = "correlation" if straight >= ranked else "rank correlation"
    return Scan(float(norm.logsf(z) + np.log(2)), f"{name} {strongest:.4f}", perfect=strongest > LEAKING_CORRELATION)


def _levels(values: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Levels as whole numbers and the target, where there is a value; None if there are too many levels, or too few values."""
    known = ~np.asarray(pd.isna(values))
    codes, y = pd.factorize(values[known])[0], target[known]
    few = 2 <= len(np.unique(codes)) <= len(y) / 5
    return (codes, y) if few and len(y) >= max(_FEWEST, len(values) / 2) else None


def _ranges(values: np.ndarray, target: np.ndarray) -> Scan | None:
    """Each level is a range of the target, so the column was made from it: a group of values, or yes from a limit on.

    The chance counts different values of the target as what is dealt to the levels.
    """
    if (levels := _levels(values, target)) is None:
        return None
    codes, y = levels
    order = np.lexsort((codes, y))
    codes, y = codes[order], y[order]
    changes = codes[1:] != codes[:-1]
    n_levels = int(codes.max()) + 1
    if changes.sum() != n_levels - 1 or (changes & (y[1:] == y[:-1])).any():
        return None
    sizes = pd.Series(y).groupby(codes).nunique().to_numpy()
    chance = gammaln(n_levels + 1) + gammaln(sizes + 1).sum() - gammaln(sizes.sum() + 1)
    return Scan(float(chance), f"each of its {n_levels} values is a range of the target", perfect=True)


def _grouped(values: np.ndarray, target: np.ndarray, suspicious: float) -> Scan | None:
    """How well the mean target of each level tells the target: the correlation ratio, tested as in an analysis of variance."""
    if (levels := _levels(values, target)) is None:
        return None
    codes, y = levels
    sizes = np.bincount(codes)
    y = y - y.mean()
    between, total = float((np.bincount(codes, weights=y) ** 2 / sizes).sum()), float(y @ y)
    share = min(between / total, 1 - 1e-15) if total > 0 else 0.0
    if np.sqrt(share) < suspicious:
        return None
    freedom = (len(sizes) - 1, len(y) - len(sizes))
    chance = f_distribution.logsf(share / (1 - share) * freedom[1] / freedom[0], *freedom)
    return Scan(
        float(chance),
        f"the means of its {len(sizes)} values correlate {np.sqrt(share):.4f} with the target",
        perfect=bool(np.sqrt(share) > LEAKING_CORRELATION),
    )


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / size) if size > 0 else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks with ties sharing their mean, shape as `values`."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])
