"""The process that works off the jobs: `python -m bedside.jobs.worker HOME`.

It takes the oldest job that waits, and ends after a training, so that the next one begins with the memory of a fresh
process; predictions follow one another in the same process, which keeps their model. It ends when nothing waits, when it
is told to pause, and when another process has the turn.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import BedsideError
from bedside.folder import is_run, write_table
from bedside.jobs.job import ASKED, STOP, Job, now
from bedside.jobs.turn import take_turn

if TYPE_CHECKING:
    from bedside.scoring import Scorer

PAUSE = "pause"  # a file in the folder of jobs: interrupt what runs, and put it back in line
SECONDS_BETWEEN_LOOKS = 0.2


def main(home: Path) -> None:
    """Work off the jobs of a home."""
    queue = home / ".bedside" / "queue"
    turn = take_turn(queue)
    if turn is None:
        return
    with turn:
        while (job := _next(queue)) is not None and not (queue / PAUSE).exists():
            work(job)
            if job.kind == "train":
                return


def _next(queue: Path) -> Job | None:
    """The oldest job that waits."""
    folders = sorted(path for path in queue.iterdir() if (path / ASKED).exists())
    return next((job for job in map(Job.read, folders) if job.progress.state == "waiting"), None)


def work(job: Job) -> None:
    """Do what a job asks for, and write down how it ended."""
    begun = replace(job.progress, state="running", started=now(), ended="", error="")
    job.save(replace(begun, attempts=begun.attempts + 1))
    try:
        with _interruptible(job):
            _train(job) if job.kind == "train" else _predict(job)
        ended = replace(begun, state="finished", attempts=0)
    except KeyboardInterrupt:
        stopped = (job.folder / STOP).exists()
        ended = replace(begun, state="stopped" if stopped else "waiting")
    except BedsideError as error:
        ended = replace(begun, state="failed", error=str(error))
    except Exception as error:
        words = f"{type(error).__name__}: {error}. This is an error of bedside; please report it."
        ended = replace(begun, state="failed", error=words)
    if job.kind == "train" and not is_run(job.run):
        with suppress(OSError):
            job.run.rmdir()  # claimed, and never begun
    job.save(replace(ended, ended=now()))


@contextmanager
def _interruptible(job: Job) -> Iterator[None]:
    """As Ctrl-C at a terminal, once somebody asks the job to stop or the queue to pause."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            if (job.folder / STOP).exists() or (job.folder.parent / PAUSE).exists():
                os.kill(os.getpid(), signal.SIGINT)
                return

    watcher = threading.Thread(target=watch, name="bedside-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _train(job: Job) -> None:
    from bedside.jobs.events import EventLog, plain
    from bedside.run import train_steps
    from bedside.settings import RunSettings, build

    log = EventLog(job.folder)
    if is_run(job.run):  # it says itself by which settings and on which data it was begun
        steps = train_steps(None, RunSettings(), resume=job.run)
    else:
        steps = train_steps(job.source, build(RunSettings, job.settings), folder=job.run)
    for event in steps:
        log.add(plain(event))


def _predict(job: Job) -> None:
    from bedside.jobs.events import EventLog
    from bedside.seen_before import seen_in
    from bedside.settings import DataSettings, build

    assert job.output is not None
    scorer, settings = _scorer(job.run), build(DataSettings, job.settings)
    prediction = scorer.predict(job.source, settings)
    write_table(job.output, prediction.table)
    found = [{"level": finding.level, "message": finding.message} for finding in prediction.findings]
    seen = asdict(seen_in(scorer, job.source, settings))
    EventLog(job.folder).add({"event": "finished", "samples": len(prediction.table), "findings": found, "seen": seen})


@lru_cache(maxsize=1)
def _scorer(run: Path) -> "Scorer":
    """The model of a run, kept for the next prediction by it; checked against its checksums when it is loaded."""
    from bedside.scoring import Scorer

    return Scorer(run)


if __name__ == "__main__":
    gc.set_threshold(10_000)  # as on the command line
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told its children to ignore it
    with suppress(KeyboardInterrupt):
        main(Path(sys.argv[1]))
