"""Candidates beside each other, on the same samples in the same folds: which differences do the data support?

Every pair is tested in the headline metric: AUROC for classes (macro with several), R2 for numbers. Folds differ by
their training and their test patients, so with several folds the verdict is that of the corrected resampled t-test.
A single fold has one fit of each candidate, and what can be asked is whether the difference would stay with other
test patients: DeLong's test for a binary AUROC, the patients resampled for everything else. p-values are adjusted for
the number of pairs, because among many equal candidates some pair always looks different.

The winner of many candidates is also the luckiest of them: its estimate is too good by as much as luck allowed.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.errors import DataError
from bedside.evaluation import compare, panels
from bedside.evaluation.intervals import Panel, percentile, resample
from bedside.evaluation.metrics import HEADLINE
from bedside.evaluation.paired import ALIKE, Paired, corrected_t, delong, resampled_p
from bedside.evaluation.performance import performance
from bedside.evaluation.ranking import BOOTSTRAP, DELONG, T_TEST, Test, ranking, tested_pairs
from bedside.settings import EvaluationSettings


def compare_candidates(
    predictions: Mapping[str, pd.DataFrame],
    task: Task,
    settings: EvaluationSettings,
    *,
    folds: pd.DataFrame,
    seed: int,
    patient_column: bool = True,
) -> dict[str, Any]:
    """Every candidate's estimates, every pair's tested difference, and a ranking as far as the data support one.

    Args:
        predictions: one table per candidate, by its name, as `evaluate` takes it; all on the same folds.
        task: what was predicted.
        settings: resamples, level and threshold rule.
        folds: sample, repeat, fold and part, as in folds.csv. The t-test needs the number of training and test samples.
        seed: drives the resampling; all candidates are resampled alike.
        patient_column: False if samples stand for patients because no column names them.

    Returns:
        Plain values, no NaN: `candidates` as `performance` gives them, in the order given; `pairs`, first minus second,
        where `delong` stands beside the t-test for a binary AUROC; `ranking` with `order`, tiers of names such that
        every candidate of a tier is better than every one of the next, None if there are no two such tiers, and
        `best`, the names that are not distinguishable from the one with the best estimate, that one first.

    Raises:
        DataError: if there is no candidate, candidates do not predict the same samples in the same folds, the folds
            are not those of the predictions, or `performance` refuses a candidate.
    """
    if not predictions:
        raise DataError("There is no candidate to compare. Give at least one table of predictions, by its name.")
    tables = {name: panels.tested(table) for name, table in predictions.items()}
    first = next(iter(tables))
    for name, table in tables.items():
        compare.check_same_samples(tables[first], table, (f"candidate {first}", f"candidate {name}"))
    judged = {name: _judged(name, predictions[name], task, settings, seed, patient_column) for name in predictions}
    metric, of = HEADLINE[task.kind], "macro" if task.kind == "multiclass" else ""
    found = {name: [Estimate.from_dict(record) for record in result["estimates"]] for name, result in judged.items()}
    headlines = {
        name: next(estimate for estimate in group if (estimate.metric, estimate.of) == (metric, of))
        for name, group in found.items()
    }

    beside = _by_delong(tables, task, settings.level) if task.kind == "binary" else None
    dealt = panels.divisions(tables[first])
    if tables[first].groupby([tables[first]["repeat"].map(dealt), "fold"]).ngroups > 1:
        kind, test = T_TEST, _by_folds(judged, metric, _sizes(folds, tables[first], dealt), settings.level, dealt)
    elif beside:
        kind, test = DELONG, beside
    else:
        kind, test = BOOTSTRAP, _by_resampling(tables, headlines, task, settings, seed)
    pairs = tested_pairs(headlines, kind, test, beside, compare.patients_per_class(found[first], task))
    parts = ("estimates", "thresholds", "per_fold", "spread", "spread_by_seed")
    return {
        **{key: judged[first][key] for key in ("task", "n", "level", "resamples")},
        "headline": {"metric": metric, "of": of},
        "candidates": [{"name": name, **{part: result[part] for part in parts}} for name, result in judged.items()],
        "pairs": [pair.to_dict() for pair in pairs],
        "ranking": ranking(headlines, pairs, kind, judged[first]),
    }


def _judged(
    name: str, table: pd.DataFrame, task: Task, settings: EvaluationSettings, seed: int, patient_column: bool
) -> dict[str, Any]:
    """How good one candidate is; an error names it."""
    try:
        return performance(table, task, settings, seed=seed, patient_column=patient_column)[0]
    except DataError as error:
        raise DataError(f"Candidate {name}: {error}") from error


def _sizes(folds: pd.DataFrame, test: pd.DataFrame, dealt: dict[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Training and test samples of each tested fold, both (J,), in the order of divisions and folds.

    Raises:
        DataError: if the table of folds is not that of the predictions.
    """
    counts = folds.groupby(["repeat", "fold", "part"]).size()
    predicted = test.groupby(["repeat", "fold"], sort=True).size()
    train, tested = (
        np.array([counts.get((repeat, fold, part), 0) for repeat, fold in predicted.index])
        for part in ("train", "test")
    )
    for (repeat, fold), n_train, n_test, n in zip(predicted.index, train, tested, predicted, strict=True):
        if n_train == 0 or n_test != n:
            raise DataError(
                f"In repeat {repeat}, fold {fold} the table of folds has {n_train} training and {n_test} test samples, "
                f"but {n} test samples were predicted. Give the folds that the candidates were trained on (folds.csv)."
            )
    once = np.array([dealt[repeat] == repeat for repeat, _ in predicted.index])
    return train[once], tested[once]


def _by_folds(
    judged: dict[str, dict[str, Any]],
    metric: str,
    sizes: tuple[np.ndarray, np.ndarray],
    level: float,
    dealt: dict[int, int],
) -> Test:
    """The corrected resampled t-test on the headline metric of each fold, averaged over its seeds.

    Seeds train on the same patients and test the same ones, so they tell nothing about other patients.
    """

    def of(result: dict[str, Any]) -> np.ndarray:
        records = pd.DataFrame([record for record in result["per_fold"] if record["metric"] == metric])
        records["value"] = records["value"].astype(np.float64)  # None where a fold does not define the metric
        return records.groupby([records["repeat"].map(dealt), "fold"], sort=True)["value"].mean().to_numpy()

    values = {name: of(result) for name, result in judged.items()}

    def test(first: str, second: str) -> tuple[Paired, str]:
        differences = values[first] - values[second]
        used = np.isfinite(differences)
        tested = corrected_t(differences, *sizes, level)
        how = f"{T_TEST} on the differences of {used.sum()} folds"
        if not used.all():
            how += f", without {(~used).sum()} that do not define the metric"
        if used.any():
            n_train, n_test = (size[used].mean() for size in sizes)
            how += f", on average {n_train:.0f} training and {n_test:.0f} test samples"
        return tested, how

    return test


def _by_delong(tables: dict[str, pd.DataFrame], task: Task, level: float) -> Test:
    """DeLong's test of a binary AUROC, clustered in patients, within folds, over all repeats."""
    rows = next(iter(tables.values()))
    truth = task.encode(rows["target"]) == 1
    scores = {name: table[task.score_columns()[1]].to_numpy(dtype=np.float64) for name, table in tables.items()}
    patients = pd.factorize(rows["patient"])[0]
    folds, repeats = rows["fold"].to_numpy(), rows["repeat"].to_numpy()

    def test(first: str, second: str) -> tuple[Paired, str]:
        tested = delong(truth, scores[first], scores[second], folds, patients, level, repeats=repeats)
        return tested, "DeLong's test, clustered by patient"

    return test


def _by_resampling(
    tables: dict[str, pd.DataFrame], headlines: dict[str, Estimate], task: Task, settings: EvaluationSettings, seed: int
) -> Test:
    """The headline metric of all candidates on the same resampled patients of a single fold."""
    rows = next(iter(tables.values()))
    patients = pd.factorize(rows["patient"], sort=True)[0]
    n_patients = int(patients.max()) + 1
    sides: list[Callable[[np.ndarray], np.ndarray]] = []
    for name, table in tables.items():
        wanted = (headlines[name].metric, headlines[name].of)
        repeats = panels.per_repeat(table, task, [], patients)
        place = next(k for k, metric in enumerate(repeats[0].metrics) if (metric.name, metric.of) == wanted)
        headline = [Panel([panel.metrics[place]], panel.patients, n_patients) for panel in repeats]
        sides.append(panels.averaged(headline))
    draws = resample(
        lambda weights: np.concatenate([side(weights) for side in sides], axis=1),
        panels.presence(rows, task, patients),
        resamples=settings.resamples,
        seed=seed,
    )
    drawn = dict(zip(tables, draws.T, strict=True))

    def test(first: str, second: str) -> tuple[Paired, str]:
        one, other = headlines[first].value, headlines[second].value
        if one is None or other is None:
            return Paired(None, why="the metric is not defined"), BOOTSTRAP
        value, differences = one - other, drawn[first] - drawn[second]
        low, high, how = percentile(differences, level=settings.level, n_patients=n_patients)
        if low is None:
            return Paired(
                value, p=1.0 if abs(value) <= ALIKE else None, why=how.removeprefix("no interval: ")
            ), BOOTSTRAP
        return Paired(value, low, high, None, resampled_p(differences)), f"paired: the same patients for both; {how}"

    return test
