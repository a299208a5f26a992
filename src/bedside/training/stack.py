"""Many networks of one shape trained at once, as if each were alone.

Small networks leave the processor idle between tiny products; a stack of them fills it. Each member has its own
weights, buffers, samples, order and stopping; they share only the clock. Their losses are added, so each weight's
gradient is that of its own member's loss, and Adam and SGD act on each weight by itself.

Source: torch.func's model ensembling (stack_module_state, functional_call, vmap).
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bedside.models.losses import Batch, Supervised
from bedside.training.chain import State, backwards, chain_of, forwards, is_written, run_chain


class Stack(nn.Module):
    """Members of one architecture behind the interface of one module: (members, rows, n) -> (members, rows, m)."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.size = len(members)
        weights, buffers = stack_module_state(list(members))
        trained = {name: value for name, value in weights.items() if value.requires_grad}
        if len({value.dtype for value in trained.values()}) > 1:
            raise ValueError("its weights are numbers of several kinds")
        # All weights that train lie in one row, one name after the other, so that the optimiser moves one tensor.
        self.row = nn.Parameter(torch.cat([value.detach().flatten() for value in trained.values()]))
        self._shapes = {name: value.shape for name, value in trained.items()}
        self._lengths = [value.numel() for value in trained.values()]
        fixed = {**{name: value for name, value in weights.items() if name not in trained}, **buffers}
        self._fixed_names = list(fixed)
        for k, value in enumerate(fixed.values()):
            self.register_buffer(f"fixed{k}", value.detach().clone())
        # In a list, so that nn.Module does not count its weights, which are never used, among those of the stack.
        self._shape = [copy.deepcopy(members[0])]
        chain = chain_of(members[0])
        self.written = chain is not None and is_written(chain)
        self._chain = None if chain is None else [(name, self._shape[0].get_submodule(name)) for name, _ in chain]
        # Names of the saved state, where weights that are shared have several and passing buffers none.
        once = {id(value): name for name, value in (*members[0].named_parameters(), *members[0].named_buffers())}
        self._saved = {name: once[id(value)] for name, value in members[0].state_dict(keep_vars=True).items()}
        self._share_memory()

    def forward(self, x: Tensor) -> Tensor:
        shape = self._set_mode()
        state = {**self._tensors, **self._cut(self.row)} if torch.is_grad_enabled() else self._tensors
        if self._chain is not None:
            return run_chain(self._chain, state, x)

        def one(weights: State, rows: Tensor) -> Tensor:
            result: Tensor = functional_call(shape, dict(weights), (rows,))
            return result

        together: Tensor = vmap(one, randomness="different")(state, x)
        return together

    @torch.no_grad()
    def learn(self, batch: Batch, objective: Supervised) -> tuple[Tensor, Tensor]:
        """What autograd would do for a chain whose gradient is `written` out: leave the gradient of the summed loss.

        Returns:
            Loss of each member, (members,), and outputs (members, rows, m), as `objective` gives them.
        """
        assert self._chain is not None
        inputs, target, weight = batch
        self._set_mode()
        outputs, kept = forwards(self._chain, self._tensors, inputs)
        loss, gradient = objective.loss_and_gradient(outputs, target, weight)
        backwards(kept, self._tensors, gradient, self._gradients)
        self.row.grad = self._gradient
        return loss, outputs

    def tensors(self) -> dict[str, Tensor]:
        """Weights and buffers as they are now, by the names of the members' module, each with the members first."""
        return self._tensors

    def member(self, k: int) -> dict[str, Tensor]:
        """State of member `k`, with the names that its own module uses."""
        return {name: self._tensors[source][k].clone() for name, source in self._saved.items()}

    def clip(self, max_norm: float) -> None:
        """Shorten each member's gradient to `max_norm`, as clipping would if the member were alone."""
        assert self.row.grad is not None
        gradients = list(self._cut(self.row.grad).values())
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)  # (members,)
        factor = (max_norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))

    def _set_mode(self) -> nn.Module:
        """Training or evaluation, as the stack itself."""
        shape = self._shape[0]
        if shape.training != self.training:
            shape.train(self.training)
        return shape

    def _cut(self, row: Tensor) -> dict[str, Tensor]:
        """A row of numbers, one for each weight, as tensors with the members first that share its memory."""
        parts = zip(self._shapes.items(), row.split(self._lengths), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}

    def _share_memory(self) -> None:
        fixed = {name: self.get_buffer(f"fixed{k}") for k, name in enumerate(self._fixed_names)}
        self._tensors = {**self._cut(self.row.detach()), **fixed}
        self._gradient = torch.zeros_like(self.row.detach())
        self._gradients = self._cut(self._gradient)

    def _apply(self, *args: Any, **options: Any) -> "Stack":
        """Moving to another device or kind of number gives new tensors."""
        super()._apply(*args, **options)
        self._share_memory()
        return self
