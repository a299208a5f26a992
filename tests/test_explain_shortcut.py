"""Whether explanations show what a network really looks at: a ruler planted beside melanomas, or the lesion itself."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation
from sklearn.metrics import roc_auc_score
from torch import nn

from bedside.cohort import Task
from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.explain import attribution, sanity
from bedside.explain.sight import Sight
from bedside.models.cnn import CNN, CNNSettings
from bedside.training.isolated import own_random_numbers

SIZE, TRAINED, ALL = 64, 210, 310
EPOCHS = 11
TASK = Task("binary", ("benign", "malignant"))


def generated(**options):
    return generate(DermoscopySettings(patients=ALL, size=SIZE, seed=1, malignant=0.5, hair=0.0, **options))


def truth(images):
    return (images.truth["target"] == "malignant").to_numpy().astype(int)


def trained(images) -> Sight:
    """A small network trained on the first images, turned and mirrored at random."""
    pixels, target = images.images[:TRAINED], torch.tensor(truth(images)[:TRAINED]).float()[:, None]
    mean, std = (getattr(pixels / 255, name)(axis=(0, 1, 2)).tolist() for name in ("mean", "std"))
    preparation = SimpleNamespace(mean=tuple(mean), std=tuple(std))
    with own_random_numbers(0):
        network = CNN((3, SIZE, SIZE), 1, CNNSettings(width=8, dropout=0.0))
        sight = Sight(SimpleNamespace(classifier=network, preparation=preparation), TASK)
        x = sight.normalised(pixels)
        steps = EPOCHS * -(-TRAINED // 32)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
        for _ in range(EPOCHS):
            for rows in torch.randperm(TRAINED).split(32):
                batch = torch.rot90(x[rows], int(torch.randint(4, ())), (2, 3))
                batch = batch.flip(-1) if torch.rand(()) < 0.5 else batch
                loss = nn.functional.binary_cross_entropy_with_logits(network(batch), target[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    network.eval()
    return sight


@pytest.fixture(scope="module")
def shortcut():
    """The ruler goes with malignancy exactly, the lesion only loosely; with it, a network that learned this."""
    images = generated(shortcut=1.0, noise=2.0)
    return images, trained(images)


@pytest.fixture(scope="module")
def honest():
    """The ruler says nothing, the lesion nearly everything."""
    images = generated(noise=0.1)
    return images, trained(images)


def looked_at(images, sight, where):
    """Share of the maps' mass inside `where` and its share of the area, over tested images called malignant."""
    rows = np.arange(TRAINED, ALL)
    rows = rows[(scores(images, sight) > 0.5) & where[rows].any(axis=(1, 2))]
    shown = np.zeros(len(rows), dtype=int)
    found = attribution.maps("grad-cam", sight.classifier, sight.normalised(images.images[rows]), shown)
    rows, found = rows[found.any(axis=(1, 2))], found[found.any(axis=(1, 2))]
    assert len(rows) >= 10
    inside = (found * where[rows]).sum(axis=(1, 2)) / found.sum(axis=(1, 2))
    return float(inside.mean()), float(where[rows].mean())


def scores(images, sight):
    rows = np.arange(TRAINED, ALL)
    return sight.scores(images.images[rows], np.zeros(len(rows), dtype=int))


def auroc(images, sight):
    return roc_auc_score(truth(images)[TRAINED:], scores(images, sight))


def around(masks):
    """Masks with the places next to them, which the same feature of a map covers."""
    return np.stack([binary_dilation(mask, iterations=3) for mask in masks])


def test_a_planted_ruler_is_what_the_map_shows(shortcut):
    images, sight = shortcut
    inside, area = looked_at(images, sight, around(images.rulers))
    assert inside > 2 * area
    assert inside > 2 * looked_at(images, sight, images.lesions)[0]


def test_a_network_that_learned_the_ruler_fails_without_it(shortcut):
    _, sight = shortcut
    assert auroc(shortcut[0], sight) > 0.9
    assert auroc(generated(noise=2.0), sight) < 0.75  # the same lesions, the ruler decoupled


def test_without_a_shortcut_the_map_shows_the_lesion(honest):
    images, sight = honest
    inside, area = looked_at(images, sight, images.lesions)
    on_ruler, _ = looked_at(images, sight, around(images.rulers))
    assert auroc(images, sight) > 0.8
    assert inside > 2 * area
    assert on_ruler < inside / 2


def test_deleting_the_lesion_harms_more_than_deleting_elsewhere(honest):
    images, sight = honest
    rows = np.arange(TRAINED, ALL)[scores(images, sight) > 0.5][:16]
    shown = np.zeros(len(rows), dtype=int)
    found = attribution.maps("grad-cam", sight.classifier, sight.normalised(images.images[rows]), shown)
    areas = sanity.deletion(sight, images.images[rows], found, shown, 0)
    assert areas.mean() > 2 * areas.std() / np.sqrt(len(rows))
