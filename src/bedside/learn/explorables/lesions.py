"""Generated skin lesions and a small network that learns from them, once per process, for figures that look inside one."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch

from bedside.cohort import Task
from bedside.data.arrays import array_inputs
from bedside.data.dermoscopy import DermoscopySettings, Generated, generate
from bedside.explain.sight import Sight
from bedside.learn.explorables.quiet import once
from bedside.models.cnn import CNN, CNNSettings
from bedside.models.losses import Supervised
from bedside.settings import DeviceSettings, TrainSettings
from bedside.splits.folds import validation_rows
from bedside.splits.images import ImagePreparation
from bedside.training.augment import Augmentation
from bedside.training.hardware import make_fabric, suits_channels_last
from bedside.training.image_batches import ImageBatches
from bedside.training.isolated import isolated, own_random_numbers
from bedside.training.loop import fit

SIDE = 48  # pixels: enough to see the lesion and the lines of a ruler, few enough to learn within seconds
LEARNED, TESTED = 300, 160  # patients, each with one image; the tested ones are others
TASK = Task("binary", ("benign", "malignant"))
SETTINGS = TrainSettings(epochs=12, early_stopping=False, schedule="onecycle", learning_rate=0.004, weight_decay=0.01)
_TESTED = np.arange(LEARNED, LEARNED + TESTED)


@once
def painted(ruler: bool) -> Generated:
    """The lesions of all patients, with a ruler beside each or without any; nothing else differs."""
    settings = DermoscopySettings(patients=LEARNED + TESTED, size=SIDE, seed=3, malignant=0.5, hair=0.0, noise=0.1)
    return generate(settings.model_copy(update={"ruler": float(ruler)}))


def targets() -> np.ndarray:
    """1 for malignant, (patients,)."""
    return (painted(False).truth["target"] == "malignant").to_numpy().astype(int)


@dataclass(frozen=True)
class Moment:
    """The tested lesions after an epoch: vectors (n, width) that the last layer reads, probabilities (n,), mean loss."""

    vectors: np.ndarray
    probability: np.ndarray
    loss: float


@once
def course() -> tuple[list[Moment], Sight]:
    """How the tested lesions without rulers look to the network before and after each epoch, and the network."""
    pixels, target = painted(False).images, targets()
    moments = []
    for sight in learning(pixels, target):
        moments.append(_moment(sight, pixels[_TESTED], target[_TESTED]))
    return moments, sight


def learning(pixels: np.ndarray, target: np.ndarray) -> Iterator[Sight]:
    """Train bedside's `cnn` on the first patients.

    Args:
        pixels: of all patients, (n, side, side, 3) uint8; those of the tested ones are not looked at.
        target: 0 or 1, (n,).

    Yields:
        The network before training, after each epoch, and at last with the weights of its best epoch.
    """
    valid = validation_rows(target[:LEARNED], None, task=TASK, seed=0)
    train = np.setdiff1d(np.arange(LEARNED), valid)
    preparation = ImagePreparation.fit(
        array_inputs(pixels[train]), size=SIDE, framing="stretch", resample="bicubic", crop_share=1.0, channels=3
    )
    with own_random_numbers(0):
        network = CNN((3, SIDE, SIDE), 1, CNNSettings(width=8, dropout=0.0)).eval()
    sight = Sight(SimpleNamespace(classifier=network, preparation=preparation), TASK)
    return steps(sight, pixels, target, train, valid, SETTINGS)


def steps(
    sight: Sight, pixels: np.ndarray, target: np.ndarray, train: np.ndarray, valid: np.ndarray, settings: TrainSettings
) -> Iterator[Sight]:
    """Train the network behind `sight` on rows of pixels (n, side, side, 3) that are as its preparation gives them.

    Yields:
        The network before training, after each epoch, and at last with the weights of its best epoch.
    """
    network, preparation = sight.classifier, sight.preparation
    fast = suits_channels_last(network, "cpu")
    if fast:
        network.to(memory_format=torch.channels_last)

    def batches(rows: np.ndarray, generator: torch.Generator | None) -> ImageBatches:
        return ImageBatches(
            pixels,
            rows,
            torch.from_numpy(target[rows]).float(),
            torch.ones(len(rows)),
            32,
            mean=preparation.mean,
            std=preparation.std,
            device=torch.device("cpu"),
            generator=generator,
            augmentation=Augmentation(flip_horizontal=True, flip_vertical=True),
            channels_last=fast,
        )

    fabric = make_fabric(DeviceSettings(accelerator="cpu"), work=1)
    loaders = batches(train, torch.Generator().manual_seed(0)), batches(valid, None)
    records = fit(fabric, network, *loaders, Supervised(sight.task), settings)
    yield sight
    for _ in isolated(records, seed=0, threads=1, device=torch.device("cpu")):
        yield sight
    network.eval()
    yield sight


def accuracy(sight: Sight, pixels: np.ndarray) -> float:
    """Share of the tested patients on the right side of one half; `pixels` are theirs, (n, side, side, 3)."""
    called = sight.scores(pixels, np.zeros(len(pixels), dtype=int)) > 0.5
    return float((called == targets()[_TESTED]).mean())


@torch.no_grad()
def _moment(sight: Sight, pixels: np.ndarray, target: np.ndarray) -> Moment:
    scale, _, last = sight.classifier.head
    vectors = scale(torch.cat([sight.classifier.embed(part) for part in sight.normalised(pixels).split(32)]))
    logits = last(vectors)
    loss = Supervised(TASK).per_row(logits, torch.from_numpy(target)).mean()
    return Moment(vectors.double().numpy(), logits.squeeze(-1).sigmoid().double().numpy(), float(loss))
