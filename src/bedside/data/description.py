"""A cohort in numbers, as plain values for description.json."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
from bedside.data.table import Feature

MOST_LEVELS = 12  # shown per category; `n_levels` tells how many there are


def describe(cohort: Cohort) -> dict[str, Any]:
    """Samples, patients, classes, sites, and one record per feature; numbers of dates are decimal years."""
    roles, task = cohort.roles, cohort.task
    sizes = pd.Series(cohort.linked).value_counts()
    return {
        "name": cohort.name,
        "about": dict(cohort.about),
        "samples": len(cohort),
        "patients": cohort.n_patients,
        "roles": {**roles.__dict__, "subgroups": list(roles.subgroups)},
        "task": {"kind": task.kind, "classes": list(task.classes), "positive": task.positive},
        "target": _target(cohort),
        "sites": _groups(cohort, "site", sorted(cohort.samples["site"].unique())) if "site" in cohort.samples else [],
        "features": _features(cohort),
        "linked": {"groups": int((sizes > 1).sum()), "samples": int(sizes[sizes > 1].sum())},
    }


def _target(cohort: Cohort) -> Any:
    if cohort.task.kind == "regression":
        return _quantiles(cohort.target[:, None])[0]
    return _groups(cohort, "target", list(cohort.task.classes), word="class")


def _groups(cohort: Cohort, column: str, names: list[str], word: str | None = None) -> list[dict[str, Any]]:
    """Samples and patients of each value of a column, in the order of `names`."""
    patients = cohort.samples.groupby(column)["patient"]
    samples, distinct = patients.size().to_dict(), patients.nunique().to_dict()
    return [{word or column: name, "samples": int(samples[name]), "patients": int(distinct[name])} for name in names]


def _features(cohort: Cohort) -> list[dict[str, Any]]:
    frame, features = cohort.inputs.frame, cohort.inputs.features
    numeric = [feature.name for feature in features if feature.kind in ("number", "date")]
    summaries = dict(zip(numeric, _quantiles(frame[numeric].to_numpy(np.float64)), strict=True))
    missing = frame.isna().sum()
    return [
        {
            "name": f.name,
            "kind": f.kind,
            "missing": int(n),
            **(summaries[f.name] if f.name in summaries else _levels(f, frame[f.name])),
        }
        for f, n in zip(features, missing, strict=True)
    ]


def _quantiles(values: np.ndarray) -> list[dict[str, float]]:
    """Five numbers of each column, gaps left out; `values` has shape (n, columns)."""
    names = ("low", "q25", "median", "q75", "high")
    five = np.nanquantile(values, (0, 0.25, 0.5, 0.75, 1), axis=0) if values.size else np.empty((5, 0))
    return [dict(zip(names, map(float, column), strict=True)) for column in five.T]


def _levels(feature: Feature, series: pd.Series) -> dict[str, Any]:
    """The most frequent levels; a boolean's are named in the words of the file."""
    if feature.kind == "boolean":
        series = series.map(dict(enumerate(feature.levels)))
    counts = series.value_counts()
    levels = [{"level": str(level), "samples": int(n)} for level, n in counts.head(MOST_LEVELS).items()]
    return {"levels": levels, "n_levels": len(counts)}
