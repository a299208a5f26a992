"""The preparation of a table as ONNX: gaps, scaling and levels, from raw values to the numbers a model computes on.

Numbers go through the steps of `splits.preparation` in the same order and with the same rounding. What a level becomes
is not reasoned about: the preparation itself is asked for each level, for a gap and for a level that it never saw, and
its answers are the rows of a table to look up.
"""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import pandas as pd

from bedside.data.table import Feature, TableInputs
from bedside.export.graph import TREES, Graph
from bedside.splits.preparation import NoPreparation, TablePreparation

GAP = ""  # a missing word


class Cells:
    """The inputs of a graph for tables: `numbers` (n, k), NaN where missing, and `words` (n, c), "" where missing."""

    def __init__(self, graph: Graph, features: Sequence[Feature], preparations: Sequence[TablePreparation]) -> None:
        self.features = tuple(features)
        self.numbers = [one.name for one in features if one.kind != "category"]
        self.words = [one.name for one in features if one.kind == "category"]
        self.levels = {name: _levels(k, preparations) for k, name in enumerate(self.words)}
        n = len(self.numbers), len(self.words)
        self.given = graph.input("numbers", "float64", ["samples", n[0]]) if n[0] else ""
        self.text = graph.input("words", "text", ["samples", n[1]]) if n[1] else ""
        self.codes = {name: self._code(graph, k, name) for k, name in enumerate(self.words) if preparations}

    def _code(self, graph: Graph, k: int, name: str) -> str:
        """Number of each level among those that are known, one more for all others, (n,)."""
        column = graph("Gather", self.text, np.array(k), axis=1)
        known = self.levels[name]
        codes = list(range(len(known)))
        return graph(
            "LabelEncoder", column, domain=TREES, keys_strings=known, values_int64s=codes, default_int64=len(known)
        )

    def rows(self, graph: Graph) -> str:
        """How many samples there are, (1,)."""
        return graph("Shape", self.given or self.text, start=0, end=1)


def _levels(k: int, preparations: Sequence[TablePreparation]) -> list[str]:
    """A gap, then the levels of the k-th category that any of the preparations knows."""
    known = {str(level) for one in preparations for level in one.steps["levels"]["encode"].categories_[k] if level}
    return [GAP, *sorted(known)]


def prepared(graph: Graph, cells: Cells, preparation: TablePreparation | NoPreparation) -> str:
    """Raw values -> what the preparation makes of them, (n, columns), 64-bit numbers rounded to 32."""
    if isinstance(preparation, NoPreparation):
        return graph("Expand", np.zeros((1, 1)), graph("Concat", cells.rows(graph), np.array([1]), axis=0))
    parts = list(_numbers(graph, cells, preparation)) if cells.numbers else []
    if cells.words:
        parts.append(_words(graph, cells, preparation))
    return graph.cast(graph.columns(parts), "float64")


def _numbers(graph: Graph, cells: Cells, preparation: TablePreparation) -> Iterator[str]:
    """Gaps filled and scaled; then which were gaps. 32 bits, as in training."""
    missing = graph("IsNaN", cells.given)
    steps = preparation.steps["numbers"]
    values = graph("Where", missing, steps["gaps"].statistics_, cells.given)
    if "scale" in steps.named_steps:
        scale = steps["scale"]
        values = graph("Div", graph("Sub", values, scale.mean_), scale.scale_)
    yield graph.cast(values, "float32")
    if "number gaps" in preparation.steps:
        marked = preparation.steps["number gaps"].features_.astype(np.int64)
        yield graph("Gather", graph.cast(missing, "float32"), marked, axis=1)


def _words(graph: Graph, cells: Cells, preparation: TablePreparation) -> str:
    """All columns that come from categories, in the order of the preparation, 32 bits."""
    sources = np.array(preparation.sources())
    places = [np.flatnonzero(sources == name) for name in cells.words]
    looked_up = [
        graph("Gather", _answers(cells, preparation, name)[:, place], cells.codes[name], axis=0)
        for name, place in zip(cells.words, places, strict=True)
    ]
    together, order = graph.columns(looked_up), np.argsort(np.concatenate(places), kind="stable")
    if (order == np.arange(len(order))).all():
        return together
    return graph("Gather", together, order.astype(np.int64), axis=1)


def _answers(cells: Cells, preparation: TablePreparation, name: str) -> np.ndarray:
    """What the preparation makes of a gap, of each known level and of an unknown one, (levels + 2, columns), 32 bits."""
    known = cells.levels[name]
    unknown = next(word for number in count() if (word := f"level {number}") not in known)
    asked: list[str | None] = [None, *known[1:], unknown]
    columns = {one.name: np.full(len(asked), np.nan) for one in cells.features}
    frame = pd.DataFrame(columns | {word: pd.Series([None] * len(asked), dtype=object) for word in cells.words})
    frame[name] = pd.Series(asked, dtype=object)
    return preparation(TableInputs(frame, cells.features))


def not_finite(graph: Graph, prepared: str) -> str:
    """0 for each sample whose numbers are all finite, NaN for others: added to a score it takes the score away, (n, 1)."""
    return graph("ReduceSum", graph("Mul", prepared, np.array(0.0)), np.array([1]), keepdims=1)
