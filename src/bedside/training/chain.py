"""A chain of simple layers, one after the other, computed for all members of a stack as batched products.

The general way (`torch.func.vmap`) gives the same numbers in more time. Where every layer is linear, ReLU or dropout,
the gradient is written out as well: for small layers, watching and replaying operations costs more than they do.
"""

import copy
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = Mapping[str, Tensor]  # weights and buffers by the names of the module, members first
Chain = list[tuple[str, nn.Module]]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
ELEMENTWISE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Dropout, nn.Identity)


def chain_of(module: nn.Module) -> Chain | None:
    """Names and layers in the order in which they act; None if there is more to it than one layer after the other."""
    if any(getattr(layer, hooks) for layer in module.modules() for hooks in _HOOKS):
        return None
    try:  # on a copy: tracing may leave its marks on a module
        trial = copy.deepcopy(module)
        training, evaluating = (_layers(torch.fx.Tracer().trace(trial.train(mode))) for mode in (True, False))
    except Exception:  # whatever it is that cannot be traced, it is no chain
        return None
    if training is None or training != evaluating:
        return None
    layers = [(name, module.get_submodule(name)) for name in training]
    acting = dict(layers)
    weights = [weight for layer in acting.values() for weight in layer.parameters()]
    if len({id(weight) for weight in weights}) < len(weights):
        return None  # layers that share a weight, which then goes by one of its names
    return layers if all(_is_simple(layer) for layer in acting.values()) else None


def _layers(graph: torch.fx.Graph) -> list[str] | None:
    """Names of the layers, each of which reads what the one before gives; None if there is more to it."""
    names = []
    start, *nodes = graph.nodes
    before = start
    for node in nodes:
        if node.args != (before,) or node.kwargs or node.op not in ("call_module", "output"):
            return None
        if node.op == "output":
            break
        before = node
        names.append(str(node.target))
    return names


def _is_simple(layer: nn.Module) -> bool:
    if isinstance(layer, nn.BatchNorm1d) and not (
        layer.momentum is not None and layer.track_running_stats and layer.affine
    ):
        return False
    if isinstance(layer, nn.LayerNorm) and (len(layer.normalized_shape) > 1 or layer.bias is None):
        return False
    return type(layer) in PRODUCTS or type(layer) in ELEMENTWISE


def run_chain(chain: Chain, state: State, x: Tensor) -> Tensor:
    """(members, rows, n) -> (members, rows, m)."""
    before: nn.Module | None = None
    for name, layer in chain:
        if isinstance(layer, nn.ReLU) and isinstance(before, nn.Linear) and not torch.is_grad_enabled():
            x = x.relu_()  # nobody else looks at what the linear layer gave
        else:
            x = PRODUCTS.get(type(layer), _elementwise)(layer, name, state, x)
        before = layer
    return x


def _linear(layer: nn.Module, name: str, state: State, x: Tensor) -> Tensor:
    return _product(x, state[f"{name}.weight"], state.get(f"{name}.bias"))


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    across = weight.transpose(1, 2)
    return torch.bmm(x, across) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, across)


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


# The gradient, written out


def is_written(chain: Chain) -> bool:
    """Whether `forwards` and `backwards` know every layer, and each weight trains and acts once."""
    linear = [layer for _, layer in chain if isinstance(layer, nn.Linear)]
    once = len(set(linear)) == len(linear) and all(
        weight.requires_grad for layer in linear for weight in layer.parameters()
    )
    return once and all(type(layer) in (nn.Linear, nn.ReLU, nn.Dropout) for _, layer in chain)


Kept = list[tuple[str, nn.Module, Tensor]]  # what each layer needs on the way back


def forwards(chain: Chain, state: State, x: Tensor) -> tuple[Tensor, Kept]:
    """The same outputs as `run_chain`, with what `backwards` needs; autograd is not asked to watch."""
    kept: Kept = []
    for name, layer in chain:
        if isinstance(layer, nn.Linear):
            kept.append((name, layer, x))
            x = _linear(layer, name, state, x)
        elif isinstance(layer, nn.ReLU):
            x = x.relu_() if kept and isinstance(kept[-1][1], nn.Linear) else x.relu()  # never into the data
            kept.append((name, layer, x))
        elif isinstance(layer, nn.Dropout) and layer.training and layer.p > 0:
            passed = torch.empty_like(x).bernoulli_(1 - layer.p).div_(max(1 - layer.p, 1e-12))
            kept.append((name, layer, passed))
            x = x * passed
    return x, kept


def backwards(kept: Kept, state: State, g: Tensor, found: State) -> None:
    """Send the gradient `g` of the outputs back through the chain and write that of each weight into `found`.

    A layer y = x W' + b sends the gradient g of y back as g W, and gives g' x and the sum of g over rows to W and b;
    ReLU and dropout let it pass where they let the signal pass.
    """
    for number, (name, layer, before) in reversed(list(enumerate(kept))):
        if isinstance(layer, nn.Linear):
            torch.bmm(g.transpose(1, 2), before, out=found[f"{name}.weight"])
            if f"{name}.bias" in found:
                torch.sum(g, 1, out=found[f"{name}.bias"])
            if number:
                g = torch.bmm(g, state[f"{name}.weight"])
        elif isinstance(layer, nn.ReLU):
            g = torch.ops.aten.threshold_backward(g, before, 0)
        else:
            g = g * before
