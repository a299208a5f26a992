"""Coroutines in tests: Playwright keeps a loop in the main thread, where no second one may run."""

import asyncio
from concurrent.futures import ThreadPoolExecutor


def run_alone(coroutine):
    """As `asyncio.run`, in a thread of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
