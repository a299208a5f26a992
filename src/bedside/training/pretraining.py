"""Hidden layers that first learn what the columns of a table have to do with each other, without being told the target.

A denoising autoencoder: cells are hidden, and the layers learn to give them back from the others. What it learns from are
the training samples of the fold, and its validation samples stop it; nobody else is seen.

Source: Vincent et al. 2010, Journal of Machine Learning Research 11:3371, section 3.
"""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from bedside.cohort import Fold, Task
from bedside.models.coders import TableCoder
from bedside.models.reconstruction import Reconstruction
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.isolated import own_random_numbers

PHASE = "autoencoder"
HIDE = 0.3  # of the cells
_DECODER = 4  # what a seed is for, as in `members`


def unfolded(
    network: nn.Module, preparation: Any, prepared: torch.Tensor, fold: Fold, settings: RunSettings, task: Task
) -> tuple[nn.Module, Reconstruction]:
    """A network that trains the hidden layers of another, in place, and its objective.

    Args:
        network: with `hidden`, such as `models.mlp.MLP`.
        preparation: of the fold.
        prepared: its training samples, (n, columns).
    """
    hidden: Any = network.hidden
    width = [layer for layer in hidden if isinstance(layer, nn.Linear)][-1].out_features
    with own_random_numbers(derive(settings.seed, fold.repeat, fold.number, _DECODER)):
        coder = TableCoder(prepared.shape[1], width=width, layers=1, code=width, hide=HIDE, encoder=hidden)
    objective = Reconstruction(task, SimpleNamespace(learn_from="all"))
    return objective.begin(coder, preparation, prepared, prepared.new_zeros(len(prepared))), objective
