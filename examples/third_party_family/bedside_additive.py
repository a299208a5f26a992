"""Additive network: each column has a small network of its own, and what these say is added up.

A risk is then a sum of curves, one for each column, and nothing else: the curve of potassium can be drawn, shown to a colleague, and
found wrong. What two columns say only together, it cannot learn.

Source: Agarwal et al. 2021, arXiv:2004.13912 (neural additive models; here with ReLU, and all columns in one product).
"""

import torch
from pydantic import Field
from torch import Tensor, nn

from bedside.models import ALL, Family
from bedside.settings import Settings

FAMILY = Family(
    builder="bedside_additive:build",
    settings="bedside_additive:AdditiveSettings",
    data="table",
    tasks=ALL,
    network=True,
    summary="Additive network: one curve for each column, added up; every curve can be drawn",
    search={"train.learning_rate": "1e-3..1e-1 log", "model.width": "16,32,64", "model.dropout": "0.0..0.5"},
)


class AdditiveSettings(Settings):
    """The architecture: how freely a curve may bend."""

    width: int = Field(default=32, ge=1, le=4096)
    """Neurons in each of the two hidden layers that a column has for itself."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of neurons switched off at random in each training step."""


class Additive(nn.Module):
    """Two hidden layers for each column, side by side, and the sum of what they say."""

    def __init__(self, n_columns: int, n_outputs: int, settings: AdditiveSettings) -> None:
        super().__init__()
        self.bends = layer(n_columns, 1, settings.width)
        self.offsets = layer(n_columns, 1, settings.width)
        self.mixes = layer(n_columns, settings.width, settings.width)
        self.heights = layer(n_columns, settings.width, n_outputs)
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        self.dropout = nn.Dropout(settings.dropout)

    def curves(self, x: Tensor) -> Tensor:
        """What each column says by itself: prepared columns (n, columns) -> (n, columns, n_outputs)."""
        hidden = torch.relu(x[:, :, None] * self.bends[:, 0] + self.offsets[:, 0])  # (n, columns, width)
        hidden = torch.relu(torch.einsum("ncw,cwv->ncv", self.dropout(hidden), self.mixes))
        return torch.einsum("ncv,cvo->nco", self.dropout(hidden), self.heights)

    def forward(self, x: Tensor) -> Tensor:
        """Prepared columns (n, columns) -> logits (n, n_outputs)."""
        return self.curves(x).sum(dim=1) + self.bias


def layer(n_columns: int, n_inputs: int, n_outputs: int) -> nn.Parameter:
    """Weights of one layer for every column, (n_columns, n_inputs, n_outputs), as large as torch begins a linear layer."""
    bound = n_inputs**-0.5
    return nn.Parameter(torch.empty(n_columns, n_inputs, n_outputs).uniform_(-bound, bound))


def build(shape: tuple[int, ...], n_outputs: int, settings: AdditiveSettings) -> nn.Module:
    return Additive(shape[0], n_outputs, settings)
