"""The generative model of the family album: a code of two numbers and a class become a breast mass that nobody has.

It learned the thirty measurements of real masses, each class by itself. Its drawn masses are held against real ones that it has not
seen: what a model learns from them is worth what it scores on those.
"""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedside.learn.explorables.family_autoencoder import drawn
from bedside.learn.explorables.family_transformer import area
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.settings import RunSettings, Settings, build
from bedside.splits.backwards import numbers_of
from bedside.training.drawn import drawn as samples_of
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

EDGE = 2.5  # of each number of the code, in standard deviations
COLUMNS = ("mean radius", "mean texture")
ASKED = {
    "model": {"code": 2, "width": 32},
    "train": {"epochs": 120, "learning_rate": 0.005, "patience": 119},
    "device": {"threads": 1, "accelerator": "cpu"},
}


class Wish(Settings):
    """A code, and the class that the mass shall have."""

    malignant: bool = True
    first: float = Field(default=0.0, ge=-EDGE, le=EDGE)
    second: float = Field(default=0.0, ge=-EDGE, le=EDGE)


def made(asked: Wish) -> dict[str, Any]:
    """The mass that the decoder makes of a code, in the units of the table, and what it makes of other codes beside it.

    `real` and `drawn` are places (n, 2) of masses of this class by `COLUMNS`: those of training, and as many synthetic ones.
    """
    (cohort, fold), label = drawn(), int(asked.malignant)
    with one_at_a_time():
        mass = _decoded(np.array([[asked.first, asked.second]]), label).iloc[0]
        synthetic, classes = _drawn()
        found = _worth()
    rows = fold.train[cohort.target[fold.train] == label]
    return {
        "columns": COLUMNS,
        "mass": {name: float(value) for name, value in mass.items()},
        "real": cohort.inputs.take(rows).frame[list(COLUMNS)].to_numpy(),
        "drawn": synthetic.frame[list(COLUMNS)].to_numpy()[classes == label],
        "truth": cohort.task.classes[label],
        "learned": len(fold.train),
        "unseen": len(fold.test),
        **found,
    }


def _decoded(codes: np.ndarray, label: int) -> Any:
    """The middle of what the decoder says of each code (n, 2), in the units of the table."""
    fitted: Any = _trained().fitted
    with torch.no_grad():
        found = fitted.network.eval().decoded(torch.from_numpy(codes).float(), torch.full((len(codes),), label))
    return numbers_of(fitted.preparation, found.numpy())


@once
def _drawn() -> tuple[Any, np.ndarray]:
    """As many synthetic masses of each class as there are in training, and their classes (n,)."""
    cohort, fold = drawn()
    label = np.sort(cohort.target[fold.train])
    return samples_of(_trained().fitted, label, 0, cohort.inputs.features), label


@once
def _worth() -> dict[str, float]:
    """AUROC on real masses that nobody learned from: of logistic regression from drawn masses (`synthetic`), and from real ones."""
    cohort, fold = drawn()
    synthetic, label = _drawn()
    test = cohort.inputs.take(fold.test).frame
    sides = {"synthetic": (synthetic.frame, label)}
    sides["real_auroc"] = (cohort.inputs.take(fold.train).frame, cohort.target[fold.train])
    simple = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return {
        name: area(cohort.target[fold.test], simple.fit(table, target).predict_proba(test)[:, 1])
        for name, (table, target) in sides.items()
    }


@once
def _trained() -> FoldFit:
    """Trained as `bedside train breast-cancer --family tvae` trains it, with a code of two numbers."""
    cohort, fold = drawn()
    events = train_folds("tvae", cohort, [fold], build(RunSettings, ASKED))
    return next(event for event in events if isinstance(event, FoldFit))
