"""Groups of patients: which there are, what is told of them, when they differ, and what sites say about the next one."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from scipy.stats import t
from sklearn.metrics import recall_score, roc_auc_score
from statsmodels.stats.meta_analysis import combine_effects
from typer.testing import CliRunner

from bedside.cli import app
from bedside.cohort import Estimate, Task
from bedside.errors import SettingError
from bedside.evaluation import evaluate, influence
from bedside.evaluation.group_tests import GroupTest, group_tests, values_of
from bedside.evaluation.groups import MOST_LEVELS, group_columns, groupings, thirds
from bedside.evaluation.influence import Cells
from bedside.evaluation.paired import delong
from bedside.evaluation.sites import random_effects
from bedside.evaluation.table import evaluate_table
from bedside.settings import EvaluationSettings, build

BINARY = Task("binary", ("well", "ill"))
QUICK = EvaluationSettings(resamples=200, conformal=None, threshold="fixed", threshold_value=0.5)


def cohort(n=600, *, per_patient=1, seed=0, skill=2.0, folds=1, **columns):
    """Test predictions of one repeat; a patient's samples share his state."""
    rng = np.random.default_rng(seed)
    patient = np.arange(n) // per_patient
    ill = (rng.random(n) < 0.4)[patient * per_patient]
    score = expit(skill * (ill - 0.5) + rng.normal(size=n))
    rows = pd.DataFrame({
        "sample": [f"s{i}" for i in range(n)], "patient": [f"p{i}" for i in patient], "repeat": 0,
        "fold": patient % folds, "part": "test", "target": np.where(ill, "ill", "well"), "score_well": 1 - score, "score_ill": score,
    })  # fmt: skip
    return rows.assign(**columns)


def judge(predictions, settings=QUICK, task=BINARY):
    """The result after the way through JSON, which refuses NaN."""
    return json.loads(json.dumps(evaluate(predictions, task, settings, seed=0), allow_nan=False))


def group(result, column, name):
    (found,) = [c for c in result["subgroups"]["columns"] if c["column"] == column]
    return next(g for g in found["groups"] if g["name"] == name)


def value(record, metric):
    return next(e for e in record["estimates"] if e["metric"] == metric)


# Which groups there are


def names(column, bands=None):
    rows = cohort(len(column), x=column)
    (found,) = groupings(rows, BINARY, {"x": bands} if bands else {})
    assert np.sum([g.rows for g in found.groups], axis=0).tolist() == [1] * len(rows), "each row is in one group"
    return [g.name for g in found.groups]


def test_numbers_are_cut_at_their_thirds_and_missing_ones_are_a_group():
    age = np.append(np.arange(30.0, 90), np.nan)
    assert names(age) == ["< 50", "50 to < 69", "≥ 69", "missing"]
    assert names(np.linspace(0.5, 2, 60)) == ["< 1", "1 to < 1.5", "≥ 1.5"]


def test_bands_are_cut_where_the_settings_say():
    assert names(np.arange(30.0, 90), [45, 65]) == ["< 45", "45 to < 65", "≥ 65"]
    assert names(np.arange(30.0, 90), [10, 65]) == ["10 to < 65", "≥ 65"], "an empty band is left out"


def test_few_numbers_and_words_are_levels():
    assert names(np.array([1.0, 2, 10, 2, np.nan] * 9)) == ["1", "2", "10", "missing"]
    assert names(np.array(["b", "a", None, ""] * 9, dtype=object)) == ["a", "b", "missing"]


def test_the_smallest_of_very_many_levels_are_joined():
    found = names(np.array([f"h{i % 50:02d}" for i in range(500)] + ["h00"] * 20, dtype=object))
    assert len(found) == MOST_LEVELS
    assert found[0] == "h00"
    assert found[-1] == "31 other levels"


def test_scores_before_recalibration_make_no_groups():
    rows = cohort(100)
    rows = rows.assign(raw_score_well=rows["score_well"] ** 2, raw_score_ill=rows["score_ill"] ** 2, sex="f")
    assert group_columns(rows, BINARY) == ["sex"]


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ({"agee": [50]}, r"evaluation.bands.agee has no effect: agee is no column of groups \(sex, age\). Did you mean 'age'\?"),
        ({"sex": [50]}, "evaluation.bands.sex has no effect: sex holds no numbers"),
    ],
)  # fmt: skip
def test_bands_that_cannot_act_are_refused(bands, said):
    rows = cohort(60, sex="f", age=50.0)
    with pytest.raises(SettingError, match=said):
        evaluate(rows, BINARY, QUICK.model_copy(update={"bands": bands}), seed=0)


def test_bands_must_rise():
    with pytest.raises(
        SettingError, match=r"bands.age must be rising numbers, such as \[45, 65\]; found \[65.0, 45.0\]"
    ):
        build(EvaluationSettings, {"bands": {"age": [65, 45]}})


# Values and their errors


def one_cell(n):
    return Cells(np.zeros(n, dtype=int), np.zeros(n, dtype=int))


def test_an_auroc_has_the_variance_of_delong():
    rows = cohort(120, skill=1.0)
    ill, score = (rows["target"] == "ill").to_numpy(), rows["score_ill"].round(1).to_numpy()
    found = influence.auroc(ill, score, one_cell(120), np.ones(120, dtype=bool))
    assert found.value == pytest.approx(roc_auc_score(ill, score))
    wins = (score[ill][:, None] > score[~ill]) + (score[ill][:, None] == score[~ill]) / 2
    variance = wins.mean(axis=1).var(ddof=1) / ill.sum() + wins.mean(axis=0).var(ddof=1) / (~ill).sum()
    assert influence.standard_error(found, np.arange(120))[0] == pytest.approx(np.sqrt(variance))


def test_over_folds_and_patients_an_auroc_has_the_error_of_a_difference_from_a_constant_score():
    rows = cohort(400, per_patient=4, folds=5, skill=1.0)
    ill, score = (rows["target"] == "ill").to_numpy(), rows["score_ill"].to_numpy()
    units, fold = pd.factorize(rows["patient"])[0], rows["fold"].to_numpy()
    found = influence.auroc(ill, score, Cells(np.zeros(400, dtype=int), fold), np.ones(400, dtype=bool))
    beside = delong(ill, score, np.zeros(400), fold, units, 0.95)  # a constant score has an AUROC of 0.5 without error
    assert found.value - 0.5 == pytest.approx(beside.difference)
    assert (found.value - 0.5) / influence.standard_error(found, units)[0] == pytest.approx(beside.statistic, rel=1e-6)


def test_a_share_has_the_error_of_its_patients():
    hits = np.repeat(np.arange(50) < 30, 4)
    everyone, patients = np.ones(200, dtype=bool), np.repeat(np.arange(50), 4)
    found = influence.share(hits, one_cell(200), everyone)
    error, freedom, _ = influence.standard_error(found, patients)
    assert error == pytest.approx(np.sqrt(0.6 * 0.4 / 49)), "four equal samples tell no more than one"
    assert freedom == pytest.approx(49)
    assert influence.standard_error(found, np.arange(200))[0] == pytest.approx(np.sqrt(0.6 * 0.4 / 199))


def test_the_calibration_intercept_is_that_of_statsmodels():
    rows = cohort(300)
    ill, score = (rows["target"] == "ill").to_numpy(), rows["score_ill"].to_numpy()
    found = influence.intercept(ill, score, one_cell(300), np.ones(300, dtype=bool))
    model = sm.GLM(ill.astype(float), np.ones(300), family=sm.families.Binomial(), offset=logit(score)).fit(
        cov_type="HC0"
    )
    assert found.value == pytest.approx(model.params[0], abs=1e-6)
    assert influence.standard_error(found, np.arange(300))[0] == pytest.approx(
        model.bse[0] * np.sqrt(300 / 299), rel=1e-6
    )


def test_patients_in_both_groups_count_once():
    """Half of the visits of the same patients: equal halves differ by nothing, and the error is that of paired visits."""
    hits = np.random.default_rng(0).random(200) < 0.6
    units, first = np.arange(200) // 2, np.arange(200) % 2 == 0
    halves = [influence.share(hits, one_cell(200), rows) for rows in (first, ~first)]
    paired = hits[first].astype(float) - hits[~first]
    terms = sum(influence.standard_error(half, units)[2] * sign for half, sign in zip(halves, (1, -1), strict=True))
    assert np.sqrt(terms @ terms) == pytest.approx(paired.std(ddof=1) / np.sqrt(100))
    assert influence.difference(*halves, units, 0.95).difference == pytest.approx(paired.mean())


def test_a_value_of_one_is_not_tested():
    hits = np.arange(100) >= 50
    first, second = (influence.share(hits, one_cell(100), rows) for rows in (hits, np.arange(100) >= 20))
    found = influence.difference(first, second, np.arange(100), 0.95)
    assert found.p is None
    assert found.why == "one of the two is exactly 0 or 1, which does not tell its spread"


def test_two_groups_that_are_the_same_patients_with_the_same_scores_have_no_test():
    """Left and right eye of every patient, scored alike: there is no spread, which must not become a division by zero."""
    rows = cohort(200)
    both = pd.concat([rows.assign(eye="left"), rows.assign(eye="right", sample="r" + rows["sample"])])
    found = judge(both)["subgroups"]
    assert {test["p"] for test in found["tests"]} == {None}
    assert {test["difference"]["value"] for test in found["tests"]} == {0.0}
    assert "so the difference has no spread" in found["tests"][0]["difference"]["method"]
    assert found["sentence"] == (
        "Groups of eye could not be compared: the same patients tell the same in both groups, so the difference has no spread."
    )


def test_the_coverage_of_intervals_does_not_decide_who_is_named():
    """A difference with p = 0.07 after Holm's adjustment is chance at 95 % as well as at 90 % intervals."""
    for level in (0.9, 0.95):
        difference = Estimate("auroc", -0.1, -0.2, 0.0, level, 100, 100, "linearised variance")
        assert not GroupTest("sex", "f", "m", difference, p=0.035, p_adjusted=0.07).clear
        assert GroupTest("sex", "f", "m", difference, p=0.02, p_adjusted=0.04).clear


# What is told of groups


def test_every_metric_of_a_group_is_that_of_its_rows_alone():
    rows = cohort(600, folds=3, sex=np.where(np.arange(600) % 3, "f", "m"))
    women = rows[rows["sex"] == "f"]
    found = group(judge(rows), "sex", "f")
    alone = judge(women.drop(columns="sex"))
    for record in found["estimates"]:
        assert record["value"] == pytest.approx(value(alone, record["metric"])["value"], rel=1e-5), record["metric"]
    assert found["n"] == {key: alone["n"][key] for key in ("samples", "patients", "events")}
    assert value(found, "sensitivity")["value"] == pytest.approx(
        recall_score(women["target"] == "ill", women["score_ill"] >= 0.5)
    )


def test_intervals_of_groups_are_those_of_their_patients():
    rows = cohort(2000, per_patient=4, sex=np.where(np.arange(2000) // 4 % 2, "f", "m"))
    settings = QUICK.model_copy(update={"resamples": 1000})
    found = value(group(judge(rows, settings), "sex", "f"), "auroc")
    alone = value(judge(rows[rows["sex"] == "f"].drop(columns="sex"), settings), "auroc")
    assert found["high"] - found["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.15)


def test_small_groups_and_small_classes_are_hidden_and_said_to_be():
    rows = cohort(400)
    ill = (rows["target"] == "ill").to_numpy()
    level = np.full(400, "large", dtype=object)
    level[np.flatnonzero(ill)[:9]] = "tiny"
    level[np.flatnonzero(~ill)[:30]] = "healthy"
    level[np.flatnonzero(ill)[10:15]] = "healthy"
    result = judge(rows.assign(ward=level))
    tiny, healthy = group(result, "ward", "tiny"), group(result, "ward", "healthy")
    assert (tiny["hidden"], tiny["n"], tiny["estimates"]) == ("fewer than 10 patients", None, [])
    assert value(healthy, "auroc")["method"] == "hidden: fewer than 10 patients are ill"
    assert value(healthy, "sensitivity")["value"] is None
    assert value(healthy, "specificity")["value"] is not None
    assert value(healthy, "brier")["value"] is not None
    tested = {(test["group"], test["difference"]["metric"]) for test in result["subgroups"]["tests"]}
    assert ("healthy", "specificity") in tested
    assert not tested & {("healthy", "auroc"), ("tiny", "auroc"), ("tiny", "sensitivity")}


def test_without_columns_of_groups_nothing_is_said_of_them():
    result = judge(cohort(100))
    assert result["subgroups"] is None
    assert not any("group" in sentence for sentence in result["sentences"])


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_classes_and_numbers_have_groups_too(kind):
    rng = np.random.default_rng(0)
    rows = cohort(300, sex=rng.choice(["f", "m"], 300)).drop(columns=["score_well", "score_ill"])
    if kind == "regression":
        task, worse = Task("regression"), np.where(rows["sex"] == "m", 3.0, 1.0)
        rows["target"] = rng.normal(size=300)
        rows["predicted"] = rows["target"] + worse * rng.normal(size=300)
    else:
        task = Task("multiclass", ("a", "b", "c"))
        code = rng.integers(3, size=300)
        rows["target"] = np.array(task.classes)[code]
        odds = 3.0 * np.eye(3)[code] * (rows["sex"] == "f").to_numpy()[:, None] + rng.normal(size=(300, 3))
        rows[task.score_columns()] = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    result = judge(rows, QUICK.model_copy(update={"threshold": "youden"}), task)
    assert result["subgroups"]["worst"]["group"] == "m"
    metric = {"regression": "mean absolute error", "multiclass": "AUROC"}[kind]
    assert f"Worst group by {metric}: sex m" in result["sentences"][-1]


# When groups differ


def test_a_planted_difference_is_named_with_its_numbers():
    good, bad = cohort(700, skill=3.0), cohort(300, skill=0.5, seed=1)
    bad["sample"], bad["patient"] = "x" + bad["sample"], "x" + bad["patient"]
    result = judge(pd.concat([good.assign(ward="north"), bad.assign(ward="south")], ignore_index=True))
    worst = result["subgroups"]["worst"]
    assert (worst["group"], worst["against"], worst["difference"]["metric"]) == ("south", "north", "auroc")
    assert worst["difference"]["high"] < 0
    assert result["sentences"][-1].startswith("Worst group by AUROC: ward south, 0.6")
    assert "Holm's method for 4 tests of ward" in result["sentences"][-1]


def test_of_several_groups_each_is_held_against_all_others():
    rows = cohort(900, ward=np.array(["a", "b", "c"])[np.arange(900) % 3])
    tests = judge(rows)["subgroups"]["tests"]
    assert len(tests) == 12
    assert {test["against"] for test in tests} == {"all others"}
    a = rows["ward"] == "a"
    areas = [roc_auc_score(rows["target"][m] == "ill", rows["score_ill"][m]) for m in (a, ~a)]
    assert tests[0]["difference"]["value"] == pytest.approx(areas[0] - areas[1])


def test_where_no_difference_is_shown_the_sentence_says_how_large_one_may_be():
    result = judge(cohort(200, ward=np.where(np.arange(200) % 2, "a", "b")))
    said = result["sentences"][-1]
    low, high = (result["subgroups"]["tests"][0]["difference"][key] for key in ("low", "high"))
    assert result["subgroups"]["worst"] is None
    assert said.startswith("No difference between groups of ward could be shown (4 tests). AUROC of ward ")
    assert f"by {max(-low, high):.2f}: the interval of the difference by itself is" in said


def test_alike_groups_are_called_different_in_one_study_of_twenty_at_most():
    named, studies = 0, 60
    for seed in range(studies):
        rng = np.random.default_rng(seed)
        rows = cohort(400, seed=seed, per_patient=2)
        per_patient = [rng.choice(levels, 200) for levels in (["a", "b"], ["c", "d", "e"])]
        rows = rows.assign(**{f"x{k}": np.repeat(levels, 2) for k, levels in enumerate(per_patient)})
        values = values_of(rows, BINARY, [{"repeat": 0, "fold": 0, "value": 0.5}])
        found = group_tests(groupings(rows, BINARY, {}), lambda *_: True, values, np.arange(400) // 2, 0.95)
        named += any(test.clear for test in found)
    assert named <= 8  # 3 expected; more than 8 has a chance below 1 % at a rate of 5 %


# Sites


def test_the_random_effects_summary_is_that_of_statsmodels():
    values, errors = np.array([1.2, 2.4, 0.7, 1.9, 1.4]), np.array([0.2, 0.3, 0.25, 0.15, 0.4])
    found = random_effects(values, errors, level=0.95)
    theirs = combine_effects(values, errors**2, method_re="iterated", use_t=True, alpha=0.05)
    theirs.cache_ci[0.05, True] = (values, values)  # intervals of single studies, which are not asked for
    frame = theirs.summary_frame(alpha=0.05)
    assert found["mean"] == pytest.approx(theirs.mean_effect_re, rel=1e-5)
    assert found["tau"] ** 2 == pytest.approx(theirs.tau2, rel=1e-4)
    low, high = frame.loc["random effect wls", ["ci_low", "ci_upp"]]  # Hartung and Knapp's
    assert found["interval"] == pytest.approx((low, high), rel=1e-4)
    error = (high - low) / 2 / t.ppf(0.975, 4)
    reach = t.ppf(0.975, 3) * np.sqrt(theirs.tau2 + error**2)
    assert found["prediction"][0] == pytest.approx(found["mean"] - reach, rel=1e-4)


def test_a_new_hospital_lies_in_its_prediction_interval_as_often_as_promised():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        errors = rng.uniform(0.1, 0.3, 8)
        truths = rng.normal(1.5, 0.4, 9)
        low, high = random_effects(truths[:8] + rng.normal(size=8) * errors, errors, level=0.95)["prediction"]
        hits += low <= truths[8] <= high
    assert 0.92 <= hits / 400 <= 0.98


def hospitals(count, *, per_fold, skill=2.0):
    site = np.arange(300 * count) % count
    fold = site if per_fold else np.arange(300 * count) // count % count
    return cohort(300 * count, skill=skill, site=np.array([f"h{k}" for k in site]), fold=fold)


def test_folds_that_test_one_site_each_are_external_validation():
    result = judge(hospitals(4, per_fold=True))["subgroups"]["sites"]
    assert result["external"]
    assert [(fold["fold"], fold["site"]) for fold in result["folds"]] == [(k, f"h{k}") for k in range(4)]
    mean, new = result["summary"]["mean"], result["summary"]["new_site"]
    assert new["low"] < mean["low"] < mean["value"] < mean["high"] < new["high"]
    assert "prediction interval for a new site" in new["method"]


def test_mixed_folds_and_two_sites_promise_nothing():
    mixed = judge(hospitals(3, per_fold=False))["subgroups"]["sites"]
    assert (mixed["external"], mixed["folds"]) == (False, [])
    two = judge(hospitals(2, per_fold=True))["subgroups"]["sites"]
    assert two["summary"] is None
    assert two["why"] == "a summary over sites needs 3 with 10 patients of each class, and there are 2"


def test_folds_are_named_by_their_sites_in_the_run(tmp_path):
    assert judge(hospitals(3, per_fold=True, skill=30.0))["subgroups"]["sites"]["why"].startswith(
        "the AUROC of h0 is exactly"
    )


# A vendor's table


def vendor():
    rows = cohort(300)
    ages = np.random.default_rng(0).integers(20, 90, 300).astype(object)
    ages[:30] = "NA"
    return pd.DataFrame({"truth": rows["target"], "risk": rows["score_ill"], "Clinic": np.where(np.arange(300) % 2, "A", "B"),
                         "smoker": np.where(np.arange(300) % 3, "no", "yes"), "age": ages.astype(str)})  # fmt: skip


def test_a_vendors_columns_make_groups_when_they_are_named(tmp_path):
    vendor().to_csv(tmp_path / "v.csv", index=False)
    options = ["--target", "truth", "--score", "risk", "--positive", "ill"]
    named = ["--site", "Clinic", "--subgroup", "smoker", "--subgroup", "age"]
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "v.csv"), *options, *named, "-o", str(tmp_path / "e.json")]
    )
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))["subgroups"]["columns"]
    assert [column["column"] for column in found] == ["site", "smoker", "age"]
    assert [[g["name"] for g in column["groups"]] for column in found[:2]] == [["A", "B"], ["no", "yes"]]
    assert found[2]["groups"][-1]["name"] == "missing"
    assert len(found[2]["groups"]) == 4
    assert "groups of site, smoker and age" in " ".join(done.output.split())
    plain = evaluate_table(vendor(), target="truth", score="risk", positive="ill", settings=QUICK)
    assert plain["subgroups"] is None, "nothing is guessed from columns that nobody named"


def test_a_column_with_another_role_makes_no_groups():
    with pytest.raises(SettingError, match="Column 'truth' has another role already and cannot make groups"):
        evaluate_table(vendor(), target="truth", score="risk", positive="ill", subgroups=["truth"])


def test_scores_before_recalibration_are_no_groups():
    predictions = cohort(sex=np.where(np.arange(600) % 2, "female", "male"))
    known = judge(predictions)["subgroups"]
    for name in [name for name in predictions if name.startswith("score_")]:
        predictions[f"raw_{name}"] = predictions[name] ** 2
    assert [column["column"] for column in known["columns"]] == ["sex"]
    assert judge(predictions)["subgroups"] == known


def test_a_column_with_one_frequent_lowest_value_is_cut_above_it():
    assert thirds(np.array([0.0] * 70 + list(range(1, 31)))) == (1.0,)
