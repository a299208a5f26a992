"""A back end for joblib that hands each task to a cluster, which places it and runs it again if its worker is lost.

joblib brings one for Dask and Ray brings one, but the first waits for ever when Dask gives a task up, and the second
gives all results at the end or none: docs/decisions/0018-joblib-back-ends.md.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from joblib import Parallel, delayed
from joblib.parallel import ParallelBackendBase

from bedside.parallel.tasks import AGAIN, Outcomes, Task, attempt, lost, received

AHEAD = 64  # tasks that are there at once: work for workers that come later, and not the data of all tasks in memory
_AT_ONCE = 1  # seconds within which tasks are given up together
_LAST_WORDS = 5  # seconds to hand on what has ended, when nobody asks any more


class ClusterBackend(ParallelBackendBase):
    """Tasks in the hands of a cluster.

    Args:
        hand_over: call -> what cancels it, and a future of its result.
        cancel: takes a list of the former.
        losses: the errors of a future whose workers were lost each time.
    """

    supports_retrieve_callback = True

    def __init__(
        self,
        hand_over: Callable[[Any], tuple[Any, Any]],
        cancel: Callable[[list[Any]], Any],
        losses: tuple[type[Exception], ...],
    ) -> None:
        super().__init__()
        self.hand_over, self.cancel, self.losses = hand_over, cancel, losses
        self.given_up: list[str] = []
        self._running: dict[str, Any] = {}
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._reports = Thread(target=self._report, daemon=True)

    def effective_n_jobs(self, n_jobs: int) -> int:
        return n_jobs

    def start_call(self) -> None:
        self._reports.start()

    def stop_call(self) -> None:
        self._done.put(None)
        self._reports.join(_LAST_WORDS)

    def submit(self, func: Any, callback: Callable[[Any], None]) -> Any:
        ((_, (task,), _),) = func.items
        try:
            self._running[task.name], future = self.hand_over(func)
        except Exception as error:  # such as an argument that cannot be pickled
            future = Future()
            future.set_exception(error)
        future.add_done_callback(lambda done: self._done.put((callback, task.name, done)))
        return future

    def _report(self) -> None:
        """In a thread of its own: joblib hands over the next task when it hears of one, and a cluster's may not."""
        for ended in iter(self._done.get, None):
            together = [ended]
            if self._is_lost(ended):
                together += self._soon_after()
            self.given_up += [one[1] for one in together if self._is_lost(one)]
            for callback, name, future in together:
                self._running.pop(name, None)
                callback(future)

    def _is_lost(self, ended: Any) -> bool:
        return isinstance(_error_of(ended[2]), self.losses)

    def _soon_after(self) -> list[Any]:
        """What else ends now: a cluster gives tasks up that lost the same workers, and tells one after the other."""
        found: list[Any] = []
        with suppress(Empty):
            for ended in iter(lambda: self._done.get(timeout=_AT_ONCE), None):
                found.append(ended)
            self._done.put(None)  # the end, for the loop that asked
        return found

    def retrieve_result_callback(self, future: Any) -> Any:
        return future.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        self.cancel(list(self._running.values()))


def _error_of(future: Any) -> BaseException | None:
    try:
        error: BaseException | None = future.exception()
    except Exception as cancelled:
        return cancelled
    return error


def outcomes_on(backend: ClusterBackend, tasks: Iterable[Task], cores: int) -> Outcomes:
    """Outcomes as they come.

    Raises:
        RunError: naming the tasks, if their workers were lost each time.
    """
    # Two jobs, whatever there is: with one, joblib would run the tasks in this process.
    parallel = Parallel(2, backend, return_as="generator_unordered", pre_dispatch=max(AHEAD, 2 * cores), batch_size=1)
    try:
        yield from received(parallel(delayed(attempt)(task) for task in tasks))
    except backend.losses as error:
        raise lost(backend.given_up, getattr(error, "allowed_failures", AGAIN) + 1) from None
