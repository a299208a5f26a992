"""Tasks on an existing Dask cluster, by joblib's back end for it.

Dask itself runs a task again if its worker was lost. It counts the loss for every task on that worker's list, so it
may give up several together and does not know which of them was to blame.
"""

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from distributed import Client
from distributed.scheduler import KilledWorker
from joblib import Parallel, delayed
from joblib._dask import DaskDistributedBackend

from bedside.errors import SettingError
from bedside.parallel.clusters import AHEAD, PATIENCE, reason
from bedside.parallel.tasks import Outcomes, Task, attempt, lost, received

_FIRST_WORKER = 60  # seconds that it may take to come


class _Dask(DaskDistributedBackend):
    """As it is in joblib 1.6 it waits for ever when Dask gives a task up, and runs tasks here if there is one worker."""

    def __init__(self, client: Client) -> None:
        super().__init__(client=client)
        self.given_up: list[str] = []

    def effective_n_jobs(self, n_jobs: int) -> int:
        return n_jobs

    def submit(self, func: Any, callback: Callable[[Any], None]) -> Any:
        future = super().submit(func, callback)
        ((_, (task,), _),) = func.items
        future.add_done_callback(lambda done: self._report_failure(task.name, done, callback))
        return future

    def _report_failure(self, name: str, done: "Future[Any]", callback: Callable[[Any], None]) -> None:
        error = done.exception()
        if isinstance(error, KilledWorker):
            self.given_up.append(name)
        if error is not None:
            callback(error)


def run(tasks: list[Task], cluster: str) -> Outcomes:
    """Outcomes as they come.

    Raises:
        SettingError: if this is no Dask scheduler, no worker comes, or workers do several tasks in one process.
        RunError: naming the tasks that Dask has given up because their workers were lost.
    """
    with _connected(cluster) as client:
        _require_workers(client, cluster)
        backend, ahead = _Dask(client), max(AHEAD, 2 * len(client.nthreads()))
        parallel = Parallel(2, backend, return_as="generator_unordered", pre_dispatch=ahead, batch_size=1)
        try:
            yield from received(parallel(delayed(attempt)(task) for task in tasks))
        except KilledWorker as error:
            raise lost(backend.given_up, error.allowed_failures + 1) from None


def _connected(cluster: str) -> Client:
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it tells the terminal about each lost worker
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about versions: each task compares them itself
            return Client(cluster.replace("dask://", "tcp://"), timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SettingError(f"No Dask scheduler answers at {cluster} ({reason(error)}).") from None


def _require_workers(client: Client, cluster: str) -> None:
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER)
    except TimeoutError:
        raise SettingError(
            f"{cluster} has no worker after {_FIRST_WORKER} seconds. Start workers, then repeat."
        ) from None
    several = {worker: threads for worker, threads in client.nthreads().items() if threads > 1}
    for worker, threads in several.items():
        raise SettingError(
            f"Worker {worker} does {threads} tasks at a time in one process, where they would share one source of "
            "random numbers. Start workers with one thread each: dask worker --nworkers N --nthreads 1."
        )
