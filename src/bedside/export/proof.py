"""Before a file is written: does it say what the run says, on made-up samples that are as awkward as real ones?"""

import numpy as np
import pandas as pd

from bedside.data.table import Feature, TableInputs
from bedside.export.pixels import image_members
from bedside.export.session import Session
from bedside.scoring import Scorer
from bedside.training.vision import FittedHead, FittedImageNetwork

ROWS = 64


def largest_difference(scorer: Scorer, session: Session) -> float:
    """Largest difference of a score, of the mean or of a member; for numbers as a share of the largest one (at least 1)."""
    model = scorer.model
    if "pixels" in session.inputs:
        pixels = made_up_pixels(session.inputs["pixels"]["shape"][1:])
        raw, arrays = np.stack([_seen(one, pixels) for one in image_members(model)]), session.arrays(pixels)
    else:
        inputs = made_up(model.features)
        raw, arrays = model.scores(inputs), session.arrays(inputs)
    scores = model.recalibrated(raw).mean(axis=0)
    if scorer.update is not None:
        scores = scorer.update(scores)
    found, members = session.run(**arrays)
    unit = max(1.0, float(np.abs(raw).max())) if model.task.kind == "regression" else 1.0
    return max(float(np.abs(found - scores).max()), float(np.abs(members - raw).max())) / unit


def _seen(member: FittedHead | FittedImageNetwork, pixels: np.ndarray) -> np.ndarray:
    """Scores of pixels (n, size, size, channels) that were resized already."""
    if isinstance(member, FittedHead):
        return member.score(member.encoder.engine.run(pixels)[:, None])
    return member.score(pixels[:, None])


def made_up_pixels(shape: list[int]) -> np.ndarray:
    """Black, white, slopes of light and noise, (n, size, size, channels) uint8, for a shape of (channels, size, size)."""
    channels, height, width = shape
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, width)[None, :, None] * np.linspace(0.2, 1, channels)
    images = [np.zeros((height, width, channels)), np.ones((height, width, channels))]
    images += [np.broadcast_to(slope, (height, width, channels)), rng.random((height, width, channels))]
    return (255 * np.stack(images)).round().astype(np.uint8)


def made_up(features: tuple[Feature, ...]) -> TableInputs:
    """Samples within and beyond the ranges of training, with gaps and with levels that training never saw."""
    rng = np.random.default_rng(0)
    columns = {one.name: _values(one, rng) for one in features}
    frame = pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in columns.items()})
    return TableInputs(frame, features)


def _values(feature: Feature, rng: np.random.Generator) -> np.ndarray:
    gaps = rng.random(ROWS) < 0.15
    gaps[:2] = (False, True)  # a sample without any gap, and one without anything else
    if feature.kind == "category":
        words = rng.choice(np.array([*feature.levels, "a level that training never saw"], dtype=object), ROWS)
        words[gaps] = None
        return words
    if feature.kind == "boolean":
        return np.where(gaps, np.nan, rng.integers(0, 2, ROWS).astype(np.float64))
    low, high = feature.low or 0.0, feature.high or 0.0
    width = high - low
    return np.where(gaps, np.nan, rng.uniform(low - 0.2 * width, high + 0.2 * width, ROWS))
