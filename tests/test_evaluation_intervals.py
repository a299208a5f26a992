"""Intervals resample patients, repeat themselves, cover what they promise, and do not pretend at the edges."""

import numpy as np
import pytest
from scipy.stats import binomtest

from bedside.evaluation.intervals import Panel, estimates, percentile, resample, wilson
from bedside.evaluation.metrics import binary, regression


def panel_of(target, score, patients=None):
    patients = np.arange(len(target)) if patients is None else patients
    return Panel(binary(target, score, score >= 0.5), patients, int(patients.max()) + 1)


def presence_of(target, patients=None):
    patients = np.arange(len(target)) if patients is None else patients
    counts = np.zeros((int(patients.max()) + 1, 2))
    np.add.at(counts, (patients, target.astype(int)), 1)
    return counts


def judged(target, score, patients=None, *, resamples=500, level=0.95):
    panel = panel_of(target, score, patients)
    draws = resample(panel, presence_of(target, patients), resamples=resamples, seed=0)
    values = panel(np.ones((1, panel.n_patients)))[0]
    return {estimate.metric: estimate for estimate in estimates([panel], values, draws, level=level)}


@pytest.fixture
def study():
    """150 patients with 1 to 4 samples each."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(150), rng.integers(1, 5, size=150))
    target = rng.random(len(patients)) < 0.3
    return target, np.clip(0.4 * target + rng.random(len(patients)) * 0.6, 0, 1), patients


def test_drawing_a_patient_twice_equals_having_the_samples_twice(study):
    target, score, patients = study
    draws = np.random.default_rng(1).integers(0, 3, size=(1, 150)).astype(float)
    copies = np.repeat(np.arange(len(target)), draws[0][patients].astype(int))
    copied = binary(target[copies], score[copies], score[copies] >= 0.5)
    values = [metric(np.ones((1, len(copies))))[0] for metric in copied]
    np.testing.assert_allclose(panel_of(target, score, patients)(draws)[0], values, rtol=1e-8)


def test_same_seed_same_draws_however_the_work_is_divided(study):
    target, score, patients = study
    panel, presence = panel_of(target, score, patients), presence_of(target, patients)
    whole, pieces, other = (
        resample(panel, presence, resamples=60, seed=seed, chunk=chunk) for seed, chunk in ((5, 60), (5, 7), (6, 60))
    )
    np.testing.assert_allclose(whole, pieces, rtol=1e-4)
    np.testing.assert_array_equal(whole, resample(panel, presence, resamples=60, seed=5, chunk=60))
    assert np.abs(whole - other).max() > 0.01


def test_every_draw_has_as_many_patients_and_every_class():
    presence = np.zeros((12, 2))
    presence[:, 0], presence[0] = 1, [0, 1]  # one diseased patient, missed by a third of plain draws
    drawn = resample(lambda draws: np.column_stack([draws.sum(axis=1), draws[:, 0]]), presence, resamples=300, seed=0)
    assert set(drawn[:, 0]) == {12}
    assert drawn[:, 1].min() >= 1


def test_interval_contains_the_value_and_widens_with_the_level(study):
    narrow, wide = judged(*study, level=0.8), judged(*study, level=0.99)
    for name, estimate in narrow.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert wide[name].high - wide[name].low > estimate.high - estimate.low, name


def test_a_perfect_proportion_gets_wilson_on_its_patients():
    """Forty of forty diseased patients found: the interval is that of 40 of 40, not [1, 1]."""
    target = np.arange(100) < 40
    score = np.where(target, np.linspace(0.6, 0.9, 100), np.linspace(0.1, 0.7, 100))
    found = judged(target, score)["sensitivity"]
    authority = binomtest(40, 40).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((authority.low, authority.high))
    assert found.n_patients == 40
    assert "Wilson interval on 40 patients" in found.method


def test_wilson_counts_patients_not_samples():
    target = np.repeat(np.arange(20) < 10, 5)
    score = np.where(target, 0.9, np.linspace(0, 0.8, 100))
    found = judged(target, score, np.repeat(np.arange(20), 5))["sensitivity"]
    assert found.low == pytest.approx(wilson(10, 10, level=0.95)[0])


def test_complete_separation_gets_an_exact_bound_and_no_invented_precision():
    target = np.arange(50) < 20
    score = np.where(target, 0.8, 0.3) + np.linspace(0, 0.1, 50)
    found = judged(target, score)
    assert (found["auroc"].value, found["auroc"].high) == (1, 1)
    assert found["auroc"].low == pytest.approx(0.025 ** (1 / 20))
    assert "20 independent pairs" in found["auroc"].method
    assert found["auroc"].n_patients == 50
    assert found["balanced_accuracy"].low < found["balanced_accuracy"].value == 1
    assert (found["average_precision"].low, found["average_precision"].high) == (None, None)
    assert found["calibration_slope"].value is None
    assert "separate the classes" in found["calibration_slope"].method
    upside_down = judged(~target, score)["auroc"]
    assert (upside_down.value, upside_down.low) == (0, 0)
    assert upside_down.high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_a_constant_score_is_half_by_definition():
    found = judged(np.arange(30) < 10, np.full(30, 0.3))
    assert (found["auroc"].low, found["auroc"].high) == (0.5, 0.5)
    assert "by definition" in found["auroc"].method
    assert found["ppv"].value is None
    assert "no sample was called" in found["ppv"].method


def test_no_interval_when_many_resamples_have_no_value():
    """One positive call among 30: a third of the resamples miss it, so PPV has none."""
    target = np.arange(30) < 10
    score = np.where(np.arange(30) == 10, 0.9, np.linspace(0.1, 0.4, 30))
    found = judged(target, score)["ppv"]
    assert found.value == 0  # at the edge: Wilson on one patient instead
    assert found.high > 0.7
    low, high, method = percentile(np.array([np.nan] * 6 + [0.1 * k for k in range(94)]), level=0.95, n_patients=30)
    assert low is None
    assert high is None
    assert "6% of 100 resamples have no value" in method


def test_perfect_predictions_of_a_number_get_no_interval():
    target = np.arange(30.0)
    panel = Panel(regression(target, target), np.arange(30), 30)
    draws = resample(panel, np.ones((30, 1)), resamples=200, seed=0)
    found = estimates([panel], panel(np.ones((1, 30)))[0], draws, level=0.95)
    r2 = next(estimate for estimate in found if estimate.metric == "r2")
    assert (r2.value, r2.low) == (1, None)
    assert "resampling cannot tell" in r2.method


def test_clustered_intervals_cover_and_naive_ones_do_not():
    """200 studies of 60 patients with 4 samples that share one fate: only resampling patients keeps the promise."""
    rng = np.random.default_rng(0)
    clustered, naive = [], []
    for number in range(200):
        truth = np.repeat(rng.random(60) < 0.5, 4)
        score = np.repeat(rng.normal(size=60), 4) + truth  # true AUROC: P(N(1, 2) > 0) = 0.7602
        patients = np.repeat(np.arange(60), 4)
        for covered, who in ((clustered, patients), (naive, np.arange(240))):
            chance = 1 / (1 + np.exp(-score))
            panel = Panel(binary(truth, chance, chance > 0.5)[:1], who, int(who.max()) + 1)
            draws = resample(lambda weights, p=panel: p(weights), presence_of(truth, who), resamples=100, seed=number)
            low, high = np.quantile(draws, [0.05, 0.95])
            covered.append(low <= 0.7602 <= high)
    assert 0.84 <= np.mean(clustered) <= 0.95
    assert np.mean(naive) < 0.7
