"""The same settings with more and more training patients, tested on the same patients: does it pay to collect more?"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bedside.begin import settled
from bedside.cohort import Cohort, Fold
from bedside.errors import DataError
from bedside.evaluation.comparison import compare_candidates
from bedside.evaluation.growth import growth
from bedside.fold_parts import HERE, FitTask, Way, record, tidy
from bedside.folder import Fit, Run, locked, write_json
from bedside.many.experiment import FITS, begin_experiment, fit_all, prepared
from bedside.report.learning_curve import write_curve
from bedside.run import Begun, Event, Finished, Stage
from bedside.seeds import derive
from bedside.settings import RunSettings, build
from bedside.splits.folds import thinned

CURVE = "curve.json"
STEP, MOST = 2**-0.5, 8  # each size is about 0.7 times the next one; at most so many
FEWEST, FEWEST_OF_A_CLASS = 20, 5  # training patients of the smallest size
_PLACE = 0xC0  # of the seeds of this module


def curve(
    source: str | Path | Cohort, settings: Mapping[str, Any], *, folder: str | Path | None = None, way: Way = HERE
) -> Run:
    """Train with more and more patients; the same as `bedside curve`.

    Returns:
        The finished experiment: `curve.json` and `curve.html` lie in its folder, `path`.

    Raises:
        BedsideError: one of its children, with a message that says what to do.
    """
    *_, last = curve_steps(source, settings, folder=folder, way=way)
    assert isinstance(last, Finished)
    return last.run


def curve_steps(
    source: str | Path | Cohort | None,
    settings: Mapping[str, Any],
    *,
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    way: Way = HERE,
) -> Iterator[Event]:
    """As `curve`, but hands out what happens as it happens; arguments as of `compare.compare_steps`."""
    started = time.monotonic()
    ready = prepared("curve", source, {"shared": dict(settings)}, folder, resume)
    cohort, folds = ready.cohort, ready.folds
    common = settled(cohort, build(RunSettings, ready.shared))
    shares = sizes(cohort, folds)
    run = ready.old or begin_experiment("curve", ready.asked, cohort, common, folds, ready.findings, folder)
    with locked(run.path):
        yield Begun(run, cohort, folds, ready.findings)
        parts = {_key(k): [_thin(fold, cohort, share, common) for fold in folds] for k, share in enumerate(shares)}
        tasks = {
            key: FitTask(str(common.family), cohort, tuple(some), common, members=False) for key, some in parts.items()
        }
        yield from fit_all(run, tasks, way)
        yield Stage("evaluation")
        _judge(run, cohort, shares, parts, common)
        record(run, wall_seconds=round(time.monotonic() - started, 1))
        yield Stage("report")
        write_curve(run)
        tidy(run.path)
    yield Finished(Run(run.path))


def sizes(cohort: Cohort, folds: Sequence[Fold]) -> list[float]:
    """Shares of the training patients, smallest first, 1 last.

    Raises:
        DataError: if there are too few patients for two sizes.
    """
    patients, events = _numbers(cohort, folds)
    least = max(FEWEST / patients, FEWEST_OF_A_CLASS / events if events is not None else 0.0)
    shares = [STEP**k for k in range(MOST) if STEP**k >= least]
    if len(shares) < 2:
        rarest = "" if events is None else f", {events:.0f} of them of the rarest class,"
        raise DataError(
            f"{patients:.0f} training patients{rarest} are too few for a learning curve: its smallest size needs "
            f"{FEWEST}, with {FEWEST_OF_A_CLASS} of each class, and half as many must be left out. Collect more first."
        )
    return shares[::-1]


def _key(number: int) -> str:
    return f"{number + 1:02d}"


def _thin(fold: Fold, cohort: Cohort, share: float, settings: RunSettings) -> Fold:
    return thinned(fold, cohort, share, seed=derive(settings.seed, _PLACE))


def _numbers(cohort: Cohort, folds: Sequence[Fold]) -> tuple[float, float | None]:
    """Training patients, and those of the rarest class, as means over the folds; None for a regression."""
    names, target = cohort.patients, cohort.samples["target"].to_numpy()
    patients = float(np.mean([len(set(names[fold.train])) for fold in folds]))
    if cohort.task.kind == "regression":
        return patients, None
    rarest = [
        min(len(set(names[fold.train][target[fold.train] == name])) for name in cohort.task.classes) for fold in folds
    ]
    return patients, float(np.mean(rarest))


def _judge(
    run: Run, cohort: Cohort, shares: Sequence[float], parts: Mapping[str, Sequence[Fold]], common: RunSettings
) -> None:
    """curve.json from the predictions as they were written."""
    numbers = {key: _numbers(cohort, some) for key, some in parts.items()}
    homes = {f"{numbers[key][0]:.0f}": Fit(run.path / FITS / key) for key in parts}
    found = compare_candidates(
        {name: home.predictions for name, home in homes.items()},
        cohort.task,
        common.evaluation,
        folds=run.folds,
        seed=common.seed,
        patient_column=cohort.roles.patient is not None,
    )
    for entry, share, (key, (patients, events)) in zip(found["candidates"], shares, numbers.items(), strict=True):
        samples = float(np.mean([len(fold.train) for fold in parts[key]]))
        entry |= {"patients": patients, "samples": samples, "events": events, "share": share, "folder": f"{FITS}/{key}"}
        entry["seconds"] = Run(run.path / FITS / key).environment.get("seconds")
    found["growth"] = growth(found["candidates"], found["pairs"], found["headline"]["metric"], found["level"])
    write_json(run.path / CURVE, found)
