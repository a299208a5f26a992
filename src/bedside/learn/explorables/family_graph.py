"""The graph network of the family album: it reads computed molecules, atom by atom and bond by bond.

What decides is known: the molecules are alike but for nitro groups. So it can be seen whether the network found them.
"""

from typing import Any

import numpy as np
from pydantic import Field

from bedside.cohort import Cohort, Fold
from bedside.contract.molecules import molecule_cohort
from bedside.explain.atoms import AtomSight, integrate
from bedside.explain.molecule_drawing import drawing
from bedside.learn.explorables.family_transformer import area
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.settings import RunSettings, Settings, build
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

SHOWN, MOLECULES = 12, 240
ASKED = {
    "model": {"width": 24, "layers": 3},
    "train": {"epochs": 30, "learning_rate": 0.005},
    "device": {"threads": 1, "accelerator": "cpu"},
}


class Compound(Settings):
    """One of the molecules that the network has not seen."""

    number: int = Field(default=0, ge=0, lt=SHOWN)


def read(asked: Compound) -> dict[str, Any]:
    """An unseen molecule as SVG with the evidence in its atoms, and its probability of having a nitro group."""
    (cohort, fold), fitted = drawn(), _trained().fitted
    row = unseen()[asked.number]
    one = cohort.inputs.take(np.array([row]))
    molecule = one.molecules[0]
    with one_at_a_time():
        probability = float(fitted.scores(one)[0, 1])  # type: ignore[attr-defined]
        sight = AtomSight(fitted, cohort.task)
        evidence = integrate(sight, sight.preparation(one), np.zeros(1, dtype=int))[0, : len(molecule)]
    return {
        "plain": drawing(molecule.smiles),
        "drawing": drawing(molecule.smiles, evidence),
        "smiles": molecule.smiles,
        "atoms": len(molecule),
        "bonds": len(molecule.bonds),
        "evidence": evidence,
        "probability": probability,
        "truth": cohort.task.classes[cohort.target[row]],
        "learned": len(fold.train),
        "unseen": len(fold.test),
        "auroc": _auroc(),
    }


@once
def drawn() -> tuple[Cohort, Fold]:
    """The molecules, and which train, validate and test; no scaffold stands on two sides."""
    cohort, settings = molecule_cohort(MOLECULES), RunSettings()
    return cohort, make_folds(cohort, settings.folds, seed=settings.seed)[0]


@once
def unseen() -> tuple[int, ...]:
    """Test molecules to choose from, with and without a nitro group in turn."""
    cohort, fold = drawn()
    parts = (fold.test[cohort.target[fold.test] == k][: SHOWN // 2].tolist() for k in (1, 0))
    return tuple(row for pair in zip(*parts, strict=True) for row in pair)


@once
def _auroc() -> float:
    """Of the network on all molecules that it has not seen."""
    (cohort, fold), event = drawn(), _trained()
    score = event.fitted.scores(cohort.inputs.take(fold.test))[:, 1]  # type: ignore[attr-defined]
    return area(cohort.target[fold.test], score)


@once
def _trained() -> FoldFit:
    """Trained as `bedside train molecules.csv --smiles smiles --family gin` trains it."""
    cohort, fold = drawn()
    events = train_folds("gin", cohort, [fold], build(RunSettings, ASKED))
    return next(event for event in events if isinstance(event, FoldFit))
