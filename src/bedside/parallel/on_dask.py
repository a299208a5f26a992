"""Tasks on an existing Dask cluster.

Dask counts the loss of a worker for every task on that worker's list. It may therefore give up several tasks
together, and does not know which of them was to blame.
"""

import logging
import warnings
from typing import Any

from distributed import Client
from distributed.scheduler import KilledWorker

from bedside.errors import SettingError
from bedside.parallel.backend import ClusterBackend, outcomes_on
from bedside.parallel.clusters import PATIENCE, reason
from bedside.parallel.tasks import Outcomes, Task

_FIRST_WORKER = 60  # seconds that it may take to come


def run(tasks: list[Task], cluster: str) -> Outcomes:
    """Outcomes as they come.

    Raises:
        SettingError: if this is no Dask scheduler, no worker comes, or workers do several tasks in one process.
        RunError: naming the tasks that Dask has given up because their workers were lost.
    """

    def hand_over(call: Any) -> tuple[Any, Any]:
        future = client.submit(call, pure=False)
        return future, future

    with _connected(cluster) as client:
        _require_workers(client, cluster)
        backend = ClusterBackend(hand_over, client.cancel, (KilledWorker,))
        yield from outcomes_on(backend, tasks, len(client.nthreads()))


def _connected(cluster: str) -> Client:
    for name in ("distributed", "distributed.client"):  # which tell the terminal what comes back as an error
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
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
            f"{cluster} has no worker after {_FIRST_WORKER} seconds. Start workers, then repeat the command."
        ) from None
    for worker, threads in client.nthreads().items():
        if threads > 1:
            raise SettingError(
                f"Worker {worker} does {threads} tasks at a time in one process, where they would share one source "
                "of random numbers. Start workers with one thread each: dask worker --nworkers N --nthreads 1."
            )
