"""What a change of the data does to scores, decisions and performance: the same samples with and without it, paired."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task, minus
from bedside.evaluation import panels
from bedside.evaluation.compare import doubt_about, judge, signed
from bedside.evaluation.intervals import Panel, estimates, percentile, resample
from bedside.evaluation.metrics import HEADLINE, LABELS
from bedside.evaluation.statistics import Metric, mean
from bedside.evaluation.thresholds import decide
from bedside.explain.importance import headline


@dataclass(frozen=True)
class Effect:
    """Performance under a change, its difference from the data as they are, and how far scores and decisions move.

    `moved` is the mean absolute change of the score (half the sum over classes, or in units of the target), `flipped` the
    share of decisions that change, None for a regression.
    """

    stressed: Estimate
    difference: Estimate
    moved: Estimate
    flipped: Estimate | None
    verdict: str


def effects(
    rows: pd.DataFrame,
    task: Task,
    thresholds: list[dict[str, Any]],
    plain: np.ndarray,
    changed: Sequence[np.ndarray],
    *,
    resamples: int,
    level: float,
    seed: int,
) -> tuple[Estimate, list[Effect], str]:
    """Performance as the data are, the effect of each change, and why none of them gets a verdict, or nothing.

    Args:
        rows: of `panels.tested`, (n,).
        task: what is predicted.
        thresholds: of each fold, frozen when the run was made.
        plain: scores of the data as they are, (n, k).
        changed: scores under each change, (n, k) each.
        resamples: draws of patients, the same for all.
        level: coverage of each interval, in 0..1.
        seed: same seed, same intervals.
    """
    patients = pd.factorize(rows["patient"], sort=True)[0]
    decided = decisions(rows, task, thresholds, plain)
    of = headline(task, rows)
    wanted: list[Metric] = [of(plain)]
    for scores in changed:
        wanted += [of(scores), mean("moved", moves(task, plain, scores))]
        if decided is not None:
            again = decisions(rows, task, thresholds, scores)
            wanted.append(replace(mean("flipped", (decided != again).astype(np.float64)), edge="proportion"))
    panel = Panel(wanted, patients, int(patients.max()) + 1)
    values = panel(np.ones((1, panel.n_patients)))[0]
    draws = resample(panel, panels.presence(rows, task, patients), resamples=resamples, seed=seed)
    found = estimates([panel], values, draws, level=level)
    width = 2 if decided is None else 3
    each = []
    doubt = doubt_about({"the model": found[0]}, _patients(rows, task))
    for k in range(len(changed)):
        at = 1 + k * width
        difference = _difference(found[at], values[at] - values[0], draws[:, at] - draws[:, 0], panel, level)
        verdict = judge(replace(difference, metric=HEADLINE[task.kind]), doubt)
        flipped = found[at + 2] if decided is not None else None
        each.append(Effect(found[at], difference, found[at + 1], flipped, verdict))
    return found[0], each, doubt


def moves(task: Task, plain: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """How far each score moves, (n,): half the sum over classes, which for two is the change of either; or the number's."""
    apart = np.abs(changed - plain).sum(axis=1)
    return apart if task.kind == "regression" else apart / 2


def decisions(
    rows: pd.DataFrame, task: Task, thresholds: list[dict[str, Any]], scores: np.ndarray
) -> np.ndarray | None:
    """What is decided of each sample, (n,); None for a regression."""
    if task.kind == "regression":
        return None
    if task.kind == "multiclass":
        return np.asarray(scores.argmax(axis=1))
    scored = rows.assign(**dict(zip(task.score_columns(), scores.T, strict=True)))
    return decide(scored, task, thresholds).astype(np.int64)


def _patients(rows: pd.DataFrame, task: Task) -> dict[str, int]:
    return {name: int(rows.loc[rows["target"] == name, "patient"].nunique()) for name in task.classes}


def _difference(one: Estimate, value: float, draws: np.ndarray, panel: Panel, level: float) -> Estimate:
    low, high, method = percentile(draws, level=level, n_patients=panel.n_patients)
    known = None if np.isnan(value) else float(value)
    method = f"paired: the same patients with and without the change; {method}"
    return replace(one, value=known, low=low, high=high, method=method)


def sentences(plain: Estimate, rows: Sequence[dict[str, Any]], *, doubt: str, seen: bool) -> list[str]:
    """What the stress found, with its numbers, from the records of stress.json."""
    label = ("macro " if plain.of == "macro" else "") + LABELS[plain.metric]
    said = [f"On {plain.n_patients:,} test patients the {label} is {_text(plain)} with the data as they are."]
    said += [f"{doubt} The differences are in the table."] if doubt else _judged(label, rows)
    if seen:
        said.append(
            "The final fit was trained on these samples too, so these numbers are better than on patients it has not seen."
        )
    return said


def _judged(label: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The worst change, how many lower the performance, and what performance does not show."""
    said = []
    worse = sorted((row for row in rows if row["verdict"] == "worse"), key=_value)
    if worse:
        found = Estimate.from_dict(worse[0]["difference"])
        said.append(
            f"It falls most with {worse[0]['label']}: to {_text(Estimate.from_dict(worse[0]['stressed']))}, "
            f"a difference of {signed(found).replace('-', '−')}{_flips(worse[0])}."
        )
    verb = "lowers" if len(worse) == 1 else "lower"
    said.append(
        f"{len(worse)} of {len(rows)} changes {verb} it by more than chance explains, each interval taken alone."
    )
    silent = [row for row in rows if row["verdict"] != "worse" and row["flipped"] is not None]
    worst = max(silent, key=lambda row: row["flipped"]["value"] or 0.0, default=None)
    if worst is not None and worst["flipped"]["value"]:
        said.append(
            f"The {label} does not show everything: {worst['label']} leaves it not distinguishable from before{_flips(worst).replace(', and', ', but')}."
        )
    return said


def _value(row: dict[str, Any]) -> float:
    value = row["difference"]["value"]
    return 0.0 if value is None else float(value)


def _flips(row: dict[str, Any]) -> str:
    if row["flipped"] is None:
        return ""
    one = Estimate.from_dict(row["flipped"])
    if one.value is None or one.low is None or one.high is None:
        return ""
    return f", and {100 * one.value:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}] of decisions flip"


def _text(estimate: Estimate) -> str:
    return minus(estimate.text())
