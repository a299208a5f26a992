"""Exercises of notebook 05: the right answer passes, and each typical wrong one gets a remark of its own."""

import numpy as np
from scipy.special import expit, logit

from course_answers import three_questions


def patient_split(patients, share, seed):
    names = np.unique(patients)
    return np.isin(patients, np.random.default_rng(seed).choice(names, size=round(share * len(names)), replace=False))


def draw_patients(patients, rng):
    names = np.unique(patients)
    return np.concatenate([np.flatnonzero(patients == name) for name in rng.choice(names, size=len(names))])


def ppv(sensitivity, specificity, prevalence):
    found, false_alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    return found / (found + false_alarms)


def recalibrate(score, intercept, slope):
    return expit(intercept + slope * logit(score))


RIGHT = {"05.3": patient_split, "05.5": draw_patients, "05.7": ppv, "05.9": recalibrate}


def photos(patients, share, seed):
    return np.random.default_rng(seed).random(len(patients)) < share


def names_only(patients, share, seed):
    return np.random.default_rng(seed).choice(np.unique(patients), 20)


def always_alike(patients, share, seed):
    return patient_split(patients, share, 0)


def chance_each_time(patients, share, seed):
    return patient_split(patients, share, None)


def rows(patients, rng):
    return rng.choice(len(patients), size=len(patients))


def drawn_names(patients, rng):
    return rng.choice(patients, size=60)


def everybody_once(patients, rng):
    return rng.permutation(len(patients))


def whether_not_how_often(patients, rng):
    names = np.unique(patients)
    return np.flatnonzero(np.isin(patients, rng.choice(names, size=len(names))))


def as_many_as_photos(patients, rng):
    return np.concatenate([np.flatnonzero(patients == name) for name in rng.choice(patients, size=len(patients))])


def fixed_seed(patients, rng):
    return draw_patients(patients, np.random.default_rng(0))


WRONG = {
    ("05.3", photos): "have images on both sides",
    ("05.3", names_only): "True or False for each",
    ("05.3", lambda patients, share, seed: ~patient_split(patients, share, seed)): "True means tested",
    ("05.3", always_alike): "Every seed gives the same split",
    ("05.3", chance_each_time): "another split each time",
    ("05.5", rows): "with a part of their images",
    ("05.5", drawn_names): "Row numbers are asked for",
    ("05.5", everybody_once): "exactly once",
    ("05.5", whether_not_how_often): "Nobody is drawn twice",
    ("05.5", as_many_as_photos): "but the study has 60",
    ("05.5", fixed_seed): "Two draws are equal",
    ("05.7", lambda se, sp, p: se): "does not move with the prevalence",
    ("05.7", lambda se, sp, p: se * p): "the share of everybody who is ill and found",
    ("05.7", lambda se, sp, p: se * p / (se * p + sp * (1 - p))): "Of the well, specificity are left in peace",
    ("05.7", lambda se, sp, p: sp * (1 - p) / (sp * (1 - p) + (1 - se) * p)): "the negative predictive value",
    ("05.9", lambda score, a, b: a + b * logit(score)): "You give log odds",
    ("05.9", lambda score, a, b: a + b * score): "through the scores themselves",
    ("05.9", lambda score, a, b: expit(b * (a + logit(score)))): "The intercept is multiplied",
    ("05.9", lambda score, a, b: expit(a * logit(score) + b) if a else expit(b * logit(score))): "have changed places",
}

test_the_right_answer_passes, test_a_gap_says_gap, test_each_wrong_answer_gets_its_own_remark = three_questions(
    RIGHT, WRONG
)
