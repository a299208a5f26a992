"""New samples from a trained network that knows what the samples of each class are like, in the form of any others."""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from bedside.data.arrays import array_inputs
from bedside.data.pixels import ImageInputs
from bedside.data.table import TableInputs
from bedside.models.generative import Generative
from bedside.splits.backwards import numbers_of, shares_of
from bedside.splits.preparation import TablePreparation
from bedside.training.fitted import FittedNetwork, Part, outputs_in_64_bits
from bedside.training.hardware import limited_threads

_MOST_DECIMALS = 6
_TOGETHER = 32  # images that are drawn together


def draws(member: Any) -> bool:
    """Whether new samples can be drawn from a member of a model."""
    return isinstance(_network(member), Generative)


def shares(members: Sequence[Any]) -> np.ndarray:
    """How frequent members that draw take each class to be, mean over them, (classes,)."""
    found = np.mean([_network(member).judge.share.numpy() for member in members], axis=0, dtype=np.float64)
    return np.asarray(found / found.sum())


def drawn(member: Any, label: np.ndarray, seed: int, features: Any) -> TableInputs | ImageInputs:
    """Synthetic samples of the given classes, as raw values.

    Args:
        member: that `draws`.
        label: numbers of the classes, (n,).
        seed: same seed, same samples.
        features: of the cohort.
    """
    if isinstance(member, FittedNetwork):
        return _drawn_rows(member, label, seed, features)
    return _drawn_images(member, label, seed)


def evidence(member: Any, inputs: Any) -> np.ndarray:
    """Bounds of log p(x | class) of real samples, (n, classes), in nats, up to a constant."""
    prepared = member.reader(inputs)
    if isinstance(member, FittedNetwork):
        return np.asarray(outputs_in_64_bits(Part(member.network, "evidence"), prepared).numpy())
    return np.asarray(member.evidence.run(np.ascontiguousarray(prepared[:, 0])), dtype=np.float64)


def _network(member: Any) -> Any:
    return getattr(member, "network", None) or getattr(member, "classifier", None)


def _drawn_images(member: Any, label: np.ndarray, seed: int) -> ImageInputs:
    """Images of the size that the network sees, uint8, grey or in colour as those of training."""
    network, preparation = member.classifier.to(member.device).eval(), member.preparation
    random, mean, std = torch.Generator().manual_seed(seed), preparation.mean, preparation.std
    parts = []
    with limited_threads(member.threads), torch.no_grad():
        for some in torch.from_numpy(label).split(_TOGETHER):
            x = network.draw(some.to(member.device), random).cpu().permute(0, 2, 3, 1)
            pixels = (x * torch.tensor(std) + torch.tensor(mean)) * 255
            parts.append(pixels.round().clamp(0, 255).to(torch.uint8).numpy())
    network.cpu()
    found = np.concatenate(parts) if parts else np.zeros((0, *preparation.shape[1:], preparation.channels), np.uint8)
    return array_inputs(found[..., 0] if preparation.channels == 1 else found)


def _drawn_rows(member: FittedNetwork, label: np.ndarray, seed: int, features: Any) -> TableInputs:
    """Rows of a table.

    Numbers stay within those of training and have no more decimals; what may be missing is missing as often.
    """
    network: Any = copy.deepcopy(member.network).double().eval()
    with torch.no_grad():
        prepared = network.draw(torch.from_numpy(label), torch.Generator().manual_seed(seed)).numpy()
    preparation: Any = member.preparation
    table = numbers_of(preparation, prepared)
    for name, scores in zip(preparation.numbers, preparation.normal or (), strict=True):
        table[name] = table[name].round(_decimals(scores.values))
    rng = np.random.default_rng(seed)
    for name, shares in shares_of(preparation, prepared).items():
        table[name] = _levels(preparation, name, shares, rng)
    kinds, sources = preparation.kinds(), preparation.sources()
    for k, (kind, name) in enumerate(zip(kinds, sources, strict=True)):
        if kind.endswith("gaps"):
            table[name] = table[name].where(prepared[:, k] < 0.5, None if kind.startswith("level") else np.nan)
    return TableInputs(table[[feature.name for feature in features]], tuple(features))


def _decimals(values: np.ndarray) -> int:
    """Decimals that the values of a column have."""
    for decimals in range(_MOST_DECIMALS):
        if np.allclose(values, values.round(decimals), rtol=0, atol=10.0 ** -(_MOST_DECIMALS + 3)):
            return decimals
    return _MOST_DECIMALS


def _levels(preparation: TablePreparation, name: str, shares: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Names of levels (n,) from columns of 0 and 1; where none is 1, one of those that were rare in training."""
    names = shares.columns.to_numpy(dtype=object)
    found = names[shares.to_numpy().argmax(axis=1)]
    encoder: Any = preparation.steps["levels"]["encode"]
    rare = encoder.infrequent_categories_[preparation.levels.index(name)]
    none = shares.to_numpy().max(axis=1) < 0.5 if len(names) else np.ones(len(shares), dtype=bool)
    if rare is not None and len(rare):
        if set(names) <= set(rare):
            none[:] = True
        found[none] = rng.choice(np.asarray(rare, dtype=object), size=int(none.sum()))
    return np.asarray(found, dtype=object)
