"""Which atoms of a molecule a network found its evidence in: integrated gradients, occlusion, and what deleting them does.

Sources: Sundararajan et al. 2017, arXiv:1703.01365 (integrated gradients, by captum); McCloskey et al. 2019,
doi:10.1073/pnas.1820657116 (on molecules); Petsiuk et al. 2018, arXiv:1806.07421 (deletion).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.explain.array_sight import ArraySight, tensor
from bedside.explain.sanity import ORDERS, SHARES

STEPS = 32  # of the integral
METHODS = ("integrated-gradients", "occlusion")


class AtomSight(ArraySight):
    """Molecules are (n, places, 1 + features + places); see `splits.graphs.GraphPreparation`."""


def sights_of(members: Sequence[tuple[str, Any]], task: Task) -> dict[str, AtomSight]:
    return {name: AtomSight(member, task) for name, member in members}


def method_for(asked: str) -> str:
    """The method of the maps.

    Raises:
        SettingError: for one that is for images.
    """
    if asked not in ("auto", *METHODS):
        raise SettingError(f"explain.method={asked} is for images; for molecules choose {' or '.join(METHODS)}.")
    return METHODS[0] if asked == "auto" else asked


def maps(method: str, sight: AtomSight, prepared: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Evidence for the output `shown` (n,) in each place, (n, places); below 0 it speaks against, 0 where no atom is."""
    return (occlude if method == "occlusion" else integrate)(sight, prepared, shown)


def integrate(sight: AtomSight, prepared: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Integrated gradients from the same bonds between atoms of which nothing is known, summed over what is known of each
    atom; the sum over the atoms is the change of the output."""
    from captum.attr import IntegratedGradients

    gradients, features = IntegratedGradients(sight.network), slice(1, 1 + sight.network.n_features)
    found = np.zeros(prepared.shape[:2])
    for row in range(len(prepared)):
        x = tensor(prepared[row : row + 1])
        start = x.clone()
        start[:, :, features] = 0
        own = gradients.attribute(x, start, target=int(shown[row]), n_steps=STEPS, internal_batch_size=STEPS)
        found[row] = own.detach().numpy()[0, :, features].sum(axis=-1)
    return found


def occlude(sight: AtomSight, prepared: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """How far the output falls when nothing is known of an atom but its bonds, (n, places)."""
    found = np.zeros(prepared.shape[:2])
    for row, graph in enumerate(prepared):
        single = np.eye(len(graph), dtype=bool)[: atoms_in(graph)]
        versions = without(graph, single, sight.network.n_features)
        evidence = sight.evidence(np.concatenate([graph[None], versions]), np.full(len(versions) + 1, shown[row]))
        found[row, : len(single)] = evidence[0] - evidence[1:]
    return found


def deletion(sight: AtomSight, prepared: np.ndarray, found: np.ndarray, shown: np.ndarray, seed: int) -> np.ndarray:
    """Area between the score while atoms at random are made unknown and while those with the most evidence are, (n,)."""
    chance = np.random.default_rng(seed)
    differences = np.zeros((len(prepared), len(SHARES) + 2))
    for row, graph in enumerate(prepared):
        n = atoms_in(graph)
        evidence = np.maximum(found[row, :n], 0)
        by_map = np.lexsort((chance.permutation(n), -evidence))  # equal ones by chance
        ranks = [np.argsort(order) for order in (by_map, *(chance.permutation(n) for _ in range(ORDERS)))]
        gone = np.zeros((len(ranks) * len(SHARES), len(graph)), dtype=bool)
        gone[:, :n] = [rank < round(share * n) for rank in ranks for share in SHARES]
        versions = without(graph, gone, sight.network.n_features)
        scores = sight.scores(versions, np.full(len(versions), shown[row])).reshape(len(ranks), -1)
        differences[row, 1:-1] = scores[1:].mean(axis=0) - scores[0]
    return np.asarray(np.trapezoid(differences, [0, *SHARES, 1], axis=1))


def correlations(first: np.ndarray, second: np.ndarray, prepared: np.ndarray) -> np.ndarray:
    """Rank correlation of each pair of maps over the atoms that are there, (n, places) each -> (n,); see `sanity.correlation`."""
    from bedside.explain.sanity import correlation

    sizes = [atoms_in(graph) for graph in prepared]
    pairs = zip(first, second, sizes, strict=True)
    return np.array([correlation(a[None, :n], b[None, :n])[0] for a, b, n in pairs])


def atoms_in(graph: np.ndarray) -> int:
    """Atoms of a prepared molecule (places, columns)."""
    return int(graph[:, 0].astype(bool).sum())


def without(graph: np.ndarray, unknown: np.ndarray, n_features: int) -> np.ndarray:
    """Versions of a prepared molecule in which nothing is known of some atoms but their bonds.

    Args:
        graph: (places, 1 + features + places).
        unknown: (versions, places) bool.
        n_features: of an atom.
    """
    versions = np.repeat(graph[None], len(unknown), axis=0)
    versions[:, :, 1 : 1 + n_features][unknown] = 0
    return versions
