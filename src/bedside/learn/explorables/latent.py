"""The latent space by epoch: where a network puts patients on whom it is not trained, while it learns from others.

Source of the projection: principal components of all epochs together, so that the axes stand still while points move.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import Field
from sklearn.decomposition import PCA

from bedside.cohort import Cohort, Fold
from bedside.data.samples import load
from bedside.errors import SettingError
from bedside.learn.explorables import lesions
from bedside.learn.explorables.lesions import Moment
from bedside.learn.explorables.pictures import png
from bedside.learn.explorables.quiet import once
from bedside.models.losses import Supervised, auroc
from bedside.models.mlp import MLP, MLPSettings
from bedside.settings import DeviceSettings, FoldSettings, PreparationSettings, Settings, TrainSettings
from bedside.splits.folds import make_folds
from bedside.splits.preparation import TablePreparation
from bedside.training.batches import TensorBatches
from bedside.training.hardware import make_fabric
from bedside.training.isolated import isolated, own_random_numbers
from bedside.training.loop import fit

Data = Literal["masses", "lesions"]
TOLD = ("mean radius", "mean texture", "mean concavity", "worst radius", "worst concave points")
_SETTINGS = TrainSettings(epochs=12, early_stopping=False, schedule="constant", learning_rate=3e-3)


class Space(Settings):
    """Whose space."""

    data: Data = "masses"


class Point(Space):
    """One of its points, from 0."""

    row: int = Field(default=0, ge=0, lt=1000)


@dataclass(frozen=True)
class Course:
    """The tested patients before and after each epoch; `target` is 1 for malignant, (n,)."""

    moments: list[Moment]
    target: np.ndarray


def course(space: Space) -> dict[str, Any]:
    """For each epoch from 0: the points (n, 2), the probabilities (n,), the loss, and the area under the ROC curve."""
    found = _course(space.data)
    vectors = np.stack([moment.vectors for moment in found.moments])
    components = PCA(2, svd_solver="full").fit(vectors.reshape(-1, vectors.shape[-1]))
    target = torch.from_numpy(found.target)
    return {
        "target": found.target,
        "width": vectors.shape[-1],
        "kept": components.explained_variance_ratio_.sum(),
        "epochs": [
            {
                "points": components.transform(moment.vectors),
                "probability": moment.probability,
                "loss": moment.loss,
                "auroc": auroc(torch.from_numpy(moment.probability), target, torch.ones(len(target))).item(),
            }
            for moment in found.moments
        ],
    }


def one(point: Point) -> dict[str, Any]:
    """Who a point is: the image of a lesion, or some values of a breast mass with the means of all tested ones.

    Raises:
        SettingError: there is no such point.
    """
    n = len(_course(point.data).target)
    if point.row >= n:
        raise SettingError(f"There are {n} points, not {point.row + 1}.")
    if point.data == "lesions":
        return {"image": png(lesions.painted(False).images[lesions.LEARNED + point.row])}
    frame = _tested_masses()
    values = frame[list(TOLD)]
    return {"values": [{"name": name, "value": values[name].iloc[point.row], "mean": values[name].mean()} for name in TOLD]}  # fmt: skip


def _course(data: Data) -> Course:
    if data == "lesions":
        return Course(lesions.course()[0], lesions.targets()[lesions.LEARNED :])
    return _masses()


@once
def _masses() -> Course:
    """A small `mlp` that learns from breast masses; its last hidden layer is the space."""
    cohort, fold = _fold()
    preparation = TablePreparation.fit(cohort.inputs.take(fold.train), PreparationSettings())
    parts = [
        torch.from_numpy(preparation(cohort.inputs.take(rows))).float() for rows in (fold.train, fold.valid, fold.test)
    ]
    target = [torch.from_numpy(cohort.target[rows]) for rows in (fold.train, fold.valid, fold.test)]
    with own_random_numbers(0):
        network = MLP(parts[0].shape[1], 1, MLPSettings(hidden=(16, 16), activation="tanh", dropout=0.0))
    objective = Supervised(cohort.task)
    batch = partial(TensorBatches, batch_size=32)
    train = batch(parts[0], target[0], torch.ones(len(fold.train)), generators=[torch.Generator().manual_seed(0)])
    valid = batch(parts[1], target[1], torch.ones(len(fold.valid)))

    @torch.no_grad()
    def moment() -> Moment:
        vectors = network.hidden(parts[2])
        logits = network.output(vectors)
        loss = objective.per_row(logits, target[2]).mean()
        return Moment(vectors.double().numpy(), logits.squeeze(-1).sigmoid().double().numpy(), float(loss))

    moments = [moment()]
    records = fit(make_fabric(DeviceSettings(accelerator="cpu"), work=1), network, train, valid, objective, _SETTINGS)
    for _ in isolated(records, seed=0, threads=1, device=torch.device("cpu")):
        moments.append(moment())
    return Course(moments, cohort.target[fold.test])


@once
def _fold() -> tuple[Cohort, Fold]:
    cohort = load("breast-cancer")
    return cohort, make_folds(cohort, FoldSettings(scheme="holdout"), seed=0)[0]


def _tested_masses() -> pd.DataFrame:
    cohort, fold = _fold()
    frame: pd.DataFrame = cohort.inputs.take(fold.test).frame
    return frame


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"course": course, "one": one}
