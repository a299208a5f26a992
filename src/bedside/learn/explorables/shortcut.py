"""A planted shortcut: rulers that go with the diagnosis, what the network gains by them, and where its Grad-CAM looks.

That skin cancer was photographed with rulers more often, and that networks took them for a sign of it, happened:
Narla et al. 2018, doi:10.1016/j.jid.2018.06.175.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image
from pydantic import Field

from bedside.explain import attribution
from bedside.explain.images import overlay
from bedside.explain.sight import Sight
from bedside.explain.truth import framed
from bedside.learn.explorables.lesions import LEARNED, SIDE, accuracy, learning, painted, targets
from bedside.learn.explorables.pictures import png
from bedside.learn.explorables.quiet import once
from bedside.settings import Settings

SHOWN = 6  # lesions whose maps are drawn
MEASURED = 48  # malignant tested lesions whose maps are measured
TIMES = 6  # how much larger a pixel is drawn


class Planted(Settings):
    """In how many percent of the patients the ruler agrees with the diagnosis; 50 is chance."""

    share: int = Field(default=50, ge=50, le=100, multiple_of=10)


def plant(planted: Planted) -> dict[str, Any]:
    """Some training images of each class, (side, side, 3) as PNG, and how many of each class have a ruler."""
    target, has = targets()[:LEARNED], ruled_rows(planted.share)[:LEARNED]
    images = dealt(planted.share)
    groups = []
    for number, name in enumerate(("benign", "malignant")):
        rows = np.flatnonzero(target == number)
        groups.append({"name": name, "rulers": has[rows].mean(), "images": [png(images[row]) for row in rows[:SHOWN]]})
    return {"groups": groups, "n": LEARNED}


@once
def _learned(share: int) -> Sight:
    *_, sight = learning(dealt(share), targets())
    return sight


@once
def _measured(share: int) -> dict[str, Any]:
    sight = _learned(share)
    rows = LEARNED + np.flatnonzero(targets()[LEARNED:] == 1)
    pictures, bare = painted(True), painted(False)
    first = np.zeros(len(rows), dtype=int)
    found = attribution.maps("grad-cam", sight.classifier, sight.normalised(pictures.images[rows[:MEASURED]]), first[:MEASURED])  # fmt: skip
    with_ruler, without = (
        sight.scores(images[rows[:SHOWN]], first[:SHOWN]) for images in (pictures.images, bare.images)
    )
    shown = [
        {
            "image": png(_larger(pictures.images[row])),
            "over": png(_over(pictures.images[row], found[k])),
            "with": with_ruler[k],
            "without": without[k],
        }
        for k, row in enumerate(rows[:SHOWN])
    ]
    heat = {
        name: _heat(sight, found, masks[rows[:MEASURED]])
        for name, masks in (("lesion", pictures.lesions), ("ruler", pictures.rulers))
    }
    return {
        "share": share,
        "same": accuracy(sight, dealt(share)[LEARNED:]),
        "chance": accuracy(sight, dealt(50)[LEARNED:]),
        "tested": len(targets()) - LEARNED,
        "measured": len(found),
        "heat": heat,
        "shown": shown,
    }


def learn(planted: Planted) -> dict[str, Any]:
    """Train a network on images with such rulers; its accuracy on other patients, and where its evidence lies.

    `same` is the accuracy where rulers are dealt as in training, `chance` where they say nothing. `heat` is the share
    of the Grad-CAM inside a mask and its margin, with the share of the image that they cover.
    """
    return _measured(planted.share)


def ruled_rows(share: int) -> np.ndarray:
    """Who has a ruler: `share` percent of the malignant lesions, the rest of the benign ones, (n,) bool.

    Learnt and tested patients are dealt to on their own, in one order for all shares, so that two shares differ in as
    few patients as they can.
    """
    target, place, rng = targets(), np.empty(len(targets())), np.random.default_rng(0)
    for part in (np.arange(LEARNED), np.arange(LEARNED, len(target))):
        for number in (0, 1):
            rows = part[target[part] == number]
            place[rows] = (rng.permutation(len(rows)) + 0.5) / len(rows)
    return np.asarray(place < np.where(target == 1, share, 100 - share) / 100)


def dealt(share: int) -> np.ndarray:
    """The images of all patients with rulers dealt so, (n, side, side, 3) uint8."""
    return np.where(ruled_rows(share)[:, None, None, None], painted(True).images, painted(False).images)


def _heat(sight: Sight, found: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """Mean share of the heat of maps (n, side, side) inside masks and their margin, and of the area, as in reports."""
    inside = np.stack([framed(sight, mask) for mask in masks])
    kept = (found.sum(axis=(1, 2)) > 0) & inside.any(axis=(1, 2))
    heat = (found * inside)[kept].sum(axis=(1, 2)) / found[kept].sum(axis=(1, 2))
    return {"heat": float(heat.mean()) if kept.any() else float("nan"), "area": float(inside[kept].mean())}


def _larger(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(TIMES, axis=0).repeat(TIMES, axis=1)


def _over(pixels: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The image with its map over it, as in reports."""
    heat = Image.fromarray(found.astype(np.float32)).resize((SIDE * TIMES,) * 2, Image.Resampling.BICUBIC)
    return overlay(_larger(pixels), np.clip(np.asarray(heat), 0, 1))


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"plant": plant, "learn": learn}
