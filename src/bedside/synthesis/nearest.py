"""Is a synthetic sample a copy of a training patient? Its nearest real one says.

Copies lie nearer to those that were learned from than to other real patients. So each synthetic sample is asked
whether its nearest real neighbour is a training sample or a held-out one, among as many of both: without copying half of
them find a training sample (Platzer & Reutterer 2021, doi:10.3389/fdata.2021.679939).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.special import ndtri

from bedside.cohort import Estimate

_CELLS = 20_000_000  # of a matrix of distances
FEWEST = 8  # patients below which no interval is given
SAME = 1e-9  # distance of two samples that are the same


def nearest(places: np.ndarray, among: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest of `among` (m, d) and its number, (n,) each; infinite and -1 where there is none."""
    if not len(among):
        return np.full(len(places), np.inf), np.full(len(places), -1)
    step = max(1, _CELLS // len(among))
    far, who = [], []
    for start in range(0, len(places), step):
        matrix = cdist(places[start : start + step], among, "cityblock") / columns
        who.append(matrix.argmin(axis=1))
        far.append(matrix.min(axis=1))
    return np.concatenate([np.zeros(0), *far]), np.concatenate([np.zeros(0, dtype=int), *who])


@dataclass(frozen=True)
class Neighbours:
    """Distances of one fold, within each class: of synthetic samples to all training samples (n,), of held-out ones to the
    same (k,), and of synthetic ones to as many training as held-out samples: 1 if training is nearer, 0 if not, a half for
    both, (n,), with the patient of the nearest, (n,)."""

    synthetic: np.ndarray
    held_out: np.ndarray
    closer: np.ndarray
    patient: np.ndarray

    def table(self, fold: str) -> pd.DataFrame:
        """distances.csv of a fold."""
        kinds = np.repeat(["synthetic", "held out"], [len(self.synthetic), len(self.held_out)])
        return pd.DataFrame({"fold": fold, "sample": kinds, "distance": np.append(self.synthetic, self.held_out)})


def share_closer(found: list[Neighbours], level: float) -> Estimate:
    """The share of synthetic samples whose nearest real one is a training sample; 0.5 without copying.

    The interval takes synthetic samples around one patient together, because they stand or fall with that patient.
    """
    closer = np.concatenate([one.closer for one in found])
    patients = np.concatenate([one.patient for one in found])
    value = float(closer.mean())
    names, numbers = np.unique(patients, return_inverse=True)
    sums = np.bincount(numbers, closer - value)
    error = float(np.sqrt((sums**2).sum()) / len(closer))
    half = float(ndtri((1 + level) / 2)) * error
    known = len(names) >= FEWEST
    return Estimate(
        "share_closer_to_training",
        value,
        max(0.0, value - half) if known else None,
        min(1.0, value + half) if known else None,
        level,
        len(names),
        len(closer),
        "share of synthetic samples, clustered by the patient of their nearest real sample",
    )


def copying(found: list[Neighbours], level: float) -> dict[str, object]:
    """What tests.json says of copying."""
    synthetic, held = (np.concatenate([getattr(one, name) for one in found]) for name in ("synthetic", "held_out"))
    low = float(
        np.mean([np.mean(one.synthetic < np.quantile(one.held_out, 0.05)) for one in found if len(one.held_out)])
    )
    usual = float(np.median(held))
    return {
        "closer": share_closer(found, level).to_dict(),
        "median_synthetic": float(np.median(synthetic)),
        "median_held_out": usual,
        "median_ratio": float(np.median(synthetic)) / usual if usual > 0 else None,
        "below_fifth": low,
        "copies": int((synthetic <= SAME).sum()),
        "copies_held_out": int((held <= SAME).sum()),
        "synthetic": len(synthetic),
        "held_out": len(held),
    }
