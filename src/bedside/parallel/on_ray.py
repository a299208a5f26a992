"""Tasks on Ray: one that is open in this process, an existing one, or one of our own on this machine."""

import copy
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ray
from joblib import cpu_count
from ray.exceptions import LocalRayletDiedError, NodeDiedError, OutOfMemoryError, WorkerCrashedError

from bedside.errors import SettingError
from bedside.parallel.backend import ClusterBackend, outcomes_on
from bedside.parallel.clusters import reason, require_answer
from bedside.parallel.tasks import AGAIN, Outcomes, Task

_LOSSES = (LocalRayletDiedError, NodeDiedError, OutOfMemoryError, WorkerCrashedError)
_SILENT: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False}


def run(tasks: list[Task], cluster: str) -> Outcomes:
    """Outcomes as they come.

    Raises:
        SettingError: if Ray cannot be reached or started.
        RunError: naming the task, if its worker was lost each time.
    """

    def hand_over(call: Any) -> tuple[Any, Any]:
        reference = remote.remote(call)
        return reference, reference.future()

    with _connected(cluster):
        remote = ray.remote(num_cpus=1, max_retries=AGAIN)(_own_copy)
        backend = ClusterBackend(hand_over, _cancel, _LOSSES)
        for outcome in outcomes_on(backend, tasks, int(ray.cluster_resources().get("CPU", 0))):
            yield copy.deepcopy(outcome)


def _own_copy(call: Any) -> Any:
    """Arrays that come through Ray cannot be written into; those of a copy can, as they can everywhere else."""
    return copy.deepcopy(call)()


def _cancel(references: list[Any]) -> None:
    for reference in references:
        ray.cancel(reference, force=True)


@contextmanager
def _connected(cluster: str) -> Iterator[None]:
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
