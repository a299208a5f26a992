"""Recalibration as ONNX: the maps of `bedside.recalibration`, operator by operator."""

import numpy as np

from bedside.export.graph import Graph
from bedside.logistic import SMALLEST
from bedside.recalibration import Line, Recalibration, Steps


def recalibrated(graph: Graph, recalibration: Recalibration, scores: str, n_classes: int) -> str:
    """Scores (n, classes) -> recalibrated scores (n, classes), rows summing to 1."""
    if recalibration.method == "temperature":
        logs = graph("Log", graph("Clip", scores, np.array(SMALLEST), np.array(1.0)))
        return graph("Softmax", graph("Div", logs, np.array(float(recalibration.temperature))), axis=1)
    if len(recalibration.maps) == 1:
        positive = _mapped(graph, recalibration.maps[0], _column(graph, scores, 1))
        return graph.columns([graph("Sub", np.array(1.0), positive), positive])
    found = graph.columns([_mapped(graph, one, _column(graph, scores, c)) for c, one in enumerate(recalibration.maps)])
    total = graph("ReduceSum", found, np.array([1]), keepdims=1)
    nothing = graph("LessOrEqual", total, np.array(0.0))  # then all classes are alike
    shares = graph("Div", found, graph("Where", nothing, np.array(1.0), total))
    return graph("Where", nothing, np.array(1 / n_classes), shares)


def _column(graph: Graph, scores: str, c: int) -> str:
    return graph("Gather", scores, np.array([c]), axis=1)


def _mapped(graph: Graph, one: Line | Steps, score: str) -> str:
    """Probabilities of a class (n, 1) -> the same shape."""
    return _line(graph, one, score) if isinstance(one, Line) else _steps(graph, one, score)


def _line(graph: Graph, line: Line, score: str) -> str:
    kept = graph("Clip", score, np.array(SMALLEST), np.array(1 - SMALLEST))
    odds = graph("Log", graph("Div", kept, graph("Sub", np.array(1.0), kept)))
    scaled = graph("Mul", odds, np.array(float(line.slope)))
    return graph("Sigmoid", graph("Add", scaled, np.array(float(line.intercept))))


def _steps(graph: Graph, steps: Steps, score: str) -> str:
    """Between two points on their line, beyond the ends level: as `numpy.interp`."""
    x, y = np.array(steps.scores, dtype=np.float64), np.array(steps.shares, dtype=np.float64)
    if len(x) == 1:
        return graph("Add", graph("Mul", score, np.array(0.0)), y)
    slope = np.diff(y) / np.diff(x)
    inside = graph("Clip", score, x[0], x[-1])
    passed = graph.cast(graph("GreaterOrEqual", inside, x[None, 1:-1]), "float64") if len(x) > 2 else ""
    if not passed:
        return graph("Add", graph("Mul", graph("Sub", inside, x[:1]), slope), y[:1])
    piece = graph("Cast", graph("ReduceSum", passed, np.array([1]), keepdims=1), to=7)
    start, low, rise = (graph("Gather", array, piece, axis=0) for array in (x, y, slope))
    return graph("Add", graph("Mul", graph("Sub", inside, start), rise), low)
