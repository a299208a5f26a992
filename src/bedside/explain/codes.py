"""The codes that an autoencoder makes of the samples of a table, laid out as a map."""

from typing import Any

import numpy as np

from bedside.explain.columns import TableScene
from bedside.explain.latent import Latent, choose_space, lay_out
from bedside.explain.sight import Says


class CodeSight(Says):
    """A member that makes a code of a sample."""

    layer = "the code"

    def __init__(self, member: Any) -> None:
        self.member = member

    def embedding(self, inputs: Any) -> np.ndarray:
        """Codes, (n, code)."""
        return np.asarray(self.member.latent(self.member.reader(inputs)))

    def shared_with(self, other: Any) -> bool:
        """Never: each has learned a code of its own."""
        return self is other


def code_map(scene: TableScene, seed: int) -> Latent | None:
    """The map of the member that tested most samples; None if there are too few of them."""
    sights = {part.name: CodeSight(part.fitted) for part in scene.parts}
    names = scene.table["sample"].copy()
    for part in scene.parts:
        names.iloc[part.places] = part.name
    space, inside, note = choose_space(scene.table, sights, names)
    return lay_out(sights[space], scene.cohort, inside, note, seed)
