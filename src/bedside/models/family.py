"""What a family is: the record that command line, app, documentation and contract tests read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bedside.cohort import TaskKind

CLASSES: tuple[TaskKind, ...] = ("binary", "multiclass")
ALL: tuple[TaskKind, ...] = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Family:
    """A kind of model: where it is built, what it reads, what it predicts, and what people should know of it.

    `builder` is imported only when a model is built. A network's builder takes (shape, n_outputs, settings), where
    shape is that of one prepared sample: (columns,) of a table, (channels, size, size) of an image, (channels + 1,
    length) of a recording, whose last row says what was recorded, (places, 1 + features + places) of a graph, see
    `splits.graphs.GraphPreparation`; it gives an `nn.Module` that maps (batch, *shape) to
    (batch, n_outputs) of logits, for images a `models.classifier.Classifier`, for recordings a
    `models.sequence.SequenceClassifier`, for graphs a `models.graph.GraphClassifier`.
    Any other builder takes (task, settings, seed) and gives a scikit-learn estimator.

    A family that reads several kinds is told by the length of `shape` which one it is. With an `objective`, a network
    learns that (see `models.losses.Objective`) instead of the loss of its task; the network that is left in the end still
    gives logits. One that `generates` is a `models.generative.Generative` and learns what samples of each class are like. A
    network that must know its training samples says so as in `models.told`. An `anomaly` score says how unusual a sample is,
    which is no probability of the positive class.
    """

    builder: str  # "module:function"
    settings: str  # "module:class"
    data: (
        str | tuple[str, ...]
    )  # kinds of inputs: "table", "image", "signal", "graph", or "any" for a family that reads none
    tasks: tuple[TaskKind, ...]
    network: bool
    summary: str
    source: str = ""  # where it was described, with its doi or arXiv number
    prefer: str = ""  # when to take it rather than another
    trusted: tuple[str, ...] = ()  # types its saved estimator may hold beside skops' own list
    architecture: str | None = None  # timm's name; the builder gets it as well
    search: Mapping[str, str] = field(default_factory=dict)  # where `bedside tune` looks; see `many.space`
    objective: str = ""  # "module:function" of (task, settings), for a network with an aim of its own
    train: Mapping[str, Any] = field(default_factory=dict)  # settings that suit it, where nobody asked for others
    holds: bool = False  # whether a saved model holds the prepared samples that it learned from
    generates: bool = False  # whether its network draws new samples; see `models.generative`
    score: Literal["probability", "anomaly"] = "probability"  # what its score of the positive class is

    @property
    def kinds(self) -> tuple[str, ...]:
        """All kinds of inputs that it reads."""
        return (self.data,) if isinstance(self.data, str) else self.data

    def reads(self, data: str) -> bool:
        """Whether it takes inputs of this kind; a family that reads none takes all."""
        return data in self.kinds or "any" in self.kinds

    def suits(self, task: TaskKind, data: str) -> bool:
        return task in self.tasks and self.reads(data)

    def explains(self, data: str) -> bool:
        """Whether it can be said what it uses of a sample: columns of a table, or, by a network, places of an image or a
        recording, or atoms of a molecule."""
        return "table" in self.kinds if data == "table" else self.network
