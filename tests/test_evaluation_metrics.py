"""Metrics agree with scikit-learn for any weights, with or without ties, and with the truth that was planted."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from bedside.evaluation import calibration
from bedside.evaluation.metrics import binary, multiclass, regression


def study(n=300, *, ties=False, seed=0):
    """Target, score, decision of n samples, and five rows of whole-number weights with many zeros."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(size=n)
    target = rng.random(n) < expit(1.5 * odds - 0.5)
    score = expit(odds + rng.normal(size=n))
    score = np.round(score, 1).clip(0.05, 0.95) if ties else score
    return target, score, score >= 0.45, rng.integers(0, 4, size=(5, n)).astype(float)


def by_name(metrics, of=""):
    return {metric.name: metric for metric in metrics if metric.of == of}


REFERENCES = {
    "auroc": lambda y, s, d, w: sk.roc_auc_score(y, s, sample_weight=w),
    "average_precision": lambda y, s, d, w: sk.average_precision_score(y, s, sample_weight=w),
    "accuracy": lambda y, s, d, w: sk.accuracy_score(y, d, sample_weight=w),
    "balanced_accuracy": lambda y, s, d, w: sk.balanced_accuracy_score(y, d, sample_weight=w),
    "sensitivity": lambda y, s, d, w: sk.recall_score(y, d, sample_weight=w),
    "specificity": lambda y, s, d, w: sk.recall_score(~y, ~d, sample_weight=w),
    "ppv": lambda y, s, d, w: sk.precision_score(y, d, sample_weight=w),
    "npv": lambda y, s, d, w: sk.precision_score(~y, ~d, sample_weight=w),
    "brier": lambda y, s, d, w: sk.brier_score_loss(y, s, sample_weight=w),
    "brier_null": lambda y, s, d, w: sk.brier_score_loss(y, np.full(len(y), np.average(y, weights=w)), sample_weight=w),
    "log_loss": lambda y, s, d, w: sk.log_loss(y, s, sample_weight=w),
}


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("name", REFERENCES)
def test_binary_metrics_equal_scikit_learn_for_any_weights(name, ties):
    target, score, decision, weights = study(ties=ties)
    found = by_name(binary(target, score, decision))[name](weights)
    expected = [REFERENCES[name](target, score, decision, row) for row in weights]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", [*REFERENCES, "calibration_slope", "calibration_intercept", "ece"])
def test_single_precision_of_resamples_is_harmless(name):
    target, score, decision, weights = study(3000)
    metric = by_name(binary(target, score, decision))[name]
    np.testing.assert_allclose(metric(weights.astype(np.float32)), metric(weights), rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_rankings_compare_within_folds_for_any_weights(ties):
    """Pairs add up over folds, average precision is the positives-weighted mean; a fold of one class drops out."""
    target, score, decision, weights = study(ties=ties)
    folds = np.arange(300) % 3
    folds[np.flatnonzero(target)[:5]] = 7
    weights[0, target & (folds == 1)] = 0  # this resample misses the positives of a fold
    found = by_name(binary(target, score, decision, folds=folds))
    for k, row in enumerate(weights):
        parts = []
        for fold in np.unique(folds):
            y, s, w = target[folds == fold], score[folds == fold], row[folds == fold]
            if w[y].any() and w[~y].any():
                both = sk.roc_auc_score(y, s, sample_weight=w), sk.average_precision_score(y, s, sample_weight=w)
                parts.append((*both, w[y].sum() * w[~y].sum(), w[y].sum()))
        auroc, precision, pairs, positives = np.array(parts).T
        assert found["auroc"](weights)[k] == pytest.approx(np.average(auroc, weights=pairs), rel=1e-12)
        assert found["average_precision"](weights)[k] == pytest.approx(np.average(precision, weights=positives))
    assert np.isnan(found["auroc"](target[None].astype(float))).all()


def recalibrate(target, score, weights):
    """Calibration slope by scikit-learn without penalty."""
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    return fit.fit(logit(score)[:, None], target, sample_weight=weights).coef_[0, 0]


@pytest.mark.parametrize("ties", [False, True])
def test_calibration_slope_equals_unpenalised_logistic_regression(ties):
    target, score, decision, weights = study(ties=ties)
    found = by_name(binary(target, score, decision))["calibration_slope"](weights)
    np.testing.assert_allclose(found, [recalibrate(target, score, row) for row in weights], rtol=1e-4)


def test_calibration_intercept_makes_expected_and_observed_events_equal():
    target, score, decision, weights = study()
    found = by_name(binary(target, score, decision))["calibration_intercept"](weights)
    expected = (weights * expit(found[:, None] + logit(score))).sum(axis=1)
    np.testing.assert_allclose(expected, weights @ target, rtol=1e-8)


def test_third_order_step_for_large_data_agrees_with_convergence(monkeypatch):
    """With some 200 events the short cut errs less than the 0.06 standard errors that 2,000 resamples leave to chance.

    The 2.5 % point of 2,000 normal draws has a standard error of sqrt(0.025 x 0.975 / 2000) / 0.058 = 0.06.
    """
    rng = np.random.default_rng(0)
    odds = rng.normal(-4, 1.2, size=5000)
    target = rng.random(5000) < expit(odds)
    score, resampled = expit(1.4 * odds + 0.5), rng.multinomial(5000, np.full(5000, 1 / 5000), size=200).astype(float)
    exact = by_name(binary(target, score, score > 0.1))
    monkeypatch.setattr(calibration, "EXACT_ROWS", 100)
    quick = by_name(binary(target, score, score > 0.1))
    for name in ("calibration_slope", "calibration_intercept"):
        truth, found = exact[name](resampled), quick[name](resampled)
        assert np.abs(found - truth).max() < 0.06 * truth.std()
        np.testing.assert_allclose(quick[name](np.ones((1, 5000))), exact[name](np.ones((1, 5000))), rtol=1e-9)


def test_planted_miscalibration_is_found():
    """Log odds doubled and shifted by one: slope 1/2; intercept negative because scores are too high."""
    rng = np.random.default_rng(1)
    odds = rng.normal(size=200_000)
    target = rng.random(200_000) < expit(odds)
    ones = np.ones((1, 200_000))
    honest = by_name(binary(target, expit(odds), odds > 0))
    spoilt = by_name(binary(target, expit(2 * odds + 1), odds > 0))
    assert honest["calibration_slope"](ones) == pytest.approx(1, abs=0.02)
    assert honest["calibration_intercept"](ones) == pytest.approx(0, abs=0.02)
    assert honest["ece"](ones) < 0.005
    assert spoilt["calibration_slope"](ones) == pytest.approx(0.5, abs=0.01)
    assert spoilt["calibration_intercept"](ones) < -0.5
    assert spoilt["ece"](ones) > 0.1


def test_ece_equals_its_definition():
    target, score, decision, weights = study()
    edges = np.linspace(0, 1, 11)
    inside = [(score >= low) & (score < high) for low, high in pairwise(edges)]
    expected = [
        sum(abs(np.sum((row * (target - score))[rows])) for rows in inside) / row.sum() for row in weights
    ]  # fmt: skip
    np.testing.assert_allclose(by_name(binary(target, score, decision))["ece"](weights), expected, rtol=1e-12)


def test_scores_of_exactly_zero_and_one_stay_finite():
    target = np.array([True, True, False, False, True, False])
    score = np.array([1.0, 0.0, 0.0, 1.0, 0.7, 0.2])
    found = by_name(binary(target, score, score >= 0.5))
    ones = np.ones((1, 6))
    assert found["log_loss"](ones) == pytest.approx((2 * -np.log(1e-10) - np.log(0.7) - np.log(0.8)) / 6, rel=1e-6)
    assert np.isfinite(found["calibration_slope"](ones)).all()
    assert "count as 1e-10" in found["log_loss"].note


def test_a_constant_score_ranks_nothing_and_has_no_slope():
    target = np.arange(50) < 20
    found = by_name(binary(target, np.full(50, 0.4), np.zeros(50, dtype=bool)))
    ones = np.ones((1, 50))
    assert found["auroc"](ones) == 0.5
    assert found["average_precision"](ones) == pytest.approx(0.4)
    assert np.isnan(found["calibration_slope"](ones)).all()
    assert "same score" in found["calibration_slope"].undefined
    assert found["calibration_intercept"](ones) == pytest.approx(0, abs=1e-8)
    assert np.isnan(found["ppv"](ones)).all()
    assert found["ppv"].undefined == "no sample was called positive"


@pytest.mark.parametrize("direction", [1, -1])
def test_separated_classes_have_no_slope(direction):
    target = np.arange(40) >= 20
    score = expit(direction * np.linspace(-2, 2, 40))
    found = by_name(binary(target, score, score > 0.5))
    assert found["auroc"](np.ones((1, 40)))[0] == (direction + 1) / 2
    assert np.isnan(found["calibration_slope"](np.ones((1, 40)))).all()
    assert "separate the classes" in found["calibration_slope"].undefined


def several(n=400, classes=4, seed=2):
    rng = np.random.default_rng(seed)
    odds = rng.normal([1.0, 0.5, 0, 0], size=(n, classes))
    target = (odds + rng.gumbel(size=(n, classes))).argmax(axis=1)
    scores = np.exp(odds + rng.normal(size=odds.shape) / 2)
    return target, scores / scores.sum(axis=1, keepdims=True), rng.integers(0, 4, size=(3, n)).astype(float)


def test_multiclass_metrics_equal_scikit_learn():
    target, scores, weights = several()
    names = ("a", "b", "c", "d")
    whole, macro = by_name(multiclass(target, scores, names)), by_name(multiclass(target, scores, names), "macro")
    onehot, decision = np.eye(4)[target], scores.argmax(axis=1)
    for k, row in enumerate(weights):
        expected = {
            "accuracy": sk.accuracy_score(target, decision, sample_weight=row),
            "balanced_accuracy": sk.balanced_accuracy_score(target, decision, sample_weight=row),
            "log_loss": sk.log_loss(target, scores, sample_weight=row),
            "brier": np.average(((scores - onehot) ** 2).sum(axis=1), weights=row),
        }
        for name, value in expected.items():
            assert whole[name](weights)[k] == pytest.approx(value, rel=1e-10), name
        auroc = sk.roc_auc_score(onehot, scores, average="macro", sample_weight=row)
        precision = sk.average_precision_score(onehot, scores, average="macro", sample_weight=row)
        assert macro["auroc"](weights)[k] == pytest.approx(auroc, rel=1e-10)
        assert macro["average_precision"](weights)[k] == pytest.approx(precision, rel=1e-10)


def test_each_class_is_judged_against_the_rest():
    target, scores, weights = several()
    each = by_name(multiclass(target, scores, ("a", "b", "c", "d")), "c")
    alone = by_name(binary(target == 2, scores[:, 2], scores.argmax(axis=1) == 2))
    for name in ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "calibration_slope"):
        np.testing.assert_allclose(each[name](weights), alone[name](weights), rtol=1e-10)


def test_macro_skips_a_class_without_samples_and_says_so():
    target, scores, _ = several()
    kept = target != 3
    metrics = multiclass(target[kept], scores[kept], ("a", "b", "c", "d"))
    ones = np.ones((1, kept.sum()))
    macro = by_name(metrics, "macro")["auroc"]
    parts = [by_name(metrics, name)["auroc"](ones)[0] for name in "abc"]
    assert macro(ones)[0] == pytest.approx(np.mean(parts))
    assert "without d" in macro.note
    assert np.isnan(by_name(metrics, "d")["auroc"](ones)).all()
    assert by_name(metrics, "d")["sensitivity"].undefined == "no sample is d"


@pytest.mark.parametrize("shift", [0, 1e6])
def test_regression_metrics_equal_scikit_learn_far_from_zero_too(shift):
    rng = np.random.default_rng(3)
    target = rng.normal(size=200) * 30 + shift
    predicted = 0.8 * (target - shift) + rng.normal(size=200) * 10 + 5 + shift
    weights = rng.integers(0, 4, size=(4, 200)).astype(float)
    found = by_name(regression(target, predicted))
    for row, r2, mae, rmse, bias, slope in zip(
        weights, *(found[name](weights.astype(np.float32)) for name in found), strict=True
    ):
        assert r2 == pytest.approx(sk.r2_score(target, predicted, sample_weight=row), rel=1e-4)
        assert mae == pytest.approx(sk.mean_absolute_error(target, predicted, sample_weight=row), rel=1e-4)
        assert rmse == pytest.approx(sk.root_mean_squared_error(target, predicted, sample_weight=row), rel=1e-4)
        assert bias == pytest.approx(np.average(predicted - target, weights=row), rel=1e-4)
        assert slope == pytest.approx(np.polyfit(predicted - shift, target - shift, 1, w=np.sqrt(row))[0], rel=1e-4)


def test_a_constant_target_has_no_r2_and_a_constant_prediction_no_slope():
    found = by_name(regression(np.full(10, 3.7), np.linspace(3, 4, 10)))
    ones = np.ones((1, 10))
    assert np.isnan(found["r2"](ones)).all()
    assert found["mae"](ones) == pytest.approx(np.abs(np.linspace(3, 4, 10) - 3.7).mean())
    assert np.isnan(by_name(regression(np.arange(10.0), np.full(10, 0.1)))["calibration_slope"](ones)).all()
