"""Are two clouds of vectors from one distribution? The maximum mean discrepancy, tested by permuting whole patients.

Source: Gretton et al. 2012, Journal of Machine Learning Research 13:723.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from bedside.evaluation.resampling import one_thread

PERMUTATIONS = 1999
ROWS_AT_ONCE = 500  # permutations that are in memory together


@dataclass(frozen=True)
class Discrepancy:
    """`value` is the squared discrepancy, unbiased, so it may fall below 0; `bandwidth` that of the Gaussian kernel."""

    value: float | None
    p: float | None
    bandwidth: float | None
    known_patients: int
    new_patients: int
    permutations: int
    why: str = ""  # why there is no p-value


def discrepancy(
    known: np.ndarray,
    new: np.ndarray,
    known_patients: np.ndarray,
    new_patients: np.ndarray,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Discrepancy:
    """Squared maximum mean discrepancy of two samples of vectors, and how often permuted patients give as much.

    The kernel is Gaussian, its bandwidth the median distance of all pairs. Samples of one patient resemble each other,
    so pairs within a patient are left out on both sides, which keeps the estimate unbiased, and patients are permuted
    with all their samples, which keeps the test exact.

    Args:
        known, new: vectors, (n, d) and (m, d).
        known_patients, new_patients: number of the patient of each vector, (n,) and (m,).
        permutations: deals of patients to the two sides; the data as given count as one more.
        seed: same seed, same p-value.
    """
    sides = [np.unique(patients, return_inverse=True)[1] for patients in (known_patients, new_patients)]
    n, m = (int(side.max()) + 1 if len(side) else 0 for side in sides)
    if n < 2 or m < 2:
        return Discrepancy(None, None, None, n, m, 0, "fewer than two patients on a side")
    distances = pdist(np.concatenate([known, new]).astype(np.float64))
    bandwidth = float(np.median(distances))
    if bandwidth == 0:
        return Discrepancy(None, None, None, n, m, 0, "more than half of all pairs of vectors are equal")
    kernel = squareform(np.exp(-((distances / bandwidth) ** 2) / 2))
    owner = np.zeros((n + m, len(kernel)))
    owner[np.concatenate([sides[0], sides[1] + n]), np.arange(len(kernel))] = 1
    with one_thread():
        together, sizes = owner @ kernel @ owner.T, owner.sum(axis=1)  # of every two patients
    pairs = np.outer(sizes, sizes)
    for table in (together, pairs):
        np.fill_diagonal(table, 0)
    given = np.zeros((1, n + m))
    given[0, n:] = 1
    value = float(_statistic(given, together, pairs)[0])
    rng, beyond = np.random.default_rng(seed), 0
    with one_thread():
        for start in range(0, permutations, ROWS_AT_ONCE):
            rows = np.repeat(given, min(ROWS_AT_ONCE, permutations - start), axis=0)
            beyond += int((_statistic(rng.permuted(rows, axis=1), together, pairs) >= value - 1e-12).sum())
    return Discrepancy(value, (beyond + 1) / (permutations + 1), bandwidth, n, m, permutations)


def _statistic(new: np.ndarray, together: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Squared discrepancy for each deal of patients, (b,); `new` is 1 for those dealt to the new side, (b, patients)."""
    sums, counts = new @ together, new @ pairs
    total, number = together.sum(), pairs.sum()
    inside, n_inside = (sums * new).sum(axis=1), (counts * new).sum(axis=1)  # new with new
    across, n_across = sums.sum(axis=1) - inside, counts.sum(axis=1) - n_inside
    outside, n_outside = total - 2 * across - inside, number - 2 * n_across - n_inside
    result: np.ndarray = inside / n_inside + outside / n_outside - 2 * across / n_across
    return result
