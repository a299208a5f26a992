"""What travels to a worker and back, and what happens there."""

import platform
import threading
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import chdir, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import parallel_config
from threadpoolctl import threadpool_info, threadpool_limits

from bedside.errors import BedsideError, RunError, SettingError

AGAIN = 3  # times that a task runs again after its worker was lost; also the default of Dask's and Ray's schedulers
_ONE_AT_A_TIME = threading.RLock()  # torch has one source of random numbers for all threads of a process


@dataclass(frozen=True)
class Task:
    """One call of `work`, and what must be there as it is here.

    Attributes:
        folder: what relative paths in the argument count from.
        threads: of the libraries under numpy; sums that are split over threads differ in their last digits.
        versions: of what could change a number.
    """

    name: str
    work: Callable[[Any], Any]
    argument: Any
    folder: Path
    threads: dict[str, int]
    versions: dict[str, str] | None = None


@dataclass(frozen=True)
class Outcome:
    """The result of a task, or the error that it ended with."""

    name: str
    result: Any = None
    error: Exception | None = None


Outcomes = Generator[Outcome, None, None]  # closed early, it stops what is running


def make_tasks(
    work: Callable[[Any], Any], arguments: Mapping[str, Any], versions: dict[str, str] | None = None
) -> list[Task]:
    threads: dict[str, int] = {}
    for library in threadpool_info():
        threads[library["user_api"]] = max(threads.get(library["user_api"], 1), library["num_threads"])
    return [Task(name, work, argument, Path.cwd(), threads, versions) for name, argument in arguments.items()]


def attempt(task: Task) -> Outcome:
    """Run a task where we are; what is parallel within it is not spread over the cluster."""
    folder = chdir(task.folder) if task.folder.is_dir() else nullcontext()
    with _ONE_AT_A_TIME, folder, threadpool_limits(task.threads), parallel_config(backend="sequential"):
        try:
            if task.versions is not None:
                _require_same(task.versions)
            return Outcome(task.name, task.work(task.argument))
        except BedsideError as error:
            return Outcome(task.name, error=error)
        except Exception as error:
            error.add_note(f"In task {task.name!r} on {platform.node()}:\n{traceback.format_exc()}")
            return Outcome(task.name, error=error)


def _require_same(expected: dict[str, str]) -> None:
    from bedside.environment import versions

    found = versions()
    other = [name for name in expected if found.get(name) != expected[name]]
    if other:
        raise SettingError(
            f"The worker on {platform.node()} has {', '.join(f'{name} {found.get(name)}' for name in other)} instead of "
            f"{', '.join(expected[name] for name in other)}, and may give other results. "
            "Install the same versions on every machine, and start the workers again."
        )


def lost(names: Iterable[str], times: int) -> RunError:
    """The error for tasks, one of which loses its worker every time."""
    tasks = " or ".join(map(repr, sorted(names)))
    return RunError(
        f"The worker that ran {tasks} was lost {times} times. Mostly memory runs out: run fewer tasks at a time, "
        "give each worker more memory, or make the task smaller."
    )


def received(running: Any) -> Outcomes:
    """What joblib's iterator gives, as it comes; None stands for a lost task and is left out."""
    try:
        yield from filter(None, running)  # by itself it would be closed before we come to our `finally`
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it is closed before its end
            running.close()
