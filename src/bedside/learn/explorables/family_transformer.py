"""The transformer of the family album: timm's smallest, trained on the lesions of the convolutional network beside it.

It takes little for granted, and so few images teach it little; the page says how little, and where it looks.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import Field

from bedside.cohort import Cohort, Fold, Task
from bedside.data.samples import load
from bedside.evaluation.metrics import binary
from bedside.explain.attribution import reached
from bedside.explain.sight import Sight
from bedside.learn.explorables.lesions import steps
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.models import build_model, model_settings
from bedside.settings import DataSettings, RunSettings, Settings, TrainSettings
from bedside.splits.folds import make_folds
from bedside.splits.images import ImagePreparation
from bedside.training.isolated import own_random_numbers

LESIONS, SIZE = 300, 32  # patients with one image each, and pixels a side
SHOWN = 12  # lesions to choose from
ARCHITECTURE, SIDE, PATCH = "test_vit", 64, 16  # its patches have 16 pixels a side, so the image is drawn larger
SETTINGS = TrainSettings(epochs=12, early_stopping=False, schedule="onecycle", learning_rate=0.001, weight_decay=0.05)


class Lesion(Settings):
    """One of the lesions that the networks have not seen."""

    number: int = Field(default=0, ge=0, lt=SHOWN)


@once
def drawn() -> tuple[Cohort, Fold]:
    """The lesions of the album, and who trains, validates and tests."""
    synthetic = {"size": SIZE, "patients": LESIONS, "noise": 0.05, "hair": 0.0, "ruler": 0.0}
    cohort, settings = load("dermoscopy", DataSettings(synthetic=synthetic)), RunSettings()
    return cohort, make_folds(cohort, settings.folds, seed=settings.seed)[0]


@once
def unseen() -> tuple[int, ...]:
    """Test lesions to choose from, malignant and benign in turn."""
    cohort, fold = drawn()
    benign, malignant = (fold.test[cohort.target[fold.test] == k][: SHOWN // 2].tolist() for k in (0, 1))
    return tuple(row for pair in zip(malignant, benign, strict=True) for row in pair)


def area(target: np.ndarray, score: np.ndarray) -> float:
    """AUROC as reports have it: target (n,) of 0 and 1, score (n,)."""
    metric = binary(target == 1, score, score >= 0.5)[0]
    return float(metric.finish(metric.statistics[0](np.ones((1, len(target)))))[0])


def attended(asked: Lesion) -> dict[str, Any]:
    """An unseen lesion, its patches in rows, and the share of the decision that comes from each, before and after training.

    `patches` is (rows, columns, pixels, pixels, 3) bytes; the shares of each map (rows, columns) add up to 1, as
    attention rollout tells them: what a patch passes on through all blocks to the token that decides.
    """
    (cohort, fold), (sight, begun, pixels) = drawn(), _trained()
    row = unseen()[asked.number]
    image, cells = pixels[row], SIDE // PATCH
    with one_at_a_time():
        x = sight.normalised(image[None])
        shares = {name: reached(one, x)[0] for name, one in (("before", begun), ("after", sight.classifier))}
        score = float(sight.scores(image[None], np.zeros(1, dtype=int))[0])
    return {
        "image": image,
        "patches": image.reshape(cells, PATCH, cells, PATCH, 3).swapaxes(1, 2),
        **{name: (share / share.sum()).double().numpy() for name, share in shares.items()},
        "probability": score,
        "truth": cohort.task.classes[cohort.target[row]],
        "learned": len(fold.train),
        "unseen": len(fold.test),
        "auroc": _auroc(),
        "architecture": ARCHITECTURE,
        "blocks": len(sight.classifier.backbone.blocks),
        "weights": sum(weight.numel() for weight in sight.classifier.parameters()),
    }


@once
def _auroc() -> float:
    """Of the transformer on all lesions that it has not seen."""
    (cohort, fold), (sight, _, pixels) = drawn(), _trained()
    score = sight.scores(pixels[fold.test], np.zeros(len(fold.test), dtype=int))
    return area(cohort.target[fold.test], score)


@once
def _trained() -> tuple[Sight, Any, np.ndarray]:
    """The network after training, the same before it, and all lesions as it reads them, (n, side, side, 3) uint8."""
    cohort, fold = drawn()
    preparation = ImagePreparation.fit(
        cohort.inputs.take(fold.train),
        size=SIDE,
        framing="stretch",
        resample="bicubic",
        crop_share=1.0,
        channels=3,
    )
    pixels, shape = preparation(cohort.inputs), (3, SIDE, SIDE)
    built = []
    for _ in ("begun", "trained"):
        with own_random_numbers(0):
            settings = model_settings(ARCHITECTURE, {"weights": "none"})
            built.append(build_model(ARCHITECTURE, shape, 1, settings).float().eval())
    begun, network = built
    sight = Sight(SimpleNamespace(classifier=network, preparation=preparation), Task("binary", cohort.task.classes))
    for _ in steps(sight, pixels, cohort.target, fold.train, fold.valid, SETTINGS):
        pass
    return sight, begun, pixels
