"""Look at the columns of a table before any model does: leaks, gaps, odd values, and too many features."""

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, share_text
from bedside.data import provenance
from bedside.data.codes import count, finding, listing
from bedside.data.derived import derived
from bedside.data.leaks import leaks
from bedside.data.prepared import prepared
from bedside.data.table import TableInputs

EVENTS_PER_FEATURE = 10
_CODES_FOR_MISSING = (-9, -99, -999, -9999, 99, 999, 9999, 99999)


def check(cohort: Cohort) -> list[Finding]:
    """What only a table can have."""
    given_away = leaks(cohort)
    known = {name for found in given_away for name in found.columns}
    sorted_rows = _order(cohort)
    return [
        *given_away,
        *derived(cohort, known),
        *_wide(cohort),
        *_gaps(cohort),
        *_values(cohort),
        *prepared(cohort),
        *provenance.site(cohort),
        *(sorted_rows or provenance.order(cohort)),
    ]


def alike(cohort: Cohort) -> str:
    """What linked samples have in common."""
    linked = pd.Series(cohort.linked).duplicated(keep=False).to_numpy()
    equal = cohort.inputs.frame[linked].duplicated(keep=False)
    return "identical features" if equal.all() else "identical or nearly identical features"


def _wide(cohort: Cohort) -> list[Finding]:
    """Too few samples or events to learn from this many features."""
    n, n_features, found = len(cohort), len(cohort.inputs.features), []
    if n_features > n:
        message = f"There are more features ({n_features:,}) than samples ({n:,}): little can be known, and a perfect fit to the training data means nothing."
        remedy = "Choose fewer features by medical knowledge, not by their relation to the target in these data."
        found.append(finding("warning", "wide", message, remedy))
    if cohort.task.kind == "regression":
        return found
    patients = cohort.samples.groupby("target", observed=True)["patient"].nunique()
    rarest, events = str(patients.idxmin()), int(patients.min())
    if events < EVENTS_PER_FEATURE * n_features:
        message = f"The rarest class, {rarest!r}, has {events / n_features:.2g} patients per feature ({events:,} for {n_features:,})."
        remedy = (
            f"Below {EVENTS_PER_FEATURE} overfitting is likely; this is a rule of thumb, the number needed depends on prevalence "
            "and on how well the outcome can be predicted (Riley et al. 2019, doi:10.1002/sim.7992)."
        )
        found.append(finding("note", "events-per-feature", message, remedy))
    return found


def _gaps(cohort: Cohort) -> list[Finding]:
    """Features that are mostly missing, or missing in one class much more than in another."""
    missing = cohort.inputs.frame.isna().to_numpy()
    share, found = missing.mean(axis=0), []
    names = np.array([feature.name for feature in cohort.inputs.features], dtype=object)
    half = np.flatnonzero(share > 0.5)
    if len(half):
        shown = ", ".join(f"'{names[i]}' ({share_text(share[i])})" for i in half[:6]) + (
            f" and {len(half) - 6} more" if len(half) > 6 else ""
        )
        message = f"More than half is missing in {count(len(half), 'column')}: {shown}."
        found.append(
            finding(
                "warning",
                "missing-half",
                message,
                "Ask why, and whether it will be known in practice; leave out what will not.",
                names[half],
            )
        )
    if cohort.task.kind == "regression" or not missing.any():
        return found
    member = np.eye(len(cohort.task.classes))[cohort.target]
    sizes = member.sum(axis=0)
    rates = (missing.T @ member) / sizes  # (features, classes)
    low, high = rates.argmin(axis=1), rates.argmax(axis=1)
    gap = rates.max(axis=1) - rates.min(axis=1)
    spread = np.sqrt(share * (1 - share) * (1 / sizes[low] + 1 / sizes[high]))
    for i in np.flatnonzero((gap > 0.2) & (gap > 4 * spread)):
        one, other = cohort.task.classes[high[i]], cohort.task.classes[low[i]]
        message = f"Column '{names[i]}' is missing in {share_text(rates[i, high[i]])} of class {one!r} but in {share_text(rates[i, low[i]])} of class {other!r}."
        remedy = "A model may learn who was examined instead of what was found; ask why it is missing."
        found.append(finding("warning", "missing-differs", message, remedy, (str(names[i]),)))
    return found


def _values(cohort: Cohort) -> list[Finding]:
    """Numbers that may be codes for missing, and levels that differ only in spelling."""
    inputs: TableInputs = cohort.inputs
    found = []
    for feature, (_, series) in zip(inputs.features, inputs.frame.items(), strict=True):
        if feature.kind == "category":
            same = pd.Series(feature.levels, dtype=object).groupby(
                [" ".join(level.casefold().split()) for level in feature.levels]
            )
            twins = [listing(list(group)) for _, group in same if len(group) > 1]
            if twins:
                message = (
                    f"Column '{feature.name}' has levels that differ only in case or spaces: {'; '.join(twins[:4])}."
                )
                found.append(
                    finding(
                        "warning", "spelling", message, "Write them alike, or they count as different.", (feature.name,)
                    )
                )
        elif feature.kind == "number" and {feature.low, feature.high} & set(_CODES_FOR_MISSING):
            found += _number_code(feature.name, series.to_numpy())
    return found


def _number_code(name: str, values: np.ndarray) -> list[Finding]:
    """A code such as -9 or 999 that comes at least twice and lies further out than the others are wide."""
    levels, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    found = []
    for here, rest in ((0, levels[1:]), (-1, levels[:-1])):
        if len(rest) < 2 or levels[here] not in _CODES_FOR_MISSING or counts[here] < 2:
            continue
        distance = np.abs(rest - levels[here]).min()
        if distance > rest.max() - rest.min() or (levels[here] < 0 <= rest.min()):
            message = f"Column '{name}' holds {levels[here]:g} in {count(int(counts[here]), 'sample')}; the other values lie from {rest.min():g} to {rest.max():g}."
            found.append(
                finding("warning", "number-code", message, "If it means missing, leave these cells empty.", (name,))
            )
    return found


def _order(cohort: Cohort) -> list[Finding]:
    """Rows sorted by the target: harmless for shuffled folds, but then the order of recruitment is lost."""
    target = cohort.target
    steps = np.diff(target)
    if cohort.task.kind == "regression":
        in_order = bool(np.all(steps >= 0) or np.all(steps <= 0))
    else:
        in_order = int((steps != 0).sum()) == len(cohort.task.classes) - 1
    if len(cohort) < 20 or not in_order:
        return []
    message = "The rows of the file are sorted by the target."
    remedy = (
        "Folds are shuffled, so nothing is lost; but a row number or a date in the features would give the target away."
    )
    return [finding("note", "order", message, remedy)]
