"""What a model of a table uses: importance of columns, contributions for single patients, curves, and whether to believe it.

Reads:  a run folder, its cohort, and the members that were tested in it.
Gives:  explanations/ in the run folder: tables for people, columns.json and sanity.json for the report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Estimate
from bedside.evaluation.metrics import HEADLINE
from bedside.explain import table_checks
from bedside.explain.choose import FOLDER, for_checks, gallery
from bedside.explain.codes import code_map
from bedside.explain.column_attention import attention
from bedside.explain.columns import TableScene, scene_of
from bedside.explain.dependence import dependence
from bedside.explain.gaps import fills_gaps, measure
from bedside.explain.groups import TOGETHER, associations, groups_of
from bedside.explain.importance import PERMUTATIONS, RESAMPLES, importances, moved_most
from bedside.explain.patient_links import linked, links_table
from bedside.explain.patient_links import measure as measure_links
from bedside.explain.table_curves import curve_record, curve_table, ice_table
from bedside.explain.table_patients import contributed, patient_records, write_contributions
from bedside.explain.table_words import sentences
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.hardware import limited_threads

_Result = TypeVar("_Result")

CURVES = 6  # columns with curves, the most important ones
_PLACE = 0xE1  # of the seeds of this stage
_FAILED = "At least one check failed: do not read these explanations as what the model uses."


def explain_table(
    run: Run, cohort: Cohort, settings: RunSettings, members: Mapping[str, Any]
) -> Iterator[tuple[int, int]]:
    """Write explanations/ into the run folder, whole or not at all.

    Args:
        run: a run with predictions and estimates.
        cohort: the table it was trained and tested on.
        settings: of the run; `explain.samples` says how many patients are shown.
        members: the member that tested each fold of the first repeat at least, by the name of the fold
            ("repeat0-fold3"); or {"everything": member} for a final fit that was never tested.

    Yields:
        Steps done and steps in all, as the work goes on.

    Raises:
        RunError: if the member of a fold is missing.
    """
    seed = derive(settings.seed, _PLACE)
    asked = settings.evaluation
    how = {"resamples": min(RESAMPLES, asked.resamples), "level": asked.level}
    scene = _calm(scene_of, run, cohort, members, derive(seed, 0))
    places = scene.measured(derive(seed, 1))
    yield 1, 5
    columns = _calm(moved_most, scene, places, derive(seed, 2))
    groups = groups_of(cohort.inputs.take(scene.rows[places]), columns)
    sets = [*((int(k),) for k in columns), *groups]
    found = _calm(importances, scene, sets, places, **how, seed=derive(seed, 3))
    yield 2, 5
    ranked = [int(columns[k]) for k in _order(found[: len(columns)])]
    curves = [
        curve
        for k in ranked[:CURVES]
        if (curve := _calm(dependence, scene, k, places, **how, seed=derive(seed, 4, k))) is not None
    ]
    yield 3, 5
    shown = gallery(scene.table, cohort.task, settings.explain.samples)
    checked = for_checks(scene.table, cohort.task, table_checks.CHECKED, derive(seed, 5)).index.to_numpy()
    verdicts = _calm(table_checks.checks, scene, settings, checked, columns, places, derive(seed, 6))
    yield 4, 5
    explained = _calm(contributed, scene, shown, places, np.array(ranked), derive(seed, 7))
    record = {
        **_sizes(scene, places, columns),
        **how,
        **_importance(scene, sets, found, columns, groups, places),
        "dependence": [curve_record(scene, curve, derive(seed, 8)) for curve in curves],
        "contributions": explained.facts,
        "patients": patient_records(scene, shown, explained, columns),
    }
    record["attention"] = _calm(attention, scene, record["importance"])
    links = _calm(linked, scene)
    if links is not None:
        record["links"] = _calm(measure_links, scene, links, places, **how, seed=derive(seed, 11))
    record["sentences"] = sentences(record, events=_events(scene, places))
    filled, codes = None, None
    if fills_gaps(scene):
        filled = _calm(measure, scene, **how, seed=derive(seed, 9))
        codes = _calm(code_map, scene, derive(seed, 10))
    with whole_folder(run.path / FOLDER) as folder:
        write_json(folder / "columns.json", record)
        write_json(
            folder / "sanity.json", {"checks": verdicts, "sentences": _said(verdicts), "n_samples": len(checked)}
        )
        write_table(folder / "importance.csv", _importance_table(record))
        write_table(folder / "partial_dependence.csv", curve_table(scene, curves))
        write_contributions(folder, scene, shown, explained, columns)
        if links is not None:
            write_table(folder / "links.csv", links_table(scene, links, shown))
        if filled is not None:
            write_json(folder / "gaps.json", filled)
        if codes is not None:
            write_table(folder / "latent.csv", codes.table)
            write_json(folder / "latent.json", codes.record)
        if cohort.task.kind != "multiclass":
            write_table(folder / "ice.csv", ice_table(scene, curves, places))
    yield 5, 5


def _calm(work: Callable[..., _Result], *given: Any, **named: Any) -> _Result:
    """Work on small layers is done on one thread, where more only wait for each other."""
    with limited_threads(1):
        return work(*given, **named)


def _order(found: Sequence[Estimate]) -> np.ndarray:
    """From the largest loss to the smallest; what is not defined comes last."""
    values = np.array([-np.inf if one.value is None else one.value for one in found])
    return np.argsort(-values, kind="stable")


def _sizes(scene: TableScene, places: np.ndarray, columns: np.ndarray) -> dict[str, Any]:
    return {
        "headline": HEADLINE[scene.task.kind],
        "macro": scene.task.kind == "multiclass",
        "permutations": PERMUTATIONS,
        "together": TOGETHER,
        "n_samples": len(places),
        "n_patients": len(np.unique(scene.patients[places])),
        "n_columns": len(scene.names),
        "n_measured": len(columns),
        "trained_on_these": scene.seen,
        "before_recalibration": scene.recalibrated,
    }


def _events(scene: TableScene, places: np.ndarray) -> dict[str, int]:
    """Measured patients of each class; nothing for a regression."""
    rows = scene.table.iloc[places]
    return {name: int(rows.loc[rows["target"] == name, "unit"].nunique()) for name in scene.task.classes}


def _importance(
    scene: TableScene,
    sets: Sequence[tuple[int, ...]],
    found: Sequence[Estimate],
    columns: np.ndarray,
    groups: Sequence[tuple[int, ...]],
    places: np.ndarray,
) -> dict[str, Any]:
    kinds = [feature.kind for feature in scene.cohort.inputs.features]
    member = {k: number for number, group in enumerate(groups) for k in group}
    rows = [
        {
            "column": scene.names[sets[k][0]],
            "kind": kinds[sets[k][0]],
            "group": member.get(sets[k][0]),
            "estimate": found[k].to_dict(),
        }
        for k in _order(found[: len(columns)])
    ]
    inputs = scene.cohort.inputs.take(scene.rows[places])
    together = []
    for group, one in zip(groups, found[len(columns) :], strict=True):
        pairs = associations(inputs, np.array(group))[np.triu_indices(len(group), 1)]
        names = [scene.names[k] for k in group]
        together.append({"columns": names, "association": float(pairs.mean()), "estimate": one.to_dict()})
    return {"importance": rows, "groups": together}


def _importance_table(record: dict[str, Any]) -> pd.DataFrame:
    """importance.csv: columns, then groups, each with its interval."""
    rows = [
        {
            "kind": "column",
            "columns": row["column"],
            "group": "" if row["group"] is None else row["group"] + 1,
            **_numbers(row),
        }
        for row in record["importance"]
    ]
    rows += [
        {"kind": "group", "columns": " + ".join(group["columns"]), "group": number, **_numbers(group)}
        for number, group in enumerate(record["groups"], start=1)
    ]
    return pd.DataFrame(rows)


def _numbers(row: dict[str, Any]) -> dict[str, Any]:
    names = ("metric", "value", "low", "high", "level", "n_patients", "n_samples", "method")
    return {name: row["estimate"][name] for name in names}


def _said(verdicts: Sequence[dict[str, Any]]) -> list[str]:
    """The sentences of the checks, and a warning if one failed for another reason than too few patients or columns."""
    found = [str(check["sentence"]) for check in verdicts]
    failed = [check for check in verdicts if not check["passed"] and not check["sentence"].startswith("Too few")]
    return [*found, _FAILED] if failed else found
