"""Where in a recording a network found its evidence: integrated gradients, occlusion, and what deleting it does; of a network
that gives recordings back, where it fails to.

Sources: Sundararajan et al. 2017, arXiv:1703.01365 (integrated gradients, by captum); Zeiler & Fergus 2014,
doi:10.1007/978-3-319-10590-1_53 (occlusion); Petsiuk et al. 2018, arXiv:1806.07421 (deletion).
"""

from typing import Any

import numpy as np
import torch

from bedside.errors import SettingError
from bedside.explain.attribution import ERROR
from bedside.explain.sanity import ORDERS, SHARES
from bedside.explain.trace_sight import Cells, TraceSight, bridged, tensor

CELLS = 40  # along the recorded time
STEPS = 32  # of the integral
METHODS = ("integrated-gradients", "occlusion")


def method_for(asked: str, network: Any) -> str:
    """The method of the maps.

    Args:
        asked: `settings.explain.method`.
        network: that is looked into.

    Raises:
        SettingError: for one that is for images.
    """
    if asked not in ("auto", *METHODS):
        raise SettingError(f"explain.method={asked} is for images; for recordings choose {' or '.join(METHODS)}.")
    usual = ERROR if hasattr(network, "by_place") else METHODS[0]
    return usual if asked == "auto" else asked


def maps(method: str, sight: TraceSight, prepared: np.ndarray, shown: np.ndarray, cells: Cells) -> np.ndarray:
    """Evidence for the output `shown` (n,) in each cell, (n, channels, count); below 0 it speaks against."""
    if method == ERROR:
        return cells.pooled(sight.by_place(prepared).astype(np.float64))
    return (occlude if method == "occlusion" else integrate)(sight, prepared, shown, cells)


def integrate(sight: TraceSight, prepared: np.ndarray, shown: np.ndarray, cells: Cells) -> np.ndarray:
    """Integrated gradients from a recording that is at its mean all the time; their sum is the change of the output."""
    from captum.attr import IntegratedGradients

    found = []
    gradients = IntegratedGradients(sight.network)
    for row in range(len(prepared)):
        x = tensor(prepared[row : row + 1])
        start = torch.zeros_like(x)
        start[:, -1] = x[:, -1]  # what was recorded stays recorded
        own = gradients.attribute(x, start, target=int(shown[row]), n_steps=STEPS, internal_batch_size=STEPS)
        found.append(own.detach().numpy()[0, :-1])
    return cells.pooled(np.stack(found).astype(np.float64))


def occlude(sight: TraceSight, prepared: np.ndarray, shown: np.ndarray, cells: Cells) -> np.ndarray:
    """How far the output falls when each cell of a channel is replaced by a straight line."""
    channels = prepared.shape[1] - 1
    single = np.eye(channels * cells.count, dtype=bool).reshape(-1, channels, cells.count)
    found = []
    for row, recording in enumerate(prepared):
        versions = bridged(recording, cells.points(single, row))
        evidence = sight.evidence(np.concatenate([recording[None], versions]), np.full(len(versions) + 1, shown[row]))
        found.append((evidence[0] - evidence[1:]).reshape(channels, cells.count))
    return np.stack(found)


def deletion(
    sight: TraceSight, prepared: np.ndarray, found: np.ndarray, shown: np.ndarray, cells: Cells, seed: int
) -> np.ndarray:
    """Area between the score while cells at random are deleted and while those with the most evidence are, (n,).

    At random means the pattern of the map itself, moved in time and dealt to the channels by chance.

    Args:
        sight: the member.
        prepared: (n, channels + 1, time).
        found: maps, (n, channels, count).
        shown: output whose score is followed, (n,).
        cells: of the maps.
        seed: drives the random orders.
    """
    chance = np.random.default_rng(seed)
    differences = np.zeros((len(prepared), len(SHARES) + 2))
    for row, recording in enumerate(prepared):
        grid = np.maximum(found[row], 0)
        orders = [_ranks(one, chance) for one in (grid, *(_elsewhere(grid, chance) for _ in range(ORDERS)))]
        gone = np.stack([rank < round(share * grid.size) for rank in orders for share in SHARES])
        versions = bridged(recording, cells.points(gone, row))
        scores = sight.scores(versions, np.full(len(versions), shown[row])).reshape(len(orders), -1)
        differences[row, 1:-1] = scores[1:].mean(axis=0) - scores[0]
    return np.asarray(np.trapezoid(differences, [0, *SHARES, 1], axis=1))


def _ranks(grid: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Place of each cell from the strongest to the weakest, equal ones by chance, in the shape of the grid."""
    tied = chance.permutation(grid.size)
    ranks = np.empty(grid.size, dtype=int)
    ranks[tied[np.argsort(-grid.ravel()[tied], kind="stable")]] = np.arange(grid.size)
    return ranks.reshape(grid.shape)


def _elsewhere(grid: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    moved = np.roll(grid, int(chance.integers(grid.shape[1])), axis=1)
    return moved[chance.permutation(len(grid))]
