"""Small cohorts of every kind, computed, whose target is known to follow from what a family reads; built without files."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Roles, Task, TaskKind
from bedside.data.arrays import array_inputs
from bedside.data.images import make_image_cohort
from bedside.data.signals.inputs import SignalInputs
from bedside.data.table import read_table
from bedside.settings import DataSettings

CLASSES = {"binary": ("low", "high"), "multiclass": ("high", "low", "middle"), "regression": ()}


def table(n_patients: int = 90, *, seed: int = 0, task: TaskKind = "binary", visits: int = 2) -> pd.DataFrame:
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


def table_cohort(
    n_patients: int = 90, *, seed: int = 0, task: TaskKind = "binary", visits: int = 2, **options: Any
) -> Cohort:
    """The same as a `Cohort` with patient, site and a subgroup."""
    given: dict[str, Any] = {
        "target": "outcome",
        "patient": "patient",
        "site": "site",
        "subgroups": ("sex",),
        "exclude": ("year",),
    }
    if task == "binary":
        given["positive"] = "sick"
    return read_table(table(n_patients, seed=seed, task=task, visits=visits), **{**given, **options})


def spots(
    n: int, *, seed: int = 0, size: int = 32, task: TaskKind = "binary"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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


def image_cohort(
    n: int = 120, *, seed: int = 0, size: int = 32, task: TaskKind = "binary", per_patient: int = 1
) -> Cohort:
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
    given: dict[str, Any] = {"target": "outcome", "patient": "patient", "site": "site", "subgroups": ("sex",)}
    if task == "binary":
        given["positive"] = "large"
    return make_image_cohort(array_inputs(images), frame, DataSettings(**given), name="spots")


def pulses(n: int, *, seed: int = 0, channels: int = 2, apart: float = 0.05) -> tuple[list[np.ndarray], np.ndarray]:
    """Traces of unequal length with one pulse in the first channel, and its height between 0 and 1, (n,).

    The pulse lies in the first half; `apart` is the share of 40 time points by which its place varies, either way. Noise, the
    other channels and the length carry nothing.
    """
    rng = np.random.default_rng(seed)
    strength, traces = rng.uniform(0, 1, n), []
    for height in strength:
        length, place = rng.integers(60, 81), 20 + rng.uniform(-apart, apart) * 40
        trace = rng.normal(0, 0.2, (channels, length))
        trace[0] += 3 * height * np.exp(-0.5 * ((np.arange(length) - place) / 3) ** 2)
        traces.append(trace.astype(np.float32))
    return traces, strength


def signal_cohort(
    n: int = 150,
    *,
    seed: int = 0,
    task: TaskKind = "binary",
    per_patient: int = 1,
    channels: int = 2,
    apart: float = 0.05,
) -> Cohort:
    """The same as a `Cohort` with patient, site and sex, at 50 Hz; the height of the pulse is the target."""
    traces, strength = pulses(n, seed=seed, channels=channels, apart=apart)
    target = {
        "binary": np.where(strength > 0.5, "high", "low"),
        "multiclass": np.array(["low", "middle", "high"])[np.digitize(strength, [0.33, 0.66])],
        "regression": 10 * strength,
    }[task]
    patient = np.arange(n) // per_patient
    samples = pd.DataFrame(
        {
            "patient": [f"p{number:03d}" for number in patient],
            "target": target,
            "site": np.array(["north", "south", "west"])[patient % 3],
            "sex": np.where(patient % 2, "f", "m"),
        },
        index=pd.Index([f"recording-{k + 1:04d}" for k in range(n)], name="sample"),
    )
    names = tuple(f"channel{k + 1}" for k in range(traces[0].shape[0]))
    roles = Roles("target", "patient", "site", subgroups=("sex",))
    return Cohort(
        "pulses", samples, roles, Task(task, CLASSES[task]), SignalInputs(tuple(traces), names, 50.0), np.arange(n)
    )


def table_outliers(n_patients: int = 150, *, seed: int = 0, planted: bool = True) -> Cohort:
    """Patients whose six numbers and one level follow from two hidden ones, except in the fifth who are called unusual.

    Theirs are drawn each by itself, so that every single value is usual and only their company is not; without `planted`
    they are like all others. 5 % of cells are gaps.
    """
    rng = np.random.default_rng(seed)
    odd = rng.random(n_patients) < 0.2
    hidden = rng.normal(size=(n_patients, 2))
    mixing = np.random.default_rng(7).normal(size=(2, 6))
    mixing /= np.linalg.norm(mixing, axis=0)
    values = hidden @ mixing + 0.15 * rng.normal(size=(n_patients, 6))
    stage = hidden[:, 0]
    if planted:
        values[odd] = rng.normal(size=(int(odd.sum()), 6))
        stage = np.where(odd, rng.normal(size=n_patients), stage)
    frame = pd.DataFrame(values.round(4), columns=[f"marker{k + 1}" for k in range(6)])
    frame["stage"] = np.array(["I", "II", "III"])[np.digitize(stage, [-0.5, 0.5])]
    frame = frame.mask(rng.random(frame.shape) < 0.05)
    frame["patient"] = [f"p{number:03d}" for number in range(n_patients)]
    frame["site"], frame["sex"] = np.array(["north", "south"])[np.arange(n_patients) % 2], "f"
    frame["outcome"] = np.where(odd, "unusual", "usual")
    options: dict[str, Any] = {"target": "outcome", "positive": "unusual", "patient": "patient", "site": "site"}
    return read_table(frame, **options, exclude=("sex",))


def image_outliers(n: int = 150, *, seed: int = 0, planted: bool = True) -> Cohort:
    """Images of skin with one dark spot; the fifth who are called unusual have stripes as well, unless not `planted`."""
    cohort = image_cohort(n, seed=seed)
    odd = np.random.default_rng(seed).random(n) < 0.2
    images, _, _ = spots(n, seed=seed)
    stripes = 25 * np.where(np.arange(images.shape[2]) // 2 % 2, 1, -1)[None, :, None]
    images[odd & planted] = (images[odd & planted] + stripes).clip(0, 255)
    samples = cohort.samples.assign(target=np.where(odd, "unusual", "usual"))
    return replace(cohort, samples=samples, task=Task("binary", ("usual", "unusual")), inputs=array_inputs(images))


def signal_outliers(n: int = 150, *, seed: int = 0, planted: bool = True) -> Cohort:
    """Recordings with a pulse; in the fifth who are called unusual it is upside down, unless not `planted`."""
    cohort = signal_cohort(n, seed=seed)
    rng = np.random.default_rng(seed)
    odd = rng.random(n) < 0.2
    traces, _ = pulses(n, seed=seed)
    height = np.where(odd & planted, -2.5, 2.5)
    for trace, own in zip(traces, height, strict=True):
        place = np.arange(trace.shape[1]) - 40
        trace[0] = (trace[0] * 0.3 + own * np.exp(-0.5 * (place / 4) ** 2)).astype(np.float32)
    samples = cohort.samples.assign(target=np.where(odd, "unusual", "usual"))
    inputs = SignalInputs(tuple(traces), cohort.inputs.channels, 50.0)
    return replace(cohort, samples=samples, task=Task("binary", ("usual", "unusual")), inputs=inputs)
