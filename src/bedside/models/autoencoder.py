"""Autoencoder: it gives its samples back through a narrow code, and whom it gives back badly is unusual.

Sources: Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647 (the code); Vincent et al. 2008,
doi:10.1145/1390156.1390294 (cells are hidden in training, so that it learns to fill them).
"""

from typing import Any, Literal

from pydantic import Field
from torch import nn

from bedside.models.coders import SignalCoder, TableCoder
from bedside.models.image_coder import ImageCoder
from bedside.models.reconstruction import Reconstructor
from bedside.settings import Settings


class AutoencoderSettings(Settings):
    """The architecture, and whom it learns from."""

    code: int = Field(default=4, ge=1, le=1024)
    """Numbers that a whole sample must go through; with fewer only what samples have in common is given back."""
    width: int = Field(default=64, ge=2, le=4096)
    """Neurons of each layer of a table; filters of each convolution over a recording or an image."""
    layers: int = Field(default=2, ge=1, le=6)
    """Layers before the code, and as many behind it; of a recording or an image each halves the points along a side."""
    hide: float = Field(default=0.2, ge=0, lt=1)
    """Share of the known cells, points or pixels that are hidden at random in each training step, so that it learns to fill gaps."""
    learn_from: Literal["other", "all"] = "other"
    """Training samples of the other class only, so that the positive class is what it does not know; or all of them."""


def build(shape: tuple[int, ...], n_outputs: int, settings: AutoencoderSettings) -> nn.Module:
    return coder(shape, settings)


def coder(shape: tuple[int, ...], settings: AutoencoderSettings, beta: float | None = None) -> Reconstructor:
    """The reconstructor that suits what a prepared sample looks like: columns of a table, a recording, or an image."""
    options = {name: getattr(settings, name) for name in ("width", "layers", "code", "hide")}
    if len(shape) == 1:
        return TableCoder(shape[0], **options, beta=beta)
    kind: Any = SignalCoder if len(shape) == 2 else ImageCoder
    made: Reconstructor = kind(shape, **options, beta=beta)
    return made
