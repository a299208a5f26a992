"""The stress of a run: every change on the samples that each fold's member tested; the same as `bedside stress`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.begin import read_again
from bedside.cohort import Cohort
from bedside.errors import SettingError
from bedside.evaluation import panels
from bedside.evaluation.metrics import HEADLINE
from bedside.explain.choose import learned_from, testers
from bedside.folder import Run, locked, open_run, write_json, write_table
from bedside.models import family_named
from bedside.report.stress import write_stress
from bedside.robustness import images, molecules, signals, tables
from bedside.robustness.effects import Effect, effects, sentences
from bedside.robustness.units import mistakes
from bedside.run import Event, Explained, Finished, Stage
from bedside.seeds import derive
from bedside.settings import RunSettings, build
from bedside.training.model import load_model

MOST = {"table": 5000, "image": 300, "signal": 2000, "graph": 2000}  # test samples that are stressed by default
_PLACE = 0xE2


def stress(
    run: Run | str | Path,
    source: str | Path | None = None,
    *,
    units: Mapping[str, str] | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What a finished model does with noise, gaps, wrong units, poor images and poor recordings; the same as `bedside stress`.

    Args:
        run: a finished run, or its path.
        source: where its data lie, if they were moved since.
        units: unit of columns of a table, such as {"glucose": "mg/dl"}; others are recognised by name and range, or not tried.
        samples: at most so many test samples, whole patients drawn by chance; 5,000 of a table, 2,000 recordings, 300 images by default.
        seed: drives noise, gaps, the choice of samples and the resampling of patients.

    Returns:
        The content of stress.json; `["sentences"]` holds the words, `["changes"]` one record per change, worst first.

    Raises:
        RunError: if the run is not finished or the data are not those of the run.
        SettingError: if a unit is unknown, or the family reads no data.
    """
    path = run.path if isinstance(run, Run) else Path(run)
    for _ in stress_steps(path, source, units=units, samples=samples, seed=seed):
        pass
    found = Run(path).stress
    assert found is not None
    return found


def stress_steps(
    path: str | Path,
    source: str | Path | None = None,
    *,
    units: Mapping[str, str] | None = None,
    samples: int | None = None,
    seed: int = 0,
) -> Iterator[Event]:
    """As `stress`, but hands out how far it is."""
    run = open_run(path)
    run.require_finished()
    settings = build(RunSettings, {name: value for name, value in run.settings.items() if name != "bedside"})
    cohort = read_again(run, settings, source, verb="stress")
    if "any" in family_named(str(settings.family)).kinds:
        raise SettingError(f"Family '{settings.family}' reads no data, so no change of them can act.")
    if units and cohort.inputs.kind != "table":
        raise SettingError(f"--unit {next(iter(units))} has no effect on {cohort.inputs.kind} data; leave it away.")
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    members = dict(zip(model.names, model.deployed, strict=True))
    yield Stage("stress")
    rows = _rows(run, samples or MOST[cohort.inputs.kind], derive(seed, _PLACE, 0))
    bench = Bench(cohort, rows, members, run, seed)
    tried, words = bench.changes(units or {})
    scores = []
    for done, change in enumerate([None, *tried], start=1):
        scores.append(bench.scores(change))
        yield Explained(done, len(tried) + 2)
    plain, found, doubt = effects(
        rows, cohort.task, run.estimates["thresholds"], scores[0], scores[1:],
        resamples=settings.evaluation.resamples, level=settings.evaluation.level, seed=derive(seed, _PLACE, 1),
    )  # fmt: skip
    records = [_record(change, effect) for change, effect in zip(tried, found, strict=True)]
    records.sort(key=lambda row: (_loss(row), -(row["flipped"] or row["moved"])["value"]))
    record = {
        "headline": HEADLINE[cohort.task.kind],
        "data": cohort.inputs.kind,
        "n": {
            "samples": len(rows),
            "patients": int(rows["patient"].nunique()),
            "tested": run.estimates["n"]["samples"],
        },
        "level": settings.evaluation.level,
        "resamples": settings.evaluation.resamples,
        "seed": seed,
        "plain": plain.to_dict(),
        "changes": records,
        "units": words,
        "sentences": sentences(plain, records, doubt=doubt, seen=list(members) == ["everything"]),
    }
    with locked(run.path):
        write_table(run.path / "stress.csv", _table(records))
        write_json(run.path / "stress.json", record)
        write_stress(run)
    yield Explained(len(tried) + 2, len(tried) + 2)
    yield Finished(Run(run.path))


class Bench:
    """Test samples, who tested them, and their scores under a change."""

    def __init__(self, cohort: Cohort, rows: pd.DataFrame, members: Mapping[str, Any], run: Run, seed: int) -> None:
        self.cohort, self.rows, self.members, self.seed = cohort, rows, members, seed
        self.places = np.asarray(cohort.samples.index.get_indexer(pd.Index(rows["sample"])))
        self.names = testers(run, rows, members).to_numpy(dtype=object)
        self.train = {name: learned_from(run, cohort, name) for name in dict.fromkeys(self.names)}

    def changes(self, units: Mapping[str, str]) -> tuple[list[Any], list[str]]:
        """What is tried, and what the user should know of units."""
        if self.cohort.inputs.kind == "image":
            return list(images.changes()), []
        if self.cohort.inputs.kind == "signal":
            return list(signals.changes(self.cohort.inputs)), []
        if self.cohort.inputs.kind == "graph":
            return list(molecules.changes()), []
        frame = self.cohort.inputs.frame.iloc[np.unique(np.concatenate(list(self.train.values())))]
        numbers = [feature.name for feature in self.cohort.inputs.features if feature.kind == "number"]
        medians = {name: float(frame[name].median()) for name in numbers}
        found, words = mistakes(medians, units)
        return list(tables.changes(self.cohort.inputs, found)), words

    def scores(self, change: Any | None) -> np.ndarray:
        """Scores (n, k) of the samples by their members; as they are without a change or at strength 0."""
        found = np.empty((len(self.rows), max(1, len(self.cohort.task.classes))))
        for number, (name, member) in enumerate(self.members.items()):
            mine = np.flatnonzero(self.names == name)
            if not len(mine):
                continue
            inputs = self.cohort.inputs.take(self.places[mine])
            if change is not None:
                inputs = self._changed(change, inputs, name, derive(self.seed, _PLACE, 2, number))
            found[mine] = member.scores(inputs).reshape(len(mine), -1)
        return found

    def _changed(self, change: Any, inputs: Any, name: str, seed: int) -> Any:
        if self.cohort.inputs.kind == "image":
            return change(inputs, seed, named=hasattr(self.members[name], "versions"))
        if self.cohort.inputs.kind == "signal":
            return change(inputs, signals.spread(self.cohort.inputs.take(self.train[name])), seed)
        if self.cohort.inputs.kind == "graph":
            return change(inputs)
        numbers = [feature.name for feature in inputs.features if feature.kind == "number"]
        learned = self.cohort.inputs.frame.iloc[self.train[name]]
        return change(inputs, learned[numbers].std(ddof=0).fillna(0.0), seed)


def _rows(run: Run, most: int, seed: int) -> pd.DataFrame:
    """Test rows of the first repeat as `panels.tested` gives them; of many, whole patients drawn by chance."""
    rows = panels.tested(run.predictions)
    rows = rows[rows["repeat"] == rows["repeat"].min()].reset_index(drop=True)
    if len(rows) <= most:
        return rows
    patients = pd.factorize(rows["patient"], sort=True)[0]
    place = np.argsort(np.random.default_rng(seed).permutation(int(patients.max()) + 1))[patients]
    whole = np.cumsum(np.bincount(place))
    last = max(1, int(np.searchsorted(whole, most, "right")))
    return rows[place < last].reset_index(drop=True)


def _loss(row: Mapping[str, Any]) -> float:
    value = row["difference"]["value"]
    return 0.0 if value is None else float(value)


def _record(change: Any, effect: Effect) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "label": change.label,
        "strength": change.strength,
        "columns": list(change.columns),
        "stressed": effect.stressed.to_dict(),
        "difference": effect.difference.to_dict(),
        "moved": effect.moved.to_dict(),
        "flipped": None if effect.flipped is None else effect.flipped.to_dict(),
        "verdict": effect.verdict,
    }


def _table(records: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """stress.csv: one row per change, worst first."""
    rows = []
    for record in records:
        row = {name: record[name] for name in ("kind", "label", "strength")}
        row["columns"] = " + ".join(record["columns"])
        for name in ("stressed", "difference", "moved", "flipped"):
            for part in ("value", "low", "high"):
                row[name if part == "value" else f"{name}_{part}"] = record[name][part] if record[name] else None
        rows.append({**row, "verdict": record["verdict"], "n_patients": record["stressed"]["n_patients"]})
    return pd.DataFrame(rows)
