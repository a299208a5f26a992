"""Small computations one after the other, on one thread: more threads only wait for each other on tables this small.

Pages are answered by several threads, but the number of threads and the random numbers belong to the whole process. So
there is one lock for all explorables, and whatever trains or draws random numbers holds it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import RLock
from typing import ParamSpec, TypeVar

from bedside.training.hardware import limited_threads

_ONE = RLock()

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with _ONE, limited_threads(1):
        yield


def once(function: Callable[P, R]) -> Callable[P, R]:
    """Compute for each argument once per process, however many pages ask; what is known already waits for nobody."""
    known: dict[tuple[object, ...], R] = {}

    @wraps(function)
    def found(*args: P.args, **kwargs: P.kwargs) -> R:
        asked = (*args, *sorted(kwargs.items()))
        if asked not in known:
            with one_at_a_time():
                if asked not in known:  # another page may have been first
                    known[asked] = function(*args, **kwargs)
        return known[asked]

    return found
