"""Threads for work that would keep other requests waiting, with a bounded number of those that wait."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bedside.serve.errors import Refused


class Places:
    """So many threads, and at most so many requests that wait for them or are in them."""

    def __init__(self, threads: int, most: int, name: str) -> None:
        self.threads, self.most, self.waiting = ThreadPoolExecutor(threads, f"bedside-{name}"), most, 0

    async def run(self, function: Callable[..., Any], *given: Any) -> Any:
        """The result of a function in a thread.

        Raises:
            Refused: if too many wait.
        """
        if self.waiting >= self.most:
            raise Refused("overloaded", "More waits than can be answered soon; try again in a second.")
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, function, *given)
        finally:
            self.waiting -= 1

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)
