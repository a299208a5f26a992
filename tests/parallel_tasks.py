"""What test_parallel.py lets workers do; they import it by its name."""

import os
import signal
import time
from pathlib import Path
from uuid import uuid4

import numpy as np
from joblib import Parallel, delayed

from bedside.errors import DataError
from bedside.parallel import run_each


def begin(folder: Path, name: str) -> None:
    """A file for each time that a task begins, named after it and the process that does it."""
    (folder / f"{name}-{os.getpid()}-{uuid4().hex}").touch()


def begun(folder: Path, name: str) -> list[int]:
    """The processes that have begun the task."""
    return [int(file.name.split("-")[1]) for file in folder.glob(f"{name}-*")]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fit(data: np.ndarray) -> dict[str, bytes | str]:
    """Every digit of a product, an array that its task writes into, and the folder that relative paths count from."""
    data += 1
    noise = np.random.default_rng(len(data)).normal(size=data.shape)
    return {"product": (data.T @ noise).tobytes(), "data": data.tobytes(), "folder": str(Path.cwd())}


def processes_of_inner_tasks(_: int) -> bool:
    """Whether what is parallel within a task stays in its process."""
    return set(Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(4))) == {os.getpid()}


def tasks_of_a_task(number: int) -> dict[str, float]:
    return dict(run_each(abs, {"a": -number, "b": number}, jobs=2))


def refuse_the_first(task: tuple[Path, int]) -> int:
    folder, number = task
    begin(folder, "task")
    if number == 0:
        raise DataError("Column 'age' has 3 empty cells; fill them.")
    time.sleep(0.3)
    return number


def fail(_: int) -> None:
    raise KeyError("a mistake of ours")


def die_once(task: tuple[Path, int]) -> int:
    """Task 1 kills its process when it is run for the first time."""
    folder, number = task
    again = bool(begun(folder, str(number)))
    begin(folder, str(number))
    time.sleep(0.1)
    if number == 1 and not again:
        die()
    return number * number


def die_always(task: tuple[Path, str]) -> str:
    folder, name = task
    begin(folder, name)
    if name == "deadly":
        die()
    time.sleep(0.1)
    return name


def sleep(task: tuple[Path, float]) -> float:
    folder, seconds = task
    begin(folder, "long" if seconds > 1 else "short")
    time.sleep(seconds)
    return seconds
