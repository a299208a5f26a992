"""Where in a recording the evidence for its score lies, the mean over members of a model."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bedside.explain.trace_maps import CELLS, maps, method_for
from bedside.explain.trace_sight import Cells, TraceSight
from bedside.reasons.decided import explained
from bedside.reasons.images import MOST_MEMBERS
from bedside.scoring import Scorer


@dataclass(frozen=True)
class Heard:
    """Evidence in n recordings: `maps` (n, channels, cells) over pieces of equal length, above 0 for the class `of` each (that of a
    binary task is the positive one; None of a number) and below against it; `lengths` (n,) of what the network read, in time
    points."""

    maps: np.ndarray
    lengths: np.ndarray
    of: tuple[str | None, ...]
    method: str
    members: int


class TraceExplainer:
    """Explains recordings by a network; made by `reasons.explainer`."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.task = scorer, scorer.model.task
        self._members: dict[str, Any] = dict(zip(scorer.model.names, scorer.model.members, strict=True))

    @cached_property
    def method(self) -> str:
        """What was asked for when the run was trained, or the usual one."""
        asked = self.scorer.run.settings.get("explain", {}).get("method", "auto")
        return method_for(asked, next(iter(self._members.values())).network)

    def __call__(self, inputs: Any, *, members: Sequence[str] | None = None, decision: str = "") -> Heard:
        """Maps of all recordings.

        Args:
            inputs: the recordings.
            members: names of those that are asked; the first few by default.
            decision: the class that was decided for all of them, if that is known.
        """
        names = tuple(self._members)[:MOST_MEMBERS] if members is None else members
        shown, of = explained(self.scorer, inputs, decision)
        # Others score with the network meanwhile, and looking into it must not disturb them.
        sights = [TraceSight(copy.deepcopy(self._members[name]), self.task) for name in names]
        seen = [sight.preparation(inputs) for sight in sights]
        count = min(Cells.of(prepared, CELLS).count for prepared in seen)
        cells = [Cells.of(prepared, count) for prepared in seen]
        found = [
            maps(self.method, sight, prepared, shown, own)
            for sight, prepared, own in zip(sights, seen, cells, strict=True)
        ]
        return Heard(np.mean(found, axis=0), cells[0].lengths, of, self.method, len(sights))
