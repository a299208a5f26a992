"""What a family is: the record that command line, app, documentation and contract tests read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """

    builder: str  # "module:function"
    settings: str  # "module:class"
    data: str  # kind of inputs: "table", "image", "signal", "graph", or "any" for a family that reads none
    tasks: tuple[TaskKind, ...]
    network: bool
    summary: str
    source: str = ""  # where it was described, with its doi or arXiv number
    prefer: str = ""  # when to take it rather than another
    trusted: tuple[str, ...] = ()  # types its saved estimator may hold beside skops' own list
    architecture: str | None = None  # timm's name; the builder gets it as well
    search: Mapping[str, str] = field(default_factory=dict)  # where `bedside tune` looks; see `many.space`

    def suits(self, task: TaskKind, data: str) -> bool:
        return task in self.tasks and self.data in (data, "any")

    def explains(self, data: str) -> bool:
        """Whether it can be said what it uses of a sample: columns of a table, or, by a network, places of an image or a
        recording, or atoms of a molecule."""
        return self.data == "table" if data == "table" else self.network
