"""Layers that first learn what goes together in a table, a recording or an image, without being told the target.

A denoising autoencoder: cells or patches are hidden, and the layers learn to give them back from the others. What it learns
from are the training samples of the fold, and its validation samples stop it; nobody else is seen.

Source: Vincent et al. 2010, Journal of Machine Learning Research 11:3371, section 3.
"""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from bedside.cohort import Fold, Task
from bedside.models import model_settings
from bedside.models.classifier import Classifier
from bedside.models.coders import TableCoder
from bedside.models.reconstruction import Reconstruction, Reconstructor
from bedside.models.sequence import SequenceClassifier
from bedside.models.unfolded import UnfoldedImage, UnfoldedSequence
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.isolated import own_random_numbers

PHASE = "autoencoder"
HIDE = 0.3  # of the cells
_DECODER = 4  # what a seed is for, as in `members`


def asked(family: str, settings: RunSettings) -> bool:
    """Whether a network of this family starts from an autoencoder."""
    return getattr(model_settings(family, settings.model), "start", "random") == "autoencoder"


def unfolded(
    network: nn.Module, preparation: Any, prepared: torch.Tensor, fold: Fold, settings: RunSettings, task: Task
) -> tuple[nn.Module, Reconstruction]:
    """A network that trains the layers of another but its last one, in place, and its objective.

    Args:
        network: for recordings or images, or with `hidden`, such as `models.mlp.MLP`.
        preparation: of the fold.
        prepared: its training samples, (n, *shape), or some of them.
    """
    with own_random_numbers(derive(settings.seed, fold.repeat, fold.number, _DECODER)):
        coder = _coder(network, tuple(prepared.shape[1:]))
    objective = Reconstruction(task, SimpleNamespace(learn_from="all"))
    return objective.begin(coder, preparation, prepared, prepared.new_zeros(len(prepared))), objective


def _coder(network: Any, shape: tuple[int, ...]) -> Reconstructor:
    """The network's own layers, and new ones that give samples of this shape back."""
    head: Any = getattr(network, "head", None)
    if isinstance(network, SequenceClassifier):
        return UnfoldedSequence(network, shape, width=head[-1].in_features)
    if isinstance(network, Classifier):
        return UnfoldedImage(network, shape, width=head[-1].in_features)
    width = [layer for layer in network.hidden if isinstance(layer, nn.Linear)][-1].out_features
    return TableCoder(shape[0], width=width, layers=1, code=width, hide=HIDE, encoder=network.hidden)
