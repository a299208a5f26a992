"""Curves go through the points that scikit-learn computes, and stay small for large data."""

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from bedside.cohort import Task
from bedside.evaluation.curves import agreement, calibration, curves, operating_points, precision_recall, roc


@pytest.fixture
def study():
    rng = np.random.default_rng(0)
    target = rng.random(300) < 0.3
    return target, np.round(np.clip(0.3 * target + rng.random(300) * 0.7, 0, 1), 2)


def test_roc_has_the_corners_of_scikit_learns_and_the_same_line(study):
    target, score = study
    found = roc(target, score)
    false_alarms, hits, thresholds = sk.roc_curve(target, score, drop_intermediate=False)
    kept = np.isin(thresholds, found["threshold"])
    np.testing.assert_allclose(found["false_positive_rate"], false_alarms[kept])
    np.testing.assert_allclose(found["sensitivity"], hits[kept])
    assert len(found) < len(thresholds)
    assert sk.auc(found["false_positive_rate"], found["sensitivity"]) == pytest.approx(sk.roc_auc_score(target, score))


def test_precision_recall_is_scikit_learns(study):
    target, score = study
    found = precision_recall(target, score)
    precision, recall, thresholds = sk.precision_recall_curve(target, score)
    np.testing.assert_allclose(found["threshold"], thresholds[::-1])
    np.testing.assert_allclose(found["precision"], precision[-2::-1])
    np.testing.assert_allclose(found["recall"], recall[-2::-1])


def test_large_data_give_few_points_and_keep_the_ends():
    rng = np.random.default_rng(1)
    target = rng.random(20_000) < 0.5
    score = np.clip(0.2 * target + rng.random(20_000) * 0.8, 0, 1)
    found = roc(target, score)
    assert len(found) <= 400
    assert tuple(found.iloc[0, 1:]) == (0, 0)
    assert tuple(found.iloc[-1, 1:]) == (1, 1)
    area = sk.auc(found["false_positive_rate"], found["sensitivity"])
    assert area == pytest.approx(sk.roc_auc_score(target, score), abs=1e-3)
    assert len(precision_recall(target, score)) <= 400
    assert 150 <= len(operating_points(target, score)) <= 200


def test_operating_points_count_every_decision(study):
    target, score = study
    points = operating_points(target, score)
    assert len(points) == len(np.unique(score))
    for point in points.itertuples():
        decision = score >= point.threshold
        assert point.true_positives == (decision & target).sum()
        assert point.false_positives == (decision & ~target).sum()
        assert point.true_positives + point.false_negatives == target.sum()
        assert point.true_negatives + point.false_positives == (~target).sum()
        assert point.sensitivity == pytest.approx(decision[target].mean())
        assert point.specificity == pytest.approx((~decision)[~target].mean())


def test_calibration_bins_hold_everybody_once_and_repeats_do_not_narrow_them(study):
    target, score = study
    patients = np.arange(300)
    once = calibration(target, score, patients)
    twice = calibration(np.tile(target, 2), np.tile(score, 2), np.tile(patients, 2))
    assert once["samples"].sum() == 300
    assert (once["frequency_low"] <= once["frequency"]).all()
    assert (once["frequency"] <= once["frequency_high"]).all()
    assert ((once["low"] <= once["score"]) & (once["score"] <= once["high"])).all()
    pd.testing.assert_frame_equal(once.drop(columns="samples"), twice.drop(columns="samples"))


def test_one_curve_for_a_binary_task_and_one_per_class_for_several():
    rng = np.random.default_rng(2)
    scores = rng.dirichlet([1, 1, 1], size=60)
    names = [f"s{k}" for k in range(60)]
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": 0, "part": "test"})
    rows["target"] = rng.choice(["a", "b"], size=60)
    several = rows.assign(**{f"score_{name}": scores[:, k] for k, name in enumerate("abc")})
    assert [curve.of for curve in curves(several, Task("multiclass", ("a", "b", "c")))] == ["a", "b"]
    found = curves(several, Task("binary", ("a", "b")))
    assert [curve.of for curve in found] == ["b"]
    assert found[0].prevalence == pytest.approx((rows["target"] == "b").mean())
    assert found[0].histogram[["positives", "negatives"]].to_numpy().sum() == 60


def test_agreement_has_each_sample_once_with_its_mean_prediction():
    rows = pd.DataFrame({"sample": ["x", "y"] * 2, "part": "test", "target": [1.0, 2.0] * 2, "predicted": [1, 2, 3, 4]})
    found = agreement(rows)
    assert found.to_dict("list") == {"sample": ["x", "y"], "target": [1.0, 2.0], "predicted": [2.0, 3.0]}
