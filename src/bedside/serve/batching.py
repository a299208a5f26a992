"""Requests that wait while the model computes are computed together, at once when it is free: no time is ever waited for
company. One thread computes; what waits is bounded, and who comes when it is full is told when to come back."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from bedside.serve.errors import Refused

TOGETHER = 4096  # rows that are computed at once
WAITING = 65_536  # rows that may wait


@dataclass
class _Asked:
    samples: Any
    answer: "asyncio.Future[Any]"


class Batches:
    """Samples of many requests in, an answer or an error for each request out.

    Args:
        compute: samples of each request -> an answer or an exception for each, in their order; runs in the thread.
        thread: that computes, one request after the other.
        together: weight (rows of a table, megapixels of images) that is computed at once.
        waiting: weight that may wait.
        formed: is told the number of samples of each batch.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[Any]], Sequence[Any]],
        thread: Executor,
        *,
        together: int = TOGETHER,
        waiting: int = WAITING,
        formed: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.compute, self.thread, self.together, self.waiting, self.formed = compute, thread, together, waiting, formed
        self.queue: deque[_Asked] = deque()
        self.weight = 0
        self.task: asyncio.Task[None] | None = None

    async def ask(self, samples: Any) -> Any:
        """The answer to one request.

        Raises:
            Refused: if too much waits already.
            Exception: what `compute` gave for these samples.
        """
        if self.queue and self.weight + samples.weight > self.waiting:
            raise Refused("overloaded", "More samples wait than can be answered soon; try again in a second.")
        asked = _Asked(samples, asyncio.get_running_loop().create_future())
        self.queue.append(asked)
        self.weight += samples.weight
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work())
        return await asked.answer

    async def _work(self) -> None:
        """Until nothing waits: take what fits, compute it, answer."""
        loop = asyncio.get_running_loop()
        while batch := self._taken():
            try:
                answers = await loop.run_in_executor(self.thread, self.compute, [one.samples for one in batch])
            except Exception as error:  # a defect, or a thread that was shut down
                answers = [error] * len(batch)
            for one, answer in zip(batch, answers, strict=True):
                if one.answer.done():  # whoever asked has gone
                    continue
                if isinstance(answer, Exception):
                    one.answer.set_exception(answer)
                else:
                    one.answer.set_result(answer)

    def _taken(self) -> list[_Asked]:
        """Those who have waited longest, as many as are computed at once; one at least."""
        batch: list[_Asked] = []
        weight = 0
        while self.queue and (not batch or weight + self.queue[0].samples.weight <= self.together):
            one = self.queue.popleft()
            self.weight -= one.samples.weight
            if not one.answer.done():
                batch.append(one)
                weight += one.samples.weight
        if batch:
            self.formed(sum(len(one.samples) for one in batch))
        return batch

    async def finished(self) -> None:
        """Once nothing waits any more."""
        if self.task is not None and not self.task.done():
            await asyncio.gather(self.task, return_exceptions=True)
