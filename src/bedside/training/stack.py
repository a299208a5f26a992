"""Many networks of one shape trained at once, as if each were alone.

Small networks leave the processor idle between tiny products; a stack of them fills it. Each member has its own
weights, samples, order and stopping; they share only the clock. Their losses are added, so each weight's gradient
is that of its own member's loss, and Adam and SGD act on each weight by itself.

Source: torch.func's model ensembling (stack_module_state, functional_call, vmap).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Stack(nn.Module):
    """Members of one architecture behind the interface of one module: (members, rows, n) -> (members, rows, m)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.size = len(members)
        stacked, _ = stack_module_state(list(members))
        self.names = list(stacked)
        self.weights = nn.ParameterList([nn.Parameter(value.detach().clone()) for value in stacked.values()])
        # In a list, so that nn.Module does not count the shapes-only copy among its parameters.
        self._shape = [copy.deepcopy(members[0]).to("meta")]

    def forward(self, x: Tensor) -> Tensor:
        shape = self._shape[0]
        if shape.training != self.training:
            shape.train(self.training)

        def one(weights: dict[str, Tensor], rows: Tensor) -> Tensor:
            result: Tensor = functional_call(shape, weights, (rows,))
            return result

        together: Tensor = vmap(one, randomness="different")(dict(zip(self.names, self.weights, strict=True)), x)
        return together

    def member(self, k: int) -> dict[str, Tensor]:
        """State of member `k`, with the names that its own module uses."""
        return {name: value[k].detach().clone() for name, value in zip(self.names, self.weights, strict=True)}


def can_stack(model: nn.Module) -> bool:
    """Modules with buffers, such as batch normalisation, keep statistics of their own batches and train alone."""
    return next(model.buffers(), None) is None


def clip_each(weights: Sequence[nn.Parameter], max_norm: float) -> None:
    """Shorten each member's gradient to `max_norm`, as clipping would if the member were alone."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)  # (members,)
    factor = (max_norm / (norms + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
