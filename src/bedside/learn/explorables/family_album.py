"""The family album: eight kinds of learning machines, what goes in, what comes out; those bedside has are trained here.

Classic families and small networks learn from two columns of real patients, a small convolutional network from
generated lesions, a recurrent one from generated electrocardiograms, a graph network from computed molecules, an autoencoder
from benign masses, and a generative model draws masses of its own. What bedside does not have would be drawn and say so.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from bedside.cohort import Task
from bedside.estimators import MLPClassifier
from bedside.learn.explorables.data import breast_masses
from bedside.learn.explorables.family_autoencoder import passed
from bedside.learn.explorables.family_generative import made
from bedside.learn.explorables.family_graph import read
from bedside.learn.explorables.family_members import MEMBERS
from bedside.learn.explorables.family_recurrent import heard
from bedside.learn.explorables.family_transformer import Lesion, area, attended, drawn, unseen
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.models import FAMILIES, build_model, model_settings
from bedside.settings import RunSettings, Settings, build
from bedside.training.engine import Pixels
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

EDGE, CELLS = 3.6, 60  # the surface: standard deviations to either side, and cells a side
HIDDEN = {"few": (2,), "more": (16,), "deep": (16, 16)}
EPOCHS, MAPS = 12, 4  # of the convolutional network, and maps of each of its stages


class Patient(Settings):
    """Two measurements of a new patient, in standard deviations from the mean, and the machine that is asked."""

    machine: Literal["logistic", "forest", "boosting", "few", "more", "deep"] = "logistic"
    first: float = Field(default=0.5, ge=-EDGE, le=EDGE)
    second: float = Field(default=0.0, ge=-EDGE, le=EDGE)


def begin(_: Settings) -> dict[str, Any]:
    """All members; `families` are those that bedside really has."""
    return {
        "members": [{**asdict(one), "families": [name for name in one.families if name in FAMILIES]} for one in MEMBERS]
    }


def border(patient: Patient) -> dict[str, Any]:
    """The probability of malignancy over the plane, (cells, cells) from the lower left, and of the new patient."""
    cloud = breast_masses()
    with one_at_a_time():
        machine, surface = _machine(patient.machine), _surface(patient.machine)
        probability = float(machine.predict_proba(np.array([[patient.first, patient.second]]))[0, 1])
    return {
        "points": cloud.standardised,
        "target": cloud.target,
        "features": cloud.features,
        "classes": cloud.classes,
        "measured": cloud.values.mean(axis=0) + np.array([patient.first, patient.second]) * cloud.values.std(axis=0),
        "surface": surface,
        "probability": probability,
    }


def lesion(asked: Lesion) -> dict[str, Any]:
    """An unseen lesion, what the network's stages make of it, and its probability of being malignant.

    `image` is (size, size, 3) bytes; each stage has its maps with the largest spread, (maps, side, side) in 0..1.
    """
    event, cohort = _cnn()
    row = unseen()[asked.number]
    one = cohort.inputs.take(np.array([row]))
    with one_at_a_time():
        pixels = event.fitted.reader(one)  # (1, versions, size, size, 3); the only version is the image as it is
        score = float(event.fitted.score(pixels)[0, 1])
        stages = _stages(event.fitted, pixels[:, 0])
    return {
        "image": pixels[0, 0],
        "stages": stages,
        "probability": score,
        "truth": cohort.task.classes[cohort.target[row]],
        "learned": len(event.fold.train),
        "unseen": len(event.fold.test),
        "auroc": _auroc(),
    }


@torch.no_grad()
def _stages(fitted: Any, pixels: np.ndarray) -> list[np.ndarray]:
    network, preparation = fitted.classifier.eval(), fitted.preparation
    x = network.stem(Pixels(nn.Identity(), preparation.mean, preparation.std)(torch.from_numpy(pixels)))
    found = []
    for stage in network.body:
        x = stage(x)
        maps = x[0].numpy()
        chosen = maps[np.sort(np.argsort(-maps.std(axis=(1, 2)))[:MAPS])]
        low, high = chosen.min(axis=(1, 2), keepdims=True), chosen.max(axis=(1, 2), keepdims=True)
        found.append((chosen - low) / np.maximum(high - low, 1e-9))
    return found


@once
def _auroc() -> float:
    """Of the network on all lesions that it has not seen."""
    event, cohort = _cnn()
    rows = event.fold.test
    score = event.fitted.scores(cohort.inputs.take(rows))[:, 1]  # type: ignore[attr-defined]
    return area(cohort.target[rows], score)


@once
def _cnn() -> tuple[FoldFit, Any]:
    """A small CNN, trained as `bedside train dermoscopy --model cnn` trains it, and its cohort."""
    cohort, fold = drawn()
    asked = {
        "model": {"width": 8},
        "train": {"epochs": EPOCHS, "learning_rate": 3e-3},
        "device": {"threads": 1, "accelerator": "cpu"},
    }
    settings = build(RunSettings, asked)
    events = train_folds("cnn", cohort, [fold], settings)
    return next(event for event in events if isinstance(event, FoldFit)), cohort


@once
def _machine(name: str) -> Any:
    """A machine that has learnt from all patients of the figure."""
    cloud = breast_masses()
    if name in HIDDEN:
        machine = MLPClassifier(hidden=HIDDEN[name], epochs=60, learning_rate=2e-2, activation="tanh", random_state=0)
    else:
        machine = build_model(name, Task("binary", cloud.classes), model_settings(name, {}), 0)
    return machine.fit(cloud.standardised, cloud.target)


@once
def _surface(name: str) -> np.ndarray:
    middle = (np.arange(CELLS) + 0.5) / CELLS * 2 * EDGE - EDGE
    plane = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    return np.asarray(_machine(name).predict_proba(plane)[:, 1].reshape(CELLS, CELLS).round(3))


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "begin": begin,
    "border": border,
    "lesion": lesion,
    "attended": attended,
    "heard": heard,
    "read": read,
    "passed": passed,
    "made": made,
}
