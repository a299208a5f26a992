"""Intervals are those of their inventors, keep patients together, repeat themselves, and do not pretend at the edges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, bootstrap, norm, skew, t
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from bedside.evaluation.areas import area, pairs_won
from bedside.evaluation.bca import acceleration, bca
from bedside.evaluation.intervals import Panel, estimates, leave_out, percentile, resample, wilson
from bedside.evaluation.metrics import binary, regression
from bedside.evaluation.statistics import mean

ASAH = pd.read_csv(Path(__file__).with_name("asah.csv"), comment="#")


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
    presence[:, 0], presence[:3] = 1, [0, 1]  # three diseased patients, missed by 3 % of plain draws
    drawn = resample(
        lambda draws: np.column_stack([draws.sum(axis=1), draws[:, :3].sum(axis=1)]), presence, resamples=500, seed=0
    )
    assert set(drawn[:, 0]) == {12}
    assert drawn[:, 1].min() >= 1


def test_one_diseased_patient_tells_no_spread_and_no_draw_pretends_otherwise():
    """Holding the only diseased patient in every draw gave an AUROC of 0.38 the interval [0.25, 0.63], and called it miscalibrated."""
    rng = np.random.default_rng(4)
    for ill in (1, 2):
        found = judged(np.arange(60) < ill, np.clip(0.2 + 0.6 * rng.random(60), 0, 1), resamples=400)
        for name in ("auroc", "average_precision", "calibration_slope", "calibration_intercept"):
            assert (found[name].low, found[name].high) == (None, None), (ill, name)
            assert "resamples have no value" in found[name].method, (ill, name)
        assert found["sensitivity"].high - found["sensitivity"].low > 0.6


def test_a_mean_over_classes_counts_the_doubt_of_a_class_that_resampling_cannot_see():
    """Four of four found and 40 of 50 left in peace: Wilson's ends of both, put together, not those of the second alone."""
    target = np.arange(54) < 4
    score = np.where(target, 0.9, np.where(np.arange(54) < 14, 0.8, 0.1)) + np.linspace(0, 0.05, 54)
    found = judged(target, score)["balanced_accuracy"]
    sure, most = proportion_confint(4, 4, method="wilson"), proportion_confint(40, 50, method="wilson")
    assert found.value == pytest.approx(0.9)
    assert found.low == pytest.approx(0.9 - np.hypot(1 - sure[0], 0.8 - most[0]) / 2)
    assert found.high == pytest.approx(0.9 + (most[1] - 0.8) / 2)
    assert found.method == "put together from the Wilson intervals of 2 classes (Zou & Donner)"


def test_patients_in_both_classes_bring_their_correlation_into_a_mean_over_classes():
    """Each patient has a sample of either class, both right or both wrong: the mean is as unsure as either share."""
    right = np.repeat(np.arange(80) % 4 > 0, 2)
    target = np.tile([True, False], 80)
    found = judged(target, np.where(right == target, 0.9, 0.1), np.repeat(np.arange(80), 2), resamples=100)
    both, one = found["balanced_accuracy"], found["sensitivity"]
    assert (both.low, both.high) == pytest.approx((one.low, one.high), abs=1e-9)


def test_interval_contains_the_value_and_widens_with_the_level(study):
    narrow, wide = judged(*study, level=0.8), judged(*study, level=0.99)
    for name, estimate in narrow.items():
        assert estimate.low <= estimate.value <= estimate.high, name
        assert wide[name].high - wide[name].low > estimate.high - estimate.low, name


def test_bca_is_that_of_scipy_on_the_same_draws():
    """Skewed numbers of 60 patients: bias, acceleration and ends as scipy.stats.bootstrap has them."""
    value = np.random.default_rng(3).exponential(size=60)
    known = bootstrap((value,), np.mean, n_resamples=19_999, method="BCa", rng=np.random.default_rng(4))
    without = leave_out(Panel([mean("loss", value)], np.arange(60), 60), 60)[:, 0]
    low, high, method = bca(known.bootstrap_distribution, value.mean(), without, level=0.95, n_patients=60)
    assert (low, high) == pytest.approx(tuple(known.confidence_interval), rel=1e-3)
    plain = percentile(known.bootstrap_distribution, level=0.95, n_patients=60)
    assert min(low - plain[0], high - plain[1]) > 0.01
    assert method == "BCa bootstrap of 60 patients, 19999 resamples, leaving out one patient"


def test_acceleration_of_a_mean_has_a_closed_form():
    """A sixth of the skewness over the root of n (Efron & Tibshirani 1993, section 14.3); blocks find about the same."""
    value = np.random.default_rng(5).exponential(size=4000)
    exact = skew(value) / (6 * np.sqrt(4000))
    single = acceleration((value.sum() - value) / 3999)
    assert single == pytest.approx(exact, rel=1e-6)
    blocks = leave_out(Panel([mean("loss", value)], np.arange(4000), 4000), 4000)
    assert blocks.shape == (200, 1)
    assert acceleration(blocks[:, 0]) == pytest.approx(exact, abs=0.005)


def test_leaving_out_patients_leaves_out_all_their_samples(study):
    target, score, patients = study
    without = leave_out(panel_of(target, score, patients), 150)
    dealt = np.random.default_rng(0).permutation(150)
    for number in (0, 77):
        kept = patients != np.flatnonzero(dealt == number)[0]
        values = panel_of(target[kept], score[kept])(np.ones((1, kept.sum())))[0]
        np.testing.assert_allclose(without[number], values, rtol=1e-7)


def test_bca_says_where_it_has_no_correction():
    low, high, method = bca(np.linspace(0.2, 0.3, 200), 0.1, np.linspace(0, 1, 40), level=0.9, n_patients=40)
    assert (low, high) == percentile(np.linspace(0.2, 0.3, 200), level=0.9, n_patients=40)[:2]
    assert "percentile bootstrap" in method
    assert "all resamples lie on one side" in method
    gaps = np.where(np.arange(40) < 10, np.nan, 0.2)
    assert "without single patients" in bca(np.linspace(0, 0.3, 200), 0.1, gaps, level=0.9, n_patients=40)[2]


def test_delong_has_the_published_interval_of_proc():
    """pROC prints of s100b in the data set aSAH: area under the curve 0.7314, 95 % CI 0.6301-0.8326 (DeLong)."""
    truth = (ASAH["outcome"] == 1).to_numpy()
    folds = np.zeros(len(truth), dtype=int)
    value, error, _ = area(truth, pairs_won(truth, ASAH["s100b"].to_numpy(), folds), folds, np.arange(113))
    half = norm.ppf(0.975) * error
    assert value == pytest.approx(roc_auc_score(truth, ASAH["s100b"]))
    assert (value, value - half, value + half) == pytest.approx((0.7314, 0.6301, 0.8326), abs=5e-5)


def test_the_interval_of_an_auroc_is_delongs_on_the_logit_scale():
    """The published standard error; Student's t instead of the normal, with degrees of freedom as in Welch's test."""
    truth = (ASAH["outcome"] == 1).to_numpy()
    score = ASAH["s100b"].to_numpy()
    found = judged(truth, score / 3, resamples=100)["auroc"]
    wins = (score[truth][:, None] > score[~truth]) + (score[truth][:, None] == score[~truth]) / 2
    parts = [wins.mean(axis=1), wins.mean(axis=0)]
    each = [part.var(ddof=1) / len(part) for part in parts]
    freedom = sum(each) ** 2 / sum(v**2 / (len(part) - 1) for v, part in zip(each, parts, strict=True))
    published = (0.8326 - 0.6301) / 2 / norm.ppf(0.975)
    half = t.ppf(0.975, freedom) * published / (found.value * (1 - found.value))
    assert found.value == pytest.approx(0.7313686, abs=1e-7)
    assert (found.low, found.high) == pytest.approx(
        tuple(expit(logit(found.value) + np.array([-half, half]))), abs=1e-5
    )
    assert found.method == "DeLong interval on the logit scale"


def test_proportions_have_the_wilson_interval_of_statsmodels():
    """One sample per patient: sensitivity, specificity, PPV, NPV and accuracy."""
    rng = np.random.default_rng(6)
    target = rng.random(120) < 0.4
    score = np.clip(0.3 * target + 0.8 * rng.random(120), 0, 1)
    found, called = judged(target, score, resamples=100), score >= 0.5
    counts = {
        "sensitivity": (called & target, target),
        "specificity": (~called & ~target, ~target),
        "ppv": (called & target, called),
        "npv": (~called & ~target, ~called),
        "accuracy": (called == target, np.ones(120)),
    }
    for name, (hits, among) in counts.items():
        wanted = proportion_confint(hits.sum(), among.sum(), method="wilson")
        assert (found[name].low, found[name].high) == pytest.approx(wanted), name
        assert found[name].method == "Wilson interval"


def test_copies_of_samples_are_worth_no_more_than_their_patients():
    """Five identical samples per patient: Wilson on the patients, but for Student's t in place of the normal."""
    rng = np.random.default_rng(8)
    target = np.arange(60) < 30
    score = np.clip(0.3 * target + 0.8 * rng.random(60), 0, 1)
    five = judged(*(np.repeat(x, 5) for x in (target, score, np.arange(60))), resamples=100)["sensitivity"]
    worth = 29 * (norm.ppf(0.975) / t.ppf(0.975, 29)) ** 2
    assert (five.low, five.high) == pytest.approx(wilson(five.value * worth, worth, level=0.95))
    assert five.method == "Wilson interval on the effective number of samples"


@pytest.mark.parametrize("interval", ["percentile", "bca"])
def test_a_kind_that_is_asked_for_is_used_for_everything_and_told(study, interval):
    target, score, patients = study
    panel = panel_of(target, score, patients)
    draws = resample(panel, presence_of(target, patients), resamples=300, seed=0)
    found = estimates([panel], panel(np.ones((1, 150)))[0], draws, level=0.95, interval=interval)
    said = {estimate.metric: estimate.method for estimate in found}
    kind = {"percentile": "percentile bootstrap of 150", "bca": "BCa bootstrap of 150"}[interval]
    assert all(method.startswith(kind) for name, method in said.items() if name != "ece")
    assert ("in place of BCa" in said["ece"]) == (interval == "bca")


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
    assert "6\u00a0% of 100 resamples have no value" in method


def test_perfect_predictions_of_a_number_get_no_interval():
    target = np.arange(30.0)
    panel = Panel(regression(target, target), np.arange(30), 30)
    draws = resample(panel, np.ones((30, 1)), resamples=200, seed=0)
    found = estimates([panel], panel(np.ones((1, 30)))[0], draws, level=0.95)
    r2 = next(estimate for estimate in found if estimate.metric == "r2")
    assert (r2.value, r2.low) == (1, None)
    assert "resampling cannot tell" in r2.method
