"""What a network is told of its fold before it trains, if it asks.

A network that has to know its training samples has a method `meet(samples)`, which takes a `FoldSamples` and gives the inputs
of training and validation as the loop shall hand them out: as they are, or with more columns, which scores never have. Another
method, `settle()`, may let go what only training needed. Both are called for every family that has them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class FoldSamples:
    """The prepared samples that train (n, *shape) and that stop the training (m, *shape), how they were prepared, and who
    they are of: samples of one patient, and copies, have one number, (n,) and (m,). Nobody else of the fold is known here."""

    preparation: Any
    train: Tensor
    valid: Tensor
    train_units: np.ndarray
    valid_units: np.ndarray
