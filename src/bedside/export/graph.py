"""A model as one ONNX graph, written node by node: numbers in 64 bits, words as text.

`graph("Add", x, y)` adds a node and gives the name of its result; numpy arrays among the inputs become constants.
"""

from typing import Any

import numpy as np
import onnx
import onnx.compose
from onnx import TensorProto, helper, numpy_helper

TREES = "ai.onnx.ml"  # operators of classic machine learning
OPSETS = {"": 20, TREES: 5}  # 5 is the first whose trees compute in 64 bits; onnxruntime-web reads both
_IR = 9  # of the file; ONNX Runtime 1.20 reads up to 10
LARGEST = 2**31 - 1  # bytes of a file that needs no second one beside it

KINDS = {
    "float64": TensorProto.DOUBLE,
    "float32": TensorProto.FLOAT,
    "uint8": TensorProto.UINT8,
    "text": TensorProto.STRING,
}


class Graph:
    """Nodes, constants, inputs and outputs of one ONNX model."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.opsets = dict(OPSETS)
        self.constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def __call__(self, operator: str, *inputs: "str | np.ndarray", domain: str = "", **attributes: Any) -> str:
        """Add a node with one result.

        Args:
            operator: name in ONNX, such as "MatMul".
            inputs: names of results, or arrays that become constants.
            domain: of the operator.
            attributes: of the node.

        Returns:
            Name of the result.
        """
        names = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        result = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [result], name=result, domain=domain, **attributes))
        return result

    def constant(self, array: np.ndarray) -> str:
        """The name of a constant; equal ones are kept once."""
        array = np.asarray(array)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = name = f"constant_{len(self.constants)}"
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        return self._known[key]

    def input(self, name: str, kind: str, shape: list[str | int]) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, KINDS[kind], shape))
        return name

    def output(self, name: str, result: str, shape: list[str | int]) -> None:
        """Give a result, of 64-bit numbers, out under a name."""
        self.nodes.append(helper.make_node("Identity", [result], [name], name=name))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape))

    def inline(self, model: onnx.ModelProto, given: str) -> str:
        """Take over the nodes of another model with one input and one output, under names of their own.

        Args:
            model: in the version of ONNX's operators that this graph has.
            given: what its input is fed with.

        Returns:
            Name of its output.
        """
        own = onnx.compose.add_prefix(model, f"network_{len(self.nodes)}/").graph
        self.nodes.append(helper.make_node("Identity", [given], [own.input[0].name], name=own.input[0].name))
        self.nodes += own.node
        self.constants |= {constant.name: constant for constant in own.initializer}
        return own.output[0].name

    def cast(self, value: str, kind: str) -> str:
        return self("Cast", value, to=KINDS[kind])

    def columns(self, parts: list[str]) -> str:
        """Columns side by side, each (n, k)."""
        return parts[0] if len(parts) == 1 else self("Concat", *parts, axis=1)

    def to_bytes(self, name: str, about: dict[str, str]) -> bytes:
        """The file, checked; the same graph gives the same bytes.

        Args:
            name: of the graph.
            about: the file's metadata.
        """
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR, producer_name="bedside")
        helper.set_model_props(model, about)
        content: bytes = model.SerializeToString(deterministic=True)
        onnx.checker.check_model(content, full_check=True)
        return content
