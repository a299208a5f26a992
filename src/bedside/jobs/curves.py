"""Learning curves of a training that runs, from its events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Curve:
    """Losses of one fold by epoch; an epoch that was repeated after a break stands once, as it came out last."""

    repeat: int
    fold: int
    phase: str = ""
    train: dict[int, float | None] = field(default_factory=dict)
    valid: dict[int, float | None] = field(default_factory=dict)
    best: int = 0  # epoch with the lowest validation loss so far; 0 before the first


def curves(events: Iterable[dict[str, Any]]) -> list[Curve]:
    """One curve per phase and fold, in the order in which they trained.

    Fits on shuffled targets and a final fit on everything are left out: they are not the folds that are tested. A fold
    that begins again, as after a restart, begins its curve again.
    """
    found: dict[tuple[str, int, int], Curve] = {}
    stage = ""
    for event in events:
        if event["event"] == "stage":
            stage = event["name"]
        if event["event"] != "progress" or stage != "training":
            continue
        for k, (repeat, fold) in enumerate(event["folds"]):
            key, epoch = (event["phase"], repeat, fold), int(event["epoch"])
            if epoch == 1 or key not in found:
                found[key] = Curve(repeat, fold, event["phase"])
            if not event["active"][k]:
                continue
            curve = found[key]
            curve.train[epoch], curve.valid[epoch] = event["train_loss"][k], event["valid_loss"][k]
            if event["best"][k]:
                curve.best = epoch
    return list(found.values())
