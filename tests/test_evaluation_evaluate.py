"""The whole stage: what estimates.json holds, how folds and repeats are joined, and what the edges of data do."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import confusion_matrix, r2_score, roc_auc_score

from bedside.cohort import Task
from bedside.errors import DataError
from bedside.evaluation import evaluate
from bedside.settings import EvaluationSettings

BINARY = Task("binary", ("benign", "malignant"))
QUICK = EvaluationSettings(resamples=200)


def crossval(n=200, *, repeats=1, folds=4, skill=2.0, seed=0, per_patient=1, prevalence=0.4):
    """Cross-validated predictions: every sample tested once per repeat and validating in the fold before."""
    rng = np.random.default_rng(seed)
    malignant = np.random.default_rng(99).permutation(n) < prevalence * n
    odds = skill * (malignant - 0.5)
    tables = []
    for repeat in range(repeats):
        score = expit(odds + rng.normal(size=n))
        rows = pd.DataFrame(
            {"sample": [f"s{k}" for k in range(n)], "patient": [f"p{k // per_patient}" for k in range(n)]}
        )
        rows = rows.assign(
            repeat=repeat,
            target=np.where(malignant, *BINARY.classes[::-1]),
            score_benign=1 - score,
            score_malignant=score,
        )
        fold = np.random.default_rng(repeat).permutation(n) % folds
        tables += [rows.assign(fold=fold, part="test"), rows.assign(fold=(fold + 1) % folds, part="valid")]
    return pd.concat(tables, ignore_index=True)


def holdout(target, score, classes=BINARY.classes):
    """Tested once, with validation samples that look the same."""
    names = [f"s{k}" for k in range(len(target))]
    score = np.asarray(score, dtype=float)
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": 0, "part": "test"})
    rows = rows.assign(target=np.where(target, classes[1], classes[0]))
    rows = rows.assign(**{f"score_{classes[0]}": 1 - score, f"score_{classes[1]}": score})
    return pd.concat([rows, rows.assign(part="valid", sample="v" + rows["sample"])], ignore_index=True)


def judge(predictions, task=BINARY, settings=QUICK, **more):
    """The result, after the way through JSON that refuses NaN and foreign types."""
    return json.loads(json.dumps(evaluate(predictions, task, settings, seed=0, **more), allow_nan=False))


def estimate(result, metric, of=""):
    return next(record for record in result["estimates"] if (record["metric"], record["of"]) == (metric, of))


def within_folds(rows):
    """The share of concordant pairs among the pairs within folds, by counting each pair."""
    concordant = pairs = 0
    for _, fold in rows.groupby("fold"):
        ill = (fold["target"] == "malignant").to_numpy()
        score = fold["score_malignant"].to_numpy()
        ahead = score[ill][:, None] - score[~ill]
        concordant, pairs = concordant + (ahead > 0).sum() + (ahead == 0).sum() / 2, pairs + ahead.size
    return concordant / pairs


def sites(skill=2.0, seed=0):
    """Leave one site out: prevalences 10 to 70 %, and each model shifts its scores by the others' prevalence."""
    predictions = crossval(400, skill=skill, seed=seed)
    parts = []
    for fold, share in enumerate((0.1, 0.3, 0.5, 0.7)):
        rows = predictions[predictions["fold"] == fold]
        ill = rows["target"] == "malignant"
        keep = rows[ill].sample(frac=share, random_state=seed), rows[~ill].sample(frac=1 - share, random_state=seed)
        odds = np.log(pd.concat(keep)["score_malignant"]) - np.log(pd.concat(keep)["score_benign"])
        score = expit(odds - 4 * share)
        parts.append(pd.concat(keep).assign(score_malignant=score, score_benign=1 - score))
    return pd.concat(parts, ignore_index=True)


def test_sites_with_other_prevalences_do_not_hide_a_good_model():
    predictions = sites()
    result = judge(predictions)
    found = estimate(result, "auroc")
    each = [record["value"] for record in result["per_fold"] if record["metric"] == "auroc"]
    test = predictions[predictions["part"] == "test"]
    assert roc_auc_score(test["target"] == "malignant", test["score_malignant"]) < min(each)  # the pool hides it
    assert min(each) <= found["value"] <= max(each)
    assert found["low"] < found["value"] < found["high"]
    assert found["value"] == pytest.approx(within_folds(test))
    assert "pairs within folds" in found["method"]
    assert "pairs within folds" in estimate(result, "average_precision")["method"]
    assert "pairs of samples of one fold" in result["sentences"][0]


def test_the_prevalence_model_is_worth_a_coin_toss_over_sites_too():
    predictions = sites()
    constant = 0.5 - 0.1 * predictions["fold"]
    null = predictions.assign(score_malignant=constant, score_benign=1 - constant)
    result = judge(predictions, baseline=null, baseline_family="prevalence")["baseline"]
    auroc = estimate(result, "auroc")
    assert (auroc["value"], auroc["low"], auroc["high"]) == (0.5, 0.5, 0.5)
    assert "all samples of a fold have the same score" in auroc["method"]
    assert result["verdict"] == "better"
    assert "pairs within folds" in result["differences"][0]["method"]


def test_classes_are_ranked_within_folds():
    predictions, task = several((40, 40, 40))
    odds = np.log(predictions[["score_a", "score_b", "score_c"]].to_numpy())
    fold = np.arange(120) % 3
    shifted = np.exp(odds + 5 * np.eye(3)[fold])  # each fold model favours another class
    scores = shifted / shifted.sum(axis=1, keepdims=True)
    table = predictions.assign(fold=fold, **{f"score_{name}": scores[:, k] for k, name in enumerate("abc")})
    result = judge(table, task)
    each = []
    for k, name in enumerate("abc"):
        rows = table.assign(target=np.where(table["target"] == name, "malignant", ""), score_malignant=scores[:, k])
        each.append(within_folds(rows))
        assert estimate(result, "auroc", name)["value"] == pytest.approx(each[-1])
    assert estimate(result, "auroc", "macro")["value"] == pytest.approx(np.mean(each))


def test_a_class_that_no_fold_can_compare_is_left_out_of_the_macro_average():
    predictions, task = several((40, 40, 6))
    fold = np.where(predictions["target"] == "c", 1, 0)
    result = judge(predictions.assign(fold=fold), task)
    assert estimate(result, "auroc", "c")["method"] == "not defined: no fold has samples of both classes"
    macro = estimate(result, "auroc", "macro")
    assert macro["value"] == pytest.approx(np.mean([estimate(result, "auroc", name)["value"] for name in "ab"]))
    assert "without c; pairs within folds, without 1 of 2 that hold one class only" in macro["method"]


def test_separation_within_every_fold_is_bounded_by_the_pairs_of_each_fold():
    malignant = np.arange(60) < 20
    fold = np.where((np.arange(60) < 15) | (np.arange(60) // 5 == 4), 0, 1)  # malignant, benign: 15, 5 and 5, 27
    fold[-8:] = 2  # benign only: no pairs
    score = np.where(malignant, 0.6, 0.4) + 0.01 * (np.arange(60) % 7) - 0.3 * (fold == 0)
    table = holdout(malignant, score)
    result = judge(table.assign(fold=np.tile(fold, 2)).query("part == 'test'"))
    found = estimate(result, "auroc")
    assert (found["value"], found["high"]) == (1, 1)
    assert found["low"] == pytest.approx(0.025 ** (1 / 10))
    assert (found["n_patients"], found["n_samples"]) == (52, 52)
    assert "10 independent pairs" in found["method"]
    assert "without 1 of 3 that hold one class only" in found["method"]


def test_no_verdict_from_an_edge_or_a_handful_of_patients():
    malignant = np.arange(60) < 30
    rng = np.random.default_rng(0)
    perfect = holdout(malignant, np.where(malignant, 0.8, 0.2) + rng.random(60) / 10)
    poor = holdout(malignant, rng.random(60))
    for model, baseline, owner in ((perfect, poor, "model"), (poor, perfect, "baseline")):
        found = judge(model, baseline=baseline)["baseline"]
        difference = next(record for record in found["differences"] if record["metric"] == "auroc")
        assert difference["low"] > 0 or difference["high"] < 0
        assert found["verdict"] == "not distinguishable"
        assert found["sentence"].endswith(
            f"No verdict where the {owner} has an AUROC of exactly 1, which resampling only repeats."
        )
    few = np.arange(60) < 9
    good = holdout(few, np.where(few, 0.6, 0.3) + rng.random(60) / 3)
    found = judge(good, baseline=holdout(few, np.where(few, 0.3, 0.6) + rng.random(60) / 3))["baseline"]
    assert found["verdict"] == "not distinguishable"
    assert "No verdict with fewer than 10 tested patients of a class (9 of class malignant)." in found["sentence"]


def test_decisions_have_no_calibration():
    malignant = np.arange(60) < 30
    found = judge(holdout(malignant, (np.arange(60) % 10 < 3) ^ malignant))
    for metric in ("calibration_slope", "calibration_intercept"):
        assert estimate(found, metric)["value"] is None
        assert estimate(found, metric)["method"] == "not estimable: the scores are decisions, only 0 and 1"
    assert any("the scores are decisions, only 0 and 1." in sentence for sentence in found["sentences"])


def test_repeats_are_averaged_and_add_no_patients():
    predictions = crossval(repeats=3)
    result = judge(predictions)
    test = predictions[predictions["part"] == "test"]
    each = [within_folds(rows) for _, rows in test.groupby("repeat")]
    found = estimate(result, "auroc")
    assert found["value"] == pytest.approx(np.mean(each))
    assert (found["n_patients"], found["n_samples"]) == (200, 200)
    assert "4 folds pooled, mean of 3 repeats" in found["method"]
    assert result["n"] == {
        "samples": 200,
        "patients": 200,
        "events": {"benign": 120, "malignant": 80},
        "folds": 4,
        "repeats": 3,
        "divisions": 3,
        "patient_column": True,
        "linked": False,
    }


def test_the_same_predictions_repeated_keep_their_interval():
    """Copying a repeat is no new evidence: the interval must not shrink."""
    once = crossval(repeats=1)
    twice = pd.concat([once, once.assign(repeat=1)])
    for metric in ("auroc", "sensitivity", "brier", "calibration_slope"):
        one, two = estimate(judge(once), metric), estimate(judge(twice), metric)
        assert two["low"] == pytest.approx(one["low"], abs=1e-4)
        assert two["high"] == pytest.approx(one["high"], abs=1e-4)


def test_every_fold_is_told_and_their_spread():
    predictions = crossval(repeats=2)
    result = judge(predictions)
    auroc = [record for record in result["per_fold"] if record["metric"] == "auroc"]
    assert [(record["repeat"], record["fold"]) for record in auroc] == [(r, f) for r in range(2) for f in range(4)]
    rows = predictions.query("part == 'test' and repeat == 1 and fold == 2")
    assert auroc[6]["value"] == pytest.approx(roc_auc_score(rows["target"] == "malignant", rows["score_malignant"]))
    assert auroc[6]["n_samples"] == len(rows)
    spread = next(record for record in result["spread"] if record["metric"] == "auroc")
    values = [record["value"] for record in auroc]
    assert spread == {
        "metric": "auroc",
        "mean": pytest.approx(np.mean(values)),
        "sd": pytest.approx(np.std(values, ddof=1)),
        "low": min(values),
        "high": max(values),
        "n_folds": 8,
    }


def test_confusion_matrix_is_that_of_the_frozen_thresholds():
    predictions = crossval()
    result = judge(predictions)
    test = predictions[predictions["part"] == "test"]
    limits = {record["fold"]: record["value"] for record in result["thresholds"]}
    decided = np.where(test["score_malignant"] >= test["fold"].map(limits), "malignant", "benign")
    assert result["confusion"]["classes"] == ["benign", "malignant"]
    np.testing.assert_allclose(result["confusion"]["counts"], confusion_matrix(test["target"], decided))


def test_the_order_of_the_rows_is_nothing():
    predictions = crossval(repeats=2, per_patient=2)
    assert judge(predictions) == judge(predictions.sample(frac=1, random_state=0))
    assert judge(predictions) == judge(predictions)


def test_clustered_patients_widen_the_interval():
    predictions = crossval(400, skill=1.0)
    test = predictions.sort_values("score_malignant")
    rank = {name: number // 8 for number, name in enumerate(test[test["part"] == "test"]["sample"])}
    clustered = predictions.assign(patient=predictions["sample"].map(rank).astype(str))  # samples alike share a patient
    alone, together = (estimate(judge(table), "sensitivity") for table in (predictions, clustered))
    assert together["value"] == alone["value"]
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_a_better_model_is_called_better_and_the_other_way_round():
    strong, weak = crossval(skill=3), crossval(skill=0.5)
    result = judge(strong, baseline=weak, baseline_family="logistic")["baseline"]
    assert (result["verdict"], result["headline"], result["family"]) == ("better", "auroc", "logistic")
    assert result["sentence"].startswith("Better than the baseline (logistic): AUROC 0.9")
    assert "on the same 200 patients" in result["sentence"]
    signs = {record["metric"]: record["value"] for record in result["differences"]}
    assert signs["auroc"] > 0 > signs["brier"]
    assert judge(weak, baseline=strong)["baseline"]["verdict"] == "worse"


def test_equal_predictions_are_not_distinguishable():
    predictions = crossval()
    result = judge(predictions, baseline=predictions)["baseline"]
    assert result["verdict"] == "not distinguishable"
    assert {record["value"] for record in result["differences"]} == {0}
    assert {record["low"] for record in result["differences"]} == {None}
    assert "resampling cannot tell" in result["differences"][0]["method"]


def test_a_paired_difference_is_surer_than_two_separate_numbers():
    model = crossval()
    rng = np.random.default_rng(1)
    score = expit(np.log(model["score_malignant"] / model["score_benign"]) + rng.normal(size=len(model)) / 20)
    result = judge(model, baseline=model.assign(score_malignant=score, score_benign=1 - score))
    difference = next(record for record in result["baseline"]["differences"] if record["metric"] == "auroc")
    alone = estimate(result, "auroc")
    assert difference["high"] - difference["low"] < 0.2 * (alone["high"] - alone["low"])


def test_a_baseline_on_other_samples_is_refused():
    predictions = crossval()
    with pytest.raises(DataError, match=r"baseline predicts 199 test rows and the model 200.*same folds"):
        judge(predictions, baseline=predictions.iloc[1:])


def test_at_most_six_sentences_with_no_more_digits_than_patients_allow():
    result = judge(crossval(40), baseline=crossval(40, seed=1), baseline_family="logistic", patient_column=False)
    sentences = result["sentences"]
    assert len(sentences) == 6
    how_well, how_sure, against, decision, calibration, not_checked = sentences
    assert how_well.startswith("AUROC 0.")
    assert "Too few patients to tell: tested on 40 patients (16 of class malignant, 24 of class benign)" in how_sure
    assert "100 of each class" in how_sure
    assert "the baseline (logistic)" in against
    assert "chosen on validation samples: sensitivity" in decision
    assert "slope" in calibration
    assert not_checked.startswith("Not checked: leakage between samples of one patient (no patient column)")
    named = judge(crossval(40), baseline=crossval(40, seed=1), baseline_family="logistic")["sentences"]
    assert any(sentence.startswith("Over 4 folds AUROC ranged from") for sentence in named)
    assert not pd.Series(sentences).str.contains(r"\d\.\d{3}").any()
    assert not any("accuracy" in sentence for sentence in sentences)


def test_sentences_know_chance_enough_patients_and_miscalibration():
    blind = judge(crossval(600, skill=0.0))["sentences"]
    assert "the interval includes 0.5, so it may be no better than chance" in blind[0]
    assert blind[1].startswith("Tested on 600 patients (240 of class malignant, 360 of class benign); validating")
    assert any(sentence.startswith("Miscalibrated: scores are too extreme") for sentence in blind)
    upside_down = crossval(600, skill=-2.0)
    assert "worse than chance" in judge(upside_down)["sentences"][0]


def test_a_calibrated_model_is_not_accused():
    rng = np.random.default_rng(0)
    odds = rng.normal(size=2000) * 1.5
    found = judge(holdout(rng.random(2000) < expit(odds), expit(odds)))["sentences"]
    assert any(sentence.startswith("No miscalibration found (slope") for sentence in found)


def test_a_fold_of_one_class_has_no_auroc_but_the_others_have():
    """Leave one site out: a site may have no diseased patients."""
    predictions = crossval(120)
    site = np.where(predictions["target"] == "benign", predictions["fold"], 3)
    odd = predictions.assign(fold=np.where(predictions["part"] == "test", site, predictions["fold"]))
    result = judge(odd)
    auroc = {record["fold"]: record["value"] for record in result["per_fold"] if record["metric"] == "auroc"}
    assert [auroc[fold] is None for fold in range(4)] == [True, True, True, False]
    assert estimate(result, "auroc")["low"] is not None
    assert next(record for record in result["spread"] if record["metric"] == "auroc")["n_folds"] == 1


@pytest.mark.parametrize("n", [4, 20])
def test_twenty_patients_or_four_give_a_result(n):
    result = judge(crossval(n, folds=1, skill=1.0, prevalence=0.5))
    assert result["n"]["patients"] == n
    assert "Too few patients" in result["sentences"][1]


def test_perfect_separation_is_reported_without_false_certainty():
    malignant = np.arange(60) < 30
    found = judge(holdout(malignant, np.where(malignant, 0.9, 0.1)))
    auroc = estimate(found, "auroc")
    assert (auroc["value"], auroc["high"]) == (1, 1)
    assert auroc["low"] == pytest.approx(0.025 ** (1 / 30))
    assert estimate(found, "sensitivity")["low"] < 0.9
    assert estimate(found, "calibration_slope")["value"] is None
    assert any("separate the classes completely" in sentence for sentence in found["sentences"])


def test_the_prevalence_model_knows_nothing_and_does_not_break():
    found = judge(holdout(np.arange(50) < 20, np.full(50, 0.4)))
    assert estimate(found, "auroc")["value"] == 0.5
    assert estimate(found, "calibration_slope")["method"].startswith("not estimable: all samples have the same score")
    assert estimate(found, "brier")["value"] == pytest.approx(estimate(found, "brier_null")["value"])


def test_a_test_part_of_one_class_says_what_it_cannot_know():
    predictions = crossval(80)
    found = judge(predictions.query("part == 'valid' or target == 'benign'"))
    assert estimate(found, "auroc")["value"] is None
    assert estimate(found, "auroc")["method"].startswith("not defined: no sample is malignant")
    assert estimate(found, "specificity")["value"] is not None
    assert found["sentences"][0] == "AUROC cannot be given: no sample is malignant."


def several(counts, seed=0):
    """Test samples of as many classes as there are counts."""
    rng = np.random.default_rng(seed)
    target = np.repeat(np.arange(len(counts)), counts)
    odds = 2.0 * np.eye(len(counts))[target] + rng.normal(size=(len(target), len(counts)))
    scores = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    names = [f"s{k}" for k in range(len(target))]
    classes = tuple("abcdefg"[: len(counts)])
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": 0, "part": "test"})
    rows = rows.assign(target=[classes[number] for number in target])
    return rows.assign(**{f"score_{name}": scores[:, k] for k, name in enumerate(classes)}), Task("multiclass", classes)


def test_a_class_of_two_samples_has_wide_intervals_and_is_named():
    predictions, task = several((120, 110, 2))
    found = judge(predictions, task)
    rare = estimate(found, "sensitivity", "c")
    assert rare["n_patients"] == 2
    assert rare["low"] is None or rare["high"] - rare["low"] > 0.3
    assert found["thresholds"] == []
    assert (
        estimate(found, "auroc", "macro")["low"] is None
    )  # two patients do not tell how the AUROC of their class spreads
    assert estimate(found, "auroc", "a")["low"] is not None
    assert "2 of class c" in found["sentences"][1]
    assert "[no interval]: no interval can be given, so it may be no better than chance." in found["sentences"][0]
    assert "balanced accuracy" in found["sentences"][2]
    assert np.sum(found["confusion"]["counts"]) == 232


def test_presentation_keeps_a_metric_together():
    predictions, task = several((30, 30, 30))
    names = [record["metric"] for record in judge(predictions, task)["estimates"]]
    assert names[:4] == ["auroc"] * 4
    assert len({name for k, name in enumerate(names) if k == 0 or names[k - 1] != name}) == len(set(names))
    assert sum(names[k] != names[k - 1] for k in range(1, len(names))) == len(set(names)) - 1


def numbers(n=120, folds=4, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n) * 10 + 50
    names = [f"s{k}" for k in range(n)]
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": np.arange(n) % folds, "part": "test"})
    return rows.assign(target=target, predicted=50 + 0.7 * (target - 50) + rng.normal(size=n) * 5)


def test_regression_is_judged_by_r2():
    predictions = numbers()
    found = judge(predictions, Task("regression"), baseline=numbers(seed=0).assign(predicted=50.0))
    r2 = estimate(found, "r2")
    assert r2["value"] == pytest.approx(r2_score(predictions["target"], predictions["predicted"]))
    assert found["confusion"] is None
    assert found["n"]["events"] is None
    assert found["baseline"]["headline"] == "r2"
    assert found["baseline"]["verdict"] == "better"
    assert found["sentences"][0].startswith("R² 0.")
    assert "120 patients, and validating a model takes at least 235" in found["sentences"][1]


def test_a_constant_target_in_a_fold_leaves_its_r2_open():
    predictions = numbers()
    predictions.loc[predictions["fold"] == 1, "target"] = 50.0
    found = judge(predictions, Task("regression"))
    r2 = [record["value"] for record in found["per_fold"] if record["metric"] == "r2"]
    assert [value is None for value in r2] == [False, True, False, False]
    assert estimate(found, "r2")["value"] is not None


def test_unknown_targets_and_missing_test_samples_are_refused():
    predictions = crossval(40)
    with pytest.raises(DataError, match="no row with part = test"):
        judge(predictions.query("part == 'valid'"))
    with pytest.raises(DataError, match=r"40 rows have a target such as '1'.*benign, malignant"):
        judge(predictions.assign(target=predictions["target"].where(predictions["part"] == "valid", "1")))
    with pytest.raises(DataError, match=r"Column score_benign has 2 test samples without a finite number"):
        judge(holdout(np.arange(9) < 4, [np.nan, np.inf] + [0.5] * 7))


def test_copies_filed_under_several_patients_count_once():
    """Ten copies of everything tell nothing new: the intervals must stay as wide as those of the originals."""
    predictions = crossval(60)
    copies = [
        predictions.assign(sample=predictions["sample"] + f"-{k}", patient=predictions["patient"] + f"-{k}")
        for k in range(10)
    ]
    many = pd.concat(copies, ignore_index=True).assign(linked=np.tile(predictions["patient"], 10))
    tables = (predictions, many, many.drop(columns="linked"))
    alone, joined, naive = (estimate(judge(table), "auroc") for table in tables)
    assert joined["value"] == pytest.approx(alone["value"])
    assert joined["n_patients"] == alone["n_patients"] == 60
    widths = [found["high"] - found["low"] for found in (alone, joined, naive)]
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
    assert widths[2] < widths[0] / 2
