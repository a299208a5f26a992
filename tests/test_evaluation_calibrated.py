"""Calibration in estimates.json: smooth curves, Brier scores with their null value, and what is said about them."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss
from statsmodels.nonparametric.smoothers_lowess import lowess

from bedside.cohort import Estimate, Task
from bedside.evaluation import evaluate
from bedside.evaluation.calibrated import sentence
from bedside.evaluation.smooth import LocalLines, LocalLogits
from bedside.settings import EvaluationSettings

BINARY = Task("binary", ("well", "sick"))
QUICK = EvaluationSettings(resamples=200)


def rows(task, n=300, *, slope=1.0, shift=0.0, seed=0, per_patient=1):
    """A test part whose log odds are `shift + slope * log odds of the score`, or a number predicted with that line."""
    rng = np.random.default_rng(seed)
    names = [f"s{k:05d}" for k in range(n)]
    table = pd.DataFrame({"sample": names, "patient": [f"p{k // per_patient:05d}" for k in range(n)]})
    table = table.assign(repeat=0, fold=0, part="test")
    x = rng.normal(-0.5, 1.3, n)
    if task.kind == "regression":
        return table.assign(target=shift + slope * x + rng.normal(0, 0.5, n), predicted=x)
    sick = rng.random(n) < expit(shift + slope * x)
    return table.assign(target=np.where(sick, "sick", "well"), score_well=1 - expit(x), score_sick=expit(x))


@pytest.fixture(scope="module")
def extreme():
    """Scores that are too extreme and too high."""
    return evaluate(rows(BINARY, 600, slope=0.5, shift=-0.7, seed=2), BINARY, QUICK, seed=0)


def test_brier_score_its_null_value_and_what_lies_between(extreme):
    table = rows(BINARY, 600, slope=0.5, shift=-0.7, seed=2)
    found = {entry["metric"]: entry for entry in extreme["calibration"]["of"][0]["estimates"]}
    truth = table["target"] == "sick"
    brier = brier_score_loss(truth, table["score_sick"])
    null = brier_score_loss(truth, np.full(len(truth), truth.mean()))
    assert found["brier"]["value"] == pytest.approx(brier, abs=1e-12)
    assert found["brier_null"]["value"] == pytest.approx(null, abs=1e-12)
    assert found["brier_scaled"]["value"] == pytest.approx(1 - brier / null, abs=1e-12)
    assert found["brier_scaled"]["low"] < 1 - brier / null < found["brier_scaled"]["high"]
    shared = {entry["metric"]: entry for entry in extreme["estimates"]}
    for metric in ("calibration_slope", "calibration_intercept", "brier", "brier_null", "ece"):
        assert found[metric] == shared[metric]  # the same draws: one number, wherever it stands


def test_planted_miscalibration_is_said_in_one_sentence(extreme):
    (record,) = extreme["calibration"]["of"]
    assert record["flaws"] == ["too extreme", "too high on average"]
    assert record["sentence"].startswith("Scores are too extreme and too high on average: slope 0")
    json.dumps(extreme, allow_nan=False)
    curve = record["curve"]
    truth = expit(-0.7 + 0.5 * logit(np.array(curve["score"])))
    assert np.mean((np.array(curve["low"]) <= truth) & (truth <= np.array(curve["high"]))) > 0.8
    diagonal = np.array(curve["score"])[-5:]
    assert (np.array(curve["high"])[-5:] < diagonal).all()


def test_bins_are_those_of_the_calibration_error(extreme):
    (record,) = extreme["calibration"]["of"]
    n = sum(one["samples"] for one in record["bins"])
    gap = sum(one["samples"] * abs(one["score"] - one["observed"]) for one in record["bins"]) / n
    ece = next(entry["value"] for entry in extreme["estimates"] if entry["metric"] == "ece")
    assert gap == pytest.approx(ece, abs=1e-12)
    assert record["bins_used"] == len(record["bins"]) <= 10


@pytest.mark.parametrize("task", [BINARY, Task("regression")])
def test_the_band_covers_the_true_curve_as_often_as_it_says(task):
    """Over 40 studies of calibrated predictions, at 21 points each, of which neighbours are hardly independent."""
    inside = []
    for seed in range(40):
        table, patients = rows(task, 200, seed=seed), np.arange(200)
        if task.kind == "regression":
            curve = LocalLines(table["predicted"].to_numpy(), table["target"].to_numpy(), patients)
        else:
            curve = LocalLogits(table["score_sick"].to_numpy(), (table["target"] == "sick").to_numpy(), patients)
        draws = np.random.default_rng(seed).multinomial(200, np.full(200, 1 / 200), size=80).astype(np.float32)
        low, high = np.quantile(curve(draws), [0.025, 0.975], axis=0)
        inside.append((low <= curve.points) & (curve.points <= high))
    assert 0.86 < np.mean(inside) < 0.98  # percentile bootstrap of 200 patients; 0.925 over many studies


def test_the_curve_of_numbers_is_lowess():
    rng = np.random.default_rng(3)
    x = np.sort(rng.normal(size=150))
    y = np.sin(x) + rng.normal(0, 0.3, 150)
    ours = LocalLines(x, y, np.arange(150))
    theirs = lowess(y, x, frac=0.75, it=0, xvals=ours.points)
    np.testing.assert_allclose(ours(np.ones((1, 150)))[0], theirs, atol=1e-5)


def test_the_curve_of_classes_is_a_weighted_logistic_regression_at_each_point_also_of_a_resample():
    rng = np.random.default_rng(4)
    x = rng.normal(-0.5, 1.2, 110)
    y = rng.random(110) < expit(0.6 * x)
    curve, draws = LocalLogits(expit(x), y, np.arange(110)), rng.multinomial(110, np.full(110, 1 / 110), size=3)
    found = curve(np.vstack([np.ones(110), draws]).astype(np.float64))
    for k in (0, 10, 20):
        away = x - logit(curve.points[k])
        away = away / np.sort(np.abs(away))[int(0.75 * 110) - 1]
        weight = np.clip(1 - np.abs(away) ** 3, 0, None) ** 3
        for row, times in enumerate([np.ones(110), *draws]):
            near = weight * times > 0
            design = np.column_stack([np.ones(near.sum()), away[near]])
            model = sm.GLM(
                y[near].astype(float), design, family=sm.families.Binomial(), freq_weights=(weight * times)[near]
            )
            assert found[row, k] == pytest.approx(expit(model.fit(tol=1e-12).params[0]), abs=1e-4)


def test_grouped_scores_give_the_curve_of_the_single_ones():
    """Beyond 120 different scores neighbours are joined; the curve stays where a regression on all of them has it."""
    rng = np.random.default_rng(5)
    x = rng.normal(-0.5, 1.2, 1500)
    y = rng.random(1500) < expit(0.6 * x)
    curve = LocalLogits(expit(x), y, np.arange(1500))
    found = curve(np.ones((1, 1500)))[0]
    for k in (2, 10, 18):
        away = x - logit(curve.points[k])
        away = away / np.sort(np.abs(away))[int(0.75 * 1500) - 1]
        weight = np.clip(1 - np.abs(away) ** 3, 0, None) ** 3
        design = np.column_stack([np.ones(1500), away])
        model = sm.GLM(y.astype(float), design, family=sm.families.Binomial(), freq_weights=weight)
        assert found[k] == pytest.approx(expit(model.fit().params[0]), abs=0.003)


def test_samples_of_one_patient_widen_the_band():
    """Every sample four times under one patient tells no more than once; each as its own patient would."""
    once = rows(BINARY, 150)
    widths = []
    for patients in (lambda table, k: table["patient"], lambda table, k: table["patient"] + f"-{k}"):
        parts = [once.assign(sample=once["sample"] + f"-{k}", patient=patients(once, k)) for k in range(4)]
        curve = evaluate(pd.concat(parts), BINARY, QUICK, seed=0)["calibration"]["of"][0]["curve"]
        widths.append(np.mean(np.array(curve["high"]) - np.array(curve["low"])))
    assert widths[0] == pytest.approx(2 * widths[1], rel=0.15)


def test_several_classes_have_a_record_each():
    rng = np.random.default_rng(6)
    task = Task("multiclass", ("a", "b", "c"))
    logits = rng.normal(0, 1, (300, 3))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = [task.classes[rng.choice(3, p=p)] for p in scores]
    table = rows(BINARY)[["sample", "patient", "repeat", "fold", "part"]].assign(target=target)
    table[task.score_columns()] = scores
    result = evaluate(table, task, QUICK, seed=0)
    assert [record["of"] for record in result["calibration"]["of"]] == ["a", "b", "c"]
    for number, record in enumerate(result["calibration"]["of"]):
        truth = np.array(target) == record["of"]
        found = {entry["metric"]: entry["value"] for entry in record["estimates"]}
        assert found["brier"] == pytest.approx(brier_score_loss(truth, scores[:, number]), abs=1e-12)
    assert [found["of"] for found in result["decision_curve"]["of"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (rows(BINARY, 30).assign(target=["sick"] * 6 + ["well"] * 24), "no curve: it takes 10 patients of each class"),
        (
            rows(BINARY, 80).assign(score_sick=0.25, score_well=0.75),
            "no curve: the predictions have too few different values",
        ),
    ],
)
def test_no_curve_is_drawn_where_none_can_be_had(table, reason):
    (record,) = evaluate(table, BINARY, QUICK, seed=0)["calibration"]["of"]
    assert (record["curve"], record["curve_note"]) == (None, reason)


def estimate(metric, value, low, high, method="percentile bootstrap"):
    return Estimate(metric, value, low, high, 0.95, 200, 200, method)


@pytest.mark.parametrize(
    ("slope", "shift", "said"),
    [
        ((0.62, 0.5, 0.8), (0.0, -0.2, 0.2), "Scores are too extreme: slope 0.62 [0.50, 0.80], ideal 1; calibration intercept 0.00 [−0.20, 0.20], ideal 0."),
        ((-0.5, -0.8, -0.2), (-0.4, -0.6, -0.2), "Scores are the wrong way round and too high on average: slope −0.50"),
        ((1.6, 1.2, 2.1), (0.4, 0.2, 0.6), "Scores are not extreme enough and too low on average: slope 1.6"),
        ((1.0, 0.8, 1.2), (-0.4, -0.6, -0.2), "Scores are too high on average: slope 1.00"),
        ((1.0, 0.8, 1.2), (0.0, -0.2, 0.2), "No miscalibration was found, which does not prove that there is none: slope 1.00"),
        ((1.0, -0.2, 2.2), (0.0, -0.2, 0.2), "Calibration cannot be judged: slope 1.0"),
        ((None, None, None), (None, None, None), "Calibration cannot be judged: no sample is sick."),
    ],
)  # fmt: skip
def test_each_rule_of_the_sentence(slope, shift, said):
    method = "percentile bootstrap" if slope[0] is not None else "not defined: no sample is sick"
    found = sentence(estimate("calibration_slope", *slope, method), estimate("calibration_intercept", *shift, method))
    assert found.startswith(said)
