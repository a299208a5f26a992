"""Patient split or image split: the same planted images and the same model, tested in two ways, and the truth beside.

Every patient has several small images: the pattern of the disease, where it is there, a pattern that belongs to this
patient alone (a fingerprint), and noise. Both splits are dealt by bedside's folds, one by the patients' numbers and one
as if every image were a patient of its own; the AUROC and its interval over patients are the evaluation's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from bedside.cohort import Cohort, Fold, Roles, Task
from bedside.evaluation.closed_forms import at_the_edge, auroc_interval
from bedside.evaluation.metrics import binary
from bedside.evaluation.resampling import Panel
from bedside.learn.explorables.quiet import one_at_a_time
from bedside.models.classic import LogisticSettings, logistic
from bedside.settings import FoldSettings, Settings
from bedside.splits.folds import make_folds

SIDE = 12  # pixels
PATIENTS, NEW = 60, 200  # of a study, half of them ill; and of those who come afterwards
NOISE = 1.0  # standard deviation of a pixel
NEIGHBOURS = 5
SHOWN, IN_A_ROW = 4, 6  # patients whose images stand in the figure, and images of each
TASK = Task("binary", ("healthy", "ill"))


class Study(Settings):
    """A study: how alike the images of a patient are, and how much of the disease they show."""

    images: int = Field(default=6, ge=1, le=12)
    fingerprint: float = Field(default=0.7, ge=0, le=2)
    disease: float = Field(default=0.35, ge=0, le=1)
    model: Literal["neighbours", "logistic"] = "neighbours"
    seed: int = Field(default=0, ge=0, le=100_000)


@dataclass(frozen=True)
class Images:
    """Pixels (n, side²), whether the patient is ill (n,), and the number of the patient (n,)."""

    pixels: np.ndarray
    ill: np.ndarray
    patient: np.ndarray


def look(study: Study) -> dict[str, Any]:
    """What each way of testing promises, with intervals; how often the nearest image is a sibling; and some images.

    `shown` of a split says of each image in the figure whether it tests in one of the folds, (patients, images).
    """
    images, table = planted(study, PATIENTS, 0), {}
    with one_at_a_time():
        for split in ("image", "patient"):
            folds = dealt(images, split)
            tests = np.isin(np.arange(len(images.ill)), folds[_fold_of_the_figure(folds, images)].test)
            found = {**tested(study, images, folds), "siblings": siblings(images, folds)}
            table[split] = {**found, "shown": _first(tests, study)}
        new = afterwards(study, images)
    grey = np.clip(128 + 36 * images.pixels, 0, 255).astype(np.uint8)
    return {**table, "new": new, "grey": _first(grey, study), "ill": images.ill[:: study.images][:SHOWN]}


def repeat(study: Study) -> dict[str, Any]:
    """The three AUROCs of one more study, with other patients: the seed's."""
    images = planted(study, PATIENTS, 0)
    with one_at_a_time():
        found = {split: tested(study, images, dealt(images, split))["value"] for split in ("image", "patient")}
        return {**found, "new": afterwards(study, images)["value"]}


def planted(study: Study, patients: int, group: int) -> Images:
    """Images of patients, every second one ill; `group` 0 are the patients of the study, 1 those who come later.

    Fingerprints and disease are smooth patterns whose pixels have a variance of 1 before their strength.
    """
    random = np.random.default_rng([study.seed, group])
    ill = np.arange(patients) % 2 == 1
    prints = study.fingerprint * _smooth(random, patients)
    own = prints + study.disease * ill[:, None] * _disease()
    patient = np.repeat(np.arange(patients), study.images)
    noise = NOISE * random.standard_normal((len(patient), SIDE**2))
    return Images(own[patient] + noise, ill[patient], patient)


def dealt(images: Images, split: str) -> list[Fold]:
    """Five folds; for the image split every image counts as a patient of its own."""
    names = images.patient if split == "patient" else np.arange(len(images.patient))
    samples = pd.DataFrame(
        {"patient": names.astype(str), "target": np.array(TASK.classes, dtype=object)[images.ill * 1]}
    )
    cohort = Cohort("planted", samples, Roles("target", "patient"), TASK, None, np.arange(len(samples)))
    return make_folds(cohort, FoldSettings(scheme="crossval"), seed=0)


def tested(study: Study, images: Images, folds: list[Fold]) -> dict[str, Any]:
    """AUROC of the scores of all folds, within folds, with an interval in which patients are the unit."""
    score, fold = np.empty(len(images.ill)), np.empty(len(images.ill), dtype=np.int64)
    for one in folds:
        known = np.concatenate([one.train, one.valid])  # nothing is chosen, so all the others train
        model = _fitted(study, images.pixels[known], images.ill[known])
        score[one.test] = model.predict_proba(images.pixels[one.test])[:, 1]
        fold[one.test] = one.number
    return _auroc(images, score, fold)


def afterwards(study: Study, images: Images) -> dict[str, Any]:
    """The AUROC of a model of all images of the study on new patients: what both splits were meant to foretell."""
    later = planted(study, NEW, 1)
    model = _fitted(study, images.pixels, images.ill)
    return _auroc(later, model.predict_proba(later.pixels)[:, 1], None)


def siblings(images: Images, folds: list[Fold]) -> float:
    """Share of test images whose nearest image among those that train shows the same patient."""
    same = []
    for one in folds:
        known = np.concatenate([one.train, one.valid])
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(images.pixels[known])
        place = nearest.kneighbors(images.pixels[one.test], return_distance=False)[:, 0]
        same.append(images.patient[known][place] == images.patient[one.test])
    return float(np.concatenate(same).mean())


def _fitted(study: Study, pixels: np.ndarray, ill: np.ndarray) -> Any:
    if study.model == "logistic":
        return logistic(TASK, LogisticSettings(C=0.01), study.seed).fit(pixels, ill)
    return KNeighborsClassifier(NEIGHBOURS, algorithm="brute").fit(pixels, ill)


def _auroc(images: Images, score: np.ndarray, folds: np.ndarray | None) -> dict[str, Any]:
    metric = binary(images.ill, score, score >= 0.5, positive="ill", folds=folds)[0]
    panel = Panel([metric], images.patient, int(images.patient.max()) + 1)
    value = float(panel(np.ones((1, panel.n_patients)))[0, 0])
    edge = value in (0.0, 1.0)  # where no sample contradicts, the number of patients alone says how sure it is
    found = at_the_edge(metric, panel, value, level=0.95) if edge else auroc_interval([panel], [metric], level=0.95)
    return {"value": value, "low": found[0] if found else None, "high": found[1] if found else None}


def _smooth(random: np.random.Generator, count: int) -> np.ndarray:
    """Smooth random patterns, (count, side²), each with mean 0 and variance 1."""
    raw = gaussian_filter(random.standard_normal((count, SIDE, SIDE)), (0, 1.5, 1.5), mode="wrap").reshape(count, -1)
    return np.asarray((raw - raw.mean(axis=1, keepdims=True)) / raw.std(axis=1, keepdims=True))


@cache
def _disease() -> np.ndarray:
    """The pattern of the disease, (side²,), with mean 0 and variance 1: a bright spot."""
    across, down = np.meshgrid(np.arange(SIDE) - 6.5, np.arange(SIDE) - 5.0)
    spot = np.exp(-(across**2 + down**2) / 8).ravel()
    return np.asarray((spot - spot.mean()) / spot.std())


def _fold_of_the_figure(folds: list[Fold], images: Images) -> int:
    """The fold that tests the second patient's first image: one that is ill."""
    row = int(np.flatnonzero(images.patient == 1)[0])
    return next(one.number for one in folds if row in one.test)


def _first(values: np.ndarray, study: Study) -> np.ndarray:
    """What belongs to the images in the figure, (patients, images, ...)."""
    return values.reshape(PATIENTS, study.images, *values.shape[1:])[:SHOWN, :IN_A_ROW]


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"look": look, "repeat": repeat}
