"""tvae: what it learns of a table, and what it draws."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm, spearmanr

import bedside
from bedside import SettingError
from bedside.cohort import Fold
from bedside.contract.cohorts import table_cohort
from bedside.data.table import read_table
from bedside.models import build_model, model_settings
from bedside.models.tvae import _log_between
from bedside.settings import RunSettings, build
from bedside.splits.normal_scores import KNOTS, NormalScores
from bedside.training.drawn import drawn, draws, evidence
from bedside.training.events import FoldFit
from bedside.training.fits import train_folds


def planted(n=500, seed=0):
    """Two numbers that go together in one class and against each other in the other, a count, a level, a yes, gaps that
    depend on the class."""
    rng = np.random.default_rng(seed)
    sick = rng.random(n) < 0.4
    first = rng.normal(size=n)
    second = np.where(sick, 1, -1) * first + 0.3 * rng.normal(size=n)
    frame = pd.DataFrame({"first": np.exp(first).round(3), "second": second.round(3)})
    frame["count"] = rng.poisson(np.where(sick, 2.0, 0.4))
    frame["level"] = np.where(rng.random(n) < np.where(sick, 0.8, 0.3), "high", "low")
    frame["age"] = rng.integers(30, 80, n)
    frame.loc[rng.random(n) < np.where(sick, 0.1, 0.4), "age"] = np.nan
    frame["outcome"] = np.where(sick, "sick", "well")
    return read_table(frame, target="outcome", positive="sick", categories=("level",))


@pytest.fixture(scope="module")
def learned():
    """The cohort, its fold, and a member that learned it."""
    cohort = planted()
    fold = Fold(0, 0, np.arange(350), np.arange(350, 420), np.arange(420, 500))
    asked = {
        "family": "tvae",
        "model": {"code": 4, "width": 32},
        "train": {"epochs": 300, "learning_rate": 0.005, "patience": 299, "batch_size": 64},
        "device": {"threads": 1},
    }
    events = train_folds("tvae", cohort, [fold], build(RunSettings, asked))
    (kept,) = (event for event in events if isinstance(event, FoldFit))
    return cohort, fold, kept.fitted


# Normal scores


def test_normal_scores_are_normal_and_lead_back():
    values = np.exp(np.random.default_rng(0).normal(size=2000))
    scores = NormalScores.fit(values)
    found = scores(values)
    assert np.abs(np.quantile(found, [0.05, 0.5, 0.95]) - norm.ppf([0.05, 0.5, 0.95])).max() < 0.05
    np.testing.assert_allclose(scores.back(found), values, rtol=1e-9)
    assert len(scores.values) <= KNOTS


def test_a_value_that_many_share_comes_back_as_often():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4000) < 0.6, 0.0, rng.exponential(size=4000))
    scores = NormalScores.fit(values)
    drawn_again = scores.back(rng.normal(size=20_000))
    assert np.mean(drawn_again == 0) == pytest.approx(np.mean(values == 0), abs=0.02)
    assert drawn_again.max() <= values.max()
    assert np.median(drawn_again[drawn_again > 0]) == pytest.approx(np.median(values[values > 0]), rel=0.1)


def test_values_beyond_training_keep_their_order_and_what_never_varied_teaches_nothing():
    scores = NormalScores.fit(np.arange(100.0))
    found = scores(np.array([-1000.0, -1, 0, 50, 50.5, 99, 100, 1000]))
    assert (np.diff(found) > 0).all()
    assert (NormalScores.fit(np.full(9, 3.0))(np.array([3.0, 7.0])) == 0).all()
    assert (NormalScores.fit(np.full(9, np.nan))(np.array([1.0])) == 0).all()
    assert NormalScores.fit(np.array([2.0, 2, np.nan])).back(np.array([-3.0, 3.0])).tolist() == [2, 2]


# The density


def test_the_probability_between_two_places_is_exact_in_both_tails():
    low = torch.tensor([-40.0, -2, 0, 20, -30], dtype=torch.float64)
    high = torch.tensor([-39.0, 1, 30, 21, 30], dtype=torch.float64)
    wanted = (torch.special.expit(-low) - torch.special.expit(-high)).log()  # by the other tail, where it is exact
    usual = (torch.special.expit(high) - torch.special.expit(low)).log()
    found = _log_between(low, high)
    torch.testing.assert_close(found[2:4], wanted[2:4], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found[:2], usual[:2], rtol=1e-6, atol=1e-6)
    assert abs(float(found[4])) < 1e-9


def test_the_steps_of_a_column_add_up_to_one(learned):
    """Over the steps of a count, up to where they end, whatever the code."""
    _, _, member = learned
    network = member.network.double().eval()
    place = list(member.preparation.sources()).index("count")
    scores = member.preparation.normal[member.preparation.numbers.index("count")]
    low, high = scores.steps()
    assert len(low) == 3, "0, 1 and 2 have a sixteenth of the patients each; more are rare"
    middle = torch.tensor((low + high).clip(-5, 5) / 2)
    x = torch.zeros(len(middle), network.kind.shape[0], dtype=torch.float64)
    x[:, place] = middle
    given = torch.full((len(middle), 1, x.shape[1]), 0.7, dtype=torch.float64)
    found = network._numbers(x, given, torch.full_like(given, 0.4))[:, 0, place].exp()
    network.float()
    assert float(found.sum()) == pytest.approx(float(torch.sigmoid(torch.tensor((high[-1] - 0.7) / 0.4))), abs=1e-6)


def test_it_is_a_classifier_that_sees_what_no_column_shows(learned):
    """The classes differ in how two columns go together; a linear model cannot know."""
    cohort, fold, member = learned
    scores = member.scores(cohort.inputs.take(fold.test))[:, 1]
    truth = cohort.target[fold.test]
    ranks = np.argsort(np.argsort(scores)) + 1
    area = (ranks[truth == 1].sum() - (truth == 1).sum() * ((truth == 1).sum() + 1) / 2) / (
        (truth == 1).sum() * (truth == 0).sum()
    )
    assert area > 0.9


def test_a_bound_is_the_same_alone_and_again(learned):
    cohort, fold, member = learned
    rows = cohort.inputs.take(fold.test[:9])
    assert np.array_equal(evidence(member, rows), evidence(member, rows))
    np.testing.assert_allclose(evidence(member, rows.take(np.array([4]))), evidence(member, rows)[4:5], atol=1e-10)


# What it draws


def test_draws_are_like_their_class(learned):
    cohort, fold, member = learned
    assert draws(member)
    train = cohort.inputs.take(fold.train).frame.assign(label=cohort.target[fold.train])
    for label, sign in ((0, -1), (1, 1)):
        own = drawn(member, np.full(2000, label), 3, cohort.inputs.features).frame
        real = train[train["label"] == label]
        assert sign * spearmanr(own["first"], own["second"]).statistic > 0.7
        assert own["count"].mean() == pytest.approx(real["count"].mean(), abs=0.3)
        assert (own["level"] == "high").mean() == pytest.approx((real["level"] == "high").mean(), abs=0.12)
        assert own["age"].isna().mean() == pytest.approx(real["age"].isna().mean(), abs=0.12)


def test_draws_stay_within_what_training_had(learned):
    cohort, fold, member = learned
    found = drawn(member, np.array([0, 1] * 500), 0, cohort.inputs.features).frame
    train = cohort.inputs.take(fold.train).frame
    assert list(found) == list(train)
    for name in ("first", "second", "count", "age"):
        assert found[name].min() >= train[name].min()
        assert found[name].max() <= train[name].max()
    assert (found["count"] % 1 == 0).all()
    assert (found["age"].dropna() % 1 == 0).all()
    assert set(found["level"].dropna()) <= {"high", "low"}
    assert not found[["first", "second", "count", "level"]].isna().any().any(), "only age had gaps"


def test_the_same_seed_draws_the_same_and_another_does_not(learned):
    cohort, _, member = learned
    one, again, other = (drawn(member, np.array([0, 1] * 20), seed, cohort.inputs.features).frame for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not one.equals(other)


def test_rare_levels_and_several_classes_are_drawn():
    cohort = table_cohort(60, task="multiclass")
    network = build_model("tvae", (7,), 3, model_settings("tvae", {"width": 8}))
    assert network.draw(torch.tensor([0, 1, 2]), torch.Generator().manual_seed(0)).shape == (3, 7)
    asked = {"family": "tvae", "model": {"width": 8}, "train": {"epochs": 1}, "preparation": {"rare_level": 30}}
    fold = Fold(0, 0, np.arange(60), np.arange(60, 75), np.arange(75, len(cohort)))
    (kept,) = (
        one for one in train_folds("tvae", cohort, [fold], build(RunSettings, asked)) if isinstance(one, FoldFit)
    )
    found = drawn(kept.fitted, np.arange(300) % 3, 0, cohort.inputs.features).frame
    assert set(found["drug"].dropna()) == {"A", "B", "C"}


def test_settings_that_cannot_act_are_refused(tmp_path):
    for setting in ({"train": {"class_weights": "balanced"}}, {"preparation": {"scale": "none"}}):
        with pytest.raises(SettingError, match="has no effect"):
            bedside.train(table_cohort(40), {"family": "tvae", **setting}, folder=tmp_path / "run")
