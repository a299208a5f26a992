"""Many networks of one shape trained at once, as if each were alone.

Small networks leave the processor idle between tiny products; a stack of them fills it. Each member has its own
weights, buffers, samples, order and stopping; they share only the clock. Their losses are added, so each weight's
gradient is that of its own member's loss, and Adam and SGD act on each weight by itself.

Source: torch.func's model ensembling (stack_module_state, functional_call, vmap).
"""

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

State = Mapping[str, Tensor]  # weights and buffers by the names of the module, members first

ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Dropout, nn.Identity)
AGREE = 1e-4  # largest difference, relative to the outputs, between a stack and its members: rounding, no more


class Stack(nn.Module):
    """Members of one architecture behind the interface of one module: (members, rows, n) -> (members, rows, m)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.size = len(members)
        weights, buffers = stack_module_state(list(members))
        self.names, self.buffer_names = list(weights), list(buffers)
        self.weights = nn.ParameterList([nn.Parameter(value.detach().clone()) for value in weights.values()])
        for k, value in enumerate(buffers.values()):
            self.register_buffer(f"buffer{k}", value.detach().clone())
        # In a list, so that nn.Module does not count the shapes-only copy among its parameters.
        self._shape = [copy.deepcopy(members[0]).to("meta")]
        self._chain = chain_of(self._shape[0])

    def forward(self, x: Tensor) -> Tensor:
        shape = self._shape[0]
        if shape.training != self.training:
            shape.train(self.training)
        state = self._state()
        if self._chain is not None:
            for name, layer in self._chain:
                x = PRODUCTS.get(type(layer), _elementwise)(layer, name, state, x)
            return x

        def one(weights: State, rows: Tensor) -> Tensor:
            result: Tensor = functional_call(shape, dict(weights), (rows,))
            return result

        together: Tensor = vmap(one, randomness="different")(state, x)
        return together

    def member(self, k: int) -> dict[str, Tensor]:
        """State of member `k`, with the names that its own module uses."""
        return {name: value[k].detach().clone() for name, value in self._state().items()}

    def _state(self) -> dict[str, Tensor]:
        names, buffers = (
            [*self.names, *self.buffer_names],
            (self.get_buffer(f"buffer{k}") for k in range(len(self.buffer_names))),
        )
        return dict(zip(names, [*self.weights, *buffers], strict=True))


# A chain of simple layers is a few batched products: the same numbers as the general way in less time


def chain_of(module: nn.Module) -> list[tuple[str, nn.Module]] | None:
    """Names and layers in the order in which they act; None if there is more to it than one layer after the other."""
    try:
        graph = torch.fx.symbolic_trace(copy.deepcopy(module)).graph  # tracing may leave its marks on a module
    except Exception:  # whatever it is that cannot be traced, it is no chain
        return None
    layers: list[tuple[str, nn.Module]] = []
    start, *nodes = graph.nodes
    before = start
    for node in nodes:
        if node.args != (before,) or node.kwargs or node.op not in ("call_module", "output"):
            return None
        if node.op == "output":
            break
        name, before = str(node.target), node
        layers.append((name, module.get_submodule(name)))
    return layers if all(_is_simple(layer) for _, layer in layers) else None


def _is_simple(layer: nn.Module) -> bool:
    if isinstance(layer, nn.BatchNorm1d) and (
        layer.momentum is None or not layer.track_running_stats or not layer.affine
    ):
        return False
    if isinstance(layer, nn.LayerNorm) and (len(layer.normalized_shape) > 1 or layer.bias is None):
        return False
    return type(layer) in PRODUCTS or type(layer) in ELEMENTWISE


def _linear(layer: nn.Module, name: str, state: State, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.weight"].transpose(1, 2), state.get(f"{name}.bias")
    return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)


def _layer_norm(layer: nn.Module, name: str, state: State, x: Tensor) -> Tensor:
    assert isinstance(layer, nn.LayerNorm)
    normed = F.layer_norm(x, layer.normalized_shape, eps=layer.eps)
    return normed * state[f"{name}.weight"].unsqueeze(1) + state[f"{name}.bias"].unsqueeze(1)


def _batch_norm(layer: nn.Module, name: str, state: State, x: Tensor) -> Tensor:
    """The neurons of all members side by side are the neurons of one wide layer."""
    assert isinstance(layer, nn.BatchNorm1d)
    members, rows, neurons = x.shape
    if layer.training:
        state[f"{name}.num_batches_tracked"].add_(1)
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].view(-1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    wide = x.transpose(0, 1).reshape(rows, members * neurons)
    normed = F.batch_norm(wide, mean, variance, weight, bias, layer.training, float(layer.momentum or 0), layer.eps)
    return normed.view(rows, members, neurons).transpose(0, 1)


def _elementwise(layer: nn.Module, name: str, state: State, x: Tensor) -> Tensor:
    result: Tensor = layer(x)
    return result


PRODUCTS: dict[type[nn.Module], Callable[[nn.Module, str, State, Tensor], Tensor]] = {
    nn.Linear: _linear,
    nn.LayerNorm: _layer_norm,
    nn.BatchNorm1d: _batch_norm,
}


# What cannot be stacked


def why_alone(members: Sequence[nn.Module], rows: Tensor) -> str:
    """Why these networks must train one by one, or nothing: two of them are tried as a stack, forwards and backwards.

    Args:
        members: at least two networks of one shape; they are left as they are.
        rows: some training rows of one member, (rows, n).
    """
    pair = [copy.deepcopy(member).train() for member in members[:2]]
    for layer in (layer for member in pair for layer in member.modules() if isinstance(layer, nn.Dropout)):
        layer.p = 0.0  # chance would make them differ
    both = torch.stack([rows, rows])
    try:
        with torch.random.fork_rng(devices=[]):
            stack = Stack(pair)
            stack(both).square().sum().backward()
            for k, member in enumerate(pair):
                member(rows)
                torch.testing.assert_close(stack.member(k), member.state_dict(), rtol=AGREE, atol=AGREE)
            with torch.no_grad():
                apart = torch.stack([member.eval()(rows) for member in pair])
                torch.testing.assert_close(stack.eval()(both), apart, rtol=AGREE, atol=AGREE)
    except AssertionError:
        return "side by side it does not give the same numbers as alone, as if members shared something"
    except Exception as error:  # a module may fail in any way; alone it works as its author meant it to
        return f"it cannot be computed for several members at once ({str(error).strip().splitlines()[0][:160]})"
    return ""


def clip_each(weights: Sequence[nn.Parameter], max_norm: float) -> None:
    """Shorten each member's gradient to `max_norm`, as clipping would if the member were alone."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)  # (members,)
    factor = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
