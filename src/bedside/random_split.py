"""The same training once more on a random split of the molecules: how much of a result is chemistry that was known already.

Molecules of one series are alike, so a random split asks for what training has nearly seen. The gap to the split by scaffolds,
on which a run is judged, says how far a published number from a random split would have been too good.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from math import hypot

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Estimate
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.performance import performance
from bedside.fold_parts import PARTS, Events, FitTask, Way, fit_folds
from bedside.folder import Run, write_json
from bedside.models import baseline_for
from bedside.settings import ReferenceSettings, RunSettings
from bedside.splits.folds import folds_table, joins_scaffolds, make_folds

RANDOM = "random_split.json"
HOME = f"{PARTS}/random"  # in the folder of the run, while it is made
MOVER = "by their intervals (MOVER; Zou and Donner 2008, doi:10.1002/sim.3095)"
OTHERS = f"difference of two estimates on different test molecules, {MOVER}"
SAME = f"difference of two estimates on the same molecules, tested in other folds, {MOVER} as if they were different ones, which makes it rather too wide"


def wanted(cohort: Cohort, settings: RunSettings) -> bool:
    """Whether there is a gap to report: the molecules were dealt by scaffolds, and nobody declined."""
    return settings.folds.random_beside and joins_scaffolds(cohort, settings.folds)


def random_steps(run: Run, cohort: Cohort, settings: RunSettings, way: Way) -> Events:
    """Fit the family and its baseline on folds that are dealt molecule by molecule, and write random_split.json."""
    loose = settings.model_copy(update={"folds": settings.folds.model_copy(update={"link_scaffolds": False})})
    folds = make_folds(cohort, loose.folds, seed=settings.seed)
    home = Run(run.path / HOME)
    home.path.mkdir(parents=True, exist_ok=True)
    rows = []
    for family, judged, asked in _asked(run, cohort, loose):
        task = FitTask(family, cohort, tuple(folds), asked, members=False)
        yield from fit_folds(home, task, f"{family}.csv", way)
        tables = judged, run.part(f"{HOME}/{family}.csv")
        new, known = (_headline(table, cohort, settings) for table in tables)
        same = set(tables[0]["sample"]) == set(tables[1]["sample"])
        found = gap(new, known, same=same).to_dict()
        rows.append({"family": family, "scaffold": new.to_dict(), "random": known.to_dict(), "gap": found})
    shared = {
        "scaffold": shared_scaffolds(cohort, run.folds),
        "random": shared_scaffolds(cohort, folds_table(cohort, folds)),
    }
    assert cohort.scaffolds is not None
    tested = run.folds.loc[run.folds["part"] == "test", "sample"].astype(str)
    scaffold = pd.Series(cohort.scaffolds, index=cohort.samples.index.astype(str))
    record = {"rows": rows, "shared": shared, "scaffolds_tested": int(scaffold[tested].nunique())}
    write_json(run.path / RANDOM, record)
    shutil.rmtree(home.path)


def _asked(run: Run, cohort: Cohort, settings: RunSettings) -> Iterator[tuple[str, pd.DataFrame, RunSettings]]:
    """The families that are trained again, their predictions on the split by scaffolds, and with which settings."""
    family = str(settings.family)
    yield family, run.predictions, settings
    if run.baseline is not None:
        simple = baseline_for(cohort.task, family, cohort.inputs.kind)
        nothing = ReferenceSettings(keep="nothing")
        yield simple, run.baseline, settings.model_copy(update={"family": simple, "model": {}, "reference": nothing})


def _headline(predictions: pd.DataFrame, cohort: Cohort, settings: RunSettings) -> Estimate:
    """The first number of a report."""
    kind = cohort.task.kind
    wanted = HEADLINE[kind], "macro" if kind == "multiclass" else ""
    found, _ = performance(
        predictions,
        cohort.task,
        settings.evaluation,
        seed=settings.seed,
        patient_column=cohort.roles.patient is not None,
    )
    return next(one for one in map(Estimate.from_dict, found["estimates"]) if (one.metric, one.of) == wanted)


def gap(new: Estimate, known: Estimate, *, same: bool = False) -> Estimate:
    """How much better the same training looks on a random split: `known` minus `new`.

    The interval is made of the two intervals, as if the test molecules were others, as they are in a holdout.

    Args:
        same: whether the same molecules were tested, as in a cross-validation. Their two scores agree more than those of others, so the
            interval is rather too wide.
    """
    unknown = replace(new, value=None, low=None, high=None, method="not defined on one of the splits")
    if new.value is None or known.value is None:
        return unknown
    found = replace(unknown, value=known.value - new.value, method=SAME if same else OTHERS)
    if new.low is None or new.high is None or known.low is None or known.high is None:
        return found
    below = hypot(known.value - known.low, new.high - new.value)
    above = hypot(known.high - known.value, new.value - new.low)
    difference = known.value - new.value
    return replace(found, low=difference - below, high=difference + above)


def shared_scaffolds(cohort: Cohort, folds: pd.DataFrame) -> float:
    """Share of the tested molecules whose scaffold training or validation had too, from the table of folds, 0 to 1."""
    assert cohort.scaffolds is not None
    scaffold = pd.Series(cohort.scaffolds, index=cohort.samples.index.astype(str))
    named = folds.assign(scaffold=folds["sample"].astype(str).map(scaffold))
    shared = [
        one[one["part"] == "test"]["scaffold"].isin(set(one[one["part"].isin(["train", "valid"])]["scaffold"]))
        for _, one in named.groupby(["repeat", "fold"])
    ]
    return float(np.concatenate(shared).mean())
