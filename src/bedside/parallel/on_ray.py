"""Tasks on Ray, which runs a task again by itself if its worker was lost.

Ray brings a back end for joblib, but it gives all results at the end or none, keeps sending tasks to workers that
are lost or busy, and changes a class of joblib for the rest of the process. This one hands each task to Ray.
"""

import copy
from typing import Any

import ray
from joblib.parallel import ParallelBackendBase

from bedside.parallel.tasks import AGAIN


class _Ray(ParallelBackendBase):
    supports_retrieve_callback = True

    def __init__(self) -> None:
        super().__init__()
        self._work = ray.remote(num_cpus=1, max_retries=AGAIN)(_call)
        self._running: dict[Any, str] = {}

    def effective_n_jobs(self, n_jobs: int) -> int:
        return n_jobs

    def submit(self, func, callback=None):
        (name,) = (task.name for _, (task,), _ in func.items)
        reference = self._work.remote(func)
        self._running[reference] = name
        future = reference.future()
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, future):
        return copy.deepcopy(future.result())

    def abort_everything(self, ensure_ready=True):
        for reference in self._running:
            ray.cancel(reference, force=True)


def _call(batch):
    """Ray gives arrays that cannot be written into; a task gets its own copy, as everywhere."""
    return copy.deepcopy(batch)()
