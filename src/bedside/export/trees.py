"""Ensembles of decision trees as one ONNX node whose thresholds and leaves have 64 bits.

The operator lets a leaf speak for one class only, so with several classes each tree is there once for each of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from onnx import numpy_helper

from bedside.export.graph import TREES, Graph

_AT_MOST = 0  # a sample goes left if its value is at most the threshold
_SUM, _AS_IT_IS = 1, 0
_INNER = (
    "nodes_featureids", "nodes_splits", "nodes_truenodeids", "nodes_trueleafs", "nodes_falsenodeids", "nodes_falseleafs",
)  # fmt: skip


@dataclass(frozen=True)
class Tree:
    """One tree that speaks for one output; node 0 is the root. All arrays are (nodes,).

    `left` and `right` are numbers of nodes, negative in a leaf; `values` count in leaves only.
    """

    output: int
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    values: np.ndarray


def sum_of_trees(graph: Graph, trees: Iterable[Tree], prepared: str, n_outputs: int) -> str:
    """The sum of what the trees say of each sample, (n, n_outputs)."""
    inner: dict[str, list[np.ndarray]] = {name: [] for name in _INNER}
    outputs, values, roots, n_inner, n_leaves = [], [], [], 0, 0
    for tree in map(_with_a_question, trees):
        for name, found in _numbered(tree, n_inner, n_leaves).items():
            inner[name].append(found)
        leaves = tree.values[tree.left < 0]
        outputs += [tree.output] * len(leaves)
        values.append(leaves)
        roots.append(n_inner)
        n_inner, n_leaves = n_inner + len(tree.left) - len(leaves), n_leaves + len(leaves)
    nodes = {name: np.concatenate(found) for name, found in inner.items()}
    numbers = {"nodes_splits": nodes.pop("nodes_splits"), "leaf_weights": np.concatenate(values)}
    return graph(
        "TreeEnsemble",
        prepared,
        domain=TREES,
        n_targets=n_outputs,
        aggregate_function=_SUM,
        post_transform=_AS_IT_IS,
        tree_roots=roots,
        leaf_targetids=outputs,
        nodes_modes=numpy_helper.from_array(np.full(n_inner, _AT_MOST, dtype=np.uint8)),
        **{name: numpy_helper.from_array(found.astype(np.float64)) for name, found in numbers.items()},
        **{name: found.astype(np.int64).tolist() for name, found in nodes.items()},
    )


def _numbered(tree: Tree, n_inner: int, n_leaves: int) -> dict[str, np.ndarray]:
    """The inner nodes of a tree as the operator wants them: inner nodes and leaves are counted by themselves.

    Args:
        n_inner: inner nodes of the trees before.
        n_leaves: their leaves.
    """
    is_leaf = tree.left < 0
    inner = ~is_leaf
    place = np.where(is_leaf, n_leaves + np.cumsum(is_leaf) - 1, n_inner + np.cumsum(inner) - 1)
    left, right = tree.left[inner], tree.right[inner]
    found = (tree.feature[inner], tree.threshold[inner], place[left], is_leaf[left], place[right], is_leaf[right])
    return dict(zip(_INNER, found, strict=True))


def _with_a_question(tree: Tree) -> Tree:
    """A tree that is one leaf gets a question whose answer does not matter; the operator wants one."""
    if len(tree.left) > 1:
        return tree
    leaf, none = tree.values[0], -1
    return Tree(
        tree.output,
        left=np.array([1, none, none]),
        right=np.array([2, none, none]),
        feature=np.zeros(3, dtype=int),
        threshold=np.zeros(3),
        values=np.array([0.0, leaf, leaf]),
    )
