"""Tasks on an existing Dask cluster, by joblib's own back end.

Dask itself runs a task again whose worker was lost. It counts a loss for every task that a lost worker had on its
list, so several may be given up together, and which of them was to blame it does not know.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from distributed import Client
from distributed.scheduler import KilledWorker
from joblib._dask import DaskDistributedBackend

_WORKERS = 60  # seconds until the first worker must be there


class _Dask(DaskDistributedBackend):
    """joblib's back end, which waits for ever if a task ends without an outcome (joblib 1.6)."""

    def __init__(self, client: Client) -> None:
        super().__init__(client=client)
        self.given_up: list[str] = []

    def effective_n_jobs(self, n_jobs: int) -> int:
        return n_jobs  # with one worker, joblib would run the tasks in this process

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Any:
        (name,) = (task.name for _, (task,), _ in func.items)
        future = super().submit(func, callback)
        future.add_done_callback(lambda done: self._report(name, done, callback))
        return future

    def _report(self, name: str, done: "Future[Any]", callback: Any) -> None:
        error = done.exception()
        if isinstance(error, KilledWorker):
            self.given_up.append(name)
        if error is not None:
            callback(error)
