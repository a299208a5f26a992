"""A job's events as what a page says: where it stands, how far it is, and what was planned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bedside.app.state_words import STATES, capital
from bedside.app.words import later, t

STAGES = {
    "training": later("Training of {family}"),
    "refit": later("Training on everything, {family}"),
    "evaluation": later("Evaluation: intervals by resampling patients"),
    "explanation": later("Explanations"),
    "shuffled targets": later("Runs with shuffled targets"),
    "report": later("Report"),
}
MEGABYTE = 2**20


@dataclass(frozen=True)
class Told:
    """`share` of the present stage is done, None if that is not known; `detail` changes with every epoch."""

    stage: str
    detail: str = ""
    share: float | None = None
    plan: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def told(events: Sequence[dict[str, Any]], state: str, *, next_one: bool = False) -> Told:
    """Where the job stands after these events; `next_one` says that nothing else runs."""
    if state == "waiting" and next_one:
        return Told(t("Begins in a moment"))
    if state in ("waiting", "stopped", "finished", "failed"):
        return Told(capital(t(STATES[state])), plan=_plan(events, over=True))
    stage, start = _last_stage(events)
    if stage is None:
        return Told(t("Reading and checking the data"))
    family = stage["family"]
    named = t(STAGES[stage["name"]], family=family) if stage["name"] in STAGES else stage["name"].capitalize()
    detail, share = _within(stage, events[start:])
    problems = tuple(event["problem"] for event in events if event["event"] == "explained" and event["problem"])
    return Told(named, detail, share, _plan(events), problems)


def _last_stage(events: Sequence[dict[str, Any]]) -> tuple[dict[str, Any] | None, int]:
    for k in range(len(events) - 1, -1, -1):
        if events[k]["event"] == "stage":
            return events[k], k + 1
    return None, 0


def _within(stage: dict[str, Any], events: Sequence[dict[str, Any]]) -> tuple[str, float | None]:
    done, share, detail, total = 0, None, "", stage["folds"]
    for event in events:
        match event["event"]:
            case "fold":
                done, detail = done + 1, t("{done} of {total} folds are trained", done=done + 1, total=total)
                share = done / total if total else None
            case "progress":
                n, epoch, epochs = len(event["folds"]), event["epoch"], event["epochs"]
                share = min(1.0, (done + n * epoch / epochs) / total) if total else None
                together = t("Epoch {epoch} of at most {epochs}", epoch=epoch, epochs=epochs)
                detail = f"{together}, {_folds(event['folds'], total)}" if total > 1 else together
            case "extracted":
                detail = t(
                    "Features of {done} of {total} images", done=f"{event['done']:,}", total=f"{event['total']:,}"
                )
                share = event["done"] / max(event["total"], 1)
            case "explained" if event["total"]:
                share = event["done"] / event["total"]
    return detail, share


def _folds(folds: Sequence[Sequence[int]], total: int) -> str:
    if len(folds) == 1:
        return t("fold {n} of {total}", n=folds[0][1] + 1, total=total)
    return t("{n} folds at once", n=len(folds))


def _plan(events: Sequence[dict[str, Any]], *, over: bool = False) -> tuple[str, ...]:
    """What the first plan says it will take; what is over needs no estimate any more."""
    plans = [event for event in events if event["event"] == "plan"]
    if not plans:
        return ()
    plan, lines = plans[0], []
    if plan["parameters"]:
        lines.append(t("{n} weights, on {device}", n=f"{plan['parameters']:,}", device=plan["device"]))
    if over:
        return tuple(lines)
    if plan["epoch_seconds"] is not None and plan["memory"] is not None:
        lines.append(t("An estimate from two batches: {seconds} s for an epoch of one fold, {memory} of memory",
                       seconds=f"{plan['epoch_seconds']:.1f}", memory=_size(plan["memory"])))  # fmt: skip
    if plan["image_seconds"] and not _looked(events):
        lines.append(
            t("An estimate: {seconds} s until every image was looked at", seconds=f"{plan['image_seconds']:.0f}")
        )
    return tuple(lines)


def _looked(events: Sequence[dict[str, Any]]) -> bool:
    """Whether every image was looked at: their features are all there, or something learns from them already."""
    return any(
        event["event"] in ("progress", "fold") or (event["event"] == "extracted" and event["done"] >= event["total"])
        for event in events
    )


def _size(memory: int) -> str:
    """`39 MB`, `1.2 GB`."""
    megabytes = memory / MEGABYTE
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:.1f} GB"
