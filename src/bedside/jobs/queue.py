"""The line of jobs: what was asked for first is worked off first, one job at a time."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bedside.claim import claim
from bedside.errors import RunError
from bedside.folder import Run, held, open_run, whole_folder, write_text
from bedside.jobs.job import ASKED, EVENTS, STOP, Job, Kind, Progress, now
from bedside.jobs.turn import is_taken, take_turn
from bedside.jobs.worker import PAUSE
from bedside.settings import RunSettings, build, nested

ATTEMPTS = 3  # processes that may die without a word before a job counts as failed
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_TO_PAUSE = 20


class Queue:
    """Jobs below `home/.bedside/queue`, and the process that works them off.

    Several queues may look at one home, in one process or in many: they see the same jobs, and only one process works.

    Args:
        home: the folder of the runs.
    """

    def __init__(self, home: str | Path) -> None:
        self.home = Path(home).absolute()
        self.folder = self.home / ".bedside" / "queue"
        self._process: subprocess.Popen[bytes] | None = None
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None
        self._died = 0  # processes in a row that failed without having begun `_first`, a job and how often it was begun
        self._first: tuple[str, int] = ("", 0)
        self._lock = threading.RLock()

    def add_training(self, source: str | Path, settings: dict[str, Any], *, label: str = "") -> Job:
        """Ask for a training; its run folder is claimed at once, below `home`.

        Args:
            source: a built-in cohort, or the path of the data.
            settings: of the run, nested or by dotted names.
            label: what people call it; the name of the data by default.

        Raises:
            SettingError: if a setting is unknown or out of range.
        """
        asked = build(RunSettings, nested(settings)).model_dump(mode="json", exclude_unset=True)
        name = label or Path(source).stem
        return self._add("train", name, source, asked, self._free_run(Path(source).stem))

    def adopt(self, run: str | Path) -> Job:
        """Ask for the rest of a training that was begun before, perhaps on the command line; the run says how.

        A job that began it and was stopped, or failed, goes back in line.

        Raises:
            RunError: if the run is finished, is being worked on, or was begun on data without a name.
        """
        begun = open_run(Path(run).resolve())
        with self._lock:
            job = self._trains(begun.path)
            if job is not None and not job.over:
                raise RunError(f"{begun.path.name} is {job.state} in the queue already.")
            source = _source_of(begun)
            if job is not None and job.state != "finished":
                self.resume(job.id)
                return job
            known = {name: value for name, value in begun.settings.items() if name not in ("bedside", "source")}
            asked = build(RunSettings, known).model_dump(mode="json", exclude_unset=True)
            return self._add("train", begun.path.name, source, asked, begun.path)

    def add_prediction(
        self, run: str | Path, source: str | Path, settings: dict[str, Any] | None = None, *, label: str = ""
    ) -> Job:
        """Ask for the scores of new samples by a finished run.

        Args:
            settings: how the data are read; see `DataSettings`.

        Raises:
            RunError: if the run is not there or not finished.
        """
        opened = open_run(run)
        opened.require_finished()
        return self._add("predict", label or Path(source).name, source, settings or {}, opened.path.absolute())

    def jobs(self) -> list[Job]:
        """All jobs that were not removed, oldest first."""
        if not self.folder.is_dir():
            return []
        folders = sorted(path for path in self.folder.iterdir() if (path / ASKED).exists())
        return [Job.read(folder) for folder in folders]

    def job(self, id: str) -> Job:
        """One job.

        Raises:
            RunError: if there is none of this name.
        """
        for found in self.jobs():
            if found.id == id:
                return found
        raise RunError(f"There is no job '{id}'; it may have been removed.")

    def stop(self, id: str) -> None:
        """End a job after what it is doing right now; a training can be resumed. One that is over stays as it is."""
        job = self.job(id)
        if job.over:
            return
        write_text(job.folder / STOP, "")
        if job.progress.state == "waiting" or not self.working:
            job.save(replace(job.progress, state="stopped", ended=now()))

    def resume(self, id: str) -> None:
        """Put a job that was stopped or failed back in line, where it was.

        Raises:
            RunError: if it is not over, or finished.
        """
        job = self.job(id)
        if job.state not in ("stopped", "failed"):
            raise RunError(f"'{job.label}' is {job.state}; only what was stopped or failed can be resumed.")
        (job.folder / STOP).unlink(missing_ok=True)
        job.save(Progress("waiting"))

    def remove(self, id: str) -> None:
        """Take a job that is over off the list. The run of a training stays; the scores of a prediction go with it.

        Raises:
            RunError: if it is not over.
        """
        job = self.job(id)
        if not job.over:
            raise RunError(f"'{job.label}' is {job.state}; stop it before it is removed.")
        gone = job.folder.with_name(f".{job.id}.gone")  # at once out of everybody's sight
        os.replace(job.folder, gone)
        shutil.rmtree(gone)

    @property
    def working(self) -> bool:
        """Whether a process works off the jobs, begun here or elsewhere."""
        return is_taken(self.folder)

    def begins(self, id: str) -> bool:
        """Whether a job that waits begins in a moment: nothing runs or waits before it, and this queue looks after it."""
        others = [job for job in self.jobs() if job.id != id and not job.over]
        free = all(job.state == "waiting" and job.id > id for job in others)
        return free and self._thread is not None and not self._ends.is_set() and self._died < ATTEMPTS

    def start(self) -> Self:
        """Work off the jobs from now on, in a process of its own; also those that an earlier server left behind."""
        if self._thread is None:
            self._ends.clear()
            (self.folder / PAUSE).unlink(missing_ok=True)
            self._thread = threading.Thread(target=self._watch, name="bedside-queue", daemon=True)
            self._thread.start()
        return self

    def close(self) -> None:
        """Stop looking after the jobs; the one that runs is interrupted and goes on when a queue starts again."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._process is None:
            return
        if self._process.poll() is None:
            write_text(self.folder / PAUSE, "")
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(SECONDS_TO_PAUSE)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _watch(self) -> None:
        while not self._ends.wait(SECONDS_BETWEEN_LOOKS):
            with suppress(OSError):  # a folder that is away for a moment
                self.look()

    def look(self) -> None:
        """Begin a process if there is work and nobody does it."""
        with self._lock:
            if self._process is not None and (code := self._process.poll()) is not None:
                self._process = None
                self._died = self._died + 1 if code and self._first in self._waiting() else 0
            turn = None if self._process is not None else take_turn(self.folder)
            if turn is None:
                return
            with turn:  # so that nobody begins a job while those of dead processes are put back in line
                waiting = [job for job in self.jobs() if self._ready(job)]
            if waiting and self._died >= ATTEMPTS:
                self._give_up(waiting[0])
            elif waiting:
                self._first = next(iter(self._waiting()))
                (self.folder / PAUSE).unlink(missing_ok=True)  # of another server that was closed
                self._process = _worker(self.home)

    def _ready(self, job: Job) -> bool:
        """Whether a job waits; one whose process died waits again, or has failed if that happens again and again."""
        progress = job.progress
        if progress.state == "waiting":
            return True
        if progress.state != "running":
            return False
        if (job.folder / STOP).exists():
            job.save(replace(progress, state="stopped", ended=now()))
            return False
        if progress.attempts >= ATTEMPTS:
            words = f"The process that worked on it ended {ATTEMPTS} times without a word, perhaps for want of memory. Lower train.batch_size or take fewer data, then resume."
            job.save(replace(progress, state="failed", error=words, ended=now()))
            return False
        job.save(replace(progress, state="waiting"))
        return True

    def _waiting(self) -> list[tuple[str, int]]:
        """Jobs that wait, each with how often it was begun."""
        known = [(job.id, job.progress) for job in self.jobs()]
        return [(id, progress.attempts) for id, progress in known if progress.state == "waiting"]

    def _give_up(self, job: Job) -> None:
        """A job that no process even begins has failed, instead of waiting for ever."""
        words = f"The process that should begin it ended {ATTEMPTS} times at once. Start bedside again in a terminal and look at what it says, then resume."
        job.save(replace(job.progress, state="failed", error=words, ended=now()))
        self._died = 0

    def _add(self, kind: Kind, label: str, source: str | Path, settings: dict[str, Any], run: Path) -> Job:
        with self._lock:
            folder = self._free_folder()
            with whole_folder(folder, replace=False) as new:
                job = Job(new, kind, label, _absolute(source), settings, run, now())
                job.write()
                job.save(Progress("waiting"))
                (new / EVENTS).touch()
        return Job.read(folder)

    def _trains(self, run: Path) -> Job | None:
        """The last job that was to train this run."""
        found = [job for job in self.jobs() if job.kind == "train" and job.run.resolve() == run]
        return found[-1] if found else None

    def _free_folder(self) -> Path:
        """A name that sorts after all others."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / stamp

    def _free_run(self, name: str) -> Path:
        """A new run folder of this name, claimed."""
        stem = f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
        for k in range(1, 10_000):
            with suppress(RunError):
                path = self.home / (stem if k == 1 else f"{stem}-{k}")
                if not path.exists():
                    return claim(name, path)
        raise RunError(f"There are thousands of runs named {stem}; wait a second.")


def _absolute(source: str | Path) -> str:
    """Where the data are, whichever folder the process works in; a built-in cohort is a name."""
    return str(Path(source).absolute()) if Path(source).exists() else str(source)


def _source_of(run: Run) -> str:
    """The data of a run that can be continued.

    Raises:
        RunError: saying why it cannot.
    """
    if run.finished:
        raise RunError(f"{run.path.name} is finished; there is nothing to resume.")
    with held(run.path) as free:
        if not free:
            raise RunError(f"Another process is working on {run.path}; wait for it, or stop it first.")
    source = run.settings.get("source")
    if source is None:
        raise RunError(
            f"{run.path.name} was begun in Python on a cohort without a name; continue it there: bedside.train(cohort, resume=...)."
        )
    return str(run.environment.get("source_path") or source)


def _worker(home: Path) -> subprocess.Popen[bytes]:
    """A process that outlives this one, and says nothing: what it has to say stands in its jobs' folders."""
    command = [sys.executable, "-m", "bedside.jobs.worker", str(home)]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=home, start_new_session=True, **quiet)
