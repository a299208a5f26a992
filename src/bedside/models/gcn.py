"""Graph convolutional network: each atom takes the mean of its neighbours, whatever the bond.

Source: Kipf & Welling 2017, arXiv:1609.02907; by PyTorch Geometric, Fey & Lenssen 2019, arXiv:1903.02428.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from bedside.models.gin import GraphSettings
from bedside.models.graph import GraphClassifier, Graphs, features_of, geometric


class GCN(GraphClassifier):
    """Layers of means over neighbours, normalised, added to what was known."""

    def __init__(self, n_features: int, n_outputs: int, settings: GraphSettings) -> None:
        width = settings.width
        super().__init__(n_features, width, n_outputs, settings.dropout)
        self.dropout = settings.dropout
        self.means = nn.ModuleList(geometric().nn.GCNConv(width, width) for _ in range(settings.layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for _ in range(settings.layers))

    def atoms(self, x: Tensor, graphs: Graphs) -> Tensor:
        """See `GraphClassifier.atoms`."""
        for means, norm in zip(self.means, self.norms, strict=True):
            x = x + F.dropout(F.relu(norm(means(x, graphs.bonds))), self.dropout, self.training)
        return x


def build(shape: tuple[int, ...], n_outputs: int, settings: GraphSettings) -> nn.Module:
    """A network for prepared graphs of shape (places, 1 + features + places)."""
    return GCN(features_of(shape), n_outputs, settings)
