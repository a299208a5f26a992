"""Networks for vectors as ONNX: every layer bedside's own networks are made of, in 64 bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from bedside.cohort import Task
from bedside.errors import ExportError
from bedside.export.estimators import two_classes
from bedside.export.graph import Graph
from bedside.export.transformers import summary
from bedside.models.ft_transformer import TableTransformer
from bedside.models.mlp import MLP
from bedside.models.patient_graph import PatientGraph


def network_outputs(graph: Graph, network: nn.Module, x: str) -> str:
    """Vectors (n, k), or tokens (n, tokens, k) -> raw outputs (n, n_outputs), or (n, tokens, n_outputs).

    Raises:
        ExportError: if a layer has no translation here.
    """
    if isinstance(network, MLP):
        return network_outputs(graph, network.output, network_outputs(graph, network.hidden, x))
    if isinstance(network, TableTransformer):
        return network_outputs(graph, network.head, summary(graph, network, x, network_outputs))
    if isinstance(network, PatientGraph):
        raise ExportError(
            "A graph of patients is not exported: its file would hold the data of every training patient, and an exported "
            "model is made to be given away. `bedside predict` and `bedside serve` score with it where it lies; to give a "
            "model away, train another family, such as mlp."
        )
    if isinstance(network, nn.Sequential):
        for layer in network:
            x = network_outputs(graph, layer, x)
        return x
    if isinstance(network, (nn.Dropout, nn.Identity)):
        return x
    if type(network) not in _LAYERS:
        if type(network).__module__.startswith("bedside."):
            raise ExportError(
                "The networks of this family cannot be exported yet: they are more than a chain of layers. `bedside predict` and "
                "`bedside serve` score with them."
            )
        raise ExportError(
            f"A layer of the kind {type(network).__name__} cannot be exported; bedside translates "
            f"{', '.join(kind.__name__ for kind in _LAYERS)}. `bedside predict` and `bedside serve` work with every family."
        )
    return _LAYERS[type(network)](graph, network, x)


def outputs_to_scores(graph: Graph, outputs: str, task: Task, centre: float, scale: float) -> str:
    """Raw outputs (n, n_outputs) -> probabilities (n, classes), or numbers (n, 1) in the target's own unit."""
    if task.kind == "regression":
        return graph("Add", graph("Mul", outputs, np.array(float(scale))), np.array(float(centre)))
    return graph("Softmax", outputs, axis=1) if task.kind == "multiclass" else two_classes(graph, outputs)


def _array(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = tensor.detach().double().cpu().numpy()
    return found


def _linear(graph: Graph, layer: nn.Linear, x: str) -> str:
    product = graph("MatMul", x, _array(layer.weight).T)
    return product if layer.bias is None else graph("Add", product, _array(layer.bias))


def _batch_norm(graph: Graph, layer: nn.BatchNorm1d, x: str) -> str:
    assert layer.running_mean is not None
    assert layer.running_var is not None
    scale = 1 / np.sqrt(_array(layer.running_var) + layer.eps)
    return _affine(graph, layer, graph("Mul", graph("Sub", x, _array(layer.running_mean)), scale))


def _layer_norm(graph: Graph, layer: nn.LayerNorm, x: str) -> str:
    centred = graph("Sub", x, graph("ReduceMean", x, np.array([-1]), keepdims=1))
    variance = graph("ReduceMean", graph("Mul", centred, centred), np.array([-1]), keepdims=1)
    return _affine(graph, layer, graph("Div", centred, graph("Sqrt", graph("Add", variance, np.array(layer.eps)))))


def _affine(graph: Graph, layer: Any, x: str) -> str:
    if layer.weight is None:
        return x
    scaled = graph("Mul", x, _array(layer.weight))
    return scaled if layer.bias is None else graph("Add", scaled, _array(layer.bias))


def _positive(graph: Graph, x: str) -> str:
    return graph("Max", x, np.array(0.0))


def _negative(graph: Graph, x: str) -> str:
    return graph("Min", x, np.array(0.0))


def _leaky(graph: Graph, layer: nn.LeakyReLU, x: str) -> str:
    return graph("Add", _positive(graph, x), graph("Mul", _negative(graph, x), np.array(float(layer.negative_slope))))


def _elu(graph: Graph, layer: nn.ELU, x: str) -> str:
    below = graph("Sub", graph("Exp", _negative(graph, x)), np.array(1.0))
    return graph("Add", _positive(graph, x), graph("Mul", below, np.array(float(layer.alpha))))


def _gelu(graph: Graph, layer: nn.GELU, x: str) -> str:
    """ONNX Runtime has the error function in 32 bits only, which costs 1e-7."""
    if layer.approximate != "none":
        raise ExportError(f"GELU with approximate={layer.approximate!r} cannot be exported; take approximate='none'.")
    error = graph.cast(graph("Erf", graph.cast(graph("Div", x, np.array(np.sqrt(2.0))), "float32")), "float64")
    return graph("Mul", graph("Mul", x, np.array(0.5)), graph("Add", error, np.array(1.0)))


_LAYERS: dict[type[nn.Module], Callable[..., str]] = {
    nn.Linear: _linear,
    nn.BatchNorm1d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.ReLU: lambda graph, layer, x: _positive(graph, x),
    nn.Tanh: lambda graph, layer, x: graph("Tanh", x),
    nn.Sigmoid: lambda graph, layer, x: graph("Sigmoid", x),
    nn.GELU: _gelu,
    nn.LeakyReLU: _leaky,
    nn.ELU: _elu,
}
