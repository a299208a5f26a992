"""The data that explorables share: two columns of real patients, with targets as 0 and 1."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from bedside.data.samples import load


@dataclass(frozen=True)
class Cloud:
    """Patients as points: values (n, 2) as they were measured, target (n,) of 0 and 1."""

    values: np.ndarray
    target: np.ndarray
    features: tuple[str, str]
    classes: tuple[str, str]

    @property
    def standardised(self) -> np.ndarray:
        """Values in standard deviations from the mean, (n, 2)."""
        return np.asarray((self.values - self.values.mean(axis=0)) / self.values.std(axis=0))


@cache
def breast_masses(first: str = "mean radius", second: str = "mean texture", n: int = 200) -> Cloud:
    """The first patients of the breast cancer data by two features; 1 is malignant."""
    cohort = load("breast-cancer")
    values = cohort.inputs.take(np.arange(n)).frame[[first, second]].to_numpy(float)
    target = (cohort.samples["target"].to_numpy()[:n] == "malignant").astype(int)
    return Cloud(values, target, (first, second), ("benign", "malignant"))
