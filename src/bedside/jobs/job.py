"""A job: a training or a prediction that somebody asked for, in a folder of its own.

`job.json` is what was asked and never changes. `state.json` says how far it is; only the process that holds the turn
writes it while the job runs, and only the queue while it does not. `events.jsonl` grows by a line for everything that
happens, and `stop` is there if the job shall stop.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

from bedside.errors import RunError
from bedside.folder import read_json, write_json

Kind = Literal["train", "predict"]
State = Literal["waiting", "running", "stopping", "stopped", "finished", "failed"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STATES: tuple[State, ...] = get_args(State)
OVER = ("stopped", "finished", "failed")
ASKED, STATE, EVENTS, STOP = "job.json", "state.json", "events.jsonl", "stop"


@dataclass(frozen=True)
class Progress:
    """How far a job is; `attempts` counts how often a process began it without coming to an end."""

    state: State
    error: str = ""
    attempts: int = 0
    started: str = ""  # times in UTC, ISO 8601
    ended: str = ""


@dataclass(frozen=True)
class Job:
    """What was asked. `run` is the run folder that a training makes, or whose model predicts."""

    folder: Path
    kind: Kind
    label: str
    source: str
    settings: dict[str, Any]
    run: Path
    created: str

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def output(self) -> Path | None:
        """Where the scores of a prediction go; None for a training."""
        return self.folder / "scores.csv" if self.kind == "predict" else None

    @property
    def progress(self) -> Progress:
        """As it is now on the disk."""
        return Progress(**read_json(self.folder / STATE))

    @property
    def state(self) -> State:
        found = self.progress.state
        return "stopping" if found == "running" and (self.folder / STOP).exists() else found

    @property
    def error(self) -> str:
        """Why it failed, in words; empty otherwise."""
        return self.progress.error

    @property
    def over(self) -> bool:
        return self.state in OVER

    def events(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """What happened since, as plain values, and where to go on reading.

        Args:
            after: what the last call gave, or 0 for everything.
        """
        try:
            with open(self.folder / EVENTS, "rb") as file:
                file.seek(after)
                whole, _, _ = file.read().rpartition(b"\n")  # a line that is still being written waits
        except FileNotFoundError:
            return [], after
        lines = [line for line in whole.split(b"\n") if line]
        return [json.loads(line) for line in lines], after + (len(whole) + 1 if whole else 0)

    def save(self, progress: Progress) -> None:
        write_json(self.folder / STATE, asdict(progress))

    def write(self) -> None:
        """Keep what was asked in its folder."""
        asked = {"kind": self.kind, "label": self.label, "source": self.source, "settings": self.settings}
        write_json(self.folder / ASKED, {**asked, "run": str(self.run), "created": self.created})

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What `write` wrote.

        Raises:
            RunError: if it is not there or damaged.
        """
        try:
            asked = read_json(folder / ASKED)
            return cls(folder, **{**asked, "run": Path(asked["run"])})
        except (OSError, KeyError, TypeError) as error:
            raise RunError(f"There is no job in {folder} ({error}).") from None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
