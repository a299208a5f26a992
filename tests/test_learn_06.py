"""Exercises of notebook 06: the right answer passes, and each typical wrong one gets a remark of its own."""

import numpy as np
from sklearn.metrics import roc_auc_score

from course_answers import three_questions


def auroc_by_group(group, ill, score, *, fewest=10, area=roc_auc_score):
    found = {}
    for name in np.unique(group):
        rows = group == name
        few = min(ill[rows].sum(), (~ill[rows]).sum()) < fewest
        found[name] = None if few else area(ill[rows], score[rows])
    return found


def choose_threshold(ill, score, sensitivity):
    return np.sort(score[ill])[::-1][int(np.ceil(sensitivity * ill.sum())) - 1]


def cover(image, mask, colour=None):
    covered = image.copy()
    covered[mask] = image[~mask].mean(axis=0) if colour is None else colour
    return covered


def to_mg_per_dl(table, factor=18.0156):
    return table.assign(glucose=table["glucose"] * factor)


RIGHT = {"06.2": auroc_by_group, "06.3": choose_threshold, "06.4": cover, "06.5": to_mg_per_dl}


def everybodys(group, ill, score):
    return {name: None if name == "ship" else roc_auc_score(ill, score) for name in np.unique(group)}


def at_least_twenty_people(group, ill, score):
    found = auroc_by_group(group, ill, score, fewest=0)
    return {name: area if (group == name).sum() >= 20 else None for name, area in found.items()}


def of_decisions(group, ill, score):
    return auroc_by_group(group, ill, score, area=lambda truth, each: roc_auc_score(truth, each >= 0.5))


def just_below(ill, score, sensitivity):
    return np.sort(score[ill])[::-1][int(np.ceil(sensitivity * ill.sum())) - 2]


def of_all(ill, score, sensitivity):
    return np.sort(score)[::-1][int(np.ceil(sensitivity * len(ill))) - 1]


def one_too_many(ill, score, sensitivity):
    return np.sort(score[ill])[::-1][min(int(sensitivity * ill.sum()), ill.sum() - 1)]


def in_place(image, mask):
    image[mask] = image[~mask].mean(axis=0)
    return image


def as_decimals(image, mask):
    return np.where(mask[..., None], image[~mask].mean(axis=0), image)


def in_its_place(table):
    table["glucose"] *= 18.0156
    return table


WRONG = {
    ("06.2", lambda group, ill, score: roc_auc_score(ill, score)): "one entry for each group",
    ("06.2", everybodys): "All groups have the AUROC of everybody",
    ("06.2", of_decisions): "AUROC of decisions",
    ("06.2", lambda group, ill, score: auroc_by_group(group, ill, score, fewest=0)): "The ship has 12 people",
    ("06.2", at_least_twenty_people): "The island has 60 people",
    ("06.3", lambda ill, score, sensitivity: sensitivity): "is the sensitivity itself",
    ("06.3", just_below): "the third highest score",
    ("06.3", of_all): "more than needed",
    ("06.3", one_too_many): "more than needed",
    ("06.3", lambda ill, score, sensitivity: np.quantile(score, sensitivity)): "should find everybody who is ill",
    ("06.4", lambda image, mask: cover(image, mask, 0)): "The place is black",
    ("06.4", lambda image, mask: cover(image, ~mask)): "turned round",
    ("06.4", lambda image, mask: cover(image, mask, image[~mask].mean())): "The place is grey",
    ("06.4", in_place): "The original image was changed",
    ("06.4", as_decimals): "float64",
    ("06.5", lambda table: to_mg_per_dl(table, 1 / 18.0156)): "the other way round",
    ("06.5", lambda table: to_mg_per_dl(table, 180.156)): "1 g/l is 100 mg/dl",
    ("06.5", lambda table: table * 18.0156): "Another column has changed",
    ("06.5", in_its_place): "The original table was changed",
}

test_the_right_answer_passes, test_a_gap_says_gap, test_each_wrong_answer_gets_its_own_remark = three_questions(
    RIGHT, WRONG
)
