"""What happens in a training, as it happens; the run hands it on to whoever draws it."""

from dataclasses import dataclass

from bedside.cohort import Fold
from bedside.training.finder import Sweep
from bedside.training.fitted import Fitted
from bedside.training.loop import EpochRecord


@dataclass(frozen=True)
class Plan:
    """What is about to train, and where, before the first step is taken."""

    device: str
    threads: int
    parameters: int | None  # weights of one member; None for estimators that do not count them
    stacks: tuple[int, ...]  # members that train together
    trained: int | None = None  # weights of one member that change
    batch_size: int | None = None  # lowered if memory would not do
    memory: int | None = None  # bytes that training one member needs at most, estimated; None if it hardly matters
    epoch_seconds: float | None = None  # estimated for one member from two batches
    weights: dict[str, object] | None = None  # of a pretrained backbone: where they come from
    image_seconds: float | None = None  # estimated for the features of a frozen backbone; 0 if all are known
    alone: str = ""  # why several small networks train one by one and not as a stack
    levels: int | None = None  # of a frozen backbone that the last layer reads, its end included


@dataclass(frozen=True)
class Extracted:
    """Features of a frozen backbone: so many images of so many are done."""

    done: int
    total: int
    problem: str | None = None  # at the end: why they could not be kept for the next run


@dataclass(frozen=True)
class FoldKept:
    """A fold that was fitted, here or elsewhere, and whose files are in the run folder now."""

    fold: Fold


@dataclass(frozen=True)
class Progress:
    """One epoch of the folds that train together; `phase` names the part of a training that has several, `metric` the number
    that is followed beside the loss."""

    folds: tuple[Fold, ...]
    record: EpochRecord
    epochs: int
    phase: str = ""
    metric: str = ""


@dataclass(frozen=True)
class FoldFit:
    """A fold, what was fitted on its training samples, and the learning-rate sweep if one was asked for."""

    fold: Fold
    fitted: Fitted
    sweep: Sweep | None = None
