"""How many patients and samples were read, left out, and put into each part: every patient once on each level.

The form is that of the CONSORT flow diagram (Schulz et al. 2010, doi:10.1136/bmj.c332), as TRIPOD+AI asks for in item 20a.
"""

from typing import Any

import numpy as np

from bedside.folder import Run

PARTS = ("left_out", "train", "valid", "test")  # a patient with samples in several stands in the last of them


def flow(run: Run) -> dict[str, Any]:
    """Counts of each level as plain values.

    `read`, `excluded` (records with a reason), `kept`, `folds` (one record per fold: patients, samples and, for a binary
    task, samples of the positive class in each part) and `tested`, over all folds of a repeat. The patients of a fold's parts
    add up to those that were kept, and so do the samples.
    """
    description = run.description
    kept = {"samples": int(description["samples"]), "patients": int(description["patients"])}
    known = description.get("flow") or {"read": kept, "excluded": []}
    folds = fold_counts(run)
    return {
        **known,
        "kept": kept | ({"events": _events(run).sum().item()} if _positive(run) else {}),
        "folds": folds,
        "tested": {"samples": run.estimates["n"]["samples"], "patients": _tested(run)},
        "positive": _positive(run),
        "patient_column": bool(run.estimates["n"]["patient_column"]),
        "repeats": run.estimates["n"].get("divisions", run.estimates["n"]["repeats"]),
    }


def fold_counts(run: Run) -> list[dict[str, Any]]:
    """One record per fold: repeat, fold and `parts`, with every patient and every sample of the cohort in one of them."""
    cohort, folds = run.cohort, run.folds
    patients, names = _codes(cohort["patient"])
    rows = cohort["sample"].astype(str)
    place = dict(zip(rows, range(len(rows)), strict=True))
    at = folds["sample"].astype(str).map(place).to_numpy()
    part = folds["part"].map({name: k for k, name in enumerate(PARTS)}).to_numpy()
    events = _events(run)
    counts = []
    seeds = run.settings.get("folds", {}).get("seeds", 1)  # which share a division
    whole = folds.reset_index(drop=True)
    for (repeat, fold), members in whole[whole["repeat"] % seeds == 0].groupby(["repeat", "fold"]):
        index = members.index.to_numpy()
        of_sample = np.zeros(len(cohort), dtype=np.int64)  # who is in no part of a fold is left out of it
        of_sample[at[index]] = part[index]
        of_patient = np.zeros(names, dtype=np.int64)
        for k in range(1, len(PARTS)):
            of_patient[patients[of_sample == k]] = k
        counts.append(
            {"repeat": int(str(repeat)), "fold": int(str(fold)), "parts": _parts(of_sample, of_patient, events)}
        )
    return counts


def _parts(of_sample: np.ndarray, of_patient: np.ndarray, events: np.ndarray) -> dict[str, dict[str, int]]:
    sizes = {
        "samples": np.bincount(of_sample, minlength=len(PARTS)),
        "patients": np.bincount(of_patient, minlength=len(PARTS)),
    }
    if len(events):
        sizes["events"] = np.bincount(of_sample, weights=events, minlength=len(PARTS)).astype(int)
    return {name: {unit: int(counts[k]) for unit, counts in sizes.items()} for k, name in enumerate(PARTS)}


def _codes(column: Any) -> tuple[np.ndarray, int]:
    """Numbers from 0 for the values of a column, and how many there are."""
    values, codes = np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)
    return codes, len(values)


def _positive(run: Run) -> str | None:
    task = run.estimates["task"]
    return str(task["positive"]) if task["kind"] == "binary" else None


def _events(run: Run) -> np.ndarray:
    """1 for samples of the positive class, shape (n,); empty for other tasks."""
    positive = _positive(run)
    return np.empty(0) if positive is None else (run.cohort["target"] == positive).to_numpy(dtype=np.int64)


def _tested(run: Run) -> int:
    """Patients with a test sample in the first repeat, each counted as one whatever copies they share."""
    first = run.folds[(run.folds["part"] == "test") & (run.folds["repeat"] == run.folds["repeat"].min())]
    tested = run.cohort["sample"].astype(str).isin(set(first["sample"].astype(str)))
    return int(run.cohort.loc[tested, "patient"].nunique())


def part_range(folds: list[dict[str, Any]], part: str, unit: str) -> tuple[int, int]:
    """The smallest and the largest count of a part over the folds."""
    counts = [fold["parts"][part].get(unit, 0) for fold in folds]
    return min(counts), max(counts)


def range_text(low: int, high: int) -> str:
    """`192`, or `192 to 193`."""
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def range_words(folds: list[dict[str, Any]], part: str, unit: str, word: str) -> str:
    """`192 to 193 patients`, `1 patient`."""
    low, high = part_range(folds, part, unit)
    return f"{range_text(low, high)} {word if (low, high) == (1, 1) else word + 's'}"
