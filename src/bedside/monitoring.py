"""Hold new patients against those of a run; the same as `bedside monitor`.

Whatever of the model's own is compared, scores or distances, is compared as it came about: each known patient was scored by
the member that had not seen them, so each new patient is dealt to one member too. The mean of an ensemble varies less than
its members do, and would look like drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.begin import claim, filled
from bedside.cohort import Estimate, Finding, Task
from bedside.data.align import Aligned
from bedside.data.cells import as_numbers, read_text, text_cells
from bedside.data.codes import count
from bedside.data.columns import read_columns as read_cells
from bedside.data.targets import class_names
from bedside.environment import versions
from bedside.errors import DataError, RunError, SettingError, nearest
from bedside.evaluation import performance
from bedside.evaluation.discrepancy import discrepancy
from bedside.evaluation.drift_verdict import column_record, judged
from bedside.evaluation.histograms import counted, histogram
from bedside.evaluation.metrics import LABELS
from bedside.evaluation.outcome_drift import enough_outcomes, outcome_changes
from bedside.folder import Run, open_run, write_json
from bedside.reference import FOLDER, count_new, read_columns
from bedside.report.monitor import write_monitor
from bedside.scoring import read_new, reading_of
from bedside.seeds import derive, one_per_patient
from bedside.settings import DataSettings, EvaluationSettings
from bedside.training.kept_vectors import KeptVectors
from bedside.training.model import Model, load_model

MOST_VECTORS = 1000  # new samples whose vectors are compared, of whole patients
TOO_FEW = "too few patients to tell"


@dataclass(frozen=True)
class Monitoring:
    """The folder that was written, and what monitor.json in it holds."""

    path: Path
    record: dict[str, Any]
    findings: Sequence[Finding]

    @property
    def drift(self) -> bool:
        return bool(self.record["verdict"] == "drift")


@dataclass(frozen=True)
class _New:
    """New samples, scored: by each member (members, n, classes) or (members, n), with their distances (novelties, n) and the
    member of the first repeat that each patient was dealt to, (n,)."""

    model: Model
    aligned: Aligned
    patients: np.ndarray
    scores: np.ndarray
    distances: np.ndarray
    dealt: np.ndarray


def monitor(
    run: Run | str | Path,
    source: pd.DataFrame | str | Path,
    *,
    target: str | None = None,
    output: str | Path | None = None,
    settings: DataSettings | None = None,
    seed: int = 0,
) -> Monitoring:
    """Compare new patients with those of a run, and write monitor.json and monitor.html.

    Args:
        run: a finished run, or its path.
        source: new samples, as for `predict`.
        target: column with their outcomes, if they are known; rows without one are left out of that part.
        output: new folder; by default one beside the run, named after it and the new data.
        settings: how the data are read, and the patient column; by default the one of the run, if it is there.
        seed: draws one sample of each patient, deals patients to members, permutes and resamples.

    Raises:
        RunError: if the run keeps nothing to compare with, or the folder is in use.
        DataError: if the new data cannot be read, or an outcome is none of the classes.
    """
    opened = open_run(run.path if isinstance(run, Run) else run)
    if not opened.finished:
        raise RunError(f"{opened.path} is not finished. Continue it with `bedside train --resume {opened.path}`.")
    known = read_columns(opened.path / FOLDER)
    asked = reading_of(opened, settings, target)
    new = _scored(opened, source, asked, seed)
    rows = one_per_patient(new.patients, derive(seed, 0))
    n = {"known_patients": known["patients"], "new_patients": len(rows), "new_samples": len(new.patients)}
    columns = [
        column_record(one, found)
        for one, found in zip(known["columns"], count_new(new.aligned.inputs.take(rows), known), strict=True)
    ]
    whole = [*_distance(opened, new, rows), _latent(opened, new, seed), *_scores(opened, new, rows)]
    outcomes = _outcomes(opened, new, asked, seed) if asked.target else None
    record = judged(columns, [*whole, *(outcomes["changes"] if outcomes else [])], n)
    record |= {"n": n, "columns": _by_evidence(columns), "whole": whole, "outcomes": outcomes}
    record |= _facts(opened, source, new, asked, seed)
    path = claim(f"{opened.path.name}-monitor", output if output is not None else _beside(opened.path, source))
    with filled(path) as folder:
        write_json(folder / "monitor.json", record)
        write_monitor(folder, record, opened)
    return Monitoring(path, record, new.aligned.findings)


def _scored(run: Run, source: Any, settings: DataSettings, seed: int) -> _New:
    model = load_model(run.path / "model", known=run.environment.get("model_sha256"))
    aligned = read_new(model, source, settings)
    if settings.target is not None and "target" not in aligned.samples:
        raise DataError(
            f"There is no column {settings.target!r} in the new data. Name the column with the outcomes, or leave --target away."
        )
    ids = aligned.samples.index.to_numpy(dtype=str)
    patients = ids
    if "patient" in aligned.samples:
        named = aligned.samples["patient"]
        patients = np.where(named.isna(), ids, named.astype(str).to_numpy())
    scores, distances = model.scores_and_distances(aligned.inputs)
    return _New(model, aligned, patients, scores, distances, _deal(run, model, patients, seed))


def _deal(run: Run, model: Model, patients: np.ndarray, seed: int) -> np.ndarray:
    """The number of a fold of the first repeat for each sample, (n,), as often as patients of the run were tested in it."""
    codes = np.unique(patients, return_inverse=True)[1]
    rng = np.random.default_rng(derive(seed, 1))
    tested = run.predictions[(run.predictions["part"] == "test") & (run.predictions["repeat"] == 0)]
    sizes = tested.groupby("fold")["patient"].nunique().to_numpy(dtype=float)
    return rng.choice(len(sizes), size=int(codes.max()) + 1, p=sizes / sizes.sum())[codes]


def _distance(run: Run, new: _New, rows: np.ndarray) -> list[dict[str, Any]]:
    """Distance from training, against that of held-out samples."""
    name = "distance from training"
    if not new.model.novelties:
        return [_not_compared(name, "the model keeps no distances")]
    if run.settings.get("folds", {}).get("scheme") == "site":
        return [_not_compared(name, "held-out samples came from sites that the members had not seen")]
    usual = [float(np.median(novelty.held_out)) or 1.0 for novelty in new.model.novelties]
    known = np.concatenate([novelty.held_out / one for novelty, one in zip(new.model.novelties, usual, strict=True)])
    dealt = new.dealt[rows] % len(usual)
    found = new.distances[dealt, rows] / np.array(usual)[dealt]
    return [
        _compared(name, known, found, "New patients lie at another distance from training than held-out ones did ({}).")
    ]


def _scores(run: Run, new: _New, rows: np.ndarray) -> list[dict[str, Any]]:
    """Scores, against those of the test patients of the first repeat."""
    task = new.model.task
    wanted = task.score_columns()[-1:] if task.kind != "multiclass" else task.score_columns()
    if why := _not_alike(run, new.model):
        return [_not_compared("score", why)]
    test = run.predictions[(run.predictions["part"] == "test") & (run.predictions["repeat"] == 0)]
    test = test.iloc[one_per_patient(test["patient"].to_numpy(), 0)]
    own = _own_scores(new)
    records = []
    for name in wanted:
        column = own if task.kind == "regression" else own[:, task.score_columns().index(name)]
        what = "Predictions" if name == "predicted" else f"Scores of {name.removeprefix('score_')}"
        known = test[name].to_numpy(dtype=np.float64)
        records.append(_compared(what.lower(), known, column[rows], f"{what} are distributed otherwise ({{}})."))
    return records


def _own_scores(new: _New) -> np.ndarray:
    """Scores of each sample by the member it was dealt to, (n, classes) or (n,)."""
    first = new.dealt if len(new.scores) > 1 else np.zeros_like(new.dealt)
    own: np.ndarray = new.scores[first, np.arange(len(first))]
    return own


def _not_alike(run: Run, model: Model) -> str:
    """Why scores of new patients would differ from those of test patients without any drift; empty if they would not."""
    if model.final == "refit":
        return "the final model was trained once more and has no test patients of its own"
    if run.settings.get("folds", {}).get("scheme") == "site":
        return "test patients were scored by models that had not seen their site"
    return ""


def _latent(run: Run, new: _New, seed: int) -> dict[str, Any]:
    """The cloud of new vectors, against the cloud of those that were kept."""
    kept = KeptVectors.load(run.path / FOLDER)
    if kept is None or kept.member not in new.model.names:
        return _not_compared("latent space", "the run keeps no vectors of its patients")
    codes = np.unique(new.patients, return_inverse=True)[1]
    turn = np.random.default_rng(derive(seed, 2)).permutation(int(codes.max()) + 1)[codes]
    rows = np.flatnonzero((np.cumsum(np.bincount(turn)) <= MOST_VECTORS)[turn])
    places = kept.place(new.model.members[new.model.names.index(kept.member)], new.aligned.inputs.take(rows))
    found = discrepancy(kept.places, places, kept.patients, codes[rows], seed=derive(seed, 3))
    name = "latent space" if kept.of == "latent" else "all columns together"
    record = {"name": name, "p": found.p, "value": found.value, "bandwidth": found.bandwidth, "why": found.why}
    counts = {"known_patients": found.known_patients, "new_patients": found.new_patients}
    sentence = f"In the {name} new patients lie elsewhere than known ones."
    words = f"squared discrepancy {found.value:z.4f}".replace("-", "−") if found.value is not None else found.why
    verdict = {"verdict": TOO_FEW} if found.p is None and found.why.startswith("fewer") else {}
    return {**record, **counts, "permutations": found.permutations, "words": words, "sentence": sentence, **verdict}


def _compared(name: str, known: np.ndarray, new: np.ndarray, sentence: str) -> dict[str, Any]:
    """One number of known and new patients as a column of its own."""
    before = histogram(name, "number", known)
    record = column_record(before, counted(before, new))
    sizes = {"known_patients": len(known), "new_patients": len(new)}
    return {**record, **sizes, "sentence": sentence.format(record["words"])}


def _not_compared(name: str, why: str) -> dict[str, Any]:
    return {"name": name, "p": None, "why": why, "words": why, "sentence": "", "known_patients": 0, "new_patients": 0}


def _outcomes(run: Run, new: _New, settings: DataSettings, seed: int) -> dict[str, Any]:
    """Estimates of the model on new patients, and what changed since its test patients."""
    task, samples = new.model.task, new.aligned.samples
    known = ~samples["target"].isna().to_numpy() & ~pd.isna(read_text(samples["target"]))
    target = _targets(samples["target"][known], str(settings.target), settings.decimal, task)
    fold = np.zeros(len(new.dealt), dtype=int) if _not_alike(run, new.model) else new.dealt
    table = pd.DataFrame(
        {"sample": samples.index[known], "patient": new.patients[known], "repeat": 0, "fold": fold[known]}
    )
    table["part"], table["target"] = "test", target
    mean, own = new.scores.mean(axis=0), _own_scores(new) if fold.any() else new.scores.mean(axis=0)
    record: dict[str, Any] = {
        "samples": int(known.sum()), "patients": int(table["patient"].nunique()), "without": int((~known).sum()),
        "events": {name: int((target == name).sum()) for name in task.classes}, "changes": [], "estimates": [],
    }  # fmt: skip
    some, enough = enough_outcomes(table, task)
    if not some:
        return {
            **record,
            "changes": [{**_not_compared("outcomes", "fewer than 10 patients of a class"), "verdict": TOO_FEW}],
        }
    asked = build_settings(run)
    scored = table.assign(**dict(zip(task.score_columns(), own[known].reshape(len(table), -1).T, strict=True)))
    changes = outcome_changes(
        run.predictions, scored, task, resamples=asked.resamples, level=asked.level, seed=derive(seed, 4) % 2**32
    )
    for change in changes:
        label = _metric_words(change)
        record["changes"].append({**change, "name": label, "enough": enough, **_change_words(label, change)})
    deployed = table.assign(
        fold=0, **dict(zip(task.score_columns(), mean[known].reshape(len(table), -1).T, strict=True))
    )
    fixed = {"threshold": "fixed", "threshold_value": new.model.threshold} if new.model.threshold is not None else {}
    judge = EvaluationSettings(resamples=asked.resamples, level=asked.level, **fixed)  # type: ignore[arg-type]
    record["estimates"] = performance(deployed, task, judge, seed=seed)[0]["estimates"]
    return record


def build_settings(run: Run) -> EvaluationSettings:
    """Resamples and level of the run."""
    known = run.settings.get("evaluation", {})
    return EvaluationSettings(**{name: known[name] for name in ("resamples", "level") if name in known})


def _metric_words(change: dict[str, Any]) -> str:
    of = f" of {change['of']}" if change["of"] not in ("", "macro") else ""
    return f"{LABELS[change['metric']]}{of}"


def _change_words(label: str, change: dict[str, Any]) -> dict[str, str]:
    before, now = (Estimate.from_dict(change[key]).text().replace("-", "−") for key in ("before", "now"))
    return {
        "words": f"{before} before, {now} now",
        "sentence": f"{label[0].upper()}{label[1:]} was {before} and is {now}.",
    }


def _targets(raw: pd.Series, name: str, decimal: str, task: Task) -> np.ndarray:
    """Outcomes as training names them, (n,).

    Raises:
        DataError: if one is none of the classes, or no number where one is needed.
    """
    raw = raw.reset_index(drop=True)
    if task.kind == "regression":
        numbers = as_numbers(text_cells(raw), decimal)
        odd = np.flatnonzero(~np.isfinite(numbers))
        if len(odd):
            raise DataError(f"Column {name!r} holds {raw[odd[0]]!r}, where the model predicts a number.")
        return numbers
    if not len(raw):
        return np.empty(0, dtype=object)
    (column,), _ = read_cells(raw.to_frame(name), decimal=decimal)
    found = class_names(raw, column)
    if not set(found) <= set(task.classes):
        found = read_text(raw)
    unknown = sorted(set(found) - set(task.classes))
    if unknown:
        raise DataError(
            f"Column {name!r} has the outcome {unknown[0]!r}, but the model knows {', '.join(task.classes)}."
            f"{nearest(unknown[0], task.classes)} Name the outcomes as in training."
        )
    return np.asarray(found, dtype=object)


def _by_evidence(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The least likely by chance first; among equals the one that changed most."""

    def key(one: dict[str, Any]) -> tuple[float, float, float]:
        found = [value for value in (one["p"], one["p_missing"]) if value is not None]
        adjusted = one["p_adjusted"]
        return (1.0 if adjusted is None else adjusted, min(found, default=1.0), -(one["psi"] or 0.0))

    return sorted(columns, key=key)


def _facts(run: Run, source: Any, new: _New, settings: DataSettings, seed: int) -> dict[str, Any]:
    named = "a data frame" if isinstance(source, pd.DataFrame) else str(source)
    return {
        "run": run.path.name,
        "source": named,
        "kind": new.aligned.inputs.kind,
        "patient_column": "patient" in new.aligned.samples,
        "target": settings.target,
        "final": new.model.final,
        "findings": [{**one.__dict__, "columns": list(one.columns)} for one in new.aligned.findings],
        "seed": seed,
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "bedside": versions()["bedside"],
        "model_sha256": run.environment.get("model_sha256"),
    }


def _beside(run: Path, source: Any) -> Path:
    """A new folder beside the run, with a number added if there is one already."""
    stem = "new" if isinstance(source, pd.DataFrame) else Path(source).stem or "new"
    for k in range(1, 10_000):
        path = run.parent / f"{run.name}-monitor-{stem}{'' if k == 1 else f'-{k}'}"
        if not path.exists():
            return path
    raise SettingError(f"{count(10_000, 'folder')} of {run.name} are there already; name one with -o.")
