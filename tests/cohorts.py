"""Small cohorts with known properties, built without files; shared by many tests."""

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
from bedside.data.table import read_table


def table(n_patients: int = 90, *, seed: int = 0, task: str = "binary", visits: int = 2) -> pd.DataFrame:
    """Patients with 1 to `visits` samples; `dose` and `age` carry the target, `noise` does not, 8 % of cells are gaps."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(1, visits + 1, n_patients))
    n = len(patient)
    dose, age, noise = rng.normal(5, 2, n), rng.normal(60, 10, n), rng.normal(size=n)
    signal = (dose - 5) / 2 + (age - 60) / 20 + 0.3 * rng.normal(size=n)
    signal = pd.Series(signal).groupby(patient).transform("mean").to_numpy()
    target = {
        "binary": np.where(signal > 0.2, "sick", "well"),
        "multiclass": np.array(["mild", "moderate", "severe"])[np.digitize(signal, [-0.6, 0.6])],
        "regression": np.round(10 + 3 * signal, 3),
    }[task]
    frame = pd.DataFrame({"dose": dose.round(4), "age": age.round(3), "noise": noise.round(4)})
    frame["drug"] = rng.choice(["A", "B", "C"], n, p=[0.5, 0.4, 0.1])
    frame = frame.mask(rng.random(frame.shape) < 0.08)
    frame.insert(0, "patient", [f"p{number:03d}" for number in patient])
    frame["site"] = np.array(["north", "south", "west"])[patient % 3]
    frame["sex"] = np.where(patient % 2, "f", "m")
    frame["year"] = 2000 + np.arange(n) * 20 // n
    frame["outcome"] = target
    return frame


def cohort(n_patients: int = 90, *, seed: int = 0, task: str = "binary", visits: int = 2, **options: object) -> Cohort:
    """The same as a `Cohort` with patient, site and a subgroup."""
    given = {"target": "outcome", "patient": "patient", "site": "site", "subgroups": ("sex",), "exclude": ("year",)}
    if task == "binary":
        given["positive"] = "sick"
    return read_table(table(n_patients, seed=seed, task=task, visits=visits), **{**given, **options})
