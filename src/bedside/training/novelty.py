"""Is a new sample like those of training? Its distance from them, held against the distances of held-out samples.

A new sample that comes from the same population is as likely as any held-out one to be the farthest, so the share of
held-out samples that lie at least as far is a p-value whatever the distribution (Vovk et al. 2005, Algorithmic learning
in a random world, chapter 4). With several folds each held-out sample is measured by the member that had not seen it, and
the shares are added up over the members (cross-conformal; Vovk 2015, doi:10.1007/s10472-013-9368-4).

Distance is taken in what a model of tables is given, because a network may fold an outlier onto an ordinary place, and in
what the last layer reads for images, because pixels by themselves have no distance that means anything. Lee et al. 2018,
arXiv:1807.03888, use the Mahalanobis distance of features in this way.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from bedside.cohort import Cohort, Fold
from bedside.errors import RunError
from bedside.seeds import one_per_patient
from bedside.training.fitted import Fitted, each
from bedside.training.space import Space, read_tensors, write_tensors

MOST = 1000  # training samples that centre and spread are learned from; more would not change them visibly
FEWEST = 10  # held-out samples below which nothing is learned
TENSORS, FACTS = "novelty.safetensors", "novelty.json"


@dataclass(frozen=True)
class Novelty:
    """The space of a member's training samples, and the distances of samples it had not seen, ascending."""

    member: str  # name of the member whose vectors these are
    space: Space
    held_out: np.ndarray

    def save(self, folder: Path) -> None:
        write_tensors(folder / TENSORS, {**self.space.tensors(), "held_out": self.held_out.astype(np.float64)})
        (folder / FACTS).write_text(json.dumps({"member": self.member}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote.

        Raises:
            RunError: if a file is missing or damaged.
        """
        tensors = read_tensors(folder / TENSORS)
        try:
            held_out, facts = tensors.pop("held_out"), json.loads((folder / FACTS).read_text(encoding="utf-8"))
            return cls(facts["member"], Space(**tensors), held_out)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder / FACTS} cannot be read ({error}); the model is damaged.") from None


def learn(member: Fitted, name: str, cohort: Cohort, fold: Fold, *, single: bool) -> Novelty | None:
    """What `unusual` needs of one fold; None where there is too little to learn from.

    Args:
        member: that was fitted on the training samples of the fold, or that sees the same of a sample wherever it was
            fitted.
        name: of the member.
        cohort: with the inputs of all samples.
        fold: whose training samples say what is usual. Its test samples say how far usual ones lie.
        single: the fold is the only one; then its validation samples count as held out too.
    """
    held = np.concatenate([fold.valid, fold.test]) if single else fold.test
    held = held[one_per_patient(cohort.patients[held], fold.number)]  # so that they are independent of each other
    if len(held) < FEWEST or len(fold.train) < FEWEST:
        return None
    train = fold.train[np.unique(np.linspace(0, len(fold.train) - 1, min(MOST, len(fold.train))).round().astype(int))]
    vectors = vectors_of(member, cohort.inputs.take(np.concatenate([train, held])))
    if not vectors.any():
        return None  # a model that looks at nothing
    space = Space.of(vectors[: len(train)])
    return Novelty(name, space, np.sort(space.distances(vectors[len(train) :])))


def vectors_of(member: Fitted, inputs: Any) -> np.ndarray:
    """What distance is taken in, (n, d)."""
    (found,) = each([member], inputs, lambda _, fitted, prepared: fitted.place(prepared))
    return found[0]


def distances_in(novelties: Sequence[Novelty], names: Sequence[str]) -> Callable[[int, Fitted, np.ndarray], np.ndarray]:
    """A function for `fitted.each`: distances of samples in the spaces of a member, (n, novelties); NaN in all others.

    Args:
        novelties: of all members.
        names: of the members, in their order.
    """

    def measure(number: int, member: Fitted, prepared: np.ndarray) -> np.ndarray:
        found = np.full((len(prepared), len(novelties)), np.nan)
        mine = [k for k, novelty in enumerate(novelties) if novelty.member == names[number]]
        vectors = member.place(prepared) if mine else prepared
        for k in mine:
            found[:, k] = novelties[k].space.distances(vectors)
        return found

    return measure


@dataclass(frozen=True)
class Judged:
    """Of n new samples: `distance`, where the usual held-out sample has 1, `share` of held-out samples at least as far,
    whether that makes them `unusual`, and the `rate` at which samples like those of training are called so."""

    distance: np.ndarray
    share: np.ndarray
    unusual: np.ndarray
    rate: float


def judge(novelties: Sequence[Novelty], distances: np.ndarray, rate: float) -> Judged:
    """Flag samples that lie farther out than nearly all held-out samples did.

    Args:
        novelties: one per fold.
        distances: of new samples in each of their spaces, (novelties, n).
        rate: share of samples like those of training that may be flagged. With fewer held-out samples than it takes to
            tell, those are flagged that lie farther than every one of them.
    """
    known = sum(len(novelty.held_out) for novelty in novelties)
    beyond = sum(
        len(novelty.held_out) - np.searchsorted(novelty.held_out, row)
        for novelty, row in zip(novelties, distances, strict=True)
    )
    share = (beyond + 1) / (known + 1)
    usual = [float(np.median(novelty.held_out)) or 1.0 for novelty in novelties]
    reached = max(rate, 1 / (known + 1))
    return Judged(np.mean(distances / np.array(usual)[:, None], axis=0), share, share <= reached + 1e-12, reached)
