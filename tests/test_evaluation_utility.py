"""Decision curves: dcurves' numbers, strategies whose worth is known, and a vendor's scores."""

import dcurves
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bedside.evaluation.table import evaluate_table
from bedside.evaluation.utility import THRESHOLDS, decision_curve
from bedside.settings import EvaluationSettings

QUICK = EvaluationSettings(resamples=200)


def scores(n=500, *, skill=1.2, seed=0):
    rng = np.random.default_rng(seed)
    odds = -1 + skill * rng.normal(size=n)
    return rng.random(n) < expit(odds), expit(odds)


@pytest.mark.parametrize("digits", [12, 2])
def test_net_benefit_is_that_of_dcurves(digits):
    """Also where scores are rounded and lie on thresholds exactly."""
    truth, score = scores()
    score = score.round(digits)
    found = decision_curve(truth, score, np.arange(len(truth)), QUICK, seed=0)
    frame = pd.DataFrame({"truth": truth.astype(int), "score": score})
    theirs = dcurves.dca(data=frame, outcome="truth", modelnames=["score"], thresholds=THRESHOLDS.tolist())
    for name, key in (("score", "model"), ("all", "all")):
        wanted = theirs[theirs["model"] == name]["net_benefit"].to_numpy()
        np.testing.assert_allclose(found[key], wanted, atol=1e-9)
    assert (theirs[theirs["model"] == "none"]["net_benefit"] == 0).all()


def test_by_hand():
    """20 patients, 5 sick; from 20 % on 4 of them and 3 others are treated: (4 - 3 * 0.25) / 20."""
    truth = np.arange(20) < 5
    score = np.where(np.isin(np.arange(20), [0, 1, 2, 3, 5, 6, 7]), 0.2, 0.1)
    found = decision_curve(truth, score, np.arange(20), QUICK, seed=0)
    at = THRESHOLDS.tolist().index(0.2)
    assert found["model"][at] == pytest.approx((4 - 3 * 0.25) / 20)
    assert found["all"][at] == pytest.approx((5 - 15 * 0.25) / 20)
    assert found["model"][at + 1] == 0


def test_a_perfect_score_is_worth_the_prevalence_and_treating_everybody_nothing_at_the_prevalence():
    truth = np.arange(100) < 25
    found = decision_curve(truth, truth * 0.98 + 0.01, np.arange(100), QUICK, seed=0)
    np.testing.assert_allclose(found["model"][1:], 0.25)
    assert found["all"][THRESHOLDS.tolist().index(0.25)] == pytest.approx(0, abs=1e-12)


def test_the_useful_range_is_where_both_intervals_exclude_0():
    truth, score = scores()
    found = decision_curve(truth, score, np.arange(len(truth)), QUICK, seed=0)
    better = (np.array(found["model_low"]) > 0) & (np.array(found["over_all_low"]) > 0)
    for start, end in found["useful"]:
        first, last = THRESHOLDS.tolist().index(start), THRESHOLDS.tolist().index(end)
        assert better[first : last + 1].all()
        assert not better[first - 1]
        assert not better[last + 1]
    assert any(start <= 0.3 <= end for start, end in found["useful"])
    assert found["sentence"].startswith("Deciding by the score is worth more than treating everybody and more than")
    np.testing.assert_allclose(found["over_all"], np.array(found["model"]) - np.array(found["all"]), atol=1e-9)


def test_a_score_without_skill_is_never_called_useful():
    """In 40 studies of scores that know nothing, hardly ever a threshold at which both intervals exclude 0."""
    called = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, share = (300, 0.3) if seed % 2 else (800, 0.1)
        truth, score = rng.random(n) < share, rng.beta(20 * share, 20 * (1 - share), n)
        found = decision_curve(truth, score, np.arange(n), EvaluationSettings(resamples=100), seed=0)
        called.append(bool(found["useful"]))
    assert sum(called) <= 2
    assert found["sentence"].startswith("At no threshold probability from 1 % to 99 % is deciding by the score shown")


def test_intervals_resample_patients():
    """Each sample four times under one patient: intervals as wide as with each once, not half as wide."""
    truth, score = scores(200)
    once = decision_curve(truth, score, np.arange(200), QUICK, seed=0)
    four = decision_curve(np.repeat(truth, 4), np.repeat(score, 4), np.repeat(np.arange(200), 4), QUICK, seed=0)
    np.testing.assert_allclose(four["model_low"], once["model_low"], atol=1e-6)
    at = THRESHOLDS.tolist().index(0.2)
    assert once["model_high"][at] - once["model_low"][at] > 0.05


def test_a_vendors_scores_have_a_decision_curve():
    truth, score = scores(120)
    table = pd.DataFrame({"outcome": truth.astype(int), "risk": score})
    found = evaluate_table(table, target="outcome", score="risk", settings=QUICK)["decision_curve"]
    assert [one["of"] for one in found["of"]] == ["1"]
    expected = decision_curve(truth, score, np.arange(120), QUICK, seed=0)
    assert found["of"][0]["model"] == pytest.approx(expected["model"])
    assert len(found["thresholds"]) == 99
    numbers = pd.DataFrame({"target": score, "predicted": score + 0.1})
    assert evaluate_table(numbers, settings=QUICK)["decision_curve"] is None
