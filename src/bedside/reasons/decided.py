"""The class whose score is explained, where there are several: the one that was decided."""

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
