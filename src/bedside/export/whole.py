"""A whole model as one graph: raw values or pixels in, recalibrated probabilities out, the mean over its members."""

import numpy as np

from bedside.cohort import Task
from bedside.errors import ExportError
from bedside.export.estimators import estimator_scores
from bedside.export.graph import Graph
from bedside.export.networks import network_outputs, outputs_to_scores
from bedside.export.pixels import image_scores, image_scores_and_places
from bedside.export.preparation import Cells, not_finite, prepared
from bedside.export.recalibration import recalibrated
from bedside.recalibration import Recalibration
from bedside.splits.preparation import NoPreparation
from bedside.training.fitted import Fitted, FittedEstimator, FittedNetwork
from bedside.training.model import Model

PROBABILITIES, PREDICTED, MEMBERS, PLACES = "probabilities", "predicted", "members", "places"  # names of results


def whole_graph(model: Model, update: Recalibration | None, *, places: bool = False) -> Graph:
    """The model, each member with its own recalibration, and what a new hospital made of their mean.

    Args:
        places: for a model of images, also give out in what space distances from training are taken, (members, n, width).

    Raises:
        ExportError: if a part of it cannot be expressed.
    """
    graph, found = Graph(), list[str]()
    if model.images is None:
        raw = _table_scores(graph, model)
    elif places:
        raw, found = image_scores_and_places(graph, model)
    else:
        raw = image_scores(graph, model)
    task, n_classes = model.task, len(model.task.classes)
    scores = raw
    if model.recalibration:
        pairs = zip(model.recalibration, raw, strict=True)
        scores = [recalibrated(graph, found, own, n_classes) for found, own in pairs]
    mean = graph("ReduceMean", _stacked(graph, scores), np.array([0]), keepdims=0)
    if update is not None:
        mean = recalibrated(graph, update, mean, n_classes)
    _give(graph, task, mean, _stacked(graph, raw), len(raw))
    if found:
        graph.output(PLACES, _stacked(graph, found), [len(found), "samples", "width"])
    return graph


def _give(graph: Graph, task: Task, mean: str, members: str, n_members: int) -> None:
    """The outputs; numbers have no axis of classes."""
    if task.kind == "regression":
        graph.output(PREDICTED, graph("Squeeze", mean, np.array([1])), ["samples"])
        graph.output(MEMBERS, graph("Squeeze", members, np.array([2])), [n_members, "samples"])
        return
    graph.output(PROBABILITIES, mean, ["samples", len(task.classes)])
    graph.output(MEMBERS, members, [n_members, "samples", len(task.classes)])


def _stacked(graph: Graph, scores: list[str]) -> str:
    """Scores of each member (n, k) -> (members, n, k)."""
    return graph("Concat", *[graph("Unsqueeze", one, np.array([0])) for one in scores], axis=0)


def _table_scores(graph: Graph, model: Model) -> list[str]:
    """Scores of each member, (n, classes) or (n, 1); NaN for samples whose values end beyond 32 bits."""
    preparations = [member.reader for member in model.members]
    asking = [one for one in preparations if not isinstance(one, NoPreparation)]
    cells = Cells(graph, model.features, asking)  # type: ignore[arg-type]
    found = []
    for member in model.members:
        features = prepared(graph, cells, member.reader)  # type: ignore[arg-type]
        found.append(graph("Add", _scores(graph, member, features, model.task), not_finite(graph, features)))
    return found


def _scores(graph: Graph, member: Fitted, prepared: str, task: Task) -> str:
    if isinstance(member, FittedEstimator):
        return estimator_scores(graph, member.estimator, prepared)
    if isinstance(member, FittedNetwork):
        outputs = network_outputs(graph, member.network, prepared)
        return outputs_to_scores(graph, outputs, task, member.centre, member.scale)
    raise ExportError(f"A member of the kind {type(member).__name__} cannot be exported.")
