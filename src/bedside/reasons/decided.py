"""The class whose score is explained: the positive one, or where there are several the one that was decided."""

from typing import Any

import numpy as np

from bedside.scoring import Scorer


def decided(scorer: Scorer, inputs: Any, decision: str = "") -> np.ndarray:
    """Number of the decided class of each sample, (n,).

    Args:
        scorer: the model of a task with several classes.
        inputs: the samples.
        decision: the class that was decided for all of them, if that is known.
    """
    if decision:
        return np.full(len(inputs), scorer.model.task.classes.index(decision))
    raw, distances = scorer.model.scores_and_distances(inputs)
    return np.asarray(scorer.score(raw, distances).scores.argmax(axis=1))


def explained(scorer: Scorer, inputs: Any, decision: str = "") -> tuple[np.ndarray, tuple[str | None, ...]]:
    """Output of a network that is explained for each sample, (n,), and its class; that of a binary task is the positive one,
    None of a number.

    Args:
        scorer: the model.
        inputs: the samples.
        decision: the class that was decided for all of them, if that is known.
    """
    task = scorer.model.task
    if task.kind != "multiclass":
        return np.zeros(len(inputs), dtype=np.int64), (task.positive,) * len(inputs)
    shown = decided(scorer, inputs, decision)
    return shown, tuple(str(task.classes[int(k)]) for k in shown)
