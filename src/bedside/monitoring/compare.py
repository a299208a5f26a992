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

import pandas as pd

from bedside.claim import claim, filled
from bedside.cohort import Finding
from bedside.data.codes import count
from bedside.environment import versions
from bedside.errors import SettingError
from bedside.evaluation.drift_verdict import column_record, judged
from bedside.folder import Run, open_run, write_json
from bedside.monitoring.outcomes import outcomes
from bedside.monitoring.samples import NewSamples, scored
from bedside.monitoring.whole import distance, latent, scores
from bedside.reference import FOLDER, count_new, read_columns
from bedside.report.monitor import write_monitor
from bedside.scoring import reading_of
from bedside.seeds import derive, one_per_patient
from bedside.settings import DataSettings


@dataclass(frozen=True)
class Monitoring:
    """The folder that was written, and what monitor.json in it holds."""

    path: Path
    record: dict[str, Any]
    findings: Sequence[Finding]

    @property
    def drift(self) -> bool:
        return bool(self.record["verdict"] == "drift")


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
    opened.require_finished()
    known = read_columns(opened.path / FOLDER)
    asked = reading_of(opened, settings, target)
    new = scored(opened, source, asked, seed)
    rows = one_per_patient(new.patients, derive(seed, 0))
    n = {"known_patients": known["patients"], "new_patients": len(rows), "new_samples": len(new.patients)}
    columns = [
        column_record(one, found)
        for one, found in zip(known["columns"], count_new(new.aligned.inputs.take(rows), known), strict=True)
    ]
    whole = [*distance(opened, new, rows), latent(opened, new, seed), *scores(opened, new, rows)]
    told = outcomes(opened, new, seed)
    record = judged(columns, [*whole, *(told["changes"] if told else [])], n)
    record |= {"n": n, "columns": _by_evidence(columns), "whole": whole, "outcomes": told}
    record |= _facts(opened, source, new, asked, seed)
    path = claim(f"{opened.path.name}-monitor", output if output is not None else _beside(opened.path, source))
    with filled(path) as folder:
        write_json(folder / "monitor.json", record)
        write_monitor(folder, record, opened)
    return Monitoring(path, record, new.aligned.findings)


def _by_evidence(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The least likely by chance first; among equals the one that changed most."""

    def key(one: dict[str, Any]) -> tuple[float, float, float]:
        found = [value for value in (one["p"], one["p_missing"]) if value is not None]
        adjusted = one["p_adjusted"]
        return (1.0 if adjusted is None else adjusted, min(found, default=1.0), -(one["psi"] or 0.0))

    return sorted(columns, key=key)


def _facts(run: Run, source: Any, new: NewSamples, settings: DataSettings, seed: int) -> dict[str, Any]:
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
