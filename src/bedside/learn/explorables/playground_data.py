"""The four data sets of the playground: two of real patients, two made up, each as two features and two classes."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from bedside.cohort import Task
from bedside.data.samples import load
from bedside.learn.explorables.data import Cloud, breast_masses
from bedside.splits.folds import validation_rows

N_MADE = 300  # points of a made-up set
TITLES = {
    "breast": "Breast masses (real)",
    "diabetes": "Diabetes (real)",
    "extremes": "Both extremes are ill (made up)",
    "spirals": "Two spirals (made up)",
}


@dataclass(frozen=True)
class Points:
    """Patients in standard deviations of the training patients, (n, 2), their class (n,), and who only validates (n,)."""

    values: np.ndarray
    target: np.ndarray
    valid: np.ndarray
    features: tuple[str, str]
    classes: tuple[str, str]

    @property
    def task(self) -> Task:
        return Task("binary", self.classes)

    @property
    def edge(self) -> float:
        """How far the picture reaches to each side, in standard deviations: nearly all points are in it."""
        return float(np.clip(np.quantile(np.abs(self.values), 0.995) + 0.15, 1.9, 3.6))


def points(name: str, noise: float, seed: int = 0) -> Points:
    """A data set, split and standardised, with a measurement error of `noise` standard deviations added to both features."""
    cloud = _cloud(name)
    task = Task("binary", cloud.classes)
    valid = np.zeros(len(cloud.target), dtype=bool)
    valid[validation_rows(cloud.target, None, task=task, seed=seed)] = True
    training = cloud.values[~valid]
    values = (cloud.values - training.mean(axis=0)) / training.std(axis=0)
    values = values + noise * np.random.default_rng(seed + 1).standard_normal(values.shape)
    return Points(values, cloud.target, valid, cloud.features, cloud.classes)


@cache
def _cloud(name: str) -> Cloud:
    if name == "breast":
        return breast_masses(n=300)
    if name == "diabetes":
        cohort = load("diabetes")
        frame = cohort.inputs.take(np.arange(len(cohort))).frame
        progression = cohort.samples["target"].to_numpy(float)
        target = (progression > np.median(progression)).astype(int)
        values = frame[["bmi_kg_m2", "log_triglycerides"]].to_numpy(float)
        return Cloud(values, target, ("body mass index", "log triglycerides"), ("slower half", "faster half"))
    rng = np.random.default_rng(20)
    if name == "extremes":
        values = rng.uniform(-1, 1, (N_MADE, 2))
        target = (np.hypot(*values.T) > 0.68).astype(int)
        return Cloud(values, target, ("first value", "second value"), ("healthy", "ill"))
    target = np.arange(N_MADE) % 2
    turn = np.sqrt(rng.uniform(0.01, 1, N_MADE)) * 1.35 * 2 * np.pi  # more points outside, where the arms are longer
    angle = turn + np.pi * target
    values = np.column_stack([turn * np.cos(angle), turn * np.sin(angle)])
    return Cloud(values, target, ("first value", "second value"), ("healthy", "ill"))
