"""Many tasks in this process, in several processes, or on a cluster: the same results whichever way.

joblib runs them. A task is a fit, a trial or a setting; tasks do not know of each other, and each draws its random
numbers from its own seed, so that it does not matter where and in which order they run.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from bedside.errors import SettingError
from bedside.parallel.clusters import on_cluster
from bedside.parallel.processes import in_processes
from bedside.parallel.tasks import Outcomes, make_tasks

Argument = TypeVar("Argument")
Result = TypeVar("Result")


def run_each(
    work: Callable[[Argument], Result], tasks: Mapping[str, Argument], *, jobs: int = 1, cluster: str | None = None
) -> Iterator[tuple[str, Result]]:
    """Do `work` on each of `tasks`; give each name with its result once, as they come.

    With one job and no cluster the tasks run here, one after the other, each when it is asked for. If the iterator is
    closed early, tasks that have not begun are cancelled and processes of this machine are stopped; what a worker of
    a Dask cluster is doing comes to its end and is thrown away.

    Args:
        work: a function of a module that every worker can import; it leaves its argument as it is.
        tasks: name -> argument; arguments and results can be pickled. Paths travel better than pixels.
        jobs: processes on this machine.
        cluster: "ray" for a Ray of its own on this machine (or the one that is open in this process, or that the
            environment variable RAY_ADDRESS names), "ray://host:port" or "dask://host:port".

    Raises:
        SettingError: if there is no such cluster, its package is not installed, nobody answers at its address, or
            its workers have other versions than this machine.
        RunError: naming the task, if its worker was lost each time: the task is run again at most three times.
        BedsideError: the first one that a task raises, unchanged; the other tasks are cancelled.
    """
    if jobs < 1:
        raise SettingError(f"jobs={jobs} is too few: name the number of processes, from 1.")
    if cluster is None and jobs == 1:
        return ((name, work(argument)) for name, argument in tasks.items())
    if cluster is None:
        return _results(in_processes(make_tasks(work, tasks), jobs))
    if jobs > 1:
        raise SettingError(
            f"jobs={jobs} counts processes of this machine; cluster={cluster} has its own workers. Give one."
        )
    return _results(on_cluster(work, tasks, cluster))


def _results(outcomes: Outcomes) -> Iterator[tuple[str, Result]]:
    try:
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
            yield outcome.name, outcome.result
    finally:
        outcomes.close()
