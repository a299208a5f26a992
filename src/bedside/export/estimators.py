"""Fitted scikit-learn estimators as ONNX, in 64 bits: linear models, trees, and the null model.

Trees are written as they are: a threshold that lies between two 32-bit numbers stays there, so no patient changes sides.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bedside.errors import ExportError
from bedside.export.graph import Graph
from bedside.export.trees import Tree, sum_of_trees


def estimator_scores(graph: Graph, estimator: Any, prepared: str) -> str:
    """Prepared features (n, columns) -> probabilities (n, classes), or numbers (n, 1).

    Raises:
        ExportError: if this kind of estimator has no translation here.
    """
    kind = type(estimator).__name__
    if kind not in _KINDS:
        raise ExportError(
            f"A {kind} of scikit-learn cannot be exported; bedside translates {', '.join(_KINDS)}. `bedside predict` and "
            "`bedside serve` work with every family."
        )
    return _KINDS[kind](graph, estimator, prepared)


def two_classes(graph: Graph, odds: str) -> str:
    """Logits of the positive class (n, 1) -> probabilities (n, 2), both as exact as can be."""
    return graph.columns([graph("Sigmoid", graph("Neg", odds)), graph("Sigmoid", odds)])


def _logistic(graph: Graph, estimator: Any, prepared: str) -> str:
    logits = _linear(graph, estimator, prepared)
    return two_classes(graph, logits) if len(estimator.classes_) == 2 else graph("Softmax", logits, axis=1)


def _linear(graph: Graph, estimator: Any, prepared: str) -> str:
    """Sums of weighted features, (n, outputs)."""
    weights = np.atleast_2d(estimator.coef_).astype(np.float64)
    return graph("Add", graph("MatMul", prepared, weights.T), np.atleast_1d(estimator.intercept_).astype(np.float64))


def _forest(graph: Graph, estimator: Any, prepared: str) -> str:
    """The mean over the trees; the last class has what the others leave."""
    trees = [one.tree_ for one in estimator.estimators_]
    if not hasattr(estimator, "classes_"):
        return sum_of_trees(graph, (_of_forest(tree, 0, 0, len(trees)) for tree in trees), prepared, 1)
    shown = range(1, 2) if len(estimator.classes_) == 2 else range(len(estimator.classes_) - 1)
    copies = (_of_forest(tree, place, k, len(trees)) for tree in trees for place, k in enumerate(shown))
    found = sum_of_trees(graph, copies, prepared, len(shown))
    other = graph("Sub", np.array(1.0), graph("ReduceSum", found, np.array([1]), keepdims=1))
    other = graph("Max", other, np.array(0.0))
    return graph.columns([other, found] if len(estimator.classes_) == 2 else [found, other])


def _of_forest(tree: Any, output: int, column: int, n_trees: int) -> Tree:
    values = tree.value[:, 0, column] / n_trees
    return Tree(output, tree.children_left, tree.children_right, tree.feature, tree.threshold, values)


def _boosting(graph: Graph, estimator: Any, prepared: str) -> str:
    start = np.atleast_1d(np.asarray(estimator._baseline_prediction, dtype=np.float64)).reshape(1, -1)
    raw = graph("Add", sum_of_trees(graph, _of_boosting(estimator), prepared, start.shape[1]), start)
    if not hasattr(estimator, "classes_"):
        return raw
    return two_classes(graph, raw) if start.shape[1] == 1 else graph("Softmax", raw, axis=1)


def _of_boosting(estimator: Any) -> Iterator[Tree]:
    for iteration in estimator._predictors:
        for output, predictor in enumerate(iteration):
            nodes = predictor.nodes
            left, right = (np.where(nodes["is_leaf"], -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            feature = nodes["feature_idx"].astype(np.int64)
            yield Tree(output, left, right, feature, nodes["num_threshold"], nodes["value"])


def _share(graph: Graph, estimator: Any, prepared: str) -> str:
    """The same for every sample: the share of each class."""
    return graph("Add", prepared, np.asarray(estimator.class_prior_, dtype=np.float64).reshape(1, -1))


def _mean(graph: Graph, estimator: Any, prepared: str) -> str:
    return graph("Add", prepared, np.asarray(estimator.constant_, dtype=np.float64).reshape(1, -1))


_KINDS: dict[str, Callable[[Graph, Any, str], str]] = {
    "LogisticRegression": _logistic,
    "Ridge": _linear,
    "RandomForestClassifier": _forest,
    "RandomForestRegressor": _forest,
    "HistGradientBoostingClassifier": _boosting,
    "HistGradientBoostingRegressor": _boosting,
    "DummyClassifier": _share,
    "DummyRegressor": _mean,
}
