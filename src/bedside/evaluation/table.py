"""Judge anybody's predictions from a file; the same as `bedside evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bedside import formulas
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
    settings: EvaluationSettings | Mapping[str, Any] | None = None,
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
        settings: resamples, level, interval, bands, threshold rule and prevalence, as settings or as values such as
            {"evaluation": {"resamples": 5000}}; a threshold rule or prevalence here, or `threshold` and `prevalence`.
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
        if is_own(predictions):
            predictions = formulas.unmarked(predictions)
    named, task = foreign(
        predictions, target=target, score=score, predicted=predicted, positive=positive, patient=patient,
        site=site, subgroups=subgroups, decimal=reading.decimal,
    )  # fmt: skip
    settings = _settings(settings, threshold, prevalence)
    for name, value in (("threshold", threshold), ("prevalence", settings.prevalence)):
        if value is not None and task.kind != "binary":
            raise SettingError(f"{name}={value:g} has no effect: the task is {task.kind}. Leave it away.")
    rule = settings.threshold if "threshold" in settings.model_fields_set else "fixed"
    if rule != "fixed" and not (named["part"] == "valid").any():
        raise SettingError(
            f"evaluation.threshold={rule} has no effect: these predictions bring no validation samples, and a threshold "
            "is not chosen on the samples that test it. Give the threshold itself (--threshold 0.3)."
        )
    known = not named["patient"].astype(str).equals(named["sample"].astype(str))  # else each sample is its own patient
    record = evaluate(named, task, settings, seed=seed, patient_column=known)
    found = audit(named, predictions, own=is_own(predictions), patients_known=known)
    return {**record, "findings": [asdict(finding) for finding in found]}


def _settings(
    asked: EvaluationSettings | Mapping[str, Any] | None, threshold: float | None, prevalence: float | None
) -> EvaluationSettings:
    """One set of settings from what was asked in either way.

    Raises:
        SettingError: if both ways say something, or a setting is for training only.
    """
    given = {"threshold_value": threshold, "prevalence": prevalence}
    given = {name: value for name, value in given.items() if value is not None}
    if isinstance(asked, EvaluationSettings):
        if given:
            raise SettingError("Give threshold and prevalence within settings, or without settings, but not both.")
        return asked
    values = dict(asked or {})
    for name in values:
        if name != "evaluation":
            raise SettingError(f"{name} has no effect on predictions that are there already; only evaluation has.")
    values = dict(values.get("evaluation") or {})
    for name in ("recalibrate", "baseline"):
        if name in values:
            raise SettingError(
                f"evaluation.{name} has no effect on predictions that are there already: it acts when a model is trained."
            )
    twice = {*values} & ({*given} | ({"threshold"} if threshold is not None else set()))
    if twice:
        raise SettingError(f"evaluation.{min(twice)} is given twice: as a setting and as an option. Leave one away.")
    rule: dict[str, Any] = {"threshold": "fixed"} if threshold is not None else {}
    found: EvaluationSettings = build(EvaluationSettings, {**rule, **given, **values}, prefix="evaluation.")
    return found
