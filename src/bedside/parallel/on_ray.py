"""Tasks on Ray, which itself runs a task again if its worker was lost.

Ray brings a back end for joblib (`ray.util.joblib`), which is not used: it gives all results at the end or none,
sends tasks to workers that are busy while others wait, and changes a class of joblib for the rest of the process.
This one hands joblib's tasks to Ray one by one.
"""

import copy
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import ray
from joblib import Parallel, cpu_count, delayed
from joblib.parallel import ParallelBackendBase
from ray.exceptions import LocalRayletDiedError, NodeDiedError, OutOfMemoryError, WorkerCrashedError

from bedside.errors import SettingError
from bedside.parallel.clusters import AHEAD, reason, require_answer
from bedside.parallel.tasks import AGAIN, Outcomes, Task, attempt, lost, received

_LOST = (LocalRayletDiedError, NodeDiedError, OutOfMemoryError, WorkerCrashedError)
_SILENT: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}


class _Ray(ParallelBackendBase):
    """joblib's tasks as tasks of Ray, one core each."""

    supports_retrieve_callback = True

    def __init__(self) -> None:
        super().__init__()
        self._call = ray.remote(num_cpus=1, max_retries=AGAIN)(_call)
        self._waiting: dict[Any, tuple[str, Any]] = {}  # future -> name of the task, Ray's reference
        self._done: SimpleQueue[Any] = SimpleQueue()

    def start_call(self) -> None:
        """What is done is reported by a thread of its own: joblib hands over the next task then, and Ray's may not."""
        Thread(target=self._report, daemon=True).start()

    def stop_call(self) -> None:
        self._done.put(None)

    def _report(self) -> None:
        for callback, done in iter(self._done.get, None):
            callback(done)

    def effective_n_jobs(self, n_jobs: int) -> int:
        return n_jobs

    def submit(self, func: Any, callback: Callable[[Any], None]) -> "Future[Any]":
        ((_, (task,), _),) = func.items
        reference = self._call.remote(func)
        future = reference.future()
        self._waiting[future] = task.name, reference
        future.add_done_callback(lambda done: self._done.put((callback, done)))
        return future

    def retrieve_result_callback(self, future: "Future[Any]") -> Any:
        name, _ = self._waiting.pop(future)
        try:
            return copy.deepcopy(future.result())
        except _LOST:
            raise lost([name], AGAIN + 1) from None

    def abort_everything(self, ensure_ready: bool = True) -> None:
        for _, reference in list(self._waiting.values()):
            ray.cancel(reference, force=True)


def _call(batch: Any) -> Any:
    """Arrays that come through Ray cannot be written into; a copy can, like everywhere else."""
    return copy.deepcopy(batch)()


def run(tasks: list[Task], cluster: str) -> Outcomes:
    """Outcomes as they come.

    Raises:
        SettingError: if Ray cannot be reached or started.
        RunError: naming the task, if its worker was lost each time.
    """
    with _connected(cluster):
        ahead = max(AHEAD, 2 * int(ray.cluster_resources().get("CPU", 0)))
        parallel = Parallel(2, _Ray(), return_as="generator_unordered", pre_dispatch=ahead, batch_size=1)
        yield from received(parallel(delayed(attempt)(task) for task in tasks))


@contextmanager
def _connected(cluster: str) -> Iterator[None]:
    """Ray as it is open in this process, or opened and closed again."""
    if cluster == "ray" and ray.is_initialized():
        yield
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _open(os.environ.get("RAY_ADDRESS", "local") if cluster == "ray" else cluster)
    except SettingError:
        raise
    except Exception as error:
        raise SettingError(
            f"Ray cannot be used as cluster={cluster}: {reason(error)}. If it asks for a token, "
            "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on the cluster."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _open(address: str) -> None:
    if address == "local":
        memory = {"task_oom_retries": AGAIN}  # without end by default
        ray.init("local", num_cpus=cpu_count(), include_dashboard=False, _system_config=memory, **_SILENT)
        return
    parts = urlsplit(address if "//" in address else f"//{address}")
    if parts.hostname and parts.port:
        require_answer(address, parts.hostname, parts.port)
    ray.init(address, **_SILENT)
