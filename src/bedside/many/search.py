"""One search for good settings, by optuna, on the patients that it is given and nobody else.

Each trial is cross-validated; its value is the headline metric of its out-of-fold predictions. The sampler is the
tree-structured Parzen estimator (Bergstra et al. 2011, Advances in Neural Information Processing Systems 24), seeded,
so the same search finds the same settings wherever it runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Fold
from bedside.errors import TrainingError
from bedside.evaluation import panels, thresholds
from bedside.evaluation.metrics import HEADLINE
from bedside.fold_parts import predict_recalibrated
from bedside.many.space import Dimension, Space
from bedside.settings import RunSettings, build, merge
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds


@dataclass(frozen=True)
class Search:
    """Which settings are tried on which patients."""

    cohort: Cohort
    folds: tuple[Fold, ...]
    settings: RunSettings
    space: Space
    trials: int
    seed: int


@dataclass(frozen=True)
class Trial:
    """Settings by their full names, and what they were worth; None if they could not be trained."""

    number: int
    values: dict[str, Any]
    value: float | None


@dataclass(frozen=True)
class Tried:
    """A trial of one of the searches is finished."""

    search: str
    trial: Trial
    total: int


def subset(cohort: Cohort, rows: np.ndarray) -> Cohort:
    """The cohort of some samples only; nothing of the others is left in it."""
    split = None if cohort.split is None else cohort.split[rows]
    samples, inputs = cohort.samples.iloc[rows], cohort.inputs.take(rows)
    return Cohort(cohort.name, samples, cohort.roles, cohort.task, inputs, cohort.linked[rows], split=split)


def run_search(search: Search) -> list[Trial]:
    """Every trial of a search, in order."""
    return list(trials(search))


def trials(search: Search) -> Iterator[Trial]:
    """As they are finished. The first one is the settings as they are, where the space holds them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces every trial on the terminal
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=search.seed % 2**32))
    distributions = {name: _distribution(dimension) for name, dimension in search.space.items()}
    start = _as_they_are(search)
    if start is not None:
        study.enqueue_trial(start)
    for number in range(search.trials):
        asked = study.ask(distributions)
        values = {name: _value(search.space[name], found) for name, found in asked.params.items()}
        value = _worth(search, values)
        study.tell(asked, value, state=None if value is not None else optuna.trial.TrialState.FAIL)
        yield Trial(number, values, value)


def best(found: list[Trial]) -> Trial:
    """The trial with the highest value, the first of equals.

    Raises:
        TrainingError: if none could be trained.
    """
    worth = [trial for trial in found if trial.value is not None]
    if not worth:
        raise TrainingError(f"None of {len(found)} trials could be trained; narrow the search with --search.")
    return max(worth, key=lambda trial: float(trial.value or 0.0))


def with_values(settings: RunSettings, values: Mapping[str, Any]) -> RunSettings:
    """The settings with others in some places."""
    asked = settings.model_dump(exclude_unset=True)
    for name, value in values.items():
        for part in reversed(name.split(".")):
            value = {part: value}
        asked = merge(asked, value)
    made: RunSettings = build(RunSettings, asked)
    return made


def _worth(search: Search, values: Mapping[str, Any]) -> float | None:
    """The headline metric of the out-of-fold predictions; None if training gave nothing usable."""
    settings = with_values(search.settings, values)
    try:
        events = train_folds(str(settings.family), search.cohort, search.folds, settings)
        blocks = [
            predict_recalibrated(event, search.cohort, settings)[0] for event in events if isinstance(event, FoldFit)
        ]
    except TrainingError:
        return None
    predictions, task = pd.concat(blocks, ignore_index=True), search.cohort.task
    test = panels.tested(predictions)
    frozen = thresholds.per_fold(predictions, task, settings.evaluation) if task.kind == "binary" else []
    sides = panels.per_repeat(test, task, frozen, pd.factorize(test["patient"])[0])
    values_of = panels.averaged(sides)(np.ones((1, sides[0].n_patients)))[0]
    place = next(
        k
        for k, metric in enumerate(sides[0].metrics)
        if metric.name == HEADLINE[task.kind] and metric.of in ("", "macro")
    )
    return float(values_of[place]) if np.isfinite(values_of[place]) else None


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if dimension.kind == "choice":  # by number: optuna compares values, and lists are no values to it
        return CategoricalDistribution(range(len(dimension.values)))
    if dimension.kind == "integer":
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _value(dimension: Dimension, found: Any) -> Any:
    if dimension.kind == "choice":
        return dimension.values[found]
    return found if dimension.kind == "integer" else float(f"{found:.4g}")


def _as_they_are(search: Search) -> dict[str, Any] | None:
    """The settings without tuning as optuna names them; None if they lie outside the space."""
    from bedside.models.suited import acting

    known = acting(search.settings, search.cohort)
    found: dict[str, Any] = {}
    for name, dimension in search.space.items():
        value: Any = known
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if dimension.kind == "choice":
            places = [k for k, one in enumerate(dimension.values) if _plain(one) == _plain(value)]
            if not places:
                return None
            found[name] = places[0]
        elif isinstance(value, int | float) and dimension.low <= value <= dimension.high:
            found[name] = value
        else:
            return None
    return found


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
