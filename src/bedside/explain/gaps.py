"""How well a model fills gaps: known cells of test samples are hidden from it, and what it puts there is held against them.

What it must beat is what the preparation does without any model: the median of the training samples, or their most
frequent level.
"""

from typing import Any

import numpy as np
import pandas as pd

from bedside.evaluation.intervals import percentile, resample
from bedside.explain.columns import TableScene
from bedside.seeds import derive
from bedside.training.filled import gives_back, reconstructed

HIDDEN = 0.2  # of the known cells of each test sample, at random
FEWEST = 8  # patients below which nothing is said


def fills_gaps(scene: TableScene) -> bool:
    return all(gives_back(part.fitted) for part in scene.parts)


def measure(scene: TableScene, *, resamples: int, level: float, seed: int) -> dict[str, Any]:
    """What was hidden and how near the guesses came, by column and over all.

    Errors of numbers are in standard deviations of the training samples, so that columns can be added up; of yes and no
    and of categories the share of wrong guesses counts.

    Returns:
        The record gaps.json: `columns` with errors of the model and of the usual value, `numbers` and `levels` over all
        columns with the ratio of both errors and its interval over patients, and `sentences`.
    """
    found = pd.concat([_hidden(scene, k, derive(seed, k)) for k in range(len(scene.parts))], ignore_index=True)
    units = scene.patients[found["place"].to_numpy()]
    columns = []
    for feature in scene.cohort.inputs.features:
        rows = found[found["column"] == feature.name]
        if len(rows):
            both = {name: _error(rows[name], feature.kind) for name in ("model", "usual")}
            columns.append({"column": feature.name, "kind": feature.kind, "cells": len(rows), **both})
    number = found["number"].to_numpy(dtype=bool)
    how: dict[str, Any] = {"resamples": resamples, "level": level, "seed": derive(seed, 99)}
    record: dict[str, Any] = {"hidden": HIDDEN, "level": level, "cells": len(found), "columns": columns}
    for name, chosen in (("numbers", number), ("levels", ~number)):
        record[name] = _over_all(found[chosen], units[chosen], root=name == "numbers", **how)
    return {**record, "sentences": _sentences(record)}


def _hidden(scene: TableScene, number: int, seed: int) -> pd.DataFrame:
    """One row per hidden cell of the samples that a member tested: place, column, squared error or miss of both guesses."""
    part = scene.parts[number]
    inputs = scene.cohort.inputs.take(scene.rows[part.places])
    truth: pd.DataFrame = inputs.frame
    gone = (np.random.default_rng(seed).random(truth.shape) < HIDDEN) & ~pd.isna(truth).to_numpy()
    guesses = reconstructed([part.fitted], type(inputs)(truth.mask(gone), inputs.features))
    train = scene.cohort.inputs.take(scene.train[part.name]).frame
    blocks = []
    for k, feature in enumerate(inputs.features):
        rows = np.flatnonzero(gone[:, k])
        known, own = train[feature.name].dropna(), truth[feature.name].to_numpy()[rows]
        guess = guesses[feature.name].to_numpy()[rows]
        if feature.kind in ("number", "date"):
            spread = float(known.std(ddof=0))
            if not spread > 0:
                continue
            scores = {"model": ((guess - own) / spread) ** 2, "usual": ((known.median() - own) / spread) ** 2}
        elif known.empty:
            continue
        else:
            guess = guess if feature.kind == "category" else (guess > 0.5).astype(float)
            scores = {"model": guess != own, "usual": known.mode().iloc[0] != own}
        table = pd.DataFrame({name: np.asarray(values, dtype=np.float64) for name, values in scores.items()})
        table["place"], table["column"] = part.places[rows], feature.name
        table["number"] = feature.kind in ("number", "date")
        blocks.append(table)
    return pd.concat(blocks) if blocks else pd.DataFrame(columns=["model", "usual", "place", "column", "number"])


def _error(values: pd.Series, kind: str) -> float:
    """Root of the mean square, or the share of wrong guesses."""
    return float(np.sqrt(values.mean())) if kind in ("number", "date") else float(values.mean())


def _over_all(
    found: pd.DataFrame, units: np.ndarray, *, root: bool, resamples: int, level: float, seed: int
) -> dict[str, Any] | None:
    """Errors over all cells, and their ratio with its interval over patients; None if no cell was hidden."""
    if not len(found):
        return None
    names, numbers = np.unique(units, return_inverse=True)
    sums = np.stack([np.bincount(numbers, found[name].to_numpy(dtype=np.float64)) for name in ("model", "usual")])
    counts = np.bincount(numbers)

    def ratio(times: np.ndarray) -> np.ndarray:
        model, usual = times @ sums[0], times @ sums[1]
        shares = np.divide(model, usual, out=np.full(len(times), np.nan), where=usual > 0)
        return (np.sqrt(shares) if root else shares)[:, None]

    errors = sums.sum(axis=1) / counts.sum()
    value = float(ratio(np.ones((1, len(names))))[0, 0])
    low, high = None, None
    if len(names) >= FEWEST and np.isfinite(value):
        draws = resample(ratio, counts[:, None], resamples=resamples, seed=seed)
        low, high, _ = percentile(draws[:, 0], level=level, n_patients=len(names))
    model, usual = (float(np.sqrt(one)) if root else float(one) for one in errors)
    ends = {"ratio": value if np.isfinite(value) else None, "low": low, "high": high}
    return {"cells": len(found), "patients": len(names), "model": model, "usual": usual, **ends}


def _sentences(record: dict[str, Any]) -> list[str]:
    told = {
        "numbers": ("numbers", "the median of the training samples", "root mean squared error"),
        "levels": ("categories", "the most frequent level of the training samples", "share of wrong guesses"),
    }
    said = []
    for name, (what, usual, error) in told.items():
        one = record[name]
        if one is None:
            continue
        if one["low"] is None or one["high"] is None:
            said.append(f"Too few patients to tell whether the model guesses {what} better than {usual} does.")
            continue
        verdict = f"The model is not shown to guess {what} better than {usual} does"
        if one["high"] < 1:
            verdict = f"The model guesses {what} better than {usual} does"
        elif one["low"] > 1:
            verdict = f"The model guesses {what} worse than {usual} does"
        more = (
            ""
            if one["high"] < 1
            else " Take the simple way, or let the model learn from all samples (model.learn_from=all)."
        )
        unit = " standard deviations" if name == "numbers" else ""
        said.append(
            f"{verdict}: {error} {one['model']:.2f}{unit} against {one['usual']:.2f}, ratio {one['ratio']:.2f} "
            f"[{one['low']:.2f}, {one['high']:.2f}] on {one['cells']:,} hidden cells of {one['patients']:,} patients.{more}"
        )
    return said
