"""Does a model that learned from synthetic patients do as well on real ones as one that learned from real patients?

Train on synthetic, test on real: the baseline family of these data is fitted on what each fold's member drew, and once more on
the training samples of the fold; both are tested on the same real test samples.

Source: Esteban, Hyland & Rätsch 2017, arXiv:1706.02633.
"""

import shutil
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Estimate, Fold
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.performance import performance
from bedside.fold_parts import PARTS, FitTask, Way, fit_folds
from bedside.folder import Run
from bedside.models import baseline_for
from bedside.settings import ReferenceSettings, RunSettings

HOME = f"{PARTS}/synthetic"  # in the folder of the run, while it is made


def usefulness(
    run: Run,
    cohort: Cohort,
    settings: RunSettings,
    kind: Any,
    folds: Sequence[Fold],
    drawn: Sequence[tuple[np.ndarray, Any]],
    way: Way,
) -> Generator[Any, None, dict[str, Any]]:
    """Fit the baseline family on synthetic samples of each fold.

    Args:
        kind: the module of the kind of data, see `stage.KINDS`.
        drawn: classes and inputs of the synthetic samples of each fold.

    Returns:
        The headline metric of both on real test samples, and the difference on the same patients.
    """
    simple = baseline_for(cohort.task, str(settings.family), cohort.inputs.kind)
    nothing = ReferenceSettings(keep="nothing")
    asked = settings.model_copy(update={"family": simple, "model": {}, "reference": nothing})
    home = Run(run.path / HOME)
    home.path.mkdir(parents=True, exist_ok=True)
    both, moved = laid_together(cohort, kind, folds, drawn)
    tables = {}
    for name, task in (
        ("synthetic", FitTask(simple, both, tuple(moved), asked, members=False)),
        ("real", FitTask(simple, cohort, tuple(folds), asked, members=False)),
    ):
        yield from fit_folds(home, task, f"{name}.csv", way)
        tables[name] = run.part(f"{HOME}/{name}.csv")
    found, _ = performance(
        tables["synthetic"],
        cohort.task,
        settings.evaluation,
        seed=settings.seed,
        baseline=tables["real"],
        baseline_family=simple,
        patient_column=cohort.roles.patient is not None,
    )
    shutil.rmtree(home.path)
    beside = found["baseline"]
    return {
        "family": simple,
        "metric": HEADLINE[cohort.task.kind],
        "synthetic": _headline(found["estimates"], cohort),
        "real": _headline(beside["estimates"], cohort),
        "difference": _headline(beside["differences"], cohort),
        "verdict": beside["verdict"],
    }


def laid_together(
    cohort: Cohort, kind: Any, folds: Sequence[Fold], drawn: Sequence[tuple[np.ndarray, Any]]
) -> tuple[Cohort, list[Fold]]:
    """One cohort of real samples with the synthetic ones of every fold below, and folds that train on these alone."""
    blocks, moved, start = [cohort.samples], [], len(cohort)
    for fold, (label, _) in zip(folds, drawn, strict=True):
        names = [f"synthetic-{fold.name}-{k}" for k in range(len(label))]
        target = np.array(cohort.task.classes)[label]
        blocks.append(pd.DataFrame({"patient": names, "target": target}, index=pd.Index(names, name="sample")))
        moved.append(replace(fold, train=start + np.arange(len(label))))
        start += len(label)
    samples = pd.concat(blocks)
    first = int(cohort.linked.max()) + 1
    linked = np.concatenate([cohort.linked, first + np.arange(start - len(cohort))])
    inputs = kind.joined([cohort.inputs, *(one for _, one in drawn)])
    return replace(cohort, samples=samples, inputs=inputs, linked=linked, split=None, truth=None), moved


def _headline(records: list[dict[str, Any]], cohort: Cohort) -> dict[str, Any]:
    wanted = HEADLINE[cohort.task.kind]
    macro = "macro" if cohort.task.kind == "multiclass" else ""
    return Estimate.from_dict(next(one for one in records if (one["metric"], one["of"]) == (wanted, macro))).to_dict()
