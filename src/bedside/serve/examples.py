"""Samples that work, made from the model's own columns, for its document and for whoever tries it."""

import csv
from io import StringIO
from typing import Any

from bedside.data.table import Feature
from bedside.serve.served import Served

# A grey square of 16 x 16 pixels as PNG.
TINY_IMAGE = (
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAGUlEQVR42mNsaGhgIAUwMZAIRjWMahg6GgDJTAGg54KQ4AAAAABJRU5ErkJggg=="
)


def example(served: Served) -> dict[str, Any]:
    """A sample that works: the middle of each range, the first of all levels; or the smallest image there is."""
    if served.images:
        return {"sample": "image-1", "image": TINY_IMAGE}
    return {feature.name: _usual(feature) for feature in served.model.features}


def _usual(feature: Feature) -> Any:
    if feature.kind == "category":
        return feature.levels[0] if feature.levels else None
    if feature.kind == "boolean":
        return True
    if feature.low is None or feature.high is None:
        return None
    middle = (feature.low + feature.high) / 2
    return f"{int(middle)}-07-01" if feature.kind == "date" else float(f"{middle:.3g}")


def csv_example(served: Served) -> str:
    """The same as a CSV."""
    row, file = example(served), StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([row.keys(), map(_word, row.values())])
    return file.getvalue()


def _word(value: Any) -> str:
    """A cell of a table: nothing for a gap, yes for true."""
    return "" if value is None else ("yes" if value else "no") if isinstance(value, bool) else str(value)
