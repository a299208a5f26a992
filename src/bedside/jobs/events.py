"""What happens in a training as lines of JSON, for whoever follows it from another process."""

import json
import math
from pathlib import Path
from typing import Any

from bedside.cohort import Fold
from bedside.jobs.job import EVENTS, now
from bedside.run import Begun, Event, Explained, Finished, Stage
from bedside.training.events import Extracted, FoldFit, FoldKept, Plan, Progress


class EventLog:
    """Appends to a job's `events.jsonl`; a line that a killed process left half is closed first."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        if self._path.exists() and not self._path.read_bytes().endswith(b"\n"):
            kept, mark, _ = self._path.read_bytes().rpartition(b"\n")
            self._path.write_bytes(kept + mark)

    def add(self, record: dict[str, Any]) -> None:
        line = json.dumps({**record, "at": now()}, ensure_ascii=False, allow_nan=False)
        with open(self._path, "ab") as file:
            file.write(line.encode() + b"\n")


def plain(event: Event) -> dict[str, Any]:
    """An event of `train_steps` as plain values: what a page needs to draw it, and nothing of any patient."""
    match event:
        case Begun():
            patients = int(event.cohort.samples["patient"].nunique())
            return {
                "event": "begun",
                "run": str(event.run.path),
                "cohort": event.cohort.name,
                "samples": len(event.cohort.samples),
                "patients": patients,
                "folds": [_name(fold) for fold in event.folds],
                "findings": [{"level": found.level, "message": found.message} for found in event.findings],
            }
        case Stage():
            return {"event": "stage", "name": event.name, "family": event.family, "folds": event.folds}
        case Plan():
            return {
                "event": "plan",
                "device": event.device,
                "threads": event.threads,
                "parameters": event.parameters,
                "trained": event.trained,
                "batch_size": event.batch_size,
                "memory": event.memory,
                "epoch_seconds": event.epoch_seconds,
                "image_seconds": event.image_seconds,
                "stacks": list(event.stacks),
            }
        case Extracted():
            return {"event": "extracted", "done": event.done, "total": event.total}
        case Progress():
            return _epoch(event)
        case FoldFit() | FoldKept():
            return {"event": "fold", "fold": _name(event.fold)}
        case Explained():
            return {"event": "explained", "done": event.done, "total": event.total, "problem": event.problem}
        case Finished():
            return {"event": "finished", "run": str(event.run.path)}


def _epoch(event: Progress) -> dict[str, Any]:
    record = event.record
    return {
        "event": "progress",
        "phase": event.phase,
        "folds": [_name(fold) for fold in event.folds],
        "epoch": record.epoch,
        "epochs": event.epochs,
        "train_loss": [_number(value) for value in record.train_loss.tolist()],
        "valid_loss": [_number(value) for value in record.valid_loss.tolist()],
        "active": [bool(value) for value in record.active.tolist()],
        "best": [bool(value) for value in record.best.tolist()],
    }


def _name(fold: Fold) -> list[int]:
    return [int(fold.repeat), int(fold.number)]


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None
