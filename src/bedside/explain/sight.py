"""A trained member as explanations use it: pixels in, evidence and scores out, for the class that is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bedside.cohort import Task

BATCH = 8  # images at once: larger batches leave the processor's caches and are slower


class Member(Protocol):
    """What training gives for images."""

    @property
    def classifier(self) -> nn.Module:
        """With `embed`; a `Classifier` unless the family has an aim of its own."""
        ...

    @property
    def preparation(self) -> Any:
        """`splits.images.ImagePreparation`: images -> uint8 (n, size, size, channels), with `mean` and `std`."""
        ...


@dataclass(frozen=True)
class _Plain:
    classifier: nn.Module
    preparation: Any


class Says:
    """What a member says of samples as it is given them: evidence and scores for the output that is looked at.

    `shown` names that output: the number of a class, or 0 if there is one output only.
    """

    task: Task
    layer = "input of the last layer"  # what `embedding` gives

    def outputs(self, given: np.ndarray) -> np.ndarray:
        """What the last layer says before it becomes a score, (n, outputs)."""
        raise NotImplementedError

    def evidence(self, given: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """The output for `shown` (n,) as it is, (n,): logits, or the number of a regression in its own scale."""
        return np.asarray(self.outputs(given)[np.arange(len(shown)), shown], dtype=np.float64)

    def scores(self, given: np.ndarray, shown: np.ndarray) -> np.ndarray:
        """Probability of `shown` (n,), or the number of a regression in standard deviations of the target, (n,)."""
        outputs = torch.from_numpy(self.outputs(given)).double()
        if self.task.kind == "binary":
            outputs = outputs.sigmoid()
        elif self.task.kind == "multiclass":
            outputs = outputs.softmax(dim=1)
        return np.asarray(outputs.numpy()[np.arange(len(shown)), shown])

    def embedding(self, inputs: Any) -> np.ndarray:
        """The vector that the last layer reads of each sample, (n, width)."""
        raise NotImplementedError

    def shared_with(self, other: Any) -> bool:
        """Whether both embed a sample alike."""
        raise NotImplementedError

    def _probabilities(self, given: np.ndarray) -> np.ndarray:
        """Of all classes in the order of the task, before recalibration, (n, classes)."""
        outputs = torch.from_numpy(self.outputs(given)).double()
        if self.task.kind == "binary":
            positive = outputs[:, :1].sigmoid()
            return torch.cat([1 - positive, positive], dim=1).numpy()
        return outputs.softmax(dim=1).numpy()


class Sight(Says):
    """What a member sees and says. Pixels are uint8, (n, size, size, channels), as its preparation gives them."""

    def __init__(self, member: Member, task: Task) -> None:
        self.member, self.task = member, task
        self.classifier: Any = member.classifier
        self.preparation = member.preparation
        if hasattr(self.classifier, "reconstruct"):
            self.layer = "the code"

    def with_network(self, classifier: nn.Module) -> "Sight":
        """The same eyes with another network behind them."""
        return Sight(_Plain(classifier, self.preparation), self.task)

    def pixels(self, inputs: Any) -> np.ndarray:
        pixels: np.ndarray = self.preparation(inputs)
        return pixels

    def normalised(self, pixels: np.ndarray) -> Tensor:
        """As the network reads them: (n, channels, size, size)."""
        mean, std = (torch.tensor(v, dtype=torch.float32) for v in (self.preparation.mean, self.preparation.std))
        scaled = (torch.from_numpy(pixels.copy()).float() / 255 - mean) / std
        return scaled.permute(0, 3, 1, 2).contiguous()

    def given_back(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels as a network that reconstructs images gives them back, of the same shape, uint8."""
        mean, std = (np.asarray(values, dtype=np.float32) for values in (self.preparation.mean, self.preparation.std))
        with torch.no_grad():
            found = self.classifier.reconstruct(self.normalised(pixels)).permute(0, 2, 3, 1).numpy()
        return np.asarray(((found * std + mean) * 255).round().clip(0, 255).astype(np.uint8))

    def outputs(self, given: np.ndarray) -> np.ndarray:
        """See `Says`; by the member's fast engine if it has one."""
        starts = range(0, len(given), BATCH)
        return np.concatenate([self._outputs(given[start : start + BATCH]) for start in starts])

    def _outputs(self, pixels: np.ndarray) -> np.ndarray:
        encoder, engine = getattr(self.member, "encoder", None), getattr(self.member, "engine", None)
        with torch.no_grad():
            if encoder is not None:  # a frozen backbone that the members share, and a head of their own
                return self.classifier.head(torch.from_numpy(encoder.engine.run(pixels))).numpy()
            if engine is not None:
                return np.asarray(engine.run(pixels))
            return self.classifier(self.normalised(pixels)).numpy()

    def probabilities(self, pixels: np.ndarray, sha256: Sequence[str]) -> np.ndarray:
        """Scores of all classes in the order of the task, (n, classes), as in predictions.csv, recalibrated if the member is.

        Args:
            pixels: of a task with classes.
            sha256: of each image, which decides its augmented versions if the member averages over several.
        """
        versions = getattr(self.member, "versions", None)
        seen = [pixels] if versions is None else versions.of(pixels, sha256)
        own = np.asarray(np.mean([self._probabilities(version) for version in seen], axis=0))
        recalibration = getattr(self.member, "recalibration", None)
        return own if recalibration is None else np.asarray(recalibration(own))

    def embedding(self, inputs: Any) -> np.ndarray:
        """The vector that the last layer reads, (n, width); from the cache of features if the member has one."""
        encoder = getattr(self.member, "encoder", None)
        if encoder is not None:
            return np.asarray(encoder.features(inputs, 1, cache=True))[:, 0]
        parts = []
        for start in range(0, len(inputs), BATCH):
            rows = np.arange(start, min(start + BATCH, len(inputs)))
            with torch.no_grad():
                parts.append(self.classifier.embed(self.normalised(self.pixels(inputs.take(rows)))).numpy())
        return np.concatenate(parts)

    def shared_with(self, other: Any) -> bool:
        """Whether both embed an image alike: a frozen backbone, and the same pixels."""
        frozen = all(
            not weight.requires_grad
            for sight in (self, other)
            for name, weight in sight.classifier.named_parameters()
            if not name.startswith("head.")
        )
        return frozen and self.preparation == other.preparation
