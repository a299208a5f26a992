"""Which test samples are explained: for people to look at, and to check the method on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Task
from bedside.errors import RunError
from bedside.evaluation.panels import units
from bedside.evaluation.thresholds import decide
from bedside.folder import Run

FOLDER = "explanations"
GROUPS = ("right and confident", "wrong and confident", "unsure")
CHOOSE_FIRST = ("wrong and confident", "unsure", "right and confident")
NEAR, FAR = "close to the truth", "far from the truth"  # groups of a regression, which states no confidence
CONFIDENT = 0.5  # of the way from the threshold to certainty, or between the two highest scores of several classes


def decided(run: Run, task: Task) -> pd.DataFrame:
    """Test predictions of the first repeat with what follows from them, sorted by sample.

    Added columns: `unit`, the patient, or the first of those who share a copy of a sample; `decision`; `score` of the
    decided class, of the positive class if binary, or the number; `shown`, the network output whose evidence is
    mapped; `margin`, how sure the decision is in 0..1, or for a regression minus the absolute error; `correct` (empty
    for a regression).
    """
    predictions = run.predictions
    test = predictions[(predictions["part"] == "test") & (predictions["repeat"] == predictions["repeat"].min())]
    test = test.assign(unit=units(test)).sort_values("sample", kind="stable", ignore_index=True)
    scores = test[task.score_columns()].to_numpy(dtype=np.float64)
    if task.kind == "regression":
        error = np.abs(scores[:, 0] - test["target"].to_numpy(dtype=np.float64))
        return test.assign(decision=scores[:, 0], score=scores[:, 0], shown=0, margin=-error, correct=None)
    if task.kind == "binary":
        chosen = decide(test, task, run.estimates["thresholds"]).astype(int)
        margin, score, shown = _distance(test, scores[:, 1], chosen, run), scores[:, 1], np.zeros(len(test), dtype=int)
    else:
        chosen = shown = scores.argmax(axis=1)
        ordered = np.sort(scores, axis=1)
        margin, score = ordered[:, -1] - ordered[:, -2], ordered[:, -1]
    correct = chosen == task.encode(test["target"])
    decision = np.array(task.classes, dtype=object)[chosen]
    return test.assign(decision=decision, score=score, shown=shown, margin=margin, correct=correct)


def tested_by(run: Run, task: Task, members: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.Series]:
    """`decided`, and the name of the member that explains each of its rows.

    Raises:
        RunError: if the member of a fold is missing.
    """
    test = decided(run, task)
    return test, testers(run, test, members)


def testers(run: Run, test: pd.DataFrame, members: Mapping[str, Any]) -> pd.Series:
    """Name of the member that explains each test prediction, with its index.

    Raises:
        RunError: if the member of a fold is missing.
    """
    names = test.apply(lambda row: member_of(row, list(members)), axis=1)
    missing = sorted(set(names) - set(members))
    if missing:
        raise RunError(f"{run.path} has no model of {', '.join(missing)}; give the members that tested each fold.")
    return names


def sample_table(
    shown: pd.DataFrame, cohort: Cohort, numbers: Sequence[pd.Series], pictures: Mapping[str, str]
) -> pd.DataFrame:
    """samples.csv of a gallery: who the samples are, what was found of each, and the names of their pictures.

    Args:
        shown: rows of `gallery`.
        cohort: that they are from.
        numbers: of each of them `deletion`, `randomised` and `agreement`.
        pictures: suffix of the files of each kind of picture.
    """
    roles = [name for name in ("site", *cohort.roles.subgroups) if name in shown]
    columns = ["sample", "patient", "repeat", "fold", "target", "decision", "score", "group", *roles]
    table = shown[columns].reset_index(drop=True)
    table.insert(0, "number", np.arange(1, len(table) + 1))
    for name in ("deletion", "randomised", "agreement"):
        table[name] = [float(found[name]) for found in numbers]
    for kind, suffix in pictures.items():
        table[kind] = [f"{number:02d}-{kind}{suffix}" for number in table["number"]]
    return table


def _distance(test: pd.DataFrame, score: np.ndarray, chosen: np.ndarray, run: Run) -> np.ndarray:
    """Distance from the threshold of the sample's fold, as a share of the way to 0 or 1."""
    known = {(record["repeat"], record["fold"]): record["value"] for record in run.estimates["thresholds"]}
    frozen = np.array([known[key] for key in zip(test["repeat"], test["fold"], strict=True)], dtype=np.float64)
    room = np.where(chosen == 1, 1 - frozen, frozen)
    return np.divide(np.abs(score - frozen), room, out=np.zeros_like(score), where=room > 0)


def gallery(test: pd.DataFrame, task: Task, count: int) -> pd.DataFrame:
    """At most `count` rows of `decided`, one per unit, with the column `group`; classes take turns in a group.

    Groups get equal numbers. Errors choose first, and what a group cannot fill goes to the next one: a good model has
    few confident errors, a weak one has no confident decisions at all.
    """
    if count == 0 or test.empty:
        return test.iloc[:0].assign(group="")
    if task.kind == "regression":
        groups = {NEAR: test.sort_values("margin", ascending=False, kind="stable")}
        groups[FAR] = test.sort_values("margin", kind="stable")
    else:
        sure = test.sort_values("margin", ascending=False, kind="stable")
        confident = sure[sure["margin"] >= CONFIDENT]
        correct, doubtful = confident["correct"].astype(bool), sure[sure["margin"] < CONFIDENT][::-1]
        groups = dict(zip(CHOOSE_FIRST, (confident[~correct], doubtful, confident[correct]), strict=True))
    taken: set[str] = set()
    rows: dict[str, list[Any]] = {}
    for number, (name, candidates) in enumerate(groups.items(), start=1):
        room = count * number // len(groups) - sum(map(len, rows.values()))
        rows[name] = _in_turns(candidates, room, taken, task.classes)
    return pd.concat([test.loc[rows[name]].assign(group=name) for name in (GROUPS if task.classes else groups)])


def _in_turns(candidates: pd.DataFrame, size: int, taken: set[str], classes: Sequence[str]) -> list[Any]:
    """Row labels of the first candidates of each class by turns; `taken` gains their patients."""
    queues = [list(candidates.index[candidates["target"] == name]) for name in classes] or [list(candidates.index)]
    rows: list[Any] = []
    while any(queues) and len(rows) < size:
        for queue in queues:
            while queue and str(candidates.at[queue[0], "unit"]) in taken:
                queue.pop(0)
            if queue and len(rows) < size:
                taken.add(str(candidates.at[queue[0], "unit"]))
                rows.append(queue.pop(0))
    return rows


def for_checks(test: pd.DataFrame, task: Task, count: int, seed: int) -> pd.DataFrame:
    """Rows on which the method is checked, at most one per patient, drawn whether the decision was right or wrong.

    Binary: images that were decided positive come first, then those nearest to it; the evidence shown is for the
    positive class, and where there is none, nothing can be deleted.
    """
    drawn = test.iloc[np.random.default_rng(seed).permutation(len(test))]
    if task.kind == "binary":
        positive = drawn["decision"] == task.positive
        drawn = drawn.iloc[np.argsort(np.where(positive, -2.0, -drawn["score"]), kind="stable")]
    return drawn.drop_duplicates("unit").head(count)


def member_of(row: Mapping[Any, Any], names: Sequence[str]) -> str:
    """Name of the member that explains a test prediction: the one that made it, or the only one there is."""
    return names[0] if list(names) == ["everything"] else f"repeat{row['repeat']}-fold{row['fold']}"


def learned_from(run: Run, cohort: Cohort, name: str) -> np.ndarray:
    """Rows of the cohort that a member learned from."""
    if name == "everything":
        return np.arange(len(cohort))
    folds = run.folds[run.folds["part"] == "train"]
    places = "repeat" + folds["repeat"].astype(str) + "-fold" + folds["fold"].astype(str)
    return np.asarray(cohort.samples.index.get_indexer(pd.Index(folds.loc[places == name, "sample"])))
