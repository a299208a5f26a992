"""Look at a cohort before any model does: leaks, duplicates, gaps, contradictions, and too few patients."""

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, Roles
from bedside.data import leaks as leak_scan
from bedside.data.codes import CODES, count, finding, listing, plural, worst_first
from bedside.data.table import TableInputs

FEW_PATIENTS = 20  # of a class, below which an interval for sensitivity is wider than about 0.4
RARE = 0.1  # share of samples below which a class is rare
EVENTS_PER_FEATURE = 10
_CODES_FOR_MISSING = (-9, -99, -999, -9999, 99, 999, 9999, 99999)

__all__ = ["CODES", "check", "refuse_leaks"]


def check(cohort: Cohort) -> list[Finding]:
    """Everything worth knowing before training, worst first; includes what was found while reading."""
    found = [*leak_scan.leaks(cohort), *cohort.findings, *_few(cohort), *_gaps(cohort), *_values(cohort)]
    return worst_first([*found, *_duplicates(cohort), *_patients(cohort), *_order(cohort), *_sites(cohort)])


def refuse_leaks(cohort: Cohort, allowed: tuple[str, ...] = ()) -> list[Finding]:
    """`check`, then refuse features that give the target away, unless a person has allowed them by name.

    Raises:
        LeakError: if a feature gives the target away and is not in `allowed`.
        SettingError: if a feature in `allowed` gives nothing away.
    """
    return worst_first(leak_scan.refuse_leaks(check(cohort), allowed))


def _few(cohort: Cohort) -> list[Finding]:
    """Too few samples, patients or events to learn from this many features."""
    n, n_features, found = len(cohort), len(cohort.inputs.features), []
    if n_features > n:
        message = f"There are more features ({n_features:,}) than samples ({n:,}): little can be known, and a perfect fit to the training data means nothing."
        remedy = "Choose fewer features by medical knowledge, not by their relation to the target in these data."
        found.append(finding("warning", "wide", message, remedy))
    if cohort.task.kind == "regression":
        return found
    patients = cohort.samples.groupby("target", observed=True)["patient"].nunique()
    few = [(name, int(patients[name])) for name in cohort.task.classes if patients[name] < FEW_PATIENTS]
    if len(few) == 1:
        message = (
            f"Class {few[0][0]!r} has {count(few[0][1], 'patient')}: whatever is measured in it will be uncertain."
        )
        found.append(finding("warning", "few-patients", message, "Collect more patients, or merge classes."))
    elif few:
        few.sort(key=lambda item: item[1])
        shown = ", ".join(f"{name!r} ({n})" for name, n in few[:6]) + (
            f" and {len(few) - 6} more" if len(few) > 6 else ""
        )
        message = f"{len(few)} classes have fewer than {FEW_PATIENTS} patients: {shown}. Whatever is measured in them will be uncertain."
        found.append(finding("warning", "few-patients", message, "Collect more patients, or merge classes."))
    rarest, events = str(patients.idxmin()), int(patients.min())
    if events < EVENTS_PER_FEATURE * n_features:
        message = f"The rarest class, {rarest!r}, has {events / n_features:.2g} patients per feature ({events:,} for {n_features:,})."
        remedy = (
            f"Below {EVENTS_PER_FEATURE} overfitting is likely; this is a rule of thumb, the number needed depends on prevalence "
            "and on how well the outcome can be predicted (Riley et al. 2019, doi:10.1002/sim.7992)."
        )
        found.append(finding("note", "events-per-feature", message, remedy))
    samples = cohort.samples["target"].value_counts()
    if samples.min() < RARE * n:
        message = f"Class {samples.idxmin()!r} is rare: {count(int(samples.min()), 'sample')} of {n:,} ({samples.min() / n:.1%}). Accuracy says little here."
        found.append(
            finding("note", "imbalance", message, "Look at sensitivity, predictive values and average precision.")
        )
    return found


def _gaps(cohort: Cohort) -> list[Finding]:
    """Features that are mostly missing, or missing in one class much more than in another."""
    missing = cohort.inputs.frame.isna().to_numpy()
    share, found = missing.mean(axis=0), []
    names = np.array([feature.name for feature in cohort.inputs.features], dtype=object)
    half = np.flatnonzero(share > 0.5)
    if len(half):
        shown = ", ".join(f"'{names[i]}' ({share[i]:.0%})" for i in half[:6]) + (
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
        message = f"Column '{names[i]}' is missing in {rates[i, high[i]]:.0%} of class {one!r} but in {rates[i, low[i]]:.0%} of class {other!r}."
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


def _duplicates(cohort: Cohort) -> list[Finding]:
    sizes = pd.Series(cohort.linked).map(pd.Series(cohort.linked).value_counts()).to_numpy()
    if not (sizes > 1).any():
        return []
    twins = cohort.samples.assign(linked=cohort.linked)[sizes > 1].groupby("linked")
    n_samples, n_groups = int((sizes > 1).sum()), len(twins)
    patients = int((twins["patient"].nunique() > 1).sum())
    message = f"{count(n_samples, 'sample')} in {count(n_groups, 'group')} have identical features ({patients:,} of the groups across patients); each group stays on one side of every split."
    found = [finding("note", "duplicates", message, "If samples were entered twice, remove the copies.")]
    differ = twins["target"].nunique()
    if (differ > 1).any():
        example = listing(list(twins.get_group(differ.idxmax()).index), 4)
        message = f"{count(int((differ > 1).sum()), 'group')} of samples with identical features {plural(int((differ > 1).sum()), 'has', 'have')} different targets, such as samples {example}."
        found.append(finding("warning", "duplicates-disagree", message, "Look up which target is right."))
    return found


def _patients(cohort: Cohort) -> list[Finding]:
    """Samples of one patient that contradict each other."""
    if cohort.n_patients == len(cohort):
        return []
    roles: Roles = cohort.roles
    steady = [
        name for name in ("site", *roles.subgroups) if name in cohort.samples and not _is_number(cohort.samples[name])
    ]
    distinct = cohort.samples.groupby("patient")[["target", *steady]].nunique()
    found = []
    for name in steady:
        n = int((distinct[name] > 1).sum())
        if n:
            shown = roles.site if name == "site" else name
            example = distinct[name].idxmax()
            message = f"{count(n, 'patient has', 'patients have')} more than one value of '{shown}', such as patient {example!r}."
            found.append(
                finding(
                    "note",
                    "patient-roles",
                    message,
                    "Right for a patient who moved, wrong for a typing error: look it up.",
                    (str(shown),),
                )
            )
    n = int((distinct["target"] > 1).sum())
    if n and cohort.task.kind != "regression":
        message = f"{count(n, 'patient has', 'patients have')} samples of more than one class, such as patient {distinct['target'].idxmax()!r}."
        found.append(
            finding(
                "note",
                "patient-targets",
                message,
                "Right if the target may change between samples; otherwise look it up.",
            )
        )
    return found


def _is_number(series: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(series))


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


def _sites(cohort: Cohort) -> list[Finding]:
    """A site with samples of one class only teaches the model to recognise the site."""
    if "site" not in cohort.samples or cohort.task.kind == "regression":
        return []
    table = pd.crosstab(cohort.samples["site"], cohort.samples["target"])
    pure = table[((table > 0).sum(axis=1) == 1) & (table.sum(axis=1) >= 5)]
    if pure.empty:
        return []
    shown = ", ".join(f"{site} (all {name!r})" for site, name in pure.idxmax(axis=1).head(6).items())
    message = f"{count(len(pure), 'site has', 'sites have')} samples of one class only: {shown}. A model may recognise the site instead of the disease."
    remedy = "Compare sites that have both classes, or leave this one out."
    return [finding("warning", "site-target", message, remedy, (str(cohort.roles.site),))]
