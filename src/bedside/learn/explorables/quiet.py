"""Small computations one after the other, on one thread: more threads only wait for each other on tables this small."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from bedside.training.hardware import limited_threads

_ONE = RLock()  # pages are answered by several threads, but threads and random numbers belong to the whole process


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with _ONE, limited_threads(1):
        yield
