"""After a large request the C library keeps what was freed for later; a server that runs for months gives it back."""

import asyncio
import ctypes
import sys
import time
from typing import Any

LARGE = 1024**2  # bytes of a request, from which there is something to give back
SECONDS = 1.0  # between two times


class Memory:
    """Gives freed memory back to the system, in a thread, soon after large requests."""

    def __init__(self) -> None:
        self.last = 0.0
        try:
            self._trim: Any = ctypes.CDLL(None).malloc_trim if sys.platform == "linux" else None
        except (OSError, AttributeError):  # another C library, which does so by itself
            self._trim = None

    def after(self, size: str) -> None:
        """A request of so many bytes, as its header says, has been answered; none is said where it comes in pieces."""
        if (
            self._trim is None
            or (size and (len(size) < 7 or int(size) < LARGE))
            or time.monotonic() - self.last < SECONDS
        ):
            return
        self.last = time.monotonic()
        loop = asyncio.get_running_loop()
        loop.call_later(SECONDS, lambda: loop.run_in_executor(None, self._trim, 0))
