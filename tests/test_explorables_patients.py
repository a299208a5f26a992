"""Explorables about patients: the dots are what the report's panel counts, and a leak is seen where one was planted."""

import numpy as np
import pytest

from bedside.learn.explorables import threshold


@pytest.mark.parametrize("prevalence", np.linspace(0.001, 0.999, 25))
def test_dots_and_panel_count_the_same_patients(prevalence):
    for line in np.linspace(0, 1, 26).round(2):
        found = threshold.look(threshold.Wish(threshold=line, prevalence=prevalence))
        assert len(found["ill"]) + len(found["well"]) == 1000
        assert ((found["ill"] >= line).sum(), (found["well"] >= line).sum()) == (found["tp"], found["fp"])
        assert all(np.all(np.diff(found[group]) <= 0) for group in ("ill", "well")), "the page counts from the front"


def test_every_patient_has_a_score_of_a_model_that_did_not_know_them():
    ill, test, valid = threshold.held_out()
    assert len(ill) == 569 and ill.sum() == 212
    assert np.isfinite(test).all() and np.isfinite(valid).all() and not np.isclose(test, valid).any()


def test_prevalence_moves_predictive_values_by_bayes_and_leaves_the_rates():
    here, there = (threshold.look(threshold.Wish(threshold=0.5, prevalence=share)) for share in (0.4, 0.01))
    assert here["sensitivity"] == there["sensitivity"] and here["specificity"] == there["specificity"]
    for found, share in ((here, 0.4), (there, 0.01)):
        right = found["sensitivity"] * share
        alarms = (1 - found["specificity"]) * (1 - share)
        assert found["ppv"] == pytest.approx(right / (right + alarms))
        assert found["alarms_per_found"] == pytest.approx(1 / found["ppv"] - 1)


def test_rules_choose_on_validation_patients():
    ill, _, valid = threshold.held_out()
    chosen = threshold.pick(threshold.Rule(rule="sensitivity"))["threshold"]
    assert np.mean(valid[ill] >= chosen) >= 0.95 > np.mean(valid[ill] >= chosen + 0.02)
    costs = [threshold.pick(threshold.Rule(rule="cost", prevalence=share))["threshold"] for share in (0.01, 0.37)]
    assert costs[0] > costs[1], "where few are ill, false alarms are many, and the line rises"


def test_with_the_highest_threshold_nobody_is_called():
    found = threshold.look(threshold.Wish(threshold=1.0, prevalence=0.1))
    assert found["tp"] + found["fp"] == 0 and found["ppv"] is None and found["alarms_per_found"] is None
