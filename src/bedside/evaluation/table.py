"""Judge anybody's predictions from a file; the same as `bedside evaluate`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bedside.data.files import read_file, refuse_idle
from bedside.errors import SettingError
from bedside.evaluation import evaluate
from bedside.evaluation.audit import audit
from bedside.evaluation.foreign import foreign, is_own
from bedside.settings import DataSettings, EvaluationSettings, build


def evaluate_table(
    predictions: pd.DataFrame | str | Path,
    *,
    target: str | None = None,
    score: str | None = None,
    predicted: str | None = None,
    positive: str | None = None,
    patient: str | None = None,
    site: str | None = None,
    subgroups: Sequence[str] = (),
    threshold: float | None = None,
    prevalence: float | None = None,
    settings: EvaluationSettings | None = None,
    reading: DataSettings | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Every estimate with its interval, from a table with one row per sample: a vendor's scores, a colleague's, ours.

    Args:
        predictions: data frame, or CSV, TSV, Parquet or Excel file.
        target, score, predicted, positive, patient, site, subgroups: columns and positive class, see
            `evaluation.foreign.foreign`.
        threshold: decision threshold in 0..1; without it, and without validation rows to choose it on, 0.5.
        prevalence: share of the positive class where the scores will be used, in 0..1; gives predictive values there.
        settings: resamples, level, interval, threshold rule and prevalence; not together with `threshold` or
            `prevalence`.
        reading: separator, decimal mark, encoding and sheet of the file.
        seed: drives the resampling.

    Returns:
        What a run keeps as estimates.json; `["estimates"]` holds the numbers, `["sentences"]` the words. Also
        `["findings"]`: what the table shows of patients on both sides of a split.

    Raises:
        DataError: if a column is missing, scores are not probabilities, or one class only is there.
        SettingError: if `threshold` or `prevalence` are given beside `settings`, or an option has no effect on these predictions.
    """
    reading = reading or DataSettings()
    if isinstance(predictions, pd.DataFrame):
        refuse_idle(reading, ("separator", "decimal", "encoding", "sheet"), "a DataFrame")
    else:
        predictions = read_file(Path(predictions), reading)
    named, task = foreign(
        predictions, target=target, score=score, predicted=predicted, positive=positive, patient=patient,
        site=site, subgroups=subgroups, decimal=reading.decimal,
    )  # fmt: skip
    given = {"threshold_value": threshold, "prevalence": prevalence}
    given = {name: value for name, value in given.items() if value is not None}
    if given and settings is not None:
        raise SettingError("Give threshold and prevalence within settings, or without settings, but not both.")
    for name, value in {**given, **({"prevalence": settings.prevalence} if settings else {})}.items():
        if value is not None and task.kind != "binary":
            shown = name.removesuffix("_value")
            raise SettingError(f"{shown}={value:g} has no effect: the task is {task.kind}. Leave it away.")
    if settings is None:
        rule: dict[str, Any] = {"threshold": "fixed"} if threshold is not None else {}
        settings = build(EvaluationSettings, {**rule, **given}, prefix="evaluation.")
    known = not named["patient"].astype(str).equals(named["sample"].astype(str))  # else each sample is its own patient
    record = evaluate(named, task, settings, seed=seed, patient_column=known)
    found = audit(named, predictions, own=is_own(predictions), patients_known=known)
    return {**record, "findings": [asdict(finding) for finding in found]}
