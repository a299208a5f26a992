"""Settings chosen by trial, and an honest figure for what the choice is worth.

The best of many trials looks better than it is: its figure was the reason why it was chosen. So the search is nested
(Varma & Simon 2006, doi:10.1186/1471-2105-7-91; Cawley & Talbot 2010, Journal of Machine Learning Research 11:2079).
For each outer fold it runs again on the other patients only, and what it chose there is tested on patients it never
saw. One more search, on all patients, chooses the settings to keep; its own best figure is shown as the naive one.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.begin import settled
from bedside.cohort import Cohort, Fold
from bedside.errors import SettingError
from bedside.evaluation.comparison import compare_candidates
from bedside.fold_parts import HERE, FitTask, Way, record, tidy
from bedside.folder import Fit, Run, locked, read_json, write_json, write_table, write_yaml
from bedside.many.experiment import FITS, begin_experiment, fit_all, prepared
from bedside.many.search import Search, Trial, Tried, best, run_search, subset, trials, with_values
from bedside.many.space import Space, parse_space, space_for
from bedside.models.suited import acting
from bedside.parallel import run_each
from bedside.report.tuning import write_tuning
from bedside.run import Begun, Event, Finished, Stage
from bedside.seeds import derive
from bedside.settings import FoldSettings, RunSettings, build
from bedside.splits.folds import make_folds

TUNING, CHOSEN, SEARCHES = "tuning.json", "chosen.yaml", "searches"
EVERYTHING = "everything"
TRIALS = 60  # of each search
INNER = FoldSettings(scheme="crossval", number=5)
TUNED, UNTUNED = "tuned", "as they are"
_PLACE = 0x7E  # of the seeds of this module


def tune_steps(
    source: str | Path | Cohort | None,
    settings: Mapping[str, Any],
    *,
    trials: int | None = None,
    search: Sequence[str] = (),
    folder: str | Path | None = None,
    resume: str | Path | None = None,
    way: Way = HERE,
) -> Iterator[Event | Tried]:
    """Search for settings, judge the choice on patients it never saw, and hand out what happens as it happens.

    Args:
        source: a cohort, the name of a built-in one, or the path of a table or of images.
        settings: those that stay as they are.
        trials: of each search.
        search: what is searched, such as "train.learning_rate=1e-4..1e-2 log"; by default the family's own space.
        folder: where the experiment goes; by default a new folder under `runs/`.
        resume: an unfinished experiment to continue instead.
        way: where searches and fits run; the results are the same.

    Raises:
        BedsideError: one of its children, with a message that says what to do.
    """
    started = time.monotonic()
    ready = prepared(
        "tune",
        source,
        {"shared": dict(settings), "trials": trials, "search": list(search)},
        folder,
        resume,
        repeats=False,
    )
    cohort, folds, n = ready.cohort, ready.folds, ready.asked["trials"] or TRIALS
    common = settled(cohort, build(RunSettings, ready.shared))
    for name in ("repeats", "seeds"):
        if getattr(common.folds, name) > 1:
            raise SettingError(
                f"folds.{name} has no effect on tuning, which is nested in one deal of the folds; leave it away."
            )
    space = space_for(cohort, common, parse_space(ready.asked["search"]), set(_names(ready.shared)))
    asked = {**ready.asked, "trials": n}
    run = ready.old or begin_experiment("tune", asked, cohort, common, folds, ready.findings, folder)
    with locked(run.path):
        yield Begun(run, cohort, folds, ready.findings)
        yield from _search_all(run, searches(cohort, folds, common, space, n), way)
        found = {path.stem: _read_trials(path) for path in sorted((run.path / SEARCHES).glob("*.json"))}
        tasks = {fold.name: _fit(cohort, [fold], with_values(common, best(found[fold.name]).values)) for fold in folds}
        yield from fit_all(run, {**tasks, "untuned": _fit(cohort, folds, common)}, way)
        yield Stage("evaluation")
        _judge(run, cohort, folds, common, space, found)
        record(run, wall_seconds=round(time.monotonic() - started, 1))
        yield Stage("report")
        write_tuning(run)
        tidy(run.path)
    yield Finished(Run(run.path))


def searches(
    cohort: Cohort, folds: Sequence[Fold], settings: RunSettings, space: Space, n_trials: int
) -> dict[str, Search]:
    """One search for each outer fold, on its training and validation patients, and one on everything.

    The test patients of a fold are in no array that its search is given.
    """
    made: dict[str, Search] = {}
    for k, fold in enumerate(folds):
        inside = subset(cohort, np.sort(np.concatenate([fold.train, fold.valid])))
        inner = make_folds(inside, INNER, seed=derive(settings.seed, _PLACE, k))
        made[fold.name] = Search(inside, tuple(inner), settings, space, n_trials, derive(settings.seed, _PLACE, k, 1))
    seed = derive(settings.seed, _PLACE, len(folds), 1)
    made[EVERYTHING] = Search(subset(cohort, np.arange(len(cohort))), tuple(folds), settings, space, n_trials, seed)
    return made


def _search_all(run: Run, wanted: Mapping[str, Search], way: Way) -> Iterator[Stage | Tried]:
    """Every search that is not in the folder yet; its trials are kept when it is finished."""
    (run.path / SEARCHES).mkdir(exist_ok=True)
    todo = {name: search for name, search in wanted.items() if not _file(run, name).exists()}
    for number, (name, search) in enumerate(todo.items() if way.here else ()):
        yield Stage("search", f"{len(wanted) - len(todo) + number + 1} of {len(wanted)}", search.trials)
        found = []
        for trial in trials(search):
            found.append(trial)
            yield Tried(name, trial, search.trials)
        _keep_trials(run, name, found)
    if todo and not way.here:
        yield Stage("search", f"{len(todo)} searches", sum(search.trials for search in todo.values()))
        for name, found in run_each(run_search, todo, jobs=way.jobs, cluster=way.cluster):
            _keep_trials(run, name, found)
            yield from (Tried(name, trial, len(found)) for trial in found)


def _file(run: Run, name: str) -> Path:
    return run.path / SEARCHES / f"{name}.json"


def _keep_trials(run: Run, name: str, found: Sequence[Trial]) -> None:
    write_json(_file(run, name), [asdict(trial) for trial in found])


def _read_trials(path: Path) -> list[Trial]:
    return [Trial(**entry) for entry in read_json(path)]


def _fit(cohort: Cohort, folds: Sequence[Fold], settings: RunSettings) -> FitTask:
    return FitTask(str(settings.family), cohort, tuple(folds), settings, members=False)


def _judge(
    run: Run, cohort: Cohort, folds: Sequence[Fold], common: RunSettings, space: Space, found: Mapping[str, list[Trial]]
) -> None:
    """tuning.json from the predictions and trials as they were written, and the settings to keep."""
    homes = [Fit(run.path / FITS / fold.name) for fold in folds]
    tuned = pd.concat([home.predictions for home in homes], ignore_index=True)
    write_table(run.path / "predictions.csv", tuned)
    both = compare_candidates(
        {TUNED: tuned, UNTUNED: Fit(run.path / FITS / "untuned").predictions},
        cohort.task,
        common.evaluation,
        folds=run.folds,
        seed=common.seed,
        patient_column=cohort.roles.patient is not None,
    )
    honest, untuned = both.pop("candidates")
    headline, choice = both["headline"], best(found[EVERYTHING])
    value = next(
        e["value"] for e in honest["estimates"] if (e["metric"], e["of"]) == (headline["metric"], headline["of"])
    )
    n_trials = len(found[EVERYTHING])
    chosen = with_values(common, choice.values)
    by = f"{n_trials} trials of bedside tune, cross-validated on all patients of {cohort.name} ({run.path.name})"
    write_yaml(run.path / CHOSEN, acting(chosen.model_copy(update={"chosen_by": by}), cohort))
    test = {(r["repeat"], r["fold"]): r["value"] for r in honest["per_fold"] if r["metric"] == headline["metric"]}
    outer = [
        {
            "repeat": fold.repeat,
            "fold": fold.number,
            "chosen": best(found[fold.name]).values,
            "inner": best(found[fold.name]).value,
            "test": test[fold.repeat, fold.number],
        }
        for fold in folds
    ]
    write_json(
        run.path / TUNING,
        {
            **{name: both[name] for name in ("task", "n", "level", "resamples", "headline")},
            "family": common.family,
            "trials": n_trials,
            "space": {name: dimension.to_dict() for name, dimension in space.items()},
            "honest": honest,
            "naive": {"value": choice.value, "what": f"the best of {n_trials} trials, cross-validated on all patients"},
            "optimism": {"value": None if value is None or choice.value is None else choice.value - value},
            "untuned": untuned,
            "pair": both["pairs"][0],
            "chosen": choice.values,
            "chosen_settings": CHOSEN,
            "outer": outer,
            "all": [asdict(trial) for trial in found[EVERYTHING]],
            "sentences": _sentences(both, honest, choice, n_trials),
        },
    )


def _sentences(both: Mapping[str, Any], honest: Mapping[str, Any], choice: Trial, n_trials: int) -> list[str]:
    """What the search found, what it is worth, and whether it was worth it."""
    from bedside.cohort import Estimate
    from bedside.evaluation.compare import signed
    from bedside.evaluation.metrics import LABELS

    headline = both["headline"]
    label = LABELS[headline["metric"]]
    estimate = next(
        Estimate.from_dict(e)
        for e in honest["estimates"]
        if (e["metric"], e["of"]) == (headline["metric"], headline["of"])
    )
    pair = both["pairs"][0]
    difference = Estimate.from_dict(pair["difference"])
    said = [
        f"Settings chosen by {n_trials} trials have {label} {estimate.text()} on patients that the search never saw."
    ]
    if estimate.value is not None and choice.value is not None:
        optimism = choice.value - estimate.value
        said.append(
            f"The best trial itself says {choice.value:.{estimate.digits()}f}: the choice flatters its own figure by {optimism:+.{max(2, estimate.digits())}f}."
            if optimism > 0
            else f"The best trial itself says {choice.value:.{estimate.digits()}f}; here the choice did not flatter its own figure."
        )
    verdict = {"better": "better than", "worse": "worse than"}.get(pair["verdict"], "not distinguishable from")
    said.append(f"Tuned settings are {verdict} the settings as they were: difference {signed(difference)}.")
    return said


def _names(nested: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in nested.items():
        if isinstance(value, Mapping):
            yield from _names(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
