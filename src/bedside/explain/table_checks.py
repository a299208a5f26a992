"""Whether explanations of a table can be believed: they must depend on what was learned, and name what matters.

The same questions as for images (see `sanity`). A model that has learned nothing must get other explanations: for a network
one with fresh random weights, for other families the same model with its inputs exchanged at random, so that what it
learned of one column meets the values of another (Adebayo et al. 2018, arXiv:1810.03292). And replacing the columns that
contributed most must move the score back further than replacing as many at random (Samek et al. 2017,
doi:10.1109/TNNLS.2016.2599820).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import rankdata, t

from bedside.cohort import minus
from bedside.explain.columns import Part, TableScene
from bedside.explain.contributions import contributions
from bedside.explain.importance import dealt_anew, headline
from bedside.explain.sanity import ALIKE, FEWEST, few, mean_over_patients, record
from bedside.models import build_model, family_named, model_settings
from bedside.seeds import derive
from bedside.settings import RunSettings
from bedside.training.isolated import own_random_numbers

CHECKED = 24  # test samples, one per patient
DRAWS = 10  # models that have learned nothing, dealt to the members
PERMUTATIONS = 3  # behind the importance of each of them
FEWEST_COLUMNS = 4  # below which ranks are alike by chance
SHARES = (0.1, 0.25, 0.5)  # of the columns that are replaced
ORDERS, OTHERS = 5, 10  # random choices of columns; training samples whose values replace them
NOTHING_LEARNED = {True: "With fresh random weights", False: "With inputs exchanged at random"}


@dataclass(frozen=True)
class _Exchanged:
    """A model whose inputs are exchanged, so that it looks for each column in the place of another."""

    fitted: Any
    order: np.ndarray

    def score(self, prepared: np.ndarray) -> np.ndarray:
        return np.asarray(self.fitted.score(prepared[:, self.order]))


def without_learning(part: Part, settings: RunSettings, seed: int) -> Part:
    """The same member with nothing learned of its columns; same seed, same member."""
    if not hasattr(part.fitted, "network"):
        return replace(part, fitted=_Exchanged(part.fitted, np.random.default_rng(seed).permutation(part.x.shape[1])))
    family = str(settings.family)
    with own_random_numbers(seed):
        network = build_model(
            family, part.fitted.shape, part.task.n_outputs, model_settings(family, settings.model)
        ).eval()
    if hasattr(network, "remember"):
        network.remember(part.fitted.network)  # who is linked to whom is not learned
    return replace(part, fitted=replace(part.fitted, network=network))


def checks(
    scene: TableScene, settings: RunSettings, checked: np.ndarray, columns: np.ndarray, places: np.ndarray, seed: int
) -> list[dict[str, Any]]:
    """Three checks with their verdicts, as records of sanity.json.

    Args:
        scene: what was tested by whom.
        settings: of the run.
        checked: rows of the test table whose contributions are checked, one per patient, (n,).
        columns: numbers of the columns that are measured, (k,).
        places: rows of the test table that the importance is measured on, (m,).
        seed: drives everything that is random.
    """
    each = -(-DRAWS // len(scene.parts))
    alike, moved, ranks = [], [], []
    order: list[int] = []
    for number, part in enumerate(scene.parts):
        rows = np.flatnonzero(np.isin(part.places, checked))
        x, output = part.x[rows], scene.output[part.places[rows]]
        own = derive(seed, number)
        blanks = [without_learning(part, settings, derive(own, 0, draw)) for draw in range(each)]
        inside = np.isin(part.places, places)
        ranks += _importance_ranks(scene, part, blanks, columns, inside, derive(own, 1))
        if len(rows):
            values = contributions(part, x, output, columns, derive(own, 2)).values[:, columns]
            others = [contributions(blank, x, output, columns, derive(own, 2)).values[:, columns] for blank in blanks]
            alike.append(np.mean([rank_correlation(values, other) for other in others], axis=0))
            moved.append(_moved_back(part, x, output, values, columns, derive(own, 3)))
            order += list(part.places[rows])
    patients = scene.table["unit"].iloc[order].tolist()
    family = family_named(str(settings.family))
    return [
        _randomised(np.concatenate(alike), patients, len(columns), network=family.network, seed=derive(seed, 1_000)),
        _randomised_importance(np.array(ranks), len(columns), network=family.network),
        _deletion(np.concatenate(moved), patients, len(columns), scene.task.kind, derive(seed, 1_001)),
    ]


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlation row by row, (n, k) and (n, k) -> (n,); NaN where the first ranks nothing, 0 where the second does."""
    a, b = (rankdata(values, axis=1) for values in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    spread = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    found = np.divide((a * b).sum(1), spread, out=np.zeros(len(a)), where=spread > 0)
    return np.where((a == 0).all(axis=1), np.nan, found)


def _importance_ranks(
    scene: TableScene, part: Part, blanks: list[Part], columns: np.ndarray, inside: np.ndarray, seed: int
) -> list[float]:
    """Rank correlation of the importance of columns in one fold with that of each model that has learned nothing."""
    if not inside.any():
        return []
    rows, sets = scene.table.iloc[part.places[inside]], [(int(k),) for k in columns]
    of, found = headline(scene.task, rows), []
    for model in (part, *blanks):
        scores = dealt_anew(model, part.x[inside], sets, PERMUTATIONS, seed)
        values = np.array([of(one)(np.ones((1, len(rows))))[0] for one in scores])
        found.append(values[0] - values[1:].reshape(len(sets), -1).mean(axis=1))
    if not np.isfinite(found).all():
        return []
    return [float(rank_correlation(found[0][None], other[None])[0]) for other in found[1:]]


def _moved_back(
    part: Part, x: np.ndarray, output: np.ndarray, values: np.ndarray, columns: np.ndarray, seed: int
) -> np.ndarray:
    """How much further the score falls without its strongest columns than without as many at random, (n,).

    Columns that brought the score to where it is come first; cells are replaced by those of training samples, and the
    mean score over these counts. Falling means back towards the mean score of training.
    """
    chance, n = np.random.default_rng(seed), len(columns)
    others = part.reference[chance.integers(len(part.reference), size=OTHERS)]
    plain = part.shown(x, output)
    sizes = sorted({max(1, round(share * n)) for share in SHARES})
    masks = [part.of([k]) for k in columns]
    found = np.empty(len(x))
    for row, sample in enumerate(x):
        usual = float(part.scores(others)[:, output[row]].mean())
        way = 1.0 if plain[row] >= usual else -1.0
        first = np.argsort(-way * values[row], kind="stable")
        choices = [first, *(chance.permutation(n) for _ in range(ORDERS))]
        gone = [np.any([masks[k] for k in choice[:size]], axis=0) for choice in choices for size in sizes]
        changed = np.concatenate([np.where(mask, others, sample) for mask in gone])
        falls = way * (plain[row] - part.scores(changed)[:, output[row]].reshape(len(gone), OTHERS).mean(axis=1))
        falls = falls.reshape(len(choices), len(sizes)).mean(axis=1)
        found[row] = falls[0] - falls[1:].mean()
    return found


def _randomised(alike: np.ndarray, patients: list[Any], columns: int, *, network: bool, seed: int) -> dict[str, Any]:
    value, low, high, n = mean_over_patients(alike, patients, seed)
    if columns < FEWEST_COLUMNS:
        sentence = f"Too few columns to tell ({columns}; {FEWEST_COLUMNS} are needed) whether contributions depend on what was learned."
        return record("contributions: nothing learned", False, value, low, high, f"below {ALIKE}", sentence)
    passed = n >= FEWEST and high is not None and high < ALIKE
    if n < FEWEST or value is None:
        sentence = f"{few(n)} whether contributions depend on what the model learned."
    elif low is not None and high is not None and low < ALIKE <= high:
        sentence = _undecided(f"patients ({n})", "contributions depend on what the model learned", value, low, high)
    else:
        verdict = "change" if passed else "do not change enough"
        sentence = minus(
            f"{NOTHING_LEARNED[network]} the contributions {verdict}: mean rank correlation {value:.2f} "
            f"[{low:.2f}, {high:.2f}] over {n} patients, the interval must lie below {ALIKE}."
        )
    return record("contributions: nothing learned", passed, value, low, high, f"below {ALIKE}", sentence)


def _randomised_importance(ranks: np.ndarray, columns: int, *, network: bool) -> dict[str, Any]:
    """Interval of the mean over models that have learned nothing, from the t distribution."""
    ranks = ranks[np.isfinite(ranks)]
    name, needed = "importance: nothing learned", f"below {ALIKE}"
    if columns < FEWEST_COLUMNS or len(ranks) < 2:
        what = (
            f"columns to tell ({columns}; {FEWEST_COLUMNS} are needed)"
            if columns < FEWEST_COLUMNS
            else "folds with samples of both classes to tell"
        )
        return record(
            name, False, None, None, None, needed, f"Too few {what} whether importance depends on what was learned."
        )
    value = float(ranks.mean())
    half = float(t(len(ranks) - 1).ppf(0.975) * ranks.std(ddof=1) / np.sqrt(len(ranks)))
    low, high = max(-1.0, value - half), min(1.0, value + half)
    passed = high < ALIKE
    verdict = "changes" if passed else "does not change enough"
    if low < ALIKE <= high:
        what = f"models that have learned nothing ({len(ranks)})"
        undecided = _undecided(what, "importance depends on what was learned", value, low, high)
        return record(name, False, value, low, high, needed, undecided)
    sentence = minus(
        f"{NOTHING_LEARNED[network]} the order of columns by importance {verdict}: mean rank correlation {value:.2f} "
        f"[{low:.2f}, {high:.2f}] over {len(ranks)} such models, the interval must lie below {ALIKE}."
    )
    return record(name, passed, value, low, high, needed, sentence)


def _undecided(what: str, question: str, value: float, low: float, high: float) -> str:
    numbers = minus(f"{value:.2f} [{low:.2f}, {high:.2f}]")
    return f"Too few {what} to tell whether {question}: mean rank correlation {numbers}, and {ALIKE} lies within the interval."


def _deletion(moved: np.ndarray, patients: list[Any], columns: int, kind: str, seed: int) -> dict[str, Any]:
    value, low, high, n = mean_over_patients(moved, patients, seed)
    name, needed = "contributions: deletion", "above 0"
    unit = "in units of the target" if kind == "regression" else "in probability"
    if columns < 2:
        sentence = (
            "Too few columns to tell (1; 2 are needed) whether those that contributed most matter more than others."
        )
        return record(name, False, value, low, high, needed, sentence)
    passed = n >= FEWEST and low is not None and low > 0
    if n < FEWEST or value is None:
        sentence = f"{few(n)} whether columns that contributed most matter more than others."
    else:
        verdict = "moves" if passed else "does not clearly move"
        sentence = minus(
            f"Replacing the columns that contributed most {verdict} the score back further than replacing as many at "
            f"random: on average by {value:.3g} [{low:.3g}, {high:.3g}] {unit}, the interval must lie above 0."
        )
    return record(name, passed, value, low, high, needed, sentence)
