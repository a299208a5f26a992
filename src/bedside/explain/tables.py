"""What a model of a table uses: importance of columns, contributions for single patients, curves, and whether to believe it.

Reads:  a run folder, its cohort, and the members that were tested in it.
Gives:  explanations/ in the run folder: tables for people, columns.json and sanity.json for the report.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Estimate
from bedside.evaluation.metrics import HEADLINE
from bedside.explain import table_checks
from bedside.explain.choose import for_checks, gallery
from bedside.explain.columns import TableScene, scene_of
from bedside.explain.contributions import METHODS, Contributions, contributions, method_of
from bedside.explain.dependence import DRAWN, Dependence, dependence
from bedside.explain.groups import TOGETHER, associations, groups_of
from bedside.explain.importance import PERMUTATIONS, RESAMPLES, importances, moved_most
from bedside.explain.table_words import sentences
from bedside.folder import Run, whole_folder, write_json, write_table
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.hardware import limited_threads

_Result = TypeVar("_Result")

FOLDER = "explanations"
CURVES = 6  # columns with curves, the most important ones
RUG = 80  # training samples that are marked below a curve
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
    explained = _calm(_contributed, scene, shown, places, np.array(ranked), derive(seed, 7))
    record = {
        **_sizes(scene, places, columns),
        **how,
        **_importance(scene, sets, found, columns, groups, places),
        "dependence": [_curve(scene, curve, derive(seed, 8)) for curve in curves],
        "contributions": explained.facts,
        "patients": _patients(scene, shown, explained, columns),
    }
    record["sentences"] = sentences(record, events=_events(scene, places), seen=scene.seen)
    with whole_folder(run.path / FOLDER) as folder:
        write_json(folder / "columns.json", record)
        write_json(
            folder / "sanity.json", {"checks": verdicts, "sentences": _said(verdicts), "n_samples": len(checked)}
        )
        write_table(folder / "importance.csv", _importance_table(record))
        write_table(folder / "partial_dependence.csv", _curve_table(scene, curves))
        _write_contributions(folder, scene, shown, explained, columns)
        if cohort.task.kind != "multiclass":
            write_table(folder / "ice.csv", _ice_table(scene, curves, places))
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


# Curves


def _curve(scene: TableScene, curve: Dependence, seed: int) -> dict[str, Any]:
    """What the report draws of one column: mean change, its interval, single centred curves, and where training has samples."""
    feature, task = scene.cohort.inputs.features[curve.column], scene.task
    kept = list(range(curve.scores.shape[2])) if task.kind == "multiclass" else [curve.scores.shape[2] - 1]
    some, chance = _drawn(len(curve.scores)), np.random.default_rng(seed)
    last = curve.scores[:, :, -1]
    values = scene.cohort.inputs.frame.iloc[:, curve.column]
    learned = np.unique(np.concatenate(list(scene.train.values())))
    rug: list[float] = []
    if feature.kind in ("number", "date"):
        inside = values.iloc[learned].dropna().to_numpy(dtype=np.float64)
        inside = inside[(inside >= curve.grid[0]) & (inside <= curve.grid[-1])]
        rug = np.sort(chance.permutation(inside)[:RUG]).tolist()
    return {
        "column": feature.name,
        "kind": feature.kind,
        "grid": [
            _text(feature, value) if feature.kind in ("category", "boolean") else float(value) for value in curve.grid
        ],
        "outputs": [
            {
                "of": task.classes[k] if task.classes else "",
                "mean": curve.mean[:, k].tolist(),
                "change": (curve.mean[:, k] - curve.mean[0, k]).tolist(),
                "low": curve.low[:, k].tolist(),
                "high": curve.high[:, k].tolist(),
            }
            for k in kept
        ],
        "curves": [] if task.kind == "multiclass" else (last[some] - last[some, :1]).round(6).tolist(),
        "rug": rug,
    }


def _curve_table(scene: TableScene, curves: Sequence[Dependence]) -> pd.DataFrame:
    """partial_dependence.csv: one row per column, value and class."""
    rows = []
    for curve in curves:
        feature = scene.cohort.inputs.features[curve.column]
        for k in range(curve.scores.shape[2]):
            for g, value in enumerate(curve.grid):
                rows.append(
                    {
                        "column": feature.name, "value": _text(feature, value),
                        "class": scene.task.classes[k] if scene.task.classes else "", "score": curve.mean[g, k],
                        "change": curve.mean[g, k] - curve.mean[0, k], "low": curve.low[g, k], "high": curve.high[g, k],
                    }
                )  # fmt: skip
    return pd.DataFrame(rows, columns=["column", "value", "class", "score", "change", "low", "high"])


def _drawn(n: int) -> np.ndarray:
    """Evenly spread samples whose single curves are kept."""
    return np.unique(np.linspace(0, n - 1, min(DRAWN, n)).round().astype(int))


def _ice_table(scene: TableScene, curves: Sequence[Dependence], places: np.ndarray) -> pd.DataFrame:
    """ice.csv: single curves of the last score column for evenly spread samples."""
    some = _drawn(len(places))
    samples = scene.table["sample"].to_numpy()[places[some]]
    blocks = []
    for curve in curves:
        feature = scene.cohort.inputs.features[curve.column]
        texts = [_text(feature, value) for value in curve.grid]
        blocks.append(
            pd.DataFrame(
                {
                    "column": feature.name,
                    "sample": np.repeat(samples, len(texts)),
                    "value": np.tile(texts, len(some)),
                    "score": curve.scores[some, :, -1].ravel(),
                }
            )
        )
    return (
        pd.concat(blocks, ignore_index=True) if blocks else pd.DataFrame(columns=["column", "sample", "value", "score"])
    )


# Single patients


class _Explained:
    """Contributions (columns,) of some rows of the test table, with the score that they start from and lead to."""

    def __init__(self, scene: TableScene, method: str) -> None:
        self.scene, self.method, self.gap = scene, method, 0.0
        self.of: dict[int, tuple[np.ndarray, float, float]] = {}

    def add(self, rows: np.ndarray, found: Contributions) -> None:
        each = zip(found.values, found.start.tolist(), found.end.tolist(), strict=True)
        self.of |= dict(zip(rows.tolist(), each, strict=True))
        self.gap = max(self.gap, found.gap)

    @property
    def facts(self) -> dict[str, Any]:
        task = self.scene.task
        what = {
            "binary": f"the score of '{task.positive}'",
            "multiclass": "the score of the decided class",
            "regression": "the predicted number",
        }[task.kind]
        return {
            "method": self.method,
            "how": METHODS[self.method],
            "what": what,
            "n_samples": len(self.of),
            "largest_gap": self.gap,
        }


def _contributed(
    scene: TableScene, shown: pd.DataFrame, places: np.ndarray, ranked: np.ndarray, seed: int
) -> _Explained:
    """Networks: of every measured sample and those shown; other families: of those shown."""
    method = method_of(scene.parts[0])
    wanted = set(shown.index) | (set(places) if method == "integrated gradients" else set())
    found = _Explained(scene, method)
    for number, part in enumerate(scene.parts):
        inside = np.isin(part.places, list(wanted))
        rows = part.places[inside]
        found.add(rows, contributions(part, part.x[inside], scene.output[rows], ranked, derive(seed, number)))
    return found


def _patients(
    scene: TableScene, shown: pd.DataFrame, explained: _Explained, columns: np.ndarray
) -> list[dict[str, Any]]:
    """What the report shows of single patients: cells, contributions, decision."""
    records = []
    features, frame = scene.cohort.inputs.features, scene.cohort.inputs.frame
    for row, sample in shown.iterrows():
        values, start, end = explained.of[int(str(row))]
        cells = frame.iloc[scene.rows[int(str(row))]]
        records.append(
            {
                **{name: _plain(sample[name]) for name in ("sample", "patient", "repeat", "fold", "target", "decision", "score", "group")},
                "start": start,
                "explained": end,
                "columns": [
                    {"column": features[k].name, "value": _text(features[k], cells.iloc[k]), "contribution": float(values[k])}
                    for k in columns
                ],
                "others": float(np.delete(values, columns).sum()),
            }
        )  # fmt: skip
    return records


def _write_contributions(
    folder: Path, scene: TableScene, shown: pd.DataFrame, explained: _Explained, columns: np.ndarray
) -> None:
    """explained.csv, one row per sample; contributions.csv, one row per sample and column."""
    features, frame = scene.cohort.inputs.features, scene.cohort.inputs.frame
    heads, rows = [], []
    for row in sorted(explained.of):
        sample, cells = scene.table.iloc[row], frame.iloc[scene.rows[row]]
        values, start, end = explained.of[row]
        group = shown["group"].get(row, "")
        head = {name: sample[name] for name in ("sample", "patient", "repeat", "fold", "target", "decision")}
        heads.append({**head, "group": group, "start": start, "score": end})
        rows += [(sample["sample"], features[k].name, _text(features[k], cells.iloc[k]), values[k]) for k in columns]
        if len(columns) < len(features):
            rows.append((sample["sample"], "", "", np.delete(values, columns).sum()))  # all other columns together
    names = ["sample", "patient", "repeat", "fold", "target", "decision", "group", "start", "score"]
    write_table(folder / "explained.csv", pd.DataFrame(heads, columns=names))
    write_table(folder / "contributions.csv", pd.DataFrame(rows, columns=["sample", "column", "value", "contribution"]))


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


def _text(feature: Any, value: Any) -> str:
    """A cell in words: nothing for a gap, the word of a yes or no, the level, or the number."""
    if value is None or value != value:
        return ""
    if feature.kind == "boolean":
        return str(feature.levels[int(value)]) if len(feature.levels) == 2 else f"{value:g}"
    return str(value) if feature.kind == "category" else f"{float(value):.10g}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _said(verdicts: Sequence[dict[str, Any]]) -> list[str]:
    """The sentences of the checks, and a warning if one failed for another reason than too few patients or columns."""
    found = [str(check["sentence"]) for check in verdicts]
    failed = [check for check in verdicts if not check["passed"] and not check["sentence"].startswith("Too few")]
    return [*found, _FAILED] if failed else found
