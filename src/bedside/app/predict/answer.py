"""What a model says of one new sample: its score, how sure it is of it, and whether it has seen anything like it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.app.opened import Opened
from bedside.data.align import Aligned
from bedside.data.table import TableInputs
from bedside.errors import DataError
from bedside.scoring import read_new
from bedside.training.hardware import limited_threads

SAID_OF_ONE = ("unusual", "new-range", "new-missing")  # findings that an answer tells by itself
BEYOND = ("new-range", "new-levels")  # of samples without columns, which name none that is outside


@dataclass(frozen=True)
class Answer:
    """One row of what `bedside predict` writes, in parts.

    `scores` are those of the classes, or the number under "". `members` are the scores of the class that is shown by each
    member. `set` holds the classes of the conformal set, None without one; `low` and `high` are the interval of a number.
    `distance` is how far the sample lies from those of training, where the usual held-out sample has 1; None if the run keeps
    nothing to tell.
    """

    inputs: Any
    kind: str
    scores: dict[str, float]
    decision: str
    shown: float  # score of the positive class, of the decided class, or the number
    of: str  # that class
    threshold: float | None
    members: tuple[float, ...]
    spread: float | None
    set: tuple[str, ...] | None
    low: float | None
    high: float | None
    level: float | None  # of the set or the interval
    unusual: bool
    distance: float | None
    outside: str
    findings: tuple[str, ...]
    beyond: tuple[str, ...] = ()  # how a sample without columns differs from all of training


def answer(opened: Opened, source: pd.DataFrame | str | Path) -> Answer:
    """Score one new sample.

    Raises:
        DataError: if it cannot be read, or there is not exactly one.
    """
    new = read_new(opened.scorer.model, source, None)
    if len(new.inputs) != 1:
        raise DataError(f"There are {len(new.inputs):,} samples here; one at a time is explained.")
    return answer_of(opened, new)


def answer_of_case(opened: Opened, sample: str) -> Answer:
    """Score a sample of the run's own data.

    Raises:
        RunError: if the data are no longer there.
    """
    inputs = opened.cohort.inputs.take(opened.rows([sample]))
    return answer_of(opened, Aligned(inputs, pd.DataFrame(index=pd.Index([sample], name="sample")), ()))


def answer_of(opened: Opened, new: Aligned) -> Answer:
    """All that is said about one sample; the same as `bedside.predict` says."""
    scorer = opened.scorer
    model, task = scorer.model, scorer.model.task
    with limited_threads(1):  # on small layers more would only wait for each other
        raw, distances = model.scores_and_distances(new.inputs)
    prediction = scorer.judge(new, raw, distances)
    row = prediction.table.iloc[0]
    each = model.recalibrated(raw)[:, 0]  # (members, classes) or (members,)
    if task.kind == "regression":
        scores, decision, of, members = {"": float(row["predicted"])}, "", "", each
    else:
        scores = {name: float(row[f"score_{name}"]) for name in task.classes}
        decision = str(row["decision"]) if "decision" in row else max(scores, key=lambda name: scores[name])
        of = task.classes[1] if task.kind == "binary" else decision
        members = each[:, task.classes.index(of)]
    columns = isinstance(new.inputs, TableInputs)
    told = SAID_OF_ONE if columns else (*SAID_OF_ONE, *BEYOND)
    sets = None if "set" not in row else tuple(name for name in str(row["set"]).split("|") if name in task.classes)
    return Answer(
        inputs=new.inputs,
        kind=task.kind,
        scores=scores,
        decision=decision,
        shown=scores[of],
        of=of,
        threshold=scorer.threshold,
        members=tuple(map(float, np.ravel(members))),
        spread=_number(row, "spread"),
        set=sets,
        low=_number(row, "low"),
        high=_number(row, "high"),
        level=model.conformal.level if model.conformal else None,
        unusual=bool(row.get("unusual", False)),
        distance=_number(row, "distance"),
        outside=str(row.get("outside", "")),
        findings=tuple(str(finding) for finding in prediction.findings if finding.code not in told),
        beyond=() if columns else tuple(str(finding) for finding in prediction.findings if finding.code in BEYOND),
    )


def _number(row: pd.Series, name: str) -> float | None:
    return float(row[name]) if name in row and np.isfinite(row[name]) else None
