"""The transformer for tables as ONNX, in 64 bits: what `models.ft_transformer` computes outside of training."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from bedside.export.graph import Graph
from bedside.models.ft_transformer import TableTransformer

Outputs = Callable[[Graph, nn.Module, str], str]  # (graph, layer, x) -> its outputs


def summary(graph: Graph, network: TableTransformer, x: str, outputs: Outputs) -> str:
    """Vectors (n, columns) -> the token that sums them up, (n, width).

    Args:
        outputs: translates linear layers and normalisation, over tokens too.
    """
    tokens = _tokens(graph, network.transformer, x)
    blocks: list[Any] = list(network.transformer.backbone.blocks)
    for number, block in enumerate(blocks):
        normalised = outputs(graph, block["attention_normalization"], tokens) if number else tokens
        asking = _first(graph, normalised) if number == len(blocks) - 1 else normalised
        kept = _first(graph, tokens) if number == len(blocks) - 1 else tokens
        tokens = graph("Add", kept, _attention(graph, block["attention"], asking, normalised, network.heads, outputs))
        normalised = outputs(graph, block["ffn_normalization"], tokens)
        tokens = graph("Add", tokens, _gated(graph, block["ffn"], normalised, outputs))
    return graph("Squeeze", tokens, np.array([1]))


def _tokens(graph: Graph, transformer: Any, x: str) -> str:
    """(n, columns) -> (n, 1 + columns, width): the token that sums up, then one for each column."""
    columns = graph("Mul", graph("Unsqueeze", x, np.array([2])), _array(transformer.cont_embeddings.weight))
    columns = graph("Add", columns, _array(transformer.cont_embeddings.bias))
    # The first column, times 0, is as many rows as there are samples.
    nothing = graph("Mul", _first(graph, columns), np.array(0.0))
    return graph("Concat", graph("Add", nothing, _array(transformer.cls_embedding.weight)), columns, axis=1)


def _first(graph: Graph, tokens: str) -> str:
    """(n, tokens, width) -> (n, 1, width)."""
    return graph("Slice", tokens, np.array([0]), np.array([1]), np.array([1]))


def _attention(graph: Graph, layer: Any, asking: str, asked: str, heads: int, outputs: Outputs) -> str:
    """(n, asking, width) and (n, asked, width) -> (n, asking, width)."""
    width = layer.W_q.in_features

    def by_head(tokens: str) -> str:  # (n, heads, tokens, width / heads)
        split = graph("Reshape", tokens, np.array([0, 0, heads, width // heads]))
        return graph("Transpose", split, perm=[0, 2, 1, 3])

    query, key, value = (
        by_head(outputs(graph, part, tokens))
        for part, tokens in ((layer.W_q, asking), (layer.W_k, asked), (layer.W_v, asked))
    )
    alike = graph("MatMul", query, graph("Transpose", key, perm=[0, 1, 3, 2]))
    looks = graph("Softmax", graph("Div", alike, np.array(np.sqrt(width // heads))), axis=-1)
    found = graph("Transpose", graph("MatMul", looks, value), perm=[0, 2, 1, 3])
    joined = graph("Reshape", found, np.array([0, 0, width]))
    return joined if layer.W_out is None else outputs(graph, layer.W_out, joined)


def _gated(graph: Graph, layers: Any, x: str, outputs: Outputs) -> str:
    """Two dense layers; half of the first one's neurons open and close the other half."""
    both, width = outputs(graph, layers.linear1, x), layers.linear2.in_features
    plain = graph("Slice", both, np.array([0]), np.array([width]), np.array([2]))
    gate = graph("Slice", both, np.array([width]), np.array([2 * width]), np.array([2]))
    return outputs(graph, layers.linear2, graph("Mul", plain, graph("Max", gate, np.array(0.0))))


def _array(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = tensor.detach().double().cpu().numpy()
    return found
