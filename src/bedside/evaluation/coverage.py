"""Do conformal sets keep their promise on test patients? Coverage overall, by class and by group, and what it costs."""

from typing import Any

import numpy as np
from scipy.stats import norm

from bedside.cohort import Estimate, Task, level_text
from bedside.evaluation import conformal, influence
from bedside.evaluation.compare import FEWEST
from bedside.evaluation.group_tests import cells_of
from bedside.evaluation.groups import groupings
from bedside.evaluation.intervals import Panel, estimates, resample
from bedside.evaluation.paired import holm
from bedside.evaluation.panels import averaged, presence
from bedside.evaluation.statistics import Metric, Sums, mean, ratio
from bedside.evaluation.subgroups import Judged
from bedside.evaluation.thresholds import samples_worth, units
from bedside.settings import EvaluationSettings

Record = dict[str, Any]


def coverage(predictions: Any, tested: Judged, settings: EvaluationSettings, *, seed: int) -> Record | None:
    """The part `conformal` of the uncertainty: sets from the validation samples of each fold, judged on its test samples.

    None if no sets are asked for; a record with only `why` if there is nothing to calibrate on.
    """
    if settings.conformal is None:
        return None
    table = conformal.calibration_scores(predictions, tested.task)
    members = conformal.yardsticks(table, tested.task)
    rows = tested.rows
    names = np.array([f"repeat{r}-fold{f}" for r, f in zip(rows["repeat"], rows["fold"], strict=True)])
    if set(names) - set(members):
        return {
            "why": "there are no validation samples in each fold, and the yardstick of the sets cannot be test samples"
        }
    held, size = _held(tested, names, members, settings.conformal)
    if not np.isfinite(size).all():
        return {"why": f"intervals at {settings.conformal:g} need more validation samples in each fold than there are"}
    places = _places(tested, settings)
    if ("", "") not in places:
        return {"why": f"coverage of fewer than {FEWEST} test patients says nothing"}
    found = _estimates(tested, held, size, places, settings, seed)
    behind = _behind(predictions, tested.task)
    records = _judge(tested, held, places, found, {name: worth for name, (_, worth) in behind.items()}, settings)
    return {
        "level": settings.conformal,
        "calibrated": {name: int(samples) for name, (samples, _) in behind.items()},
        "coverage": records,
        "size": [estimate.to_dict() for estimate in found if estimate.metric not in ("coverage",)],
        "sentence": sentence(records, settings.conformal, found, tested.task),
    }


def _held(
    tested: Judged, names: np.ndarray, members: dict[str, dict[str, np.ndarray]], level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Whether the set of each test row holds the truth, and its number of classes or its width; (n,) each."""
    task, n = tested.task, len(tested.rows)
    scores = tested.rows[task.score_columns()].to_numpy(dtype=np.float64)
    held, size = np.zeros(n, dtype=bool), np.zeros(n)
    for name in np.unique(names):
        here = np.flatnonzero(names == name)
        if task.kind == "regression":
            truth = tested.rows["target"].to_numpy(dtype=np.float64)[here]
            low, high = conformal.number_intervals(scores[here].T, [members[name]], level)
            held[here], size[here] = (low <= truth) & (truth <= high), high - low
        else:
            inside = conformal.class_sets(scores[None, here], [members[name]], task.classes, level)
            held[here], size[here] = inside[np.arange(len(here)), tested.target[here]], inside.sum(axis=1)
    return held, size


def _places(tested: Judged, settings: EvaluationSettings) -> dict[tuple[str, str], np.ndarray]:
    """Masks of the rows whose coverage is judged: everybody, each class, each group with enough patients."""
    everyone = np.ones(len(tested.rows), dtype=bool)
    masks = {("", ""): everyone}
    masks |= {("class", name): tested.target == number for number, name in enumerate(tested.task.classes)}
    for grouping in groupings(tested.rows, tested.task, settings.bands):
        masks |= {(grouping.column, group.name): group.rows for group in grouping.groups}
    repeats = tested.rows["repeat"]
    whole = repeats.nunique()
    return {
        place: rows
        for place, rows in masks.items()
        if tested.patients(rows) >= FEWEST and repeats[rows].nunique() == whole
    }


def _estimates(
    tested: Judged, held: np.ndarray, size: np.ndarray, places: dict[tuple[str, str], np.ndarray],
    settings: EvaluationSettings, seed: int,
) -> list[Estimate]:  # fmt: skip
    """Coverage of each place, then sizes, each with its interval from one set of resampled patients."""
    repeats, n_patients = tested.rows["repeat"].to_numpy(), int(tested.units.max()) + 1
    panels = []
    for repeat in np.unique(repeats):
        here = repeats == repeat
        metrics = [share("coverage", rows[here], held[here], of=" ".join(place)) for place, rows in places.items()]
        panels.append(Panel(metrics + _sizes(tested.task, held[here], size[here]), tested.units[here], n_patients))
    joined = averaged(panels)
    values = joined(np.ones((1, n_patients)))[0]
    draws = resample(joined, presence(tested.rows, tested.task, tested.units), resamples=settings.resamples, seed=seed)
    return estimates(panels, values, draws, level=settings.level, interval=settings.interval)


def _sizes(task: Task, held: np.ndarray, size: np.ndarray) -> list[Metric]:
    everyone = np.ones(len(size), dtype=bool)
    if task.kind == "regression":
        return [mean("interval_width", size)]
    return [
        mean("set_size", size),
        share("sets_of_one", everyone, size == 1),
        share("sets_of_several", everyone, size > 1),
        share("sets_empty", everyone, size == 0),
        share("sets_of_one_right", size == 1, held),
    ]


def share(name: str, among: np.ndarray, hits: np.ndarray, of: str = "") -> Metric:
    """The share of the samples `among` that are `hits`, masks of shape (n,)."""
    counts = Sums(among, among & hits)
    return Metric(
        name, (counts,), lambda s: ratio(s[:, 1], s[:, 0]), (among,), of=of, edge="proportion", undefined="no sample"
    )


def _behind(predictions: Any, task: Task) -> dict[str, tuple[float, float]]:
    """Validation samples behind the sets, and how many independent ones they are worth: all together, and by class.

    Both are means over repeats, which look at the same patients again.
    """
    valid = predictions[predictions["part"] == "valid"]
    repeats = [rows for _, rows in valid.groupby("repeat")]
    sides = {"": repeats}
    for number, name in enumerate(task.classes):
        sides[name] = [rows[task.encode(rows["target"]) == number] for rows in repeats]
    return {
        name: (
            float(np.mean([len(rows) for rows in side])),
            float(np.mean([samples_worth(units(rows).to_numpy()) if len(rows) else 0.0 for rows in side])),
        )
        for name, side in sides.items()
    }


def _judge(
    tested: Judged, held: np.ndarray, places: dict[tuple[str, str], np.ndarray], found: list[Estimate],
    worth: dict[str, float], settings: EvaluationSettings,
) -> list[Record]:  # fmt: skip
    """Each coverage with a one-sided test of the promise, adjusted by Holm over all of them.

    Coverage varies with the test patients and, since the promise is kept on average over validation samples, with these
    too: by level (1 - level) / (m + 2) for m of them (Vovk 2012, doi:10.1007/s10994-013-5355-6). They are `worth` so many
    independent ones, by class and "" for all.
    """
    level, cells = float(settings.conformal or 0), cells_of(tested.rows)
    tests: list[float | None] = []
    for (column, name), rows in places.items():
        value = influence.share(held, cells, rows)
        m = worth[name if column == "class" else ""]
        assert value is not None, "places have samples in every repeat"
        error = influence.standard_error(value, tested.units)[0]
        promise = level * (1 - level)
        floor = promise / tested.patients(rows)  # a value of 0 or 1 has no error of its own
        spread = max(error**2, floor if value.value in (0.0, 1.0) else 0.0) + promise / (m + 2)
        tests.append(float(norm.cdf((value.value - level) / np.sqrt(spread))))
    adjusted = holm(tests)
    alpha = 1 - settings.level
    return [
        {
            "column": column,
            "name": name,
            "estimate": {**estimate.to_dict(), "of": ""},
            "p": p,
            "p_adjusted": q,
            "short": q is not None and q < alpha,
        }
        for (column, name), estimate, p, q in zip(places, found, tests, adjusted, strict=False)
    ]


def sentence(records: list[Record], level: float, found: list[Estimate], task: Task) -> str:
    """Whether the promise is kept, where it is not, and what it costs."""
    overall = Estimate.from_dict(records[0]["estimate"]).text()
    short = [record for record in records if record["short"]]
    by = {estimate.metric: estimate for estimate in found[len(records) :]}
    if task.kind == "regression":
        cost = f"intervals are {by['interval_width'].text()} wide on average"
    else:
        cost = f"{by['sets_of_one'].text()} of the sets name one class"
    what = "intervals" if task.kind == "regression" else "sets"
    said = f"Conformal {what} promise to hold the truth for {level_text(level)} and hold it for {overall}; {cost}."
    if short:
        return f"{said} The promise is broken by more than chance for: {_named(short)}."
    below = [record for record in records if _below(record, level)]
    if below:
        return (
            f"{said} The interval of {_named(below)} lies below the promise, which the chance of the validation samples "
            "behind the sets can explain."
        )
    if len(records) == 1:  # everybody
        return (
            said
            if task.kind == "regression"
            else f"{said} No class or group has the {FEWEST} test patients to be judged."
        )
    whom = "group" if task.kind == "regression" else "class or group"
    return f"{said} No {whom} fell short of the promise by more than chance."


def _named(records: list[Record]) -> str:
    names = [
        " ".join(part for part in (record["column"], record["name"]) if part) or "all samples" for record in records
    ]
    values = [Estimate.from_dict(record["estimate"]).text() for record in records]
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _below(record: Record, level: float) -> bool:
    """Whether the interval, as it is printed, lies below the promise; it holds the validation samples fixed."""
    one = Estimate.from_dict(record["estimate"])
    return one.high is not None and round(one.high, one.digits()) < level
