"""A cohort in numbers, as plain values for description.json."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
from bedside.data.molecules.description import describe_molecules
from bedside.data.pixels import ImageInputs
from bedside.data.signals.description import describe_signals
from bedside.data.table import Feature
from bedside.errors import SettingError

DESCRIBED = {
    "image": "images",
    "signal": "signals",
    "graph": "molecules",
}  # where it is told what inputs without columns are like
MOST_SIZES = 6
MOST_LEVELS = 12  # shown per category; `n_levels` tells how many there are


def kind_of(description: Mapping[str, Any]) -> str:
    """What the samples are of which this is the description: "table", "image", "signal" or "graph"."""
    return next((kind for kind, name in DESCRIBED.items() if name in description), "table")


NOT_SENT = {"signal": "recordings", "graph": "molecules"}  # what the server, assistants and ONNX do not read yet


def refuse_unsent(description: Mapping[str, Any], verb: str) -> None:
    """Refuse a run on samples that cannot be sent yet.

    Raises:
        SettingError: naming the verb that scores them.
    """
    things = NOT_SENT.get(kind_of(description))
    if things:
        raise SettingError(f"`bedside {verb}` does not read {things} yet; score them with `bedside predict RUN FILE`.")


def describe(cohort: Cohort) -> dict[str, Any]:
    """Samples, patients, classes, sites, and one record per feature; numbers of dates are decimal years."""
    roles, task = cohort.roles, cohort.task
    own = {"image": _images, "signal": _signals, "graph": describe_molecules}.get(cohort.inputs.kind)
    return {
        "name": cohort.name,
        "about": dict(cohort.about),
        "samples": len(cohort),
        "patients": cohort.n_patients,
        "roles": {**roles.__dict__, "subgroups": list(roles.subgroups)},
        "task": {"kind": task.kind, "classes": list(task.classes), "positive": task.positive},
        "target": _target(cohort),
        "sites": _groups(cohort, "site", sorted(cohort.samples["site"].unique())) if "site" in cohort.samples else [],
        "features": _features(cohort) if own is None else [],
        "linked": _linked(cohort),
        "flow": _flow(cohort),
        **({DESCRIBED[cohort.inputs.kind]: own(cohort)} if own is not None else {}),
    }


def _flow(cohort: Cohort) -> dict[str, Any]:
    """Samples and patients that were read, and those left out before any split, with the reason; patients are None if only
    the samples that were left out would tell how many they are of."""
    excluded: list[dict[str, Any]] = []
    unreadable = getattr(cohort.inputs, "unreadable", ())
    if unreadable:
        thing = "image" if cohort.inputs.kind == "image" else "molecule"
        reason, lost = f"the {thing} could not be read", cohort.inputs.lost_patients
        excluded = [{"code": "unreadable", "reason": reason, "samples": len(unreadable), "patients": lost}]
    patients = [record["patients"] for record in excluded]
    read = {
        "samples": len(cohort) + sum(record["samples"] for record in excluded),
        "patients": None if None in patients else cohort.n_patients + sum(patients),
    }
    return {"read": read, "excluded": excluded}


def _linked(cohort: Cohort) -> dict[str, Any]:
    """Groups of duplicates; for images, how many samples repeat another pixel by pixel and how many only nearly, and how
    many groups the division that came with the data separates."""
    groups = pd.Series(cohort.linked)
    size = groups.map(groups.value_counts()).to_numpy()
    record: dict[str, Any] = {"groups": int(groups[size > 1].nunique()), "samples": int((size > 1).sum())}
    if not isinstance(cohort.inputs, ImageInputs):
        return record
    exact = cohort.inputs.records["sha256"].duplicated(keep=False).to_numpy() & (size > 1)
    apart = None if cohort.split is None else int((pd.Series(cohort.split).groupby(groups).nunique() > 1).sum())
    return {**record, "exact": int(exact.sum()), "near": int((size > 1).sum() - exact.sum()), "across_split": apart}


def _images(cohort: Cohort) -> dict[str, Any]:
    """Formats, sizes and depths of the images, and what could not be read."""
    inputs: ImageInputs = cohort.inputs
    records = inputs.records
    sizes = Counter(zip(records["width"], records["height"], strict=True))
    return {
        "formats": _counts(records["format"]),
        "channels": _counts(records["channels"]),
        "bits": _counts(records["bits"]),
        "sizes": [
            {"width": int(width), "height": int(height), "samples": int(n)}
            for (width, height), n in sizes.most_common(MOST_SIZES)
        ],
        "n_sizes": len(sizes),
        "smallest": [int(records["width"].min()), int(records["height"].min())],
        "largest": [int(records["width"].max()), int(records["height"].max())],
        "largest_value": int(records.loc[records["bits"] == 16, "largest"].max())
        if (records["bits"] == 16).any()
        else None,
        "unreadable": [{"name": name, "reason": reason} for name, reason in inputs.unreadable],
        "modality": cohort.about.get("modality"),
        "synthetic": cohort.about.get("synthetic"),
    }


def _signals(cohort: Cohort) -> dict[str, Any]:
    return {**describe_signals(cohort.inputs), "synthetic": cohort.about.get("synthetic")}


def _counts(series: pd.Series) -> dict[str, int]:
    """Samples of each value, the most frequent first."""
    return {str(value): int(n) for value, n in series.value_counts().items()}


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
