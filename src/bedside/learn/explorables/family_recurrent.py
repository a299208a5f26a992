"""The recurrent network of the family album: a GRU that reads generated electrocardiograms from the beginning to the end.

It reads in one direction only, so what it would say if the recording ended here can be asked at every step.
"""

from typing import Any

import numpy as np
from pydantic import Field

from bedside.cohort import Cohort, Fold
from bedside.data.samples import load
from bedside.learn.explorables.family_transformer import area
from bedside.learn.explorables.quiet import once, one_at_a_time
from bedside.settings import DataSettings, RunSettings, Settings, build
from bedside.splits.folds import make_folds
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds

HEARTS = {
    "patients": 300,
    "recordings": 1,
    "rate": 100,
    "seconds": 2.4,
    "lead_faults": 0.0,
    "sites": 1,
    "strength": 1.5,
}
STRIDE, SHOWN = 8, 12  # time points of a step, and recordings to choose from
ASKED = {
    "model": {"width": 24, "stride": STRIDE, "bidirectional": False},
    "train": {"epochs": 30, "learning_rate": 0.01},
    "augment": {"shift": 0.0},
    "device": {"threads": 1, "accelerator": "cpu"},
}


class Heart(Settings):
    """One of the recordings that the network has not seen."""

    number: int = Field(default=0, ge=0, lt=SHOWN)


def heard(asked: Heart) -> dict[str, Any]:
    """An unseen recording, and the probability of ischaemia after each step of reading it.

    `traces` is (channels, time) in mV; `answers` (steps,) belong to the first `STRIDE`, twice as many, ... time points.
    """
    (cohort, fold), event = drawn(), _trained()
    row = unseen()[asked.number]
    trace = cohort.inputs.traces[row]
    ends = np.arange(STRIDE, trace.shape[1] + 1, STRIDE)
    with one_at_a_time():
        whole = event.fitted.reader(cohort.inputs.take(np.array([row])))[0]
        parts = np.where(
            np.arange(whole.shape[1]) < ends[:, None, None], whole, 0
        )  # behind the end nothing is recorded
        answers = event.fitted.score(parts)[:, 1]
    return {
        "traces": trace,
        "channels": cohort.inputs.channels,
        "seconds": trace.shape[1] / float(cohort.inputs.rate or 1),
        "step": STRIDE / float(cohort.inputs.rate or 1),
        "answers": answers,
        "truth": cohort.task.classes[cohort.target[row]],
        "learned": len(fold.train),
        "unseen": len(fold.test),
        "auroc": _auroc(),
        "weights": sum(weight.numel() for weight in event.fitted.network.parameters()),  # type: ignore[attr-defined]
    }


@once
def drawn() -> tuple[Cohort, Fold]:
    """The recordings of the album, and who trains, validates and tests."""
    cohort, settings = load("ecg", DataSettings(synthetic=HEARTS)), RunSettings()
    return cohort, make_folds(cohort, settings.folds, seed=settings.seed)[0]


@once
def unseen() -> tuple[int, ...]:
    """Test recordings to choose from, ischaemic and normal in turn."""
    cohort, fold = drawn()
    normal, ill = (fold.test[cohort.target[fold.test] == k][: SHOWN // 2].tolist() for k in (0, 1))
    return tuple(row for pair in zip(ill, normal, strict=True) for row in pair)


@once
def _auroc() -> float:
    """Of the network on all recordings that it has not seen."""
    (cohort, fold), event = drawn(), _trained()
    score = event.fitted.scores(cohort.inputs.take(fold.test))[:, 1]  # type: ignore[attr-defined]
    return area(cohort.target[fold.test], score)


@once
def _trained() -> FoldFit:
    """Trained as `bedside train ecg --family gru` trains it."""
    cohort, fold = drawn()
    events = train_folds("gru", cohort, [fold], build(RunSettings, ASKED))
    return next(event for event in events if isinstance(event, FoldFit))
