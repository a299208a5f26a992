"""What is true of every image before it is painted: who the patient is, what the lesion is like, what it is called.

The diagnosis follows from asymmetry, border, colours and diameter by a logistic model and chance, after the ABCD rule
of Nachbar et al. 1994, doi:10.1016/S0190-9622(94)70061-3. Nothing else decides it. Every patient and every image
draws from streams of its own, so one more patient, or another hair, changes no other image.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, ndtr

from bedside.data.dermoscopy.settings import DermoscopySettings
from bedside.seeds import derive

PATIENT, LESION, IMAGE, VIEW, HAIR, RULER, COPY, ALTER = range(8)  # streams of chance
CLASSES = ("benign", "malignant")
SITES = ("A", "B", "C", "D", "E")
COPIES = ("exact", "recompressed", "cropped", "brighter", "mirrored")
FEATURES = ("asymmetry", "border", "colours", "diameter_mm")
_OF_THE_PICTURE = (*FEATURES, "risk", "ruler", "hair", "skin_tone", "true_target")  # what a copy takes over
_COLOURS_UP_TO = (0.16, 0.42, 0.66, 0.84, 0.95)  # share of lesions with at most 1, 2, 3, 4, 5 colours


class _Population(NamedTuple):
    """Mean and standard deviation of each feature among all lesions, and the resulting scores of a sample of them."""

    mean: np.ndarray
    sd: np.ndarray
    spread: float
    scores: np.ndarray


def stream(settings: DermoscopySettings, kind: int, number: int) -> np.random.Generator:
    """The chance of one patient or image, for one purpose."""
    return np.random.default_rng(derive(settings.seed, kind, number))


def features_of(draws: np.ndarray) -> np.ndarray:
    """True features (n, 4) in the order of `FEATURES` from independent normal draws (n, 5).

    The first draw makes all four go together somewhat, as they do in life: their latent correlation is 0.45.
    """
    latent = np.sqrt(0.45) * draws[:, :1] + np.sqrt(0.55) * draws[:, 1:]
    share = ndtr(latent)
    colours = 1.0 + np.searchsorted(_COLOURS_UP_TO, share[:, 2])
    diameter = np.clip(5.2 * np.exp(0.33 * latent[:, 3]), 2.5, 10.5)
    return np.column_stack([share[:, 0], share[:, 1], colours, diameter])


@lru_cache(maxsize=1)
def _population() -> _Population:
    features = _on_scale(features_of(np.random.default_rng(0).standard_normal((20_000, 5))))
    mean, sd = features.mean(axis=0), features.std(axis=0)
    scores = ((features - mean) / sd).sum(axis=1)
    return _Population(mean, sd, float(scores.std()), scores / scores.std())


def _on_scale(features: np.ndarray) -> np.ndarray:
    return np.column_stack([features[:, :3], np.log(features[:, 3])])


def risks(features: np.ndarray, malignant: float, noise: float) -> np.ndarray:
    """True probability of malignancy (n,) given the features (n, 4); all four weigh the same."""
    population = _population()
    standard = (_on_scale(features) - population.mean) / population.sd
    return _logistic(standard.sum(axis=1) / population.spread, _threshold(malignant, noise), noise)


@lru_cache(maxsize=32)
def _threshold(malignant: float, noise: float) -> float:
    """The score from which malignancy is more likely than not, such that the share `malignant` is to be expected."""
    scores = _population().scores
    if noise == 0:
        return float(np.quantile(scores, 1 - malignant))
    far = 10 + 10 * noise
    return float(brentq(lambda at: _logistic(scores, at, noise).mean() - malignant, -far, far))


def _logistic(scores: np.ndarray, threshold: float, noise: float) -> np.ndarray:
    if noise == 0:
        return (scores > threshold).astype(np.float64)
    return np.asarray(expit((scores - threshold) / noise))


def truth_table(settings: DermoscopySettings) -> pd.DataFrame:
    """One row per image, indexed by sample: patient, site, sex, age, the true features, risk, true and recorded target,
    ruler, hair (0 or 1), skin tone 0..1, and for copies the sample they show and how they were altered."""
    people = _patients(settings)
    number = np.repeat(np.arange(settings.patients), settings.images_per_patient)
    table = people.iloc[number].reset_index(drop=True)
    table.index = pd.Index([f"lesion-{k + 1:04d}" for k in range(len(table))], name="sample")
    chance = np.array([stream(settings, IMAGE, k).random(2) for k in range(len(table))])
    malignant = (table["true_target"] == CLASSES[1]).to_numpy()
    with_ruler = (1 - settings.shortcut) * settings.ruler + settings.shortcut * malignant
    table["ruler"] = (chance[:, 0] < with_ruler).astype(int)
    table["hair"] = (chance[:, 1] < settings.hair).astype(int)
    table = _with_copies(table, settings)
    wrong = table.pop("wrong_label").to_numpy()
    malignant = (table["true_target"] == CLASSES[1]).to_numpy()
    return table.assign(target=_named(malignant ^ wrong))


def _patients(settings: DermoscopySettings) -> pd.DataFrame:
    """One row per patient; `wrong_label` says that the recorded diagnosis is not the true one."""
    streams = [stream(settings, PATIENT, k) for k in range(settings.patients)]
    features = features_of(np.array([s.standard_normal(5) for s in streams]))
    malign, wrong, site, sex, age, tone = np.array([s.random(6) for s in streams]).T
    risk = risks(features, settings.malignant, settings.noise)
    table = pd.DataFrame(
        {
            "patient": [f"patient-{k + 1:04d}" for k in range(settings.patients)],
            "site": np.array(SITES)[(site * settings.sites).astype(int)],
            "sex": np.where(sex < 0.5, "female", "male"),
            "age": np.round(18 + 70 * (0.6 * age + 0.4 * np.sqrt(age))).astype(int),
        }
    )
    table[list(FEATURES)] = features
    return table.assign(
        colours=table["colours"].astype(int),
        risk=risk,
        skin_tone=tone**2.2,
        true_target=_named(malign < risk),
        wrong_label=wrong < settings.label_noise,
    )


def _named(malignant: np.ndarray) -> np.ndarray:
    return np.array(CLASSES)[malignant.astype(int)]


def _with_copies(table: pd.DataFrame, settings: DermoscopySettings) -> pd.DataFrame:
    """Some images become copies of an earlier original of the same site under another patient.

    `duplicate_of` names the original and `copy` the alteration; both are empty for originals.
    """
    patients, sites, samples = table["patient"].to_numpy(), table["site"].to_numpy(), table.index.to_numpy()
    source, how = np.arange(len(table)), np.full(len(table), "", dtype=object)
    for k in range(len(table) if settings.duplicates else 0):
        rng = stream(settings, COPY, k)
        originals = np.flatnonzero((how[:k] == "") & (sites[:k] == sites[k]) & (patients[:k] != patients[k]))
        if rng.random() < settings.duplicates and len(originals):
            source[k], how[k] = rng.choice(originals), rng.choice(COPIES)
    shown = table[list(_OF_THE_PICTURE)].iloc[source].set_axis(table.index)
    is_copy = source != np.arange(len(table))
    return table.assign(**shown, duplicate_of=np.where(is_copy, samples[source], ""), copy=how.astype(str))
