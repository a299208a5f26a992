"""In which order an epoch visits the training samples."""

from typing import Literal

import torch
from torch import Tensor

Sampling = Literal["shuffle", "balanced"]


def epoch_order(generator: torch.Generator, count: int, target: Tensor, sampling: Sampling = "shuffle") -> Tensor:
    """Rows of one epoch, shape (count,), drawn on the CPU so that they do not depend on the device.

    Args:
        generator: advances with every epoch.
        count: training samples.
        target: class of each, shape (count,) or longer; rows beyond `count` only fill up.
        sampling: "shuffle" visits every sample once. "balanced" draws with replacement so that every class present
            is equally likely: a rare one is seen as often as a common one, and the scores no longer follow how
            common the classes are.
    """
    if sampling == "shuffle":
        return torch.randperm(count, generator=generator)
    classes = target[:count].long().cpu()
    counts = torch.bincount(classes)
    return torch.multinomial(1 / counts[classes].double(), count, replacement=True, generator=generator)
