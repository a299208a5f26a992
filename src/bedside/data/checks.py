"""Look at a cohort before any model does: leaks, duplicates, contradictions, shortcuts, and too few patients.

What every cohort can have is looked for here; what only one kind of data can have, beside it: each module in `_OWN` has
`check(cohort)`, the findings of its kind, and `alike(cohort)`, words for what linked samples have in common.
"""

from collections import Counter
from itertools import chain

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, Roles
from bedside.data import image_checks, provenance, table_checks
from bedside.data import leaks as leak_scan
from bedside.data.codes import CODES, count, finding, listing, plural, worst_first
from bedside.data.molecules import checks as molecule_checks
from bedside.data.signals import checks as signal_checks

FEW_PATIENTS = 20  # of a class, below which an interval for sensitivity is wider than about 0.4
RARE = 0.1  # share of samples below which a class is rare
_OWN = {"table": table_checks, "image": image_checks, "signal": signal_checks, "graph": molecule_checks}

__all__ = ["CODES", "check", "refuse_leaks"]


def check(cohort: Cohort) -> list[Finding]:
    """Everything worth knowing before training, worst first; includes what was found while reading."""
    own = _OWN[cohort.inputs.kind]
    common = (_few, _duplicates, _own_split, _patients, _sites, provenance.time)
    found = [*own.check(cohort), *cohort.findings]
    return worst_first([*found, *(one for look in common for one in look(cohort))])


def refuse_leaks(cohort: Cohort, allowed: tuple[str, ...] = ()) -> list[Finding]:
    """`check`, then refuse features that give the target away, unless a person has allowed them by name.

    Raises:
        LeakError: if a feature gives the target away and is not in `allowed`.
        SettingError: if a feature in `allowed` gives nothing away.
    """
    return worst_first(leak_scan.refuse_leaks(check(cohort), allowed))


def _few(cohort: Cohort) -> list[Finding]:
    """Classes with too few patients, or too rare among the samples."""
    n, found = len(cohort), list[Finding]()
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
    samples = cohort.samples["target"].value_counts()
    if samples.min() < RARE * n:
        message = f"Class {samples.idxmin()!r} is rare: {count(int(samples.min()), 'sample')} of {n:,} ({100 * samples.min() / n:.1f}\u00a0%). Accuracy says little here."
        found.append(
            finding("note", "imbalance", message, "Look at sensitivity, predictive values and average precision.")
        )
    return found


def _duplicates(cohort: Cohort) -> list[Finding]:
    sizes = pd.Series(cohort.linked).map(pd.Series(cohort.linked).value_counts()).to_numpy()
    if not (sizes > 1).any():
        return []
    alike = _OWN[cohort.inputs.kind].alike(cohort)
    twins = cohort.samples.assign(linked=cohort.linked)[sizes > 1].groupby("linked")
    n_samples, n_groups = int((sizes > 1).sum()), len(twins)
    patients = int((twins["patient"].nunique() > 1).sum())
    message = f"{count(n_samples, 'sample')} in {count(n_groups, 'group')} have {alike} ({patients:,} of the groups across patients); each group stays on one side of every split and counts as one patient."
    found = [finding("note", "duplicates", message, "If samples were entered twice, remove the copies.")]
    differ = twins["target"].nunique()
    if (differ > 1).any():
        example = listing(list(twins.get_group(differ.idxmax()).index), 4)
        message = f"{count(int((differ > 1).sum()), 'group')} of duplicates {plural(int((differ > 1).sum()), 'has', 'have')} different targets, such as samples {example}."
        found.append(finding("warning", "duplicates-disagree", message, "Look up which target is right."))
    return found


def _own_split(cohort: Cohort) -> list[Finding]:
    """Duplicates and patients that the split that came with the data has in more than one part."""
    if cohort.split is None:
        return []
    remedy = "A model is tested on what it has seen, so results published with this split may be too good. With folds.scheme=given these samples are left out of the earlier part."
    found = []
    groups, shown = _across(cohort.split, cohort.linked)
    if groups:
        message = f"The split that came with the data separates {count(groups, 'group')} of duplicates: {shown}."
        found.append(finding("warning", "split-duplicates", message, remedy))
    groups, shown = _across(cohort.split, cohort.patients)
    if groups:
        message = f"The split that came with the data has {count(groups, 'patient')} in more than one part: {shown}."
        found.append(finding("warning", "split-patients", message, remedy))
    return found


def _across(split: np.ndarray, units: np.ndarray) -> tuple[int, str]:
    """How many units are in several parts, and `3 samples of test are also in train` for each two parts."""
    held = {part: set(units[split == part]) for part in ("train", "valid", "test")}
    crossing = [unit for unit, n in Counter(chain.from_iterable(held.values())).items() if n > 1]
    shown = []
    for later, earlier in (("test", "train"), ("test", "valid"), ("valid", "train")):
        n = sum(unit in held[earlier] for unit in units[split == later])
        if n:
            shown.append(f"{count(n, 'sample')} of {later} {plural(n, 'is', 'are')} also in {earlier}")
    return len(crossing), ", ".join(shown)


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
