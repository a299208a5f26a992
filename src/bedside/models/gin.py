"""Graph isomorphism network: each atom adds up what its neighbours say, bond by bond, layer after layer.

Sources: Xu et al. 2019, arXiv:1810.00826 (the network); Hu et al. 2020, arXiv:1905.12265 (with kinds of bonds); by
PyTorch Geometric, Fey & Lenssen 2019, arXiv:1903.02428.
"""

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from bedside.models.graph import KINDS, GraphClassifier, Graphs, features_of, geometric
from bedside.settings import Settings


class GraphSettings(Settings):
    """The architecture: how much is remembered of an atom, and how far it sees."""

    width: int = Field(default=64, ge=1, le=4096)
    """Numbers that are remembered of each atom."""
    layers: int = Field(default=3, ge=1, le=16)
    """How many bonds far an atom sees."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of the features switched off at random in each training step."""


class GIN(GraphClassifier):
    """Layers of sums over neighbours, each with a small network of its own, normalised, added to what was known."""

    def __init__(self, n_features: int, n_outputs: int, settings: GraphSettings) -> None:
        width = settings.width
        super().__init__(n_features, width, n_outputs, settings.dropout)
        self.dropout = settings.dropout
        self.sums = nn.ModuleList(
            geometric().nn.GINEConv(_two_layers(width), train_eps=True, edge_dim=KINDS) for _ in range(settings.layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(settings.layers))

    def atoms(self, x: Tensor, graphs: Graphs) -> Tensor:
        """See `GraphClassifier.atoms`."""
        for sums, norm in zip(self.sums, self.norms, strict=True):
            x = x + F.dropout(F.relu(norm(sums(x, graphs.bonds, graphs.kinds))), self.dropout, self.training)
        return x


def _two_layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


def build(shape: tuple[int, ...], n_outputs: int, settings: GraphSettings) -> nn.Module:
    """A network for prepared graphs of shape (places, 1 + features + places)."""
    return GIN(features_of(shape), n_outputs, settings)
