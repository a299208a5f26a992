"""Paired tests say what their inventors published, and find no differences where there are none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t, ttest_1samp

from bedside.evaluation.paired import corrected_t, delong, holm, resampled_p
from bedside.evaluation.statistics import Ranking

ASAH = pd.read_csv(Path(__file__).with_name("asah.csv"), comment="#")


def plain(truth, first, second, *, folds=None, units=None, level=0.95, repeats=None):
    """DeLong's test of arrays, by default in one fold with a patient for each sample."""
    folds = np.zeros(len(truth), dtype=int) if folds is None else folds
    units = np.arange(len(truth)) if units is None else units
    return delong(truth, first, second, folds, units, level, repeats=repeats)


@pytest.mark.parametrize(
    ("first", "second", "z", "p", "low", "high"),
    [  # pROC, man/roc.test.Rd and tests/testthat/test-roc.test.R
        ("wfns", "s100b", 2.20898359144091, 0.0271757822291882, 0.0104061769564846, 0.174214419249478),
        ("wfns", "ndka", 2.79777591868904, 0.00514557970691098, 0.0634011709339876, 0.3600405634833566),
        ("ndka", "s100b", -1.39077002573558, 0.164295175223054, -0.2876917446341914, 0.0488706064228094),
    ],
)
def test_delong_agrees_with_the_published_examples_of_proc(first, second, z, p, low, high):
    truth = ASAH["outcome"].to_numpy() == 1
    assert (len(truth), truth.sum()) == (113, 41)
    found = plain(truth, ASAH[first].to_numpy(), ASAH[second].to_numpy())
    assert found.statistic == pytest.approx(z, rel=1e-10)
    assert found.p == pytest.approx(p, rel=1e-10)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-10), pytest.approx(high, rel=1e-10))
    if first == "wfns":
        one, other = 0.8236789, {"s100b": 0.7313686, "ndka": 0.6119580}[second]
        assert found.difference == pytest.approx(one - other, abs=1e-7)


def clustered(rng, n_patients=60, per_patient=3, *, ahead=(1.0, 1.0), shared=1.0, folds=4):
    """Scores of two models: patients ill or not, samples of a patient alike, patients whole in a fold, folds shifted."""
    units = np.repeat(np.arange(n_patients), per_patient)
    truth = units % 5 < 2
    fold = (units // 5) % folds
    scores = []
    for distance in ahead:
        alike = rng.normal(scale=shared, size=n_patients)[units]
        scores.append(distance * truth + alike + rng.normal(size=len(units)) + 3.0 * fold)
    return truth, *scores, fold, units


def obuchowski(truth, first, second, units):
    """Standard error of the difference as in section 2 of Obuchowski 1997, pair by pair."""
    components, areas = [], []
    for score in (first, second):
        ill, well = score[truth], score[~truth]
        order = (ill[:, None] > well) + 0.5 * (ill[:, None] == well)
        areas.append(order.mean())
        components.append((order.mean(axis=1), order.mean(axis=0)))
    names = np.unique(units)
    centred = np.zeros((2, 2, len(names)))  # model, class, patient
    for model in range(2):
        for number, (side, values) in enumerate(zip((truth, ~truth), components[model], strict=True)):
            owners = units[side]
            for place, name in enumerate(names):
                mine = owners == name
                centred[model, number, place] = values[mine].sum() - mine.sum() * areas[model]
    m, n = truth.sum(), (~truth).sum()
    with_ill, with_well, everyone = len(set(units[truth])), len(set(units[~truth])), len(names)
    s10 = with_ill / ((with_ill - 1) * m) * centred[:, 0] @ centred[:, 0].T
    s01 = with_well / ((with_well - 1) * n) * centred[:, 1] @ centred[:, 1].T
    s11 = everyone / (everyone - 1) * centred[:, 0] @ centred[:, 1].T
    covariance = s10 / m + s01 / n + (s11 + s11.T) / (m * n)
    return areas[0] - areas[1], np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])


@pytest.mark.parametrize("seed", range(3))
def test_clusters_count_as_obuchowski_defines_them(seed):
    rng = np.random.default_rng(seed)
    units = rng.integers(25, size=120)
    truth = rng.random(120) < 0.2 + 0.4 * (units % 2)  # some patients have samples of both classes
    first, second = np.round(truth + rng.normal(size=(2, 120)), 1)  # with ties
    found = plain(truth, first, second, units=units)
    difference, error = obuchowski(truth, first, second, units)
    assert found.difference == pytest.approx(difference)
    assert found.statistic == pytest.approx(difference / error)
    assert found.high - found.low == pytest.approx(2 * norm.ppf(0.975) * error)


def test_folds_and_repeats_count_as_in_the_auroc_that_is_reported():
    """The variance is that of the metric itself: how it moves when one patient weighs a little more or less."""
    rng = np.random.default_rng(0)
    n, step = 160, 1e-5
    units = np.tile(np.arange(n) // 4, 2)
    truth = np.tile(np.arange(n) % 4 == 0, 2)  # each patient has both classes
    first, second = np.round(truth + rng.normal(size=(2, 2 * n)), 1)
    repeats = np.repeat([5, 7], n)
    folds = np.concatenate([rng.permutation(n // 4)[units[:n]] % 3, rng.permutation(n // 4)[units[:n]] % 3])
    found = plain(truth, first, second, folds=folds, units=units, repeats=repeats)

    def difference(weights):
        values = []
        for repeat in (5, 7):
            rows = repeats == repeat
            one, other = (Ranking(truth[rows], score[rows], folds[rows]) for score in (first, second))
            values.append((one(weights[None, rows]) - other(weights[None, rows]))[0, 0])
        return np.mean(values)

    once = np.ones(2 * n)
    moves = [
        (difference(once + step * (units == unit)) - difference(once - step * (units == unit))) / (2 * step)
        for unit in range(40)
    ]
    assert found.difference == pytest.approx(difference(once))
    assert found.difference / found.statistic == pytest.approx(np.sqrt(40 / 39 * np.sum(np.square(moves))), rel=1e-4)


def test_a_repeat_that_is_copied_changes_nothing():
    truth, first, second, folds, units = clustered(np.random.default_rng(1))
    once = plain(truth, first, second, folds=folds, units=units)
    copied = [np.tile(values, 2) for values in (truth, first, second)]
    repeats = np.repeat([0, 1], len(truth))
    twice = plain(*copied, folds=np.tile(folds, 2), units=np.tile(units, 2), repeats=repeats)
    assert (twice.difference, twice.p) == (pytest.approx(once.difference), pytest.approx(once.p))


def test_the_scale_of_a_fold_is_nothing():
    truth, first, second, folds, units = clustered(np.random.default_rng(2))
    moved = plain(truth, first - 100.0 * folds, np.exp(second), folds=folds, units=units)
    assert moved == plain(truth, first, second, folds=folds, units=units)


def test_delong_finds_nothing_where_nothing_is_and_covers_what_is_there():
    rng = np.random.default_rng(3)
    ahead, spread = (2.0, 1.0), np.sqrt(2 * (1 + 1))
    true = norm.cdf(ahead[0] / spread) - norm.cdf(ahead[1] / spread)
    found, naive, covered = [], [], []
    for _ in range(1000):
        truth, first, second, folds, units = clustered(rng)
        found.append(plain(truth, first, second, folds=folds, units=units).p < 0.05)
        naive.append(plain(truth, first, second, folds=folds).p < 0.05)  # as if each sample were a patient
        truth, first, second, folds, units = clustered(rng, ahead=ahead)
        other = plain(truth, first, second, folds=folds, units=units)
        covered.append(other.low < true < other.high)
    assert 0.035 < np.mean(found) < 0.07
    assert np.mean(naive) > 0.12
    assert 0.92 < np.mean(covered) < 0.97


def test_delong_says_when_it_cannot_tell():
    truth = np.arange(20) < 8
    score = np.random.default_rng(0).random(20)
    same = plain(truth, score, score)
    assert (same.difference, same.p, same.low) == (0, 1, None)
    assert "every sample tells the same difference" in same.why
    perfect = plain(truth, truth.astype(float), np.zeros(20))
    assert (perfect.difference, perfect.p, perfect.low) == (0.5, None, None)
    one_each = plain(truth, score, -score, folds=truth.astype(int))
    assert (one_each.difference, one_each.p) == (None, None)
    assert one_each.why == "no fold has samples of both classes"
    alone = plain(truth, score, -score, units=np.where(truth, 0, np.arange(20)))
    assert alone.difference is not None
    assert alone.p is None
    assert "fewer than two patients of a class" in alone.why


def test_the_corrected_t_test_is_that_of_nadeau_and_bengio():
    values = np.array([0.03, 0.01, 0.04, -0.01, 0.05, 0.02])
    found = corrected_t(values, 80, 20, 0.9)
    error = np.sqrt((1 / 6 + 20 / 80) * np.var(values, ddof=1))
    assert found.difference == pytest.approx(values.mean())
    assert found.statistic == pytest.approx(values.mean() / error)
    assert found.p == pytest.approx(2 * t.sf(values.mean() / error, 5))
    assert (found.low, found.high) == tuple(pytest.approx(values.mean() + k * error * t.ppf(0.95, 5)) for k in (-1, 1))
    assert corrected_t(values, 1e12, 1, 0.95).p == pytest.approx(ttest_1samp(values, 0).pvalue)  # nothing shared


def test_folds_without_a_value_drop_out_with_their_sizes():
    values = np.array([0.03, np.nan, 0.04, -0.01])
    found = corrected_t(values, np.array([80, 10, 82, 84]), np.array([20, 90, 18, 16]), 0.95)
    assert found == corrected_t(values[[0, 2, 3]], 82, 18, 0.95)


def test_the_t_test_says_when_it_cannot_tell():
    one = corrected_t(np.array([0.1, np.nan]), 80, 20, 0.95)
    assert (one.difference, one.p, one.low) == (0.1, None, None)
    assert one.why == "1 of 2 folds define the difference, and a t-test needs 2"
    assert corrected_t(np.full(3, np.nan), 80, 20, 0.95).difference is None
    equal = corrected_t(np.zeros(5), 80, 20, 0.95)
    assert (equal.difference, equal.statistic, equal.p, equal.low) == (0, 0, 1, None)
    steady = corrected_t(np.full(5, 0.1), 80, 20, 0.95)
    assert (steady.difference, steady.p, steady.low) == (pytest.approx(0.1), None, None)
    assert "every fold gives the same difference" in steady.why


def test_repeats_do_not_buy_certainty():
    """A hundred repeats leave the standard error above that of n_test/n_train; the plain test would go to zero."""
    values = np.random.default_rng(0).normal(0.02, 0.03, size=500)
    error = (lambda found: found.difference / found.statistic)(corrected_t(values, 80, 20, 0.95))
    assert error > np.sqrt(20 / 80) * values.std()
    assert error > 10 * values.std() / np.sqrt(500)


def test_correlated_folds_are_believed_only_by_the_plain_t_test():
    """Differences without a true mean, correlated as Nadeau and Bengio assume: n_test / (n_train + n_test)."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2000, 1)) * np.sqrt(0.2)
    values = shared + rng.normal(size=(2000, 20)) * np.sqrt(0.8)
    corrected = np.array([corrected_t(row, 80, 20, 0.95).p for row in values])
    assert 0.04 < np.mean(corrected < 0.05) < 0.06
    assert np.mean(ttest_1samp(values, 0, axis=1).pvalue < 0.05) > 0.3


def auroc(truth, score):
    return (score[truth][:, None] > score[~truth]).mean()


@pytest.mark.parametrize(("n", "signal"), [(100, 0.3), (200, 0.6)])
def test_equally_good_models_are_told_apart_only_by_the_plain_t_test(n, signal):
    """Two nearest-centroid models with five features each, in 5 folds x 4 repeats: 3/5 train, 1/5 valid, 1/5 test."""
    rng = np.random.default_rng(0)
    truth = np.arange(n) < n // 2
    corrected, naive = [], []
    for _ in range(400):
        features = rng.normal(size=(2, n, 5)) + signal * truth[:, None]
        values = []
        for _ in range(4):
            fold = np.concatenate([rng.permutation(n // 2), rng.permutation(n // 2)]) % 5
            for number in range(5):
                test, train = fold == number, ~np.isin(fold, [number, (number + 1) % 5])
                areas = []
                for table in features:
                    direction = table[train & truth].mean(axis=0) - table[train & ~truth].mean(axis=0)
                    areas.append(auroc(truth[test], table[test] @ direction))
                values.append(areas[0] - areas[1])
        corrected.append(corrected_t(np.array(values), 0.6 * n, 0.2 * n, 0.95).p < 0.05)
        naive.append(ttest_1samp(values, 0).pvalue < 0.05)
    assert np.mean(corrected) <= 0.07
    assert np.mean(naive) > 0.3


def test_holm_gives_the_adjusted_values_of_r():
    """p-values and column Holm of R's multtest, as in the tests of statsmodels (test_multi.py)."""
    raw = [0.838541367553, 0.642193923795, 0.680845947633, 0.967833824309, 0.71626938238, 0.177096952723]
    raw += [5.23656777208e-005, 0.0202732688798, 0.00028140506198, 0.0149877310796]
    known = [1, 1, 1, 1, 1, 1, 5.23656777208e-04, 1.4191288215860e-01, 2.5326455578200e-03, 1.1990184863680e-01]
    assert holm(raw) == pytest.approx(known)


def test_holm_by_hand_keeps_the_order_and_counts_only_tests():
    assert holm([0.01, None, 0.04, 0.03]) == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([None, None]) == [None, None]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_a_resampled_p_value_is_the_share_beyond_zero_and_never_zero():
    assert resampled_p(np.ones(999)) == pytest.approx(2 / 1000)
    draws = np.concatenate([np.full(900, 0.1), np.full(95, -0.1), np.full(4, np.nan)])
    assert resampled_p(draws) == pytest.approx(2 * 96 / 996)
    assert resampled_p(np.zeros(99)) == 1
    assert resampled_p(-draws) == resampled_p(draws)
