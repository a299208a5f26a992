"""Many networks of one shape trained at once, as if each were alone.

Small networks leave the processor idle between tiny products; a stack of them fills it. Each member has its own
weights, buffers, samples, order and stopping; they share only the clock. Their losses are added, so each weight's
gradient is that of its own member's loss, and Adam and SGD act on each weight by itself.

Source: torch.func's model ensembling (stack_module_state, functional_call, vmap).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bedside.training.chain import State, chain_of, run_chain

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
        self._named = dict(
            zip(self.names, self.weights, strict=True)
        )  # the same objects, without a walk through modules
        # In a list, so that nn.Module does not count the shapes-only copy among its parameters.
        self._shape = [copy.deepcopy(members[0]).to("meta")]
        self._chain = chain_of(self._shape[0])

    def forward(self, x: Tensor) -> Tensor:
        shape = self._shape[0]
        if shape.training != self.training:
            shape.train(self.training)
        state = self._state()
        if self._chain is not None:
            return run_chain(self._chain, state, x)

        def one(weights: State, rows: Tensor) -> Tensor:
            result: Tensor = functional_call(shape, dict(weights), (rows,))
            return result

        together: Tensor = vmap(one, randomness="different")(state, x)
        return together

    def member(self, k: int) -> dict[str, Tensor]:
        """State of member `k`, with the names that its own module uses."""
        return {name: value[k].detach().clone() for name, value in self._state().items()}

    def _state(self) -> dict[str, Tensor]:
        return {**self._named, **{name: self.get_buffer(f"buffer{k}") for k, name in enumerate(self.buffer_names)}}


# What cannot be stacked


def why_alone(members: Sequence[nn.Module], rows: Tensor) -> str:
    """Why these networks must train one by one, or nothing: two of them are tried as a stack, forwards and backwards.

    Args:
        members: at least two networks of one shape; they are left as they are.
        rows: some training rows of one member, (rows, n).
    """
    if chain_of(members[0]) is not None:
        return ""  # layers that are known
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
