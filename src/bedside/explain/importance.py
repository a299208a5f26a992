"""How much of its performance a model owes to a column: what is lost when the cells of the column are dealt anew.

Cells are dealt anew among the test samples of a fold, as raw cells, so all levels of a category move together, and each
sample is scored by the member that tested it. The loss is in AUROC (macro with several classes) or R2. Its interval
resamples whole patients and, in each resample, the permutations too, so it holds both kinds of chance; it holds the
fitted models fixed.

Sources: Breiman 2001, doi:10.1023/A:1010933404324; Fisher, Rudin & Dominici 2019, arXiv:1801.01489.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from bedside.cohort import Estimate, Task
from bedside.evaluation import panels
from bedside.evaluation.intervals import Panel, percentile, resample
from bedside.evaluation.metrics import HEADLINE, regression
from bedside.evaluation.statistics import Metric, Ranking
from bedside.explain.columns import CELLS, Part, TableScene
from bedside.seeds import derive

PERMUTATIONS = 10
RESAMPLES = 1000  # at most; fewer if evaluation.resamples asks for fewer
MOST = 60  # columns that are measured; of more, those that move the scores most when dealt anew once

Columns = tuple[int, ...]


def importances(
    scene: TableScene, sets: Sequence[Columns], places: np.ndarray, *, resamples: int, level: float, seed: int
) -> list[Estimate]:
    """What is lost without each set of columns, in their order.

    Args:
        scene: what was tested by whom.
        sets: numbers of the columns that are dealt anew together.
        places: rows of the test table that are measured, (n,).
        resamples: draws of patients.
        level: coverage of the intervals, in 0..1.
        seed: drives permutations and resampling.
    """
    rows, patients = scene.table.iloc[places], np.unique(scene.patients[places], return_inverse=True)[1]
    n_patients = int(patients.max()) + 1
    scores = permuted_scores(scene, sets, places, PERMUTATIONS, derive(seed, 0))  # (1 + sets * permutations, n, k)
    wanted = list(map(headline(scene.task, rows), scores))
    panel = Panel(wanted, patients, n_patients)
    values = panel(np.ones((1, n_patients)))[0]
    draws = resample(panel, panels.presence(rows, scene.task, patients), resamples=resamples, seed=derive(seed, 1))
    shape, chance = (resamples, len(sets), PERMUTATIONS), np.random.default_rng(derive(seed, 2))
    again = chance.integers(PERMUTATIONS, size=shape)
    without = np.take_along_axis(draws[:, 1:].reshape(shape), again, axis=2).mean(axis=2)
    lost = values[0] - values[1:].reshape(len(sets), PERMUTATIONS).mean(axis=1)
    name, used = f"{HEADLINE[scene.task.kind]}_loss", wanted[0].samples
    n = (panel.patients_in(used), int(used.sum()))
    found = []
    for number in range(len(sets)):
        value = float(lost[number]) if np.isfinite(lost[number]) else None
        low, high, method = percentile(draws[:, 0] - without[:, number], level=level, n_patients=n_patients)
        method = f"{method}, each with {PERMUTATIONS} permutations drawn from as many" if low is not None else method
        if value is None:
            low, high, method = None, None, f"not defined: {wanted[0].undefined}"
        found.append(Estimate(name, value, low, high, level, *n, method))
    return found


def headline(task: Task, rows: pd.DataFrame) -> Callable[[np.ndarray], Metric]:
    """AUROC within folds, its macro average, or R2 of scores (n, k) for these rows of the test table.

    The same numbers as the first metric of the task in `evaluation.metrics`, without making all the others, and what does
    not depend on the scores is made once.
    """
    target, folds = task.encode(rows["target"]), rows["fold"].to_numpy()
    if task.kind == "regression":
        return lambda scores: regression(target, scores[:, 0])[0]
    numbers = [1] if task.kind == "binary" else [k for k in range(len(task.classes)) if (target == k).any()]

    def areas_of(scores: np.ndarray) -> Metric:
        rankings = [Ranking(target == k, scores[:, k], folds) for k in numbers]
        paired = [ranking for ranking in rankings if ranking.ranks] or rankings
        return Metric(
            "auroc",
            tuple(paired),
            lambda areas: areas[:, ::2].mean(axis=1),
            tuple(target == k for k in numbers),
            strata=tuple(ranking.strata for ranking in paired),
            of="macro" if task.kind == "multiclass" else "",
            undefined="no fold has samples of both classes",
        )

    return areas_of


def permuted_scores(
    scene: TableScene, sets: Sequence[Columns], places: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Scores as they are, then with each set of columns dealt anew: (1 + sets * permutations, n, k)."""
    width = max(1, len(scene.task.classes))
    found = np.empty((1 + len(sets) * permutations, len(places), width))
    where = np.full(len(scene.table), -1)
    where[places] = np.arange(len(places))
    for number, part in enumerate(scene.parts):
        inside = where[part.places] >= 0
        found[:, where[part.places[inside]]] = dealt_anew(
            part, part.x[inside], sets, permutations, derive(seed, number)
        )
    return found


def dealt_anew(part: Part, x: np.ndarray, sets: Sequence[Columns], permutations: int, seed: int) -> np.ndarray:
    """As `permuted_scores` for prepared samples (n, d) of one member."""
    chance = np.random.default_rng(seed)
    dealt = [own for columns in sets for own in [np.flatnonzero(part.of(columns))] * permutations]
    plain = part.scores(x)
    found = np.empty((1 + len(dealt), *plain.shape))
    found[0] = plain
    step = max(1, CELLS // max(1, x.size))
    for start in range(0, len(dealt), step):
        some = dealt[start : start + step]
        changed = np.repeat(x[None], len(some), axis=0)
        for block, own in zip(changed, some, strict=True):
            block[:, own] = x[np.ix_(chance.permutation(len(x)), own)]
        found[1 + start : 1 + start + len(some)] = part.scores(changed.reshape(-1, x.shape[1])).reshape(
            len(some), *plain.shape
        )
    return found


def moved_most(scene: TableScene, places: np.ndarray, seed: int) -> np.ndarray:
    """Numbers of the columns to measure, in order: all, or of many the `MOST` that move the scores most; targets are not asked."""
    n = len(scene.names)
    if n <= MOST:
        return np.arange(n)
    scores = permuted_scores(scene, [(k,) for k in range(n)], places[:200], 1, seed)
    moved = np.abs(scores[1:] - scores[0]).mean(axis=(1, 2))
    return np.sort(np.argsort(-moved, kind="stable")[:MOST])
