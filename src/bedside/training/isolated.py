"""Random numbers and threads of a training, kept apart from those of the program around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

Event = TypeVar("Event")


@contextmanager
def own_random_numbers(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """A block with random numbers from `seed`, on the CPU and on `device`; the caller's own go on after it."""
    cards = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.default_generator.manual_seed(seed)
        for card in cards:
            with torch.cuda.device(card):
                torch.cuda.manual_seed(seed)
        if device is not None and device.type == "mps":
            torch.mps.manual_seed(seed)
        yield


def isolated(events: Iterator[Event], *, seed: int, threads: int, device: torch.device) -> Iterator[Event]:
    """Hand on the events of a training; whoever consumes them may draw random numbers without changing it.

    The training's state is put in place before each of its steps, and the caller's comes back after each.
    """
    on_card = device.type == "cuda"
    kept: tuple[torch.Tensor, ...] | None = None
    while True:
        before = torch.get_num_threads()
        with own_random_numbers(seed, device):
            if kept is not None:
                torch.set_rng_state(kept[0])
                if on_card:
                    torch.cuda.set_rng_state(kept[1], device)
            torch.set_num_threads(threads)
            try:
                event = next(events)
            except StopIteration:
                return
            finally:
                torch.set_num_threads(before)
            cards = (torch.cuda.get_rng_state(device),) if on_card else ()
            kept = (torch.get_rng_state(), *cards)
        yield event
