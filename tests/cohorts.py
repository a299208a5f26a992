"""Small cohorts with known properties, built without files; shared by many tests."""

from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from bedside.cohort import Cohort
from bedside.data.arrays import array_inputs
from bedside.data.images import make_image_cohort
from bedside.data.table import read_table
from bedside.models.backbone import create
from bedside.settings import DataSettings
from bedside.training.isolated import own_random_numbers


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


def spots(n: int, *, seed: int = 0, size: int = 32, task: str = "binary") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images (n, size, size, 3) with a bright or dark spot whose size carries the target, the targets, and the
    spots' masks (n, size, size). Skin-coloured noise, place, colour of the light carry nothing."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:size, :size]
    strength = rng.uniform(0, 1, n)
    images, masks = np.empty((n, size, size, 3), dtype=np.uint8), np.empty((n, size, size), dtype=bool)
    for k in range(n):
        centre, radius = rng.uniform(0.3, 0.7, 2) * size, (0.06 + 0.22 * strength[k]) * size
        masks[k] = (yy - centre[0]) ** 2 + (xx - centre[1]) ** 2 < radius**2
        light = rng.uniform(0.9, 1.1, 3) * [200, 160, 140]
        image = light + rng.normal(0, 8, (size, size, 3))
        image[masks[k]] = light * 0.45 + rng.normal(0, 8, (int(masks[k].sum()), 3))
        images[k] = image.clip(0, 255)
    target = {
        "binary": np.where(strength > 0.5, "large", "small"),
        "multiclass": np.array(["large", "medium", "small"])[2 - np.digitize(strength, [0.33, 0.66])],
        "regression": np.round(10 * strength, 3),
    }[task]
    return images, target, masks


def random_weights(architecture: str, path: Path) -> Path:
    """A file of weights for a backbone of timm, always the same ones."""
    with own_random_numbers(0):
        save_file(create(architecture, (3, 32, 32)).state_dict(), path)
    return path


def image_cohort(n: int = 120, *, seed: int = 0, size: int = 32, task: str = "binary", per_patient: int = 1) -> Cohort:
    """The same as a `Cohort` of images with patient, site and sex."""
    images, target, _ = spots(n, seed=seed, size=size, task=task)
    patient = np.arange(n) // per_patient
    frame = pd.DataFrame(
        {
            "patient": [f"p{number:03d}" for number in patient],
            "site": np.array(["north", "south", "west"])[patient % 3],
            "sex": np.where(patient % 2, "f", "m"),
            "outcome": target,
        },
        index=pd.Index([f"image-{k + 1:04d}" for k in range(n)], name="sample"),
    )
    given = {"target": "outcome", "patient": "patient", "site": "site", "subgroups": ("sex",)}
    if task == "binary":
        given["positive"] = "large"
    return make_image_cohort(array_inputs(images), frame, DataSettings(**given), name="spots")
