"""Images of a request as a model reads them; they are held in memory until they are scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bedside.cohort import Finding
from bedside.data.held_images import held_images, held_inputs
from bedside.data.pixels import ImageInputs
from bedside.splits.images import ImagePreparation

MOST_PIXELS = 64_000_000  # of all images of a request


@dataclass(frozen=True)
class Pictures:
    """n images: pixels and format of each, and their ids. `prepared` are the pixels that an exported model takes,
    (n, channels, size, size), where there is one."""

    images: tuple[tuple[np.ndarray, str], ...]
    ids: list[str]
    findings: tuple[Finding, ...] = ()
    prepared: np.ndarray | None = None
    patients: None = field(default=None, init=False)
    outside: None = field(default=None, init=False)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def weight(self) -> int:
        """What it costs to hold and to score: one for each image and each megapixel."""
        return len(self) + sum(one.shape[0] * one.shape[1] for one, _ in self.images) // 1_000_000

    @cached_property
    def inputs(self) -> ImageInputs:
        """As the run's own members read them. Their records need a checksum of all pixels, so they are made when asked for."""
        return held_inputs(self.images)

    @classmethod
    def of(
        cls, files: Sequence[tuple[str, bytes]], known: Mapping[str, Any], preparation: ImagePreparation | None = None
    ) -> "Pictures":
        """Images from the name and the content of each file.

        Args:
            known: what training saw; see `read_new_images`.
            preparation: of the exported model that will score them; None for the run's own members.

        Raises:
            DataError: naming each image that cannot be read.
        """
        held = held_images(files, known, most_pixels=MOST_PIXELS)
        ready = None if preparation is None else prepared(held.images, preparation)
        return cls(held.images, held.names, held.findings, ready)

    @staticmethod
    def joined(parts: Sequence["Pictures"]) -> "Pictures":
        """Images of several requests, one after the other."""
        if len(parts) == 1:
            return parts[0]
        made = [part.prepared for part in parts if part.prepared is not None]
        return Pictures(
            tuple(image for part in parts for image in part.images),
            [name for part in parts for name in part.ids],
            prepared=np.concatenate(made) if len(made) == len(parts) else None,
        )


def prepared(images: Sequence[tuple[np.ndarray, str]], preparation: ImagePreparation) -> np.ndarray:
    """Pixels as an exported model takes them, (n, channels, size, size)."""
    found = np.empty((len(images), *preparation.shape), dtype=np.uint8)
    for row, (pixels, _) in enumerate(images):
        found[row] = preparation.prepare_one(pixels).transpose(2, 0, 1)
    return found
