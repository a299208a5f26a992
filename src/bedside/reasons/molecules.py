"""In which atoms of a molecule the evidence for its score lies, the mean over members of a model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bedside.data.molecules.inputs import GraphInputs
from bedside.explain.atoms import AtomSight, maps, method_for
from bedside.reasons.decided import explained
from bedside.reasons.images import MOST_MEMBERS
from bedside.scoring import Scorer


@dataclass(frozen=True)
class AtomEvidence:
    """Evidence in n molecules: `maps` holds for each (atoms,), in the order of its canonical SMILES, above 0 for the class `of`
    each (that of a binary task is the positive one; None of a number) and below against it."""

    maps: tuple[np.ndarray, ...]
    of: tuple[str | None, ...]
    method: str
    members: int


class MoleculeExplainer:
    """Explains molecules by a network; made by `reasons.explainer`."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.task = scorer, scorer.model.task
        self._members: dict[str, Any] = dict(zip(scorer.model.names, scorer.model.members, strict=True))

    @cached_property
    def method(self) -> str:
        """What was asked for when the run was trained, or the usual one."""
        return method_for(self.scorer.run.settings.get("explain", {}).get("method", "auto"))

    def __call__(
        self, inputs: GraphInputs, *, members: Sequence[str] | None = None, decision: str = ""
    ) -> AtomEvidence:
        """Evidence in the atoms of all molecules.

        Args:
            inputs: the molecules.
            members: names of those that are asked; the first few by default.
            decision: the class that was decided for all of them, if that is known.
        """
        names = tuple(self._members)[:MOST_MEMBERS] if members is None else members
        shown, of = explained(self.scorer, inputs, decision)
        found = []
        for name in names:
            # Others score with the network meanwhile, and looking into it must not disturb them.
            sight = AtomSight(copy.deepcopy(self._members[name]), self.task)
            own = maps(self.method, sight, sight.preparation(inputs), shown)
            found.append([row[:atoms] for row, atoms in zip(own, inputs.sizes, strict=True)])
        means = tuple(np.mean(rows, axis=0) for rows in zip(*found, strict=True))
        return AtomEvidence(means, of, self.method, len(names))
