"""A cohort whose targets belong to other patients: whatever is learned from it is chance, or a leak of the pipeline."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
from bedside.splits.folds import join_groups


def reordered(cohort: Cohort, *, seed: int) -> Cohort:
    """The same samples in another order: a pipeline that deals folds with a seed of its own deals them anew.

    With the same folds in every run the mean over runs would not settle at chance, but near it, above or below.
    """
    order = np.random.default_rng(seed).permutation(len(cohort))
    return replace(
        cohort,
        samples=cohort.samples.iloc[order],
        inputs=cohort.inputs.take(order),
        linked=cohort.linked[order],
        split=None if cohort.split is None else cohort.split[order],
        truth=None,
    )


def shuffled(cohort: Cohort, *, seed: int) -> Cohort:
    """The same samples with the targets of whole patients dealt anew, within sites if there are any.

    A patient gets all targets of another one; if they have different numbers of samples, the targets are repeated or cut.
    Patients who share a duplicate are dealt as one. Folds have to be dealt again: they are stratified by the target.
    """
    rng = np.random.default_rng(seed)
    groups = join_groups(cohort)
    order = np.argsort(groups, kind="stable")
    rows = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    first = np.array([members[0] for members in rows])
    sites = (
        pd.factorize(cohort.samples["site"])[0][first] if "site" in cohort.samples else np.zeros(len(rows), dtype=int)
    )
    target = cohort.samples["target"].to_numpy()
    dealt = target.copy()
    for site in np.unique(sites):
        here = np.flatnonzero(sites == site)
        for to, giver in zip(here, rng.permutation(here), strict=True):
            dealt[rows[to]] = np.resize(target[rows[giver]], len(rows[to]))
    return replace(cohort, samples=cohort.samples.assign(target=dealt), truth=None)
