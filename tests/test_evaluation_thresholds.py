"""Thresholds are chosen on validation samples only, reach what they promise, and treat ties alike."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_curve

from bedside.cohort import Task
from bedside.errors import DataError
from bedside.evaluation.thresholds import candidates, choose, decide, per_fold
from bedside.settings import EvaluationSettings

TASK = Task("binary", ("well", "ill"))


def table(part="valid", fold=0, n=40, seed=0):
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 3 == 0
    score = np.round(np.clip(0.3 * ill + rng.random(n) * 0.7, 0, 1), 2)
    names = [f"{part}{fold}-{k}" for k in range(n)]
    return pd.DataFrame(
        {
            "sample": names,
            "patient": names,
            "repeat": 0,
            "fold": fold,
            "part": part,
            "target": np.where(ill, "ill", "well"),
            "score_well": 1 - score,
            "score_ill": score,
        }
    )


def tied(seed, n=60):
    rng = np.random.default_rng(seed)
    target = rng.random(n) < 0.4
    target[:2] = [True, False]
    return target, np.round(np.clip(0.3 * target + rng.random(n) * 0.7, 0, 1), 1)


@pytest.mark.parametrize("seed", range(5))
def test_youden_equals_the_best_point_of_scikit_learns_roc(seed):
    target, score = tied(seed)
    decision = score >= choose(target, score, rule="youden", value=0)
    false_alarms, hits, _ = roc_curve(target, score, drop_intermediate=False)
    assert decision[target].mean() - decision[~target].mean() == pytest.approx((hits - false_alarms).max())


@pytest.mark.parametrize("value", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_target_sensitivity_and_specificity_are_reached_and_no_better_threshold_does(seed, value):
    target, score = tied(seed)
    thresholds = candidates(score)
    for rule, rows, beyond in (("sensitivity", target, 1), ("specificity", ~target, -1)):
        chosen = choose(target, score, rule=rule, value=value)
        right = (score >= chosen) == (rule == "sensitivity")
        assert right[rows].mean() >= value
        further = int(np.flatnonzero(thresholds == chosen)[0]) + beyond
        if 0 <= further < len(thresholds):
            assert ((score >= thresholds[further]) == (rule == "sensitivity"))[rows].mean() < value


@pytest.mark.parametrize("score", [[0.5, 0.5, 0.5], [0.0, 1.0, 1.0], [0.3, np.nextafter(0.3, 1), 0.9]])
def test_every_split_of_the_scores_has_one_candidate(score):
    """Ties stay together; scores of exactly 0 and 1, and neighbours in floating point, are split all the same."""
    score = np.array(score)
    splits = {tuple(score >= threshold) for threshold in candidates(score)}
    assert len(splits) == len(candidates(score)) == len(np.unique(score)) + 1


def test_test_samples_never_move_the_threshold():
    predictions = pd.concat([table("valid"), table("test", seed=1)])
    spoilt = predictions.assign(score_ill=predictions["score_ill"].where(predictions["part"] == "valid", 0.99))
    chosen = per_fold(predictions, TASK, EvaluationSettings())
    assert per_fold(spoilt, TASK, EvaluationSettings()) == chosen
    assert (chosen[0]["chosen_on"], chosen[0]["rule"], chosen[0]["n_samples"]) == ("validation", "youden", 40)


def test_each_fold_decides_at_its_own_threshold():
    test = pd.concat([table("test", fold) for fold in (0, 1)], ignore_index=True)
    frozen = [{"repeat": 0, "fold": 0, "value": 0.0}, {"repeat": 0, "fold": 1, "value": 1.0}]
    decision = decide(test, TASK, frozen)
    assert decision[test["fold"] == 0].all()
    np.testing.assert_array_equal(decision[test["fold"] == 1], test["score_ill"][test["fold"] == 1] == 1)


def test_without_validation_samples_the_threshold_is_given():
    assert per_fold(table("test"), TASK, EvaluationSettings())[0] == {
        "repeat": 0,
        "fold": 0,
        "value": 0.5,
        "rule": "fixed",
        "chosen_on": "given",
        "n_samples": 0,
    }
    wanted = EvaluationSettings(threshold="sensitivity", threshold_value=0.95)
    assert per_fold(table("test"), TASK, wanted)[0]["value"] == 0.5
    fixed = EvaluationSettings(threshold="fixed", threshold_value=0.2)
    assert per_fold(table("valid"), TASK, fixed)[0]["value"] == 0.2


def test_validation_samples_of_one_class_are_an_error_that_names_the_fold():
    predictions = pd.concat([table("valid", 0), table("valid", 1).query("target == 'well'"), table("test", 0)])
    with pytest.raises(DataError, match=r"26 validation samples of repeat 0, fold 1 are all well.*fewer folds.*fixed"):
        per_fold(predictions, TASK, EvaluationSettings())
