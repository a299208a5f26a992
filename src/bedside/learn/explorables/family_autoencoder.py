"""The autoencoder of the family album: thirty measurements of a breast mass through a code of two numbers and back.

Diagnoses only choose whom it learns from: benign masses. What it gives back badly is unusual to it.
"""

from typing import Any

import numpy as np
import torch
from pydantic import Field

from bedside.cohort import Cohort, Fold
from bedside.data.samples import load
from bedside.learn.explorables.family_transformer import area
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.settings import RunSettings, Settings, build
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

SHOWN = 12  # masses to choose from
ASKED = {
    "model": {"code": 2, "width": 32, "learn_from": "other"},
    "train": {"epochs": 60, "learning_rate": 0.005},
    "device": {"threads": 1, "accelerator": "cpu"},
}


class Mass(Settings):
    """One of the masses that the network has not seen."""

    number: int = Field(default=0, ge=0, lt=SHOWN)


def passed(asked: Mass) -> dict[str, Any]:
    """An unseen mass before and after the narrow place, and where its code lies among those of all unseen ones.

    `given` and `back` are (features,) in standard deviations of the benign masses of training; `codes` are (n, 2).
    """
    (cohort, fold), event = drawn(), _trained()
    row = unseen()[asked.number]
    with one_at_a_time():
        given, back = _through(cohort.inputs.take(np.array([row])))
        codes = _codes()
    names = [feature.name for feature in cohort.inputs.features]
    return {
        "features": names,
        "given": given[0, : len(names)],
        "back": back[0, : len(names)],
        "codes": codes,
        "target": cohort.target[fold.test],
        "place": list(fold.test).index(row),
        "classes": cohort.task.classes,
        "unusual": float(event.fitted.scores(cohort.inputs.take(np.array([row])))[0, 1]),  # type: ignore[attr-defined]
        "truth": cohort.task.classes[cohort.target[row]],
        "learned": int((cohort.target[fold.train] == 0).sum()),
        "unseen": len(fold.test),
        "auroc": _auroc(),
    }


@torch.no_grad()
def _through(inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Prepared samples, and what the network gives back, (n, columns) each."""
    fitted: Any = _trained().fitted
    given = fitted.reader(inputs)
    back = fitted.network.eval().reconstruct(torch.from_numpy(given))
    return given, back.numpy()


@once
def _codes() -> np.ndarray:
    """Of all unseen masses, (n, 2)."""
    (cohort, fold), fitted = drawn(), _trained().fitted
    return np.asarray(fitted.latent(fitted.reader(cohort.inputs.take(fold.test))))


@once
def drawn() -> tuple[Cohort, Fold]:
    """The masses, and who trains, validates and tests."""
    cohort, settings = load("breast-cancer"), RunSettings()
    return cohort, make_folds(cohort, settings.folds, seed=settings.seed)[0]


@once
def unseen() -> tuple[int, ...]:
    """Test masses to choose from, benign and malignant in turn."""
    cohort, fold = drawn()
    parts = (fold.test[cohort.target[fold.test] == k][: SHOWN // 2].tolist() for k in (0, 1))
    return tuple(row for pair in zip(*parts, strict=True) for row in pair)


@once
def _auroc() -> float:
    """Of the anomaly score on all masses that the network has not seen."""
    (cohort, fold), event = drawn(), _trained()
    score = event.fitted.scores(cohort.inputs.take(fold.test))[:, 1]  # type: ignore[attr-defined]
    return area(cohort.target[fold.test], score)


@once
def _trained() -> FoldFit:
    """Trained as `bedside train breast-cancer --family autoencoder` trains it, with a code of two numbers."""
    cohort, fold = drawn()
    events = train_folds("autoencoder", cohort, [fold], build(RunSettings, ASKED))
    return next(event for event in events if isinstance(event, FoldFit))
