"""Variational autoencoder: the code is a distribution, held close to the standard normal one.

The loss is the reconstruction error plus `beta` times the divergence of the code's distribution, the bound of
Kingma & Welling 2014, arXiv:1312.6114, of a decoder whose numbers have the variance `beta` (levels are weighed likewise).
In training the code is drawn; in use, for validation and for scores, it is the mean, so that a score is always the same.
"""

from pydantic import Field
from torch import nn

from bedside.models.autoencoder import AutoencoderSettings, coder


class VAESettings(AutoencoderSettings):
    """The architecture, whom it learns from, and how tightly codes are held together."""

    hide: float = Field(default=0.0, ge=0, lt=1)
    """Share of the known cells, points or pixels that are hidden at random in each training step, so that it learns to fill gaps."""
    beta: float = Field(default=0.1, gt=0, le=1000)
    """Weight of what the code costs, the same as the share of a column's variance that counts as noise; more is smoother."""


def build(shape: tuple[int, ...], n_outputs: int, settings: VAESettings) -> nn.Module:
    return coder(shape, settings, settings.beta)
