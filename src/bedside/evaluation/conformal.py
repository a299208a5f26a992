"""Sets of classes, or intervals of a number, that hold the truth at a promised rate (split conformal prediction).

How strange a sample is under a class is 1 minus the score of that class; for a number it is the distance from the
prediction. Strangeness of validation samples under their true class is the yardstick: a class leaves the set of a new
sample if at most a share of 1 - level of the validation samples *of that class*, the new one counted among them, is as
strange (Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715, sections 2.2 and 4.5; for class by class also Sadinle et al.
2019, doi:10.1080/01621459.2017.1395341). By class, because a promise kept on the healthy alone would be kept by calling
everybody healthy. It holds for samples that are exchangeable with the validation samples, one per patient, on average over
validation samples; another hospital, or repeated visits, are not covered by it. Early stopping and the threshold also
looked at the validation samples, so coverage is checked on test samples.

With several members each has its own yardstick, validation samples it has not learned from, and the counts are
added up: cross-conformal prediction (Vovk 2015, doi:10.1007/s10472-013-9368-4), for numbers CV+ (Barber et al. 2021,
doi:10.1214/20-AOS1965). Its proven rate is 1 - 2 (1 - level), the usual one near level.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bedside.cohort import Task

DIGITS = 9  # predictions.csv keeps ten digits; rounded alike, equal scores stay equal
ALIKE = 1e-9  # a share that differs from 1 - level by rounding equals it

Yardstick = Mapping[str, np.ndarray]  # class, or "" for a number -> sorted strangeness of its validation samples


def calibration_scores(predictions: pd.DataFrame, task: Task) -> pd.DataFrame:
    """One row per validation sample: member, class (empty for a number), strangeness under its true class.

    Members are named as folds are in the model folder, `repeat0-fold0`.
    """
    valid = predictions[predictions["part"] == "valid"]
    scores = valid[task.score_columns()].to_numpy(dtype=np.float64)
    members = [f"repeat{r}-fold{f}" for r, f in zip(valid["repeat"], valid["fold"], strict=True)]
    if task.kind == "regression":
        strange = np.abs(valid["target"].to_numpy(dtype=np.float64) - scores[:, 0])
        classes = np.full(len(valid), "", dtype=object)
    else:
        target = task.encode(valid["target"])
        strange = 1 - scores[np.arange(len(valid)), target]
        classes = np.array(task.classes, dtype=object)[target]
    return pd.DataFrame({"member": members, "class": classes, "strangeness": strange})


def yardsticks(table: pd.DataFrame, task: Task) -> dict[str, dict[str, np.ndarray]]:
    """{member: {class: sorted strangeness}} from the rows of `calibration_scores`, every class in each member."""
    names = task.classes or ("",)
    return {
        str(member): {
            name: np.sort(np.round(rows.loc[rows["class"] == name, "strangeness"].to_numpy(np.float64), DIGITS))
            for name in names
        }
        for member, rows in table.groupby("member", sort=False)
    }


def class_sets(scores: np.ndarray, members: Sequence[Yardstick], classes: Sequence[str], level: float) -> np.ndarray:
    """Which classes stay in the set of each sample: scores (members, n, classes) -> mask (n, classes).

    A class with fewer than level / (1 - level) validation samples can never leave a set.
    """
    strange = np.round(1 - scores, DIGITS)
    inside = []
    for number, name in enumerate(classes):
        counts = [_as_strange(member[name], one[:, number]) for member, one in zip(members, strange, strict=True)]
        total = sum(len(member[name]) for member in members)
        inside.append(np.sum(counts, axis=0) + 1 > (1 - level) * (total + 1) + ALIKE)
    return np.stack(inside, axis=1)


def _as_strange(yardstick: np.ndarray, strange: np.ndarray) -> np.ndarray:
    """How many of the sorted (m,) are at least as strange as each of (n,)."""
    return len(yardstick) - np.searchsorted(yardstick, strange, side="left")


def number_intervals(
    predicted: np.ndarray, members: Sequence[Yardstick], level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high ends, (n,) each, of the interval around predictions (members, n); infinite with too few samples.

    One member: the prediction and the distance that is the ceil(level (m + 1))-th smallest of its m validation samples
    on either side. Several: the same rank among all distances added to, or taken from, the prediction of their member.
    """
    distances = [member[""] for member in members]
    total = sum(map(len, distances))
    rank = int(np.ceil(level * (total + 1) - ALIKE))
    if rank > total:
        endless = np.full(predicted.shape[1], np.inf)
        return -endless, endless
    ends = [one[:, None] + distance for one, distance in zip(predicted, distances, strict=True)]
    starts = [one[:, None] - distance for one, distance in zip(predicted, distances, strict=True)]
    high = np.partition(np.concatenate(ends, axis=1), rank - 1, axis=1)[:, rank - 1]
    low = np.partition(np.concatenate(starts, axis=1), total - rank, axis=1)[:, total - rank]
    return low, high
