"""What may train in one stack, found by trying: whatever it is, it must give the numbers that it gives alone."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bedside.models.reconstruction import Noise
from bedside.training.chain import chain_of
from bedside.training.stack import Stack

AGREE = 1e-4  # largest difference, relative to the outputs, between a stack and its members: rounding, no more


def why_alone(members: Sequence[nn.Module], rows: Tensor) -> str:
    """Why these networks must train one by one, or nothing: two of them are tried as a stack, forwards and backwards.

    Args:
        members: at least two networks of one shape; they are left as they are.
        rows: some training rows of one member, (rows, n).
    """
    if chain_of(members[0]) is not None:
        return ""  # layers that are known
    both = torch.stack([rows, rows])
    try:
        pair = [_without_chance(member).train() for member in members[:2]]
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


def rows_mix(network: nn.Module, rows: Tensor) -> tuple[bool, bool]:
    """Whether what a network gives for a row depends on the other rows of the batch, in training and in evaluation.

    Statistics of a batch do that. Rows that fill up a shorter member must then not be there.
    """
    half = max(1, len(rows) // 2)

    def mix(*, training: bool) -> bool:
        try:
            trial = _without_chance(network).train(training)
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                return not torch.allclose(trial(rows)[:half], trial(rows[:half]), rtol=AGREE, atol=AGREE)
        except Exception:  # also a module that refuses half a batch
            return True

    return mix(training=True), mix(training=False)


def _without_chance(network: nn.Module) -> nn.Module:
    """A copy without dropout and noise, which would make two of its outputs differ."""
    trial = copy.deepcopy(network)
    for layer in trial.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
        if isinstance(layer, Noise):
            layer.strength = 0.0
    return trial
