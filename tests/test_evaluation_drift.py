"""Drift: exact where it says so, quiet on undrifted patients, awake on drifted ones."""

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, fisher_exact, ks_2samp, norm
from statsmodels.stats.multitest import multipletests

from bedside.evaluation.discrepancy import discrepancy
from bedside.evaluation.drift import (
    QUESTIONS,
    column_tests,
    detectable,
    index_by_chance,
    levels_changed,
    missing_changed,
    smirnov,
    stability_index,
)
from bedside.evaluation.drift_verdict import column_record, judged
from bedside.evaluation.histograms import counted, histogram
from bedside.evaluation.paired import holm
from bedside.seeds import one_per_patient

LEVELS, SHARES = np.array(["A", "B", "C", "D"], dtype=object), [0.5, 0.3, 0.15, 0.05]


def patients(n, rng):
    """A table of four columns: two correlated ones, a skewed and rounded one, all with gaps, and a category."""
    x = rng.normal(size=(n, 3))
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    x[:, 2] = np.round(np.exp(x[:, 2]), 1)
    gaps = np.where(rng.random((n, 3)) < 0.08, np.nan, x)
    return {**{f"x{k}": gaps[:, k] for k in range(3)}, "drug": rng.choice(LEVELS, n, p=SHARES)}, x


def compared(known, new):
    kinds = {name: "category" if name == "drug" else "number" for name in known}
    before = [histogram(name, kinds[name], values) for name, values in known.items()]
    return [column_record(one, counted(one, new[one["name"]])) for one in before]


def view(name, known, new):
    """A number of the whole patient as `judged` wants it."""
    (record,) = compared({name: known}, {name: new})
    return {**record, "known_patients": len(known), "new_patients": len(new), "sentence": f"{name} changed"}


def study(rng, n=120, m=80, change=None):
    """Columns, a score and a latent space of known and new patients; `change` alters the new ones."""
    weights = np.random.default_rng(0).normal(size=(3, 6))
    (known, x), (new, z) = patients(n, rng), patients(m, rng)
    if change is not None:
        change(new, z)
    found = discrepancy(
        np.tanh(x @ weights), np.tanh(z @ weights), np.arange(n), np.arange(m),
        permutations=199, seed=int(rng.integers(2**31)),
    )  # fmt: skip
    sizes = {"known_patients": n, "new_patients": m}
    latent = {"name": "latent", "p": found.p, "words": "", "sentence": "", **sizes}
    columns = compared(known, new)
    return judged(columns, [view("score", x @ weights[:, 0], z @ weights[:, 0]), latent], sizes), columns


# Against other people's code


@pytest.mark.parametrize(("n", "m", "shift"), [(37, 25, 0.4), (8, 11, 1.0), (60, 60, 0.0)])
def test_smirnov_is_the_exact_kolmogorov_smirnov_test_where_every_value_has_its_own_bin(n, m, shift):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(shift, 1, m)
    own = np.isin(np.sort(np.concatenate([x, y])), x).astype(int)
    expected = ks_2samp(x, y, method="exact")
    assert smirnov(own, 1 - own) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)


def test_smirnov_in_bins_is_what_counting_permutations_gives():
    rng = np.random.default_rng(2)
    known, new = np.array([9, 4, 6, 11]), np.array([2, 3, 7, 1])
    distance, p = smirnov(known, new)
    deals = rng.multivariate_hypergeometric(known + new, new.sum(), size=40_000)
    gaps = np.abs(np.cumsum(deals, 1) / new.sum() - np.cumsum(known + new - deals, 1) / known.sum()).max(axis=1)
    assert p == pytest.approx((gaps >= distance - 1e-12).mean(), abs=4 * np.sqrt(p * (1 - p) / 40_000))


def test_many_patients_take_the_limit_and_it_is_near_the_exact_value(monkeypatch):
    rng = np.random.default_rng(1)
    known, new = rng.multinomial(900, [0.05] * 20), rng.multinomial(700, [0.05] * 20)
    exact = smirnov(known, new)
    monkeypatch.setattr("bedside.evaluation.drift.LARGEST", 1000)
    limit = smirnov(known, new)
    assert limit[0] == exact[0]
    assert exact[1] <= limit[1] <= exact[1] + 0.25


def test_categories_are_pearsons_test_and_two_are_fishers():
    known, new = np.array([50, 30, 40]), np.array([20, 30, 30])
    assert levels_changed(known, new) == pytest.approx(chi2_contingency([known, new], correction=False)[1])
    assert levels_changed(known[:2], new[:2]) == pytest.approx(fisher_exact([known[:2], new[:2]])[1])
    assert missing_changed((5, 90), (20, 60)) == pytest.approx(fisher_exact([[5, 85], [20, 40]])[1])
    assert missing_changed((0, 90), (0, 60)) is None


def test_rare_levels_are_joined_until_they_can_be_tested():
    known, new = np.array([60, 40, 3, 2, 1, 1]), np.array([30, 20, 2, 1, 0, 1])
    joined = chi2_contingency([[60, 40, 7], [30, 20, 4]], correction=False)[1]
    whole = chi2_contingency([[60, 47], [30, 24]], correction=False)[1]
    expected = fisher_exact([[60, 47], [30, 24]])[1]
    assert levels_changed(known, new) in (pytest.approx(joined), pytest.approx(whole), pytest.approx(expected))


def test_equal_weights_are_holms_method_and_others_spend_more_where_they_say():
    p = [0.01, 0.04, 0.03, 0.005, 0.5]
    assert holm(p, [1] * 5) == pytest.approx(list(multipletests(p, method="holm")[1]))
    assert holm([0.02, None, 0.02], [0.9, 1, 0.1]) == pytest.approx([0.02 / 0.9, None, 0.02 / 0.9])
    # By hand: 0.03 * 1 / 0.75 first, then 0.02 * 0.25 / 0.25, which may not fall below it.
    assert holm([0.02, 0.03], [0.25, 0.75]) == pytest.approx([0.04, 0.04])


def test_the_index_is_nothing_without_difference_and_by_hand_otherwise():
    assert stability_index(np.array([10, 10]), np.array([20, 20])) == 0
    p, q = np.array([20.5, 10.5]) / 31, np.array([10.5, 20.5]) / 31
    assert stability_index(np.array([20, 10]), np.array([10, 20])) == pytest.approx(((q - p) * np.log(q / p)).sum())
    assert stability_index(np.array([5, 5]), np.array([0, 0])) is None


def test_unbiased_discrepancy_by_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(0.5, 1, size=(9, 3))
    found = discrepancy(x, y, np.arange(12), np.arange(9), permutations=9)

    def kernel(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * found.bandwidth**2))

    inside = [(kernel(z, z).sum() - len(z)) / (len(z) * (len(z) - 1)) for z in (x, y)]
    assert found.value == pytest.approx(sum(inside) - 2 * kernel(x, y).mean())
    both = np.concatenate([x, y])
    pairs = np.sqrt(((both[:, None] - both[None]) ** 2).sum(-1))[np.triu_indices(21, 1)]
    assert found.bandwidth == pytest.approx(np.median(pairs))


# Quiet without drift


def test_without_drift_at_most_five_percent_of_studies_say_drift():
    """400 studies of 80 new patients: columns, score and latent space together, and each column by itself."""
    rng, false, alone = np.random.default_rng(11), 0, []
    for _ in range(400):
        record, columns = study(rng)
        false += record["verdict"] == "drift"
        alone += [one["p"] for one in columns if one["kind"] == "number"]
    assert binom.sf(false - 1, 400, 0.05) > 0.01, false
    assert binom.cdf(false, 400, 0.015) > 0.001, false  # a test that never speaks would be honest too
    assert 0.025 < np.mean(np.array(alone) < 0.05) < 0.065


def test_the_customary_limits_of_the_index_cry_wolf_where_chance_is_told_apart():
    """50 new patients: an index above 0.1 in most studies without drift, above what chance makes in about 5 %."""
    rng, psi = np.random.default_rng(5), []
    for _ in range(400):
        known = histogram("x", "number", rng.normal(size=200))
        psi.append(column_tests(known, counted(known, rng.normal(size=50))))
    values = np.array([one["psi"] for one in psi])
    assert (values > 0.1).mean() > 0.5
    assert 0.02 < (values > index_by_chance(10, 200, 50)).mean() < 0.08


def test_whole_patients_keep_the_latent_test_honest_where_single_samples_do_not():
    """200 studies with four similar samples of each patient."""
    rng, alarms = np.random.default_rng(4), np.zeros(2)
    for seed in range(200):
        owner = np.repeat(np.arange(24), 4)
        clouds = [rng.normal(size=(24, 2))[owner] + 0.5 * rng.normal(size=(96, 2)) for _ in range(2)]
        alarms += [
            discrepancy(*clouds, units, units, permutations=39, seed=seed).p <= 0.05 for units in (owner, np.arange(96))
        ]
    assert binom.sf(alarms[0] - 1, 200, 0.05) > 0.005
    assert alarms[1] > 60


def test_one_sample_of_each_patient_is_drawn():
    names = np.array(["b", "a", "b", "c", "b"])
    drawn = {tuple(one_per_patient(names, seed)) for seed in range(20)}
    assert all(sorted(names[list(rows)]) == ["a", "b", "c"] for rows in drawn)
    assert len(drawn) == 3


# Awake with drift


def _shift(new, x):
    new["x0"] = new["x0"] + 1


def _unit(new, x):
    new["x2"] = new["x2"] * 18


def _gone(new, x):
    new["x1"] = np.full(len(x), np.nan)


def _level(new, x):
    new["drug"] = np.where(np.arange(len(x)) % 4 == 0, "E", new["drug"])


def _spread(new, x):
    new["x0"] = new["x0"] * 2.5


@pytest.mark.parametrize(
    ("change", "column"), [(_shift, "x0"), (_unit, "x2"), (_gone, "x1"), (_level, "drug"), (_spread, "x0")]
)
def test_planted_drift_is_found_and_named(change, column):
    """A shift by 1 SD, another unit, an empty column, a new level in a quarter, 2.5 times the spread: at least 9 of 10 times with 80 new patients."""
    rng, found = np.random.default_rng(3), 0
    for _ in range(20):
        _, columns = study(rng, change=change)
        found += next(one for one in columns if one["name"] == column)["verdict"] == "drift"
        if change is _level:
            assert "never seen in training: E" in next(one for one in columns if one["name"] == column)["words"]
    assert found >= 18, found


def test_a_turned_latent_space_is_found_although_no_coordinate_shows_it():
    """Correlation of 0.8 becomes one of -0.8: each coordinate is distributed as before."""
    rng, found, marginal = np.random.default_rng(8), 0, 0
    for seed in range(20):
        clouds = [rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size) for r, size in ((0.8, 120), (-0.8, 80))]
        found += discrepancy(*clouds, np.arange(120), np.arange(80), permutations=199, seed=seed).p <= 0.01
        known = histogram("x", "number", clouds[0][:, 0])
        marginal += column_tests(known, counted(known, clouds[1][:, 0]))["p"] < 0.01
    assert found >= 18
    assert marginal <= 3


def test_the_shift_that_would_be_found_is_found_four_times_in_five():
    rng, found = np.random.default_rng(9), 0
    shift = detectable(150, 100, 0.01 / QUESTIONS)
    for _ in range(200):
        known = histogram("x", "number", rng.normal(size=150))
        found += column_tests(known, counted(known, rng.normal(shift, 1, 100)))["p"] < 0.01
    assert binom.sf(found, 200, 0.75) < 0.95, found  # at least about 80 %


def test_the_shift_that_is_told_pays_for_both_questions_about_a_number():
    columns = compared({"x": np.arange(150.0)}, {"x": np.arange(100.0)})
    found = judged(columns, [], {"known_patients": 150, "new_patients": 100})
    power = found["shift"] * np.sqrt(2 / np.pi * 150 * 100 / 250) - norm.isf(0.05 / 2 / 2)
    assert found["tests"] == 1
    assert norm.cdf(power) == pytest.approx(0.8)


def test_too_few_patients_cannot_tell_and_a_column_without_values_is_not_compared():
    rng = np.random.default_rng(0)
    record, _ = study(rng, n=120, m=8)
    assert record["verdict"] == "too few patients to tell"
    assert record["sentences"][0].startswith("Too few patients to tell: 8 new patients.")
    (constant,) = compared({"x": np.ones(200)}, {"x": np.ones(200)})
    judged([constant], [], {"known_patients": 200, "new_patients": 200})
    assert constant["verdict"] == "not compared"


def test_a_histogram_holds_at_least_ten_patients_in_each_bin_and_counts_everybody():
    rng = np.random.default_rng(0)
    for n in (25, 100, 999):
        record = histogram("x", "number", np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)))
        assert min(record["counts"]) >= 9
        assert sum(record["counts"]) + record["missing"] == n
    counts = counted(record, np.array([-1e9, np.nan, 1e9]))
    assert (counts["counts"][0], counts["counts"][-1], counts["missing"]) == (1, 1, 1)
    many = histogram("x", "category", np.array([f"l{k}" for k in range(300)], dtype=object))
    assert sum(counted(many, np.array(["new", "l1"], dtype=object))["counts"]) == 2


@pytest.mark.parametrize(("known", "new"), [
    ([0.0] * 2 + [1.0] * 198, [0.0] * 100 + [1.0] * 100),  # nearly all have the largest value
    ([1.0] * 200, [0.0] * 100 + [1.0] * 100),
    ([0.0] * 198 + [1.0] * 2, [0.0] * 100 + [1.0] * 100),
])  # fmt: skip
def test_a_value_that_nearly_everybody_has_does_not_hide_drift(known, new):
    before = histogram("x", "number", np.array(known))
    record = column_record(before, counted(before, np.array(new)))
    assert record["p"] < 1e-6
    same = column_record(before, counted(before, np.array(known)))
    assert same["p"] is None or same["p"] > 0.5
