"""How good the model is on new patients whose outcomes are known, and what changed since its test patients."""

from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, minus
from bedside.evaluation import performance
from bedside.evaluation.drift import TOO_FEW
from bedside.evaluation.metrics import LABELS
from bedside.evaluation.outcome_drift import FEWEST, enough_outcomes, outcome_changes
from bedside.folder import Run
from bedside.monitoring.samples import NewSamples, not_alike, own_scores
from bedside.monitoring.whole import not_compared
from bedside.seeds import derive
from bedside.settings import EvaluationSettings


def outcomes(run: Run, new: NewSamples, seed: int) -> dict[str, Any] | None:
    """Estimates of the model on new patients, and what changed since its test patients; None if no outcomes were named."""
    if new.target is None:
        return None
    task, samples = new.model.task, new.aligned.samples
    known = ~pd.isna(new.target)
    target = new.target[known]
    alike = not not_alike(run, new.model)
    fold = new.dealt if alike else np.zeros(len(new.dealt), dtype=int)
    table = pd.DataFrame(
        {"sample": samples.index[known], "patient": new.patients[known], "repeat": 0, "fold": fold[known]}
    )
    table["part"], table["target"] = "test", target
    mean, own = new.scores.mean(axis=0), own_scores(new) if alike else new.scores.mean(axis=0)
    record: dict[str, Any] = {
        "samples": int(known.sum()), "patients": int(table["patient"].nunique()), "without": int((~known).sum()),
        "events": {name: int((target == name).sum()) for name in task.classes}, "changes": [], "estimates": [],
    }  # fmt: skip
    some, enough = enough_outcomes(table, task)
    if not some:
        return {
            **record,
            "changes": [
                {
                    **not_compared("outcomes", f"fewer than {FEWEST} patients{' of a class' if task.classes else ''}"),
                    "verdict": TOO_FEW,
                }
            ],
        }
    asked = _settings_of(run)
    scored = table.assign(**dict(zip(task.score_columns(), own[known].reshape(len(table), -1).T, strict=True)))
    changes = outcome_changes(
        run.predictions, scored, task, resamples=asked.resamples, level=asked.level, seed=derive(seed, 4) % 2**32
    )
    for change in changes:
        label = _metric_words(change)
        record["changes"].append({**change, "name": label, "enough": enough, **_change_words(label, change)})
    deployed = table.assign(
        fold=0, **dict(zip(task.score_columns(), mean[known].reshape(len(table), -1).T, strict=True))
    )
    fixed = {"threshold": "fixed", "threshold_value": new.model.threshold} if new.model.threshold is not None else {}
    judge = EvaluationSettings(resamples=asked.resamples, level=asked.level, **fixed)  # type: ignore[arg-type]
    record["estimates"] = performance(deployed, task, judge, seed=seed)[0]["estimates"]
    return record


def _settings_of(run: Run) -> EvaluationSettings:
    """Resamples and level of the run."""
    known = run.settings.get("evaluation", {})
    return EvaluationSettings(**{name: known[name] for name in ("resamples", "level") if name in known})


def _metric_words(change: dict[str, Any]) -> str:
    of = f" of {change['of']}" if change["of"] not in ("", "macro") else ""
    return f"{LABELS[change['metric']]}{of}"


def _change_words(label: str, change: dict[str, Any]) -> dict[str, str]:
    before, now = (minus(Estimate.from_dict(change[key]).text()) for key in ("before", "now"))
    return {
        "words": f"{before} before, {now} now",
        "sentence": f"{label[0].upper()}{label[1:]} was {before} and is {now}.",
    }
