"""Can anybody find out who was among the training patients?

The attacker knows the whole record of a patient and asks whether it was learned from. One attacker has the synthetic cohort
alone, and takes a near synthetic sample for a sign (Chen et al. 2020, doi:10.1145/3372297.3417238; van Breugel et al. 2023,
arXiv:2302.12580). The other has the model, and takes a high probability for one (Yeom et al. 2018, arXiv:1709.01604). An AUROC of
0.5 is guessing. Stronger attackers exist: these numbers are lower ends of what leaks.
"""

import numpy as np
from scipy.special import expit, logit, ndtri

from bedside.cohort import Estimate
from bedside.evaluation.areas import area, cells, pairs_won

ATTACKERS = {
    "samples": "distance to the nearest synthetic sample of the same class",
    "model": "the model's bound of log p(sample | class)",
}


def attack(
    member: np.ndarray, score: np.ndarray, folds: np.ndarray, patients: np.ndarray, how: str, level: float
) -> Estimate:
    """How well a score tells training from held-out samples: AUROC within folds, with its interval over patients.

    Args:
        member: True for training samples, (n,).
        score: larger for what looks like one, (n,).
        folds: number of the fold, (n,).
        patients: of each sample, (n,).
        how: what the attacker looks at.
    """
    found = area(member, pairs_won(member, score, cells(folds)), folds, patients)
    low = high = None
    if found.value is not None and found.error is not None and 0 < found.value < 1:
        half = float(ndtri((1 + level) / 2)) * found.error / (found.value * (1 - found.value))
        low, high = (float(expit(logit(found.value) + side)) for side in (-half, half))
    sizes = len(np.unique(patients)), len(member)
    method = f"{how}; pairs within folds, clustered by patient (Obuchowski 1997), on the log-odds scale"
    return Estimate("membership_auroc", found.value, low, high, level, *sizes, found.why or method)
