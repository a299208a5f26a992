"""Runs side by side: settings that differ, estimates with intervals, and a paired comparison where one is honest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.cohort import Estimate, Task
from bedside.errors import BedsideError, DataError
from bedside.evaluation.comparison import compare_candidates
from bedside.folder import Run
from bedside.report.page import HEADLINES
from bedside.report.words import find
from bedside.settings import EvaluationSettings, RunSettings, build

MOST = 6  # columns that a page can hold
NOT_ASKED = "–"  # where a run has no such setting


@dataclass(frozen=True)
class Compared:
    """`settings`: name -> value in each run, where they differ. `estimates`: metric -> estimate in each run.

    `pairs` are those of `evaluation.comparison`, `sentence` its finding; `why_not` says why there is none.
    """

    names: tuple[str, ...]
    settings: dict[str, tuple[str, ...]]
    estimates: dict[str, tuple[Estimate | None, ...]]
    pairs: tuple[dict[str, Any], ...] = ()
    sentence: str = ""
    why_not: str = ""


def compared(runs: Sequence[Run]) -> Compared:
    """Two or more finished runs beside each other.

    Raises:
        DataError: if there are fewer than two, or more than a page can hold.
    """
    if not 2 <= len(runs) <= MOST:
        raise DataError(f"{len(runs)} runs were chosen; choose 2 to {MOST} to see them side by side.")
    names = tuple(run.path.name for run in runs)
    beside = Compared(names, differing({run.path.name: run.settings for run in runs}), _estimates(runs))
    try:
        found = paired(runs)
    except BedsideError as error:
        return Compared(names, beside.settings, beside.estimates, why_not=str(error))
    return Compared(names, beside.settings, beside.estimates, tuple(found["pairs"]), str(found["ranking"]["sentence"]))


def paired(runs: Sequence[Run]) -> dict[str, Any]:
    """The comparison on the same samples in the same folds, as `compare_candidates` gives it.

    Raises:
        DataError: if the runs do not predict the same target of the same samples in the same folds.
    """
    first = runs[0]
    for run in runs[1:]:
        _refuse_other_data(first, run)
    task = Task(first.estimates["task"]["kind"], tuple(first.estimates["task"]["classes"]))
    known: RunSettings = build(RunSettings, {k: v for k, v in first.settings.items() if k != "bedside"})
    settings: EvaluationSettings = known.evaluation
    return compare_candidates(
        {run.path.name: run.predictions for run in runs},
        task,
        settings,
        folds=first.folds,
        seed=known.seed,
        patient_column=bool(first.estimates["n"]["patient_column"]),
    )


def _refuse_other_data(first: Run, run: Run) -> None:
    """Sample numbers of two tables may be alike by chance; then only what is predicted and of whom tells them apart."""
    here, there = (one.estimates["task"] for one in (first, run))
    if (here["kind"], here["classes"]) != (there["kind"], there["classes"]):
        raise DataError(
            f"{first.path.name} and {run.path.name} predict different things, so their numbers do not compare."
        )
    if first.description["name"] != run.description["name"]:
        raise DataError(
            f"{first.path.name} was made from {first.description['name']} and {run.path.name} from {run.description['name']}. "
            "A paired comparison needs the same samples; train both on the same data."
        )


def _estimates(runs: Sequence[Run]) -> dict[str, tuple[Estimate | None, ...]]:
    """The headlines of every task among the runs, in the order of reports."""
    kinds = dict.fromkeys(run.estimates["task"]["kind"] for run in runs)
    metrics = dict.fromkeys(metric for kind in kinds for metric in HEADLINES[kind])
    return {metric: tuple(find(run.estimates, metric) for run in runs) for metric in metrics}


def differing(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Settings by their dotted names, where not all runs have the same value; a dash where one has none."""
    flat = [_flat(one) for one in settings.values()]
    names = dict.fromkeys(name for one in flat for name in one)
    rows = {name: tuple(_text(one.get(name)) for one in flat) for name in names if name != "bedside"}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in record.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _text(value: Any) -> str:
    if value is None:
        return NOT_ASKED
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
