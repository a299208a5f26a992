"""Judge anybody's predictions from a file; the same as `bedside evaluate`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.data.files import read_file, refuse_idle
from bedside.errors import SettingError
from bedside.evaluation import evaluate
from bedside.evaluation.audit import audit
from bedside.evaluation.foreign import foreign, is_own
from bedside.settings import DataSettings, EvaluationSettings


def evaluate_table(
    predictions: pd.DataFrame | str | Path,
    *,
    target: str | None = None,
    score: str | None = None,
    predicted: str | None = None,
    positive: str | None = None,
    patient: str | None = None,
    threshold: float | None = None,
    settings: EvaluationSettings | None = None,
    reading: DataSettings | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Every estimate with its interval, from a table with one row per sample: a vendor's scores, a colleague's, ours.

    Args:
        predictions: data frame, or CSV, TSV, Parquet or Excel file.
        target, score, predicted, positive, patient: columns and positive class, see `evaluation.foreign.foreign`.
        threshold: decision threshold in 0..1; without it, and without validation rows to choose it on, 0.5.
        settings: resamples, level and threshold rule; not together with `threshold`.
        reading: separator, decimal mark, encoding and sheet of the file.
        seed: drives the resampling.

    Returns:
        What a run keeps as estimates.json; `["estimates"]` holds the numbers, `["sentences"]` the words. Also
        `["findings"]`: what the table shows of patients on both sides of a split.

    Raises:
        DataError: if a column is missing, scores are not probabilities, or one class only is there.
        SettingError: if both `threshold` and `settings` are given, or an option has no effect on these predictions.
    """
    reading = reading or DataSettings()
    if isinstance(predictions, pd.DataFrame):
        refuse_idle(reading, ("separator", "decimal", "encoding", "sheet"), "a DataFrame")
    else:
        predictions = read_file(Path(predictions), reading)
    named, task = foreign(
        predictions, target=target, score=score, predicted=predicted, positive=positive, patient=patient,
        decimal=reading.decimal,
    )  # fmt: skip
    if threshold is not None:
        if task.kind != "binary":
            raise SettingError(f"threshold={threshold:g} has no effect: the task is {task.kind}. Leave it away.")
        if settings is not None:
            raise SettingError("Give the threshold within settings, or without settings, but not both.")
        settings = EvaluationSettings(threshold="fixed", threshold_value=threshold)
    known = not named["patient"].astype(str).equals(named["sample"].astype(str))  # else each sample is its own patient
    record = evaluate(named, task, settings or EvaluationSettings(), seed=seed, patient_column=known)
    found = audit(named, predictions, own=is_own(predictions), patients_known=known)
    return {**record, "findings": [asdict(finding) for finding in found]}
