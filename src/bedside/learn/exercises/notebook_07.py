"""Checks of the exercises in notebook 07."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch

from bedside.learn.answer import Remark, exercise, right, wrong

FIRST, USUAL, DISTURBED, LATER = 100.0, 1.0, 50.0, 10.0  # seconds on the clock of `Machine`


class Machine:
    """A machine with a clock of its own: its first run is slow, its third is disturbed, and its results come later."""

    def __init__(self) -> None:
        self.now, self.runs, self.pending = 0.0, 0, 0

    def clock(self) -> float:
        return self.now

    def work(self) -> None:
        self.runs += 1
        self.pending += 1
        self.now += {1: FIRST, 3: DISTURBED}.get(self.runs, USUAL)

    def wait(self) -> None:
        self.now += LATER * self.pending
        self.pending = 0


@exercise("07.2", "Measure a time")
def seconds(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(work, wait, repeats)` -> the usual time of one run."""
    machine = Machine()
    with patch("time.perf_counter", machine.clock), patch("time.time", machine.clock):
        took = made(machine.work, machine.wait, 5)
    if took is None:
        yield wrong("The function gives nothing back.", "Its last line returns the median of the times.")
        return
    took = float(took)
    if machine.runs < 5:
        yield wrong(f"For repeats=5 the work was done {machine.runs} times.", "A loop over range(repeats).")
        return
    yield right(f"The work was done {machine.runs} times.")
    if machine.pending or took < USUAL + LATER:
        yield wrong(
            f"It says {took:g} s for a job of {USUAL:g} s whose result is there only {LATER:g} s later.",
            "A GPU works on while Python goes ahead: call wait() before the clock is read again.",
        )
        return
    yield right("It waits for the result before it reads the clock.")
    if machine.runs == 5:
        yield wrong(
            "The first run, in which memory is prepared, is one of those that count.",
            "Call work() and wait() once before the loop.",
        )
    else:
        yield right("The first run does not count.")
    if abs(took - USUAL - LATER) > 1e-6:
        yield wrong(
            f"It says {took:g} s; four of five runs took {USUAL + LATER:g} s, and in one the machine was disturbed.",
            "The median does not mind one slow run; the mean and the sum do.",
        )
    else:
        yield right("One disturbed run does not change the answer.")


@exercise("07.3", "Count the operations of a matrix product")
def operations(made: Callable[..., Any]) -> Iterator[Remark]:
    """`made(n, m, k)` -> multiplications and additions of (n, m) times (m, k)."""
    if made(1, 1, 1) is None:
        yield wrong("The function gives nothing back.", "Write return in front of the product.")
        return
    for n, m, k in ((2, 3, 4), (10, 1, 10), (1, 100, 1)):
        said, true = made(n, m, k), 2 * n * m * k
        if said == true:
            yield right(f"({n}, {m}) times ({m}, {k}): {true} operations.")
            continue
        hint = "Each of the n * k results is a sum over m products: m multiplications and m additions."
        if said == n * m * k:
            hint = "These are the multiplications; the additions count too, one for each of them."
        elif said == n * k * (2 * m - 1):
            hint = "Exact, if the first product needs no addition; by custom it is counted as added to zero."
        yield wrong(f"({n}, {m}) times ({m}, {k}): {said}.", hint)
        return


@exercise("07.7", "Does the way to the GPU pay?")
def pays(size: Callable[..., Any], made: Callable[..., Any]) -> Iterator[Remark]:
    """`size(tensor)` -> bytes; `made(cpu_seconds, gpu_seconds, n_bytes, bytes_per_second)` -> whether moving pays."""
    for tensor, true in (
        (torch.zeros(32, 3, 10, 10), 32 * 3 * 100 * 4),
        (torch.zeros(7, dtype=torch.uint8), 7),
        (torch.zeros(5, 2, dtype=torch.int64), 80),
    ):
        said = size(tensor)
        if said != true:
            kind = str(tensor.dtype).removeprefix("torch.")
            yield wrong(
                f"A {kind} tensor of shape {tuple(tensor.shape)}: {said} bytes.",
                "The number of values times the bytes of one: numel() and element_size().",
            )
            return
    yield right("Bytes are counted for each type.")
    cases = (
        (1.0, 0.1, 1e9, 1e10, True, "one second on the CPU, 0.1 on the GPU, 0.1 to move"),
        (0.15, 0.1, 1e9, 1e10, False, "the GPU is faster, but moving takes longer than what is gained"),
        (1e-4, 2e-3, 1e3, 1e10, False, "a small job that the CPU does faster"),
    )
    for cpu, gpu, n_bytes, rate, true, words in cases:
        said = made(cpu, gpu, n_bytes, rate)
        if said is None:
            yield wrong("The second function gives nothing back.", "It returns True or False.")
            return
        if bool(said) != true:
            hint = (
                "Moving takes n_bytes / bytes_per_second, and it comes on top of the GPU's time."
                if cpu > gpu
                else "It pays if moving and the GPU together take less than the CPU."
            )
            yield wrong(f"It says {bool(said)} where the answer is {true}: {words}.", hint)
            return
    yield right("Moving counts, and the comparison is the right way round.")
