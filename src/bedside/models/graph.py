"""What every network for graphs has in common: atoms and bonds out of padded arrays, atoms that learn of each other, and
a last layer that reads their mean."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.errors import SettingError

KINDS = 4  # of bonds, numbered from 1 in prepared graphs


@dataclass(frozen=True)
class Graphs:
    """A batch of graphs laid beside each other as one large graph without bonds between them."""

    atoms: Tensor  # (atoms of all graphs, features)
    bonds: Tensor  # (2, bonds) from and to which atom; each bond stands there in both directions
    kinds: Tensor  # (bonds, KINDS) of 0 and 1
    graph: Tensor  # (atoms,) which graph an atom belongs to, ascending
    number: int  # graphs in the batch


class GraphClassifier(nn.Module):
    """A network that reads graphs, and a last layer that decides.

    The input is (n, places, 1 + features + places): see `splits.graphs.GraphPreparation`. Empty places cost
    nothing, because the first step leaves them out, and they change no answer.
    """

    at_once = 256  # graphs that are scored together

    def __init__(self, n_features: int, width: int, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.n_features = n_features
        self.enter = nn.Linear(n_features, width)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * width, n_outputs))

    def atoms(self, x: Tensor, graphs: Graphs) -> Tensor:
        """Entered atoms (atoms, width) -> what they have learned of their surroundings, (atoms, width)."""
        raise NotImplementedError

    def embed(self, packed: Tensor) -> Tensor:
        """Prepared graphs -> the vector that the last layer reads, (n, 2 width): mean and largest value over the atoms."""
        graphs = unpacked(packed, self.n_features, self.enter.weight.dtype)
        x = self.atoms(self.enter(graphs.atoms), graphs)
        return torch.cat([mean_of(x, graphs), largest_of(x, graphs)], dim=1)

    def side_by_side(self, columns: int) -> int:
        """Nothing that threads would share: what is sent along bonds is small, and gathering it costs the time."""
        return 1

    def forward(self, packed: Tensor) -> Tensor:
        """Prepared graphs (n, places, 1 + features + places) -> logits (n, n_outputs)."""
        logits: Tensor = self.head(self.embed(packed))
        return logits


def geometric() -> Any:
    """PyTorch Geometric, with its layers in `nn` and its tools in `utils`.

    Raises:
        SettingError: if it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.*", category=DeprecationWarning)
            import torch_geometric.nn
            import torch_geometric.utils
    except ImportError:
        raise SettingError("Networks for graphs need PyTorch Geometric: pip install 'bedside[graphs]'") from None
    return torch_geometric


def features_of(shape: tuple[int, ...]) -> int:
    """Features of an atom in prepared graphs of shape (places, 1 + features + places)."""
    places, columns = shape
    return columns - 1 - places


def unpacked(packed: Tensor, n_features: int, kind: torch.dtype) -> Graphs:
    """Graphs from padded arrays: only what is there."""
    there = packed[:, :, 0] > 0
    most = int(there.sum(1).max())  # places behind the largest graph of the batch are not even looked at
    packed, there = packed[:, :most, : 1 + n_features + most], there[:, :most]
    graph, _ = there.nonzero(as_tuple=True)
    number = (there.flatten().cumsum(0) - 1).view(there.shape)  # of an atom in the batch
    which, here, to = packed[:, :, 1 + n_features :].nonzero(as_tuple=True)
    kinds = packed[which, here, 1 + n_features + to].round().long() - 1
    bonds = torch.stack([number[which, here], number[which, to]])
    atoms = packed[:, :, 1 : 1 + n_features][there].to(kind)
    return Graphs(atoms, bonds, F.one_hot(kinds, KINDS).to(kind), graph, len(packed))


def mean_of(x: Tensor, graphs: Graphs) -> Tensor:
    """Mean over the atoms of each graph, (atoms, width) -> (n, width)."""
    total = x.new_zeros(graphs.number, x.shape[1]).index_add(0, graphs.graph, x)
    count = torch.bincount(graphs.graph, minlength=graphs.number).clamp(min=1)
    return total / count[:, None]


def largest_of(x: Tensor, graphs: Graphs) -> Tensor:
    """Largest value over the atoms of each graph, (atoms, width) -> (n, width)."""
    place = graphs.graph[:, None].expand_as(x)
    return x.new_zeros(graphs.number, x.shape[1]).scatter_reduce(0, place, x, "amax", include_self=False)
