"""Tasks in processes of this machine, by joblib's loky.

If one process is killed, loky stops all of them and cannot say which task was to blame: the tasks that had begun are
all suspect. They run again, first with the others, then alone, which shows who it is, and leaves all the memory to
the one task if it was memory that ran out.
"""

import os
import time
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import LokyBackend

from bedside.parallel.tasks import AGAIN, Outcome, Outcomes, Task, attempt, lost, received

_TOGETHER = 2  # losses after which a task runs alone


class _Processes(LokyBackend):
    """A lost task has no outcome; as an error it would take the outcomes along that nobody has read yet."""

    broken = False

    def submit(self, func: Any, callback: Callable[[Any], None]) -> Any:
        try:
            return super().submit(func, callback)
        except TerminatedWorkerError as error:  # lost before it was handed over
            future: Future[Any] = Future()
            future.set_exception(error)
            future.add_done_callback(callback)
            return future

    def retrieve_result_callback(self, future: "Future[Any]") -> Any:
        try:
            return super().retrieve_result_callback(future)
        except TerminatedWorkerError:
            self.broken = True
            return [None]


def in_processes(tasks: list[Task], jobs: int) -> Outcomes:
    """Outcomes as they come.

    Raises:
        RunError: naming the task, if its process was lost each time.
    """
    workers = max(2, min(jobs, len(tasks)))  # with one, joblib would run the tasks in this process
    waiting, losses = {task.name: task for task in tasks}, Counter[str]()
    with TemporaryDirectory(prefix="bedside-tasks-") as folder:
        begun = {task.name: Path(folder, str(number)) for number, task in enumerate(tasks)}
        while waiting:
            suspects = [name for name in waiting if losses[name] >= _TOGETHER]
            names = suspects[:1] or list(waiting)
            for outcome in _once([(waiting[name], begun[name]) for name in names], workers):
                del waiting[outcome.name]
                begun[outcome.name].unlink(missing_ok=True)
                yield outcome
            missing = [name for name in names if name in waiting]
            for name in [name for name in missing if begun[name].exists()] or missing:
                begun[name].unlink(missing_ok=True)
                losses[name] += 1
                if losses[name] > AGAIN:
                    raise lost([name], losses[name])


def _once(tasks: list[tuple[Task, Path]], workers: int) -> Outcomes:
    """The outcomes of those tasks whose process lived."""
    warnings.filterwarnings("ignore", "A worker stopped while some jobs")  # and was replaced: it had grown large
    backend = _Processes()
    rest = takewhile(lambda _: not backend.broken, tasks)
    # Without memory maps a task gets arrays that it may write into, as it does in this process. More than
    # two tasks for each worker at a time, and loky would stumble when it is stopped (joblib 1.6).
    parallel = Parallel(
        workers,
        backend,
        return_as="generator_unordered",
        pre_dispatch=2 * workers,
        batch_size=1,
        max_nbytes=None,
    )
    yield from received(parallel(delayed(_begin)(task, place, os.getpid()) for task, place in rest))


def _begin(task: Task, begun: Path, driver: int) -> Outcome:
    """In the worker; in the driver itself if joblib finds that there can be no processes, as below a thread."""
    if os.getpid() != driver:
        _end_with(driver)
    begun.touch()
    return attempt(task)


@cache
def _end_with(driver: int) -> None:
    """End this process soon after the one that gives it work, however that ended: loky would wait for minutes."""

    def watch() -> None:
        while os.getppid() == driver:
            time.sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()
