"""Maps from scores to probabilities: scikit-learn's, planted miscalibration repaired, and test samples without a say."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from bedside.cohort import Task
from bedside.errors import SettingError
from bedside.evaluation.table import evaluate_table
from bedside.folder import read_json
from bedside.logistic import maximum_likelihood
from bedside.monitoring import samples
from bedside.recalibration import Recalibration, fit, recalibrate_table, recalibration_findings
from bedside.run import train
from bedside.scoring import predict
from bedside.settings import DataSettings, EvaluationSettings, FoldSettings
from bedside.splits.folds import make_folds
from bedside.training.model import load_model
from cohorts import cohort, table

BINARY = Task("binary", ("well", "sick"))
METHODS = ("temperature", "platt", "isotonic")


class Probabilities(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its probabilities."""

    def __init__(self, n_classes=2):
        self.n_classes, self.classes_ = n_classes, np.arange(n_classes)

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, x):
        return x.argmax(axis=1)

    def predict_proba(self, x):
        return x


class LogOdds(Probabilities):
    """The same, with its log odds too, on which scikit-learn then fits."""

    def decision_function(self, x):
        odds = logit(x)
        return odds[:, 1] if self.n_classes == 2 else odds


def scored(n=400, *, classes=2, slope=2.5, shift=0.8, seed=0):
    """Targets, and scores that are too extreme and too high by a known line in log odds."""
    rng = np.random.default_rng(seed)
    if classes > 2:
        logits = rng.normal(0, 1.5, (n, classes))
        target = np.array([rng.choice(classes, p=p) for p in softmax(logits, axis=1)])
        return target, softmax(slope * logits, axis=1)
    odds = rng.normal(-0.5, 1.2, n)
    score = expit(shift + slope * odds)
    return (rng.random(n) < expit(odds)).astype(int), np.column_stack([1 - score, score])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_maps_are_those_of_scikit_learn(method, classes):
    target, scores = scored(classes=classes)
    kind = LogOdds if method == "platt" else Probabilities
    name = "sigmoid" if method == "platt" else method
    theirs = CalibratedClassifierCV(FrozenEstimator(kind(classes)), method=name).fit(scores, target)
    new = scored(150, classes=classes, seed=1)[1]
    ours = fit(method, target, scores)(new)
    tolerance = 1e-4 if method == "temperature" else 2e-5  # of their optimisers
    np.testing.assert_allclose(ours, theirs.predict_proba(new), atol=tolerance)
    np.testing.assert_allclose(ours.sum(axis=1), 1, atol=1e-12)


def test_maximum_likelihood_is_unpenalised_logistic_regression():
    target, scores = scored(300)
    odds = logit(scores[:, 1])
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(odds[:, None], target)
    ours = maximum_likelihood(target.astype(float), np.column_stack([np.ones(300), odds]))
    np.testing.assert_allclose(ours, [theirs.intercept_[0], theirs.coef_[0, 0]], atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_planted_miscalibration_is_repaired_on_other_patients(method):
    """True odds are (logit score - shift) / slope; a temperature cannot repair a shift."""
    shift = 0.0 if method == "temperature" else 0.8
    found = fit(method, *scored(20_000, shift=shift))
    scores = scored(2000, shift=shift, seed=1)[1]
    truth = expit((logit(scores[:, 1]) - shift) / 2.5)
    assert np.abs(scores[:, 1] - truth).mean() > 0.1
    assert np.abs(found(scores)[:, 1] - truth).mean() < 0.02
    if method == "temperature":
        assert found.temperature == pytest.approx(2.5, rel=0.05)
    if method == "platt":
        assert found.maps[0].slope == pytest.approx(1 / 2.5, rel=0.05)
        assert found.maps[0].intercept == pytest.approx(-0.8 / 2.5, abs=0.05)


@pytest.mark.parametrize("method", ["temperature", "platt"])
def test_scores_that_point_the_wrong_way_are_flattened_not_turned_round(method):
    target, scores = scored(300, shift=0)
    found = fit(method, 1 - target, scores)(scores)[:, 1]
    assert np.ptp(found) < 0.1
    assert np.corrcoef(found, scores[:, 1])[0, 1] > 0


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_maps_survive_json(method, classes):
    target, scores = scored(120, classes=classes)
    found = fit(method, target, scores)
    again = Recalibration.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    np.testing.assert_array_equal(again(scores), found(scores))


def predictions(seed=0):
    """One fold of validation and test samples."""
    target, scores = scored(200, seed=seed)
    rows = pd.DataFrame({"sample": np.arange(200), "patient": np.arange(200), "repeat": 0, "fold": 0})
    rows = rows.assign(part=np.where(np.arange(200) < 80, "valid", "test"), target=np.array(BINARY.classes)[target])
    return rows.assign(score_well=scores[:, 0], score_sick=scores[:, 1], site="north")


@pytest.mark.parametrize("method", METHODS)
def test_test_samples_have_no_say_in_the_map_and_validation_samples_have(method):
    rows = predictions()
    _, found = recalibrate_table(rows, BINARY, method)
    test, flipped = rows["part"] == "test", rows["target"].map({"well": "sick", "sick": "well"})
    squared = (rows["score_sick"] ** 2).where(test, rows["score_sick"])
    other = rows.assign(target=flipped.where(test, rows["target"]), score_sick=squared, score_well=1 - squared)
    assert recalibrate_table(other, BINARY, method)[1] == found
    assert recalibrate_table(rows.assign(target=flipped.where(~test, rows["target"])), BINARY, method)[1] != found


def test_raw_scores_stand_beside_the_recalibrated_ones():
    rows, found = recalibrate_table(predictions(), BINARY, "platt")
    assert list(rows)[5:] == ["target", "score_well", "score_sick", "raw_score_well", "raw_score_sick", "site"]
    raw = rows[["raw_score_well", "raw_score_sick"]].to_numpy()
    np.testing.assert_array_equal(raw, predictions()[["score_well", "score_sick"]].to_numpy())
    np.testing.assert_array_equal(rows[["score_well", "score_sick"]].to_numpy(), found(raw))


@pytest.mark.parametrize(
    ("method", "n", "message"),
    [
        ("isotonic", 200, "isotonic needs at least 100 validation patients, but a fold has 40"),
        ("isotonic", 700, "A fold has 140 validation patients; below 1,000 isotonic regression follows chance."),
        ("platt", 90, r"A fold has \d+ validation patients of class \w+; platt wants 20"),
    ],
)
def test_few_validation_patients_are_refused_or_warned_of(method, n, message):
    data = cohort(n)
    folds = make_folds(data, FoldSettings(scheme="crossval"), seed=0)
    if n == 200:
        with pytest.raises(SettingError, match=message):
            list(recalibration_findings(data, folds, method))
        return
    (found,) = recalibration_findings(data, folds, method)
    assert (found.level, found.code) == ("warning", "few-to-recalibrate")
    assert re.search(message, found.message)
    assert not list(recalibration_findings(data, folds, "none"))


def test_a_regression_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"evaluation\.recalibrate has no effect: a regression has no probabilities"):
        train(
            cohort(task="regression"),
            {"family": "ridge", "evaluation": {"recalibrate": "platt"}},
            folder=tmp_path / "r",
        )


@pytest.fixture(scope="module", params=["ensemble", "refit"])
def run(request, tmp_path_factory):
    """A run whose scores are recalibrated."""
    asked = {"family": "logistic", "final": request.param, "folds": {"scheme": "crossval", "number": 3},
             "evaluation": {"recalibrate": "platt", "resamples": 100}, "explain": {"samples": 0}}  # fmt: skip
    return train(cohort(120), asked, folder=tmp_path_factory.mktemp("runs") / "run")


def test_a_run_keeps_the_map_of_each_fold_and_predicts_by_it(run):
    """The maps of model.json are those that anybody can fit from predictions.csv, and new samples go through them."""
    record = read_json(run.path / "model" / "model.json")
    valid = run.predictions[run.predictions["part"] == "valid"]
    raw = ["raw_score_well", "raw_score_sick"]
    groups = [rows for _, rows in valid.groupby("fold")] if record["final"] == "ensemble" else [valid]
    maps = [Recalibration.from_dict(found) for found in record["recalibration"]]
    assert len(maps) == len(groups) == len(record["members"])
    for rows, found in zip(groups, maps, strict=True):
        again = fit("platt", BINARY.encode(rows["target"]), rows[raw].to_numpy())
        assert again.maps[0].slope == pytest.approx(found.maps[0].slope, rel=1e-6)
    scores = predict(run, table(20, seed=5)).table
    assert {"score_sick", "raw_score_sick", "decision"} <= set(scores)
    if len(maps) == 1:
        np.testing.assert_allclose(maps[0](scores[raw].to_numpy())[:, 1], scores["score_sick"], atol=1e-9)
    else:
        assert (scores["score_sick"] - scores["raw_score_sick"]).abs().max() > 0.01


def test_thresholds_are_chosen_on_recalibrated_scores_and_the_report_shows_before_and_after(run):
    valid = run.predictions[(run.predictions["part"] == "valid") & (run.predictions["fold"] == 0)]
    found = run.estimates["thresholds"][0]["value"]
    near = np.sort(np.append(valid["score_sick"], [0.0, 1.0]))
    place = np.searchsorted(near, found)
    assert found == pytest.approx((near[place - 1] + near[place]) / 2, abs=1e-9)
    again = run.estimates["calibration"]["recalibration"]
    assert again["method"] == "platt"
    before = {entry["metric"]: entry["value"] for entry in again["before"]["sick"]}
    after = {entry["metric"]: entry["value"] for entry in run.estimates["calibration"]["of"][0]["estimates"]}
    test = run.predictions[run.predictions["part"] == "test"]
    for found, column in ((before, "raw_score_sick"), (after, "score_sick")):
        assert found["brier"] == pytest.approx(brier_score_loss(test["target"] == "sick", test[column]), abs=1e-12)
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert "recalibrated by Platt scaling" in page
    assert ">Before</th>" in page


def test_predictions_of_a_recalibrated_run_can_be_judged_by_anybody(run):
    again = evaluate_table(run.path / "predictions.csv", settings=EvaluationSettings(resamples=100))
    assert again["estimates"] == [{**one} for one in run.estimates["estimates"]]
    assert again["calibration"]["recalibration"]["before"] == run.estimates["calibration"]["recalibration"]["before"]


def test_monitoring_sees_the_scores_that_were_judged(run, tmp_path):
    """Unchanged samples keep the scores of predictions.csv, and the patients of the run are no drift."""
    if run.settings["final"] == "ensemble":  # the other model has no test patients of its own
        tested, data = run.predictions[run.predictions["part"] == "test"], cohort(120)
        for number, member in enumerate(load_model(run.path / "model").deployed):
            rows = tested[tested["fold"] == number]
            places = data.samples.index.get_indexer(rows["sample"])
            scores = member.scores(data.inputs.take(places))[:, 1]
            np.testing.assert_allclose(scores, rows["score_sick"], atol=1e-9)
    new = samples.scored(run, table(120), DataSettings(patient="patient"), seed=0)
    plain = predict(run, table(120)).table
    np.testing.assert_allclose(new.scores.mean(axis=0)[:, 1], plain["score_sick"], atol=1e-9)
