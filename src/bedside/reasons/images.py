"""Where in an image the evidence for its score lies, the mean over members of a model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bedside.explain import attribution
from bedside.explain.sight import Sight
from bedside.reasons.decided import explained
from bedside.scoring import Scorer

MOST_MEMBERS = 5  # that are asked where none are named
NAMED = 3  # places of an image that are named
PLACES = ("upper left", "upper middle", "upper right", "middle left", "centre", "middle right",
          "lower left", "lower middle", "lower right")  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """Maps of n images by a method of `explain.attribution`.

    `pixels` (n, size, size, channels) uint8 are what the first member sees, `maps` (n, size, size) in 0..1 where its evidence
    lies, for the class `of` each (that of a binary task is the positive one; None of a number).
    """

    pixels: np.ndarray
    maps: np.ndarray
    of: tuple[str | None, ...]
    method: str
    members: int


def where(found: np.ndarray) -> list[tuple[str, float]]:
    """Where the evidence of a map (size, size) lies: the ninths that hold most of it, in words, each with its share."""
    ninths = attribution.pooled(found[None], 3)[0]
    total = float(ninths.sum())
    if total <= 0:
        return []
    order = np.argsort(-ninths, axis=None, kind="stable")[:NAMED]
    return [(PLACES[int(k)], float(ninths.flat[k]) / total) for k in order]


class ImageExplainer:
    """Explains images by a network; made by `reasons.explainer`."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.task = scorer, scorer.model.task
        self._members: dict[str, Any] = dict(zip(scorer.model.names, scorer.model.members, strict=True))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Members that are asked where none are named."""
        return tuple(self._members)[:MOST_MEMBERS]

    def __call__(self, inputs: Any, *, members: Sequence[str] | None = None, decision: str = "") -> Evidence:
        """Maps of all images.

        Args:
            inputs: the images.
            members: names of those that are asked; `names` by default.
            decision: the class that was decided for all images, if that is known.
        """
        asked = [self._members[name] for name in (self.names if members is None else members)]
        shown, of = explained(self.scorer, inputs, decision)
        seen = [Sight(member, self.task).pixels(inputs) for member in asked]
        known: dict[int, Any] = {}  # members may share a backbone, which is copied once
        maps = [self._maps(member, pixels, shown, known) for member, pixels in zip(asked, seen, strict=True)]
        return Evidence(seen[0], np.mean(maps, axis=0), of, self.method, len(asked))

    @cached_property
    def method(self) -> str:
        """What was asked for when the run was trained, or what suits the network."""
        asked = self.scorer.run.settings.get("explain", {}).get("method", "auto")
        own = _own(self._members[self.names[0]], {})
        size, channels = own.preparation.size, own.preparation.channels
        blank = np.zeros((1, size, size, channels), dtype=np.uint8)
        return attribution.method_for(asked, own.classifier, Sight(own, self.task).normalised(blank))

    def _maps(self, member: Any, pixels: np.ndarray, shown: np.ndarray, known: dict[int, Any]) -> np.ndarray:
        if self.method == "occlusion":  # only scores; by the member's fast engine
            return attribution.occlude(Sight(member, self.task), pixels, shown)
        sight = Sight(_own(member, known), self.task)
        return attribution.maps(self.method, sight.classifier, sight.normalised(pixels), shown)


@dataclass(frozen=True)
class _Own:
    classifier: Any
    preparation: Any


def _own(member: Any, known: dict[int, Any]) -> _Own:
    """The member with a network of its own, because looking into one hooks into it, and others score with it meanwhile."""
    return _Own(copy.deepcopy(member.classifier, known), member.preparation)
