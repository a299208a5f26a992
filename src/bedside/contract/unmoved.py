"""What may never move an answer: whatever lies behind the end of a recording or beside a graph, and who else is in the batch.

Each function takes a network in double precision whose random numbers are switched off, and fails with an AssertionError.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.contract.molecules import substituted
from bedside.data.molecules.inputs import GraphInputs
from bedside.data.molecules.structure import ATOM_FEATURES, read_molecule
from bedside.models.reconstruction import Noise
from bedside.splits.graphs import GraphPreparation

PLACES, MORE = 30, 13  # places of prepared graphs, and zeros that are added
SHAPES: dict[str, tuple[int, ...]] = {
    "table": (5,),
    "image": (3, 32, 32),
    "signal": (3, 67),
    "graph": GraphPreparation(PLACES).shape,
}
_FIRST = 1 + len(ATOM_FEATURES)  # column of bonds
_ALLOWED = 1e-6


def samples_of(kind: str) -> Tensor:
    """Four samples, (4, *SHAPES[kind]): noise, as recordings from beginning to end; of graphs two molecules of two rings,
    methane, and a salt, whole numbers of 8 bits as in training."""
    if kind == "graph":
        texts = [*substituted(2)[0], "C", "[Na+].CC(=O)[O-]"]
        return torch.from_numpy(GraphPreparation(PLACES)(GraphInputs(tuple(map(read_molecule, texts)))))
    x = torch.randn(4, *SHAPES[kind], generator=torch.Generator().manual_seed(0))
    if kind == "signal":
        x[:, -1] = 1
    return x


def still(network: nn.Module, *, training: bool) -> nn.Module:
    """The network in double precision, with nothing left to chance: no part of it drops or disturbs anything."""
    for part in network.modules():
        for name in ("p", "dropout"):  # of torch's layers, and of attention and PyTorch Geometric's
            if isinstance(getattr(part, name, None), float):
                setattr(part, name, 0.0)
        if isinstance(part, Noise):
            part.strength = 0.0
    return network.double().train(training)


def behind_the_end(network: nn.Module) -> None:
    """Zeros behind the end of a recording change nothing."""
    x = samples_of("signal").double()
    x[1, :, 40:] = 0  # ends earlier
    require_equal(
        network(F.pad(x, (0, MORE))),
        network(x),
        f"{MORE} zeros behind the end moved the logits by {{}}; multiply features by what was recorded after each layer, "
        "as models.cnn1d does.",
    )


def empty_places(network: nn.Module) -> None:
    """Places without an atom change nothing, however many there are."""
    x = samples_of("graph").double()
    require_equal(
        network(F.pad(x, (0, MORE, 0, MORE))),
        network(x),
        f"{MORE} empty places moved the logits by {{}}; leave them out first, as models.graph.unpacked does.",
    )


def order_of_atoms(network: nn.Module) -> None:
    """A molecule stays the same when its atoms are numbered otherwise."""
    x = samples_of("graph").double()
    chance = torch.rand(x.shape[:2], generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    orders = (chance - x[:, :, 0]).argsort(dim=1)  # atoms in any order, before the empty places
    numbered = torch.stack(
        [one[order][:, torch.cat([torch.arange(_FIRST), _FIRST + order])] for one, order in zip(x, orders, strict=True)]
    )
    require_equal(
        network(numbered),
        network(x),
        "Atoms numbered in another order moved the logits by {}; add up, average or compare atoms, and never ask for their place.",
    )


def neighbours(network: nn.Module, kind: str) -> None:
    """A sample has the same logits alone as among others."""
    x = samples_of(kind).double()
    require_equal(
        torch.cat([network(one[None]) for one in x]),
        network(x),
        "Other samples of the batch moved the logits by {}; let nothing cross from one to another.",
    )


@torch.no_grad()
def require_equal(found: Tensor, wanted: Tensor, message: str) -> None:
    """Fails with the message, which has a place for the largest difference."""
    moved: Any = float((found - wanted).abs().max())
    if not moved < _ALLOWED:
        raise AssertionError(message.format(f"{moved:.2g}"))
