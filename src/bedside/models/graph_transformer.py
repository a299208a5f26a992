"""Graph transformer: every atom looks at every other one, and knows by walks over the bonds where it stands.

Sources: Rampášek et al. 2022, arXiv:2205.12454 (bonds and attention side by side); Dwivedi et al. 2022, arXiv:2110.07875 (random
walks as positions); by PyTorch Geometric, Fey & Lenssen 2019, arXiv:1903.02428.
"""

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bedside.models.gin import GraphSettings
from bedside.models.graph import KINDS, GraphClassifier, Graphs, features_of, geometric

WALKS = 8  # longest walk by which an atom is placed


class GraphTransformerSettings(GraphSettings):
    """The architecture: how much is remembered of an atom, how deep, and how many ways of looking."""

    heads: int = Field(default=4, ge=1, le=64)
    """Ways of looking at the other atoms; `width` must be a multiple of it."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "GraphTransformerSettings":
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is no multiple of heads={self.heads}")
        return self


class GraphTransformer(GraphClassifier):
    """Layers that add what comes along bonds to what attention finds anywhere in the graph."""

    def __init__(self, n_features: int, n_outputs: int, settings: GraphTransformerSettings) -> None:
        width = settings.width
        super().__init__(n_features, width, n_outputs, settings.dropout)
        self.place = nn.Linear(WALKS, width)

        def along_bonds() -> nn.Module:
            steps = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            return geometric().nn.GINEConv(steps, edge_dim=KINDS)

        self.layers = nn.ModuleList(
            geometric().nn.GPSConv(width, along_bonds(), heads=settings.heads, dropout=settings.dropout)
            for _ in range(settings.layers)
        )

    def atoms(self, x: Tensor, graphs: Graphs) -> Tensor:
        """See `GraphClassifier.atoms`."""
        x = x + self.place(returns(graphs, x.dtype))
        for layer in self.layers:
            x = layer(x, graphs.bonds, graphs.graph, edge_attr=graphs.kinds)
        return x


def returns(graphs: Graphs, kind: torch.dtype) -> Tensor:
    """Probability that a random walk from an atom is back after 1, 2, ... WALKS bonds, (atoms, WALKS)."""
    tools = geometric().utils
    neighbours = tools.to_dense_adj(graphs.bonds, graphs.graph, batch_size=graphs.number).to(kind)
    step = neighbours / neighbours.sum(-1, keepdim=True).clamp(min=1)
    walk, back = step, []
    for _ in range(WALKS):
        back.append(walk.diagonal(dim1=1, dim2=2))
        walk = walk @ step
    _, there = tools.to_dense_batch(graphs.graph, graphs.graph, batch_size=graphs.number)
    return torch.stack(back, dim=-1)[there]


def build(shape: tuple[int, ...], n_outputs: int, settings: GraphTransformerSettings) -> nn.Module:
    """A network for prepared graphs of shape (places, 1 + features + places)."""
    return GraphTransformer(features_of(shape), n_outputs, settings)
