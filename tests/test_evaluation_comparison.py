"""Candidates are ranked only as far as the data support it, and the sentence says which test said so."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bedside.cohort import Estimate, Task
from bedside.errors import DataError
from bedside.evaluation import evaluate
from bedside.evaluation.comparison import compare_candidates
from bedside.evaluation.paired import Paired, corrected_t, holm
from bedside.evaluation.ranking import DELONG, Pair, ranking
from bedside.settings import EvaluationSettings

BINARY = Task("binary", ("well", "ill"))
QUICK = EvaluationSettings(resamples=100)
TEST = "corrected resampled t-test"


def table(classes, target, scores, *, repeat=0, fold=0, part="test"):
    """Predictions of samples s0, s1, ... with a patient each; scores of shape (n, classes)."""
    names = [f"s{k}" for k in range(len(target))]
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": repeat, "fold": fold, "part": part})
    return rows.assign(target=target, **{f"score_{name}": scores[:, k] for k, name in enumerate(classes)})


def binary(ill, score, **place):
    return table(BINARY.classes, np.where(ill, "ill", "well"), np.stack([1 - score, score], axis=1), **place)


def crossval(skill, seed=0, *, n=200, repeats=2, folds=5, prevalence=0.4):
    """Cross-validated predictions; targets and folds are the same whatever skill and seed."""
    rng = np.random.default_rng([seed, int(100 * skill)])
    ill = np.random.default_rng(99).permutation(n) < prevalence * n
    parts = []
    for repeat in range(repeats):
        score = expit(skill * (ill - 0.5) + rng.normal(size=n))
        fold = np.random.default_rng(repeat).permutation(n) % folds
        parts.append(binary(ill, score, repeat=repeat, fold=fold))
        parts.append(binary(ill, score, repeat=repeat, fold=(fold + 1) % folds, part="valid"))
    return pd.concat(parts, ignore_index=True)


def holdout(ill, score):
    return binary(np.asarray(ill), np.asarray(score, dtype=float))


def folds_of(predictions):
    """folds.csv: what neither tests nor validates, trains."""
    known = predictions[["sample", "repeat", "fold", "part"]]
    every = known[["sample"]].drop_duplicates().merge(known[["repeat", "fold"]].drop_duplicates(), how="cross")
    joined = every.merge(known, how="left", on=["sample", "repeat", "fold"])
    return joined.assign(part=joined["part"].fillna("train"))


def judge(predictions, task=BINARY, settings=QUICK, folds=None, **more):
    """The result, after the way through JSON that refuses NaN and foreign types."""
    folds = folds_of(next(iter(predictions.values()))) if folds is None else folds
    found = compare_candidates(predictions, task, settings, folds=folds, seed=0, **more)
    return json.loads(json.dumps(found, allow_nan=False))


def headline(candidate, metric="auroc", of=""):
    return next(record for record in candidate["estimates"] if (record["metric"], record["of"]) == (metric, of))


def test_every_candidate_is_judged_as_alone_and_every_pair_by_its_folds():
    predictions = {name: crossval(skill, n=500) for name, skill in (("strong", 4), ("weak", 0.5), ("middling", 2))}
    folds = folds_of(predictions["weak"])
    found = judge(predictions)
    assert [candidate["name"] for candidate in found["candidates"]] == ["strong", "weak", "middling"]
    for candidate in found["candidates"]:
        alone = evaluate(predictions[candidate["name"]], BINARY, QUICK, seed=0)
        for part in ("estimates", "thresholds", "per_fold", "spread"):
            assert candidate[part] == json.loads(json.dumps(alone[part]))
        assert [found[key] for key in ("task", "n", "level", "resamples")] == [
            json.loads(json.dumps(alone[key])) for key in ("task", "n", "level", "resamples")
        ]
    assert found["headline"] == {"metric": "auroc", "of": ""}
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("strong", "weak"),
        ("strong", "middling"),
        ("weak", "middling"),
    ]
    values = {
        candidate["name"]: np.array([row["value"] for row in candidate["per_fold"] if row["metric"] == "auroc"])
        for candidate in found["candidates"]
    }
    assert (folds["part"] == "train").sum() == 10 * 300
    for pair in found["pairs"]:
        by_hand = corrected_t(values[pair["first"]] - values[pair["second"]], 300, 100, 0.95)
        assert pair["p"] == pytest.approx(by_hand.p)
        difference = pair["difference"]
        assert (difference["value"], difference["low"], difference["high"]) == (
            pytest.approx(by_hand.difference),
            pytest.approx(by_hand.low),
            pytest.approx(by_hand.high),
        )
        assert (pair["test"], pair["metric"], pair["of"], difference["n_patients"]) == (TEST, "auroc", "", 500)
        assert "differences of 10 folds, on average 300 training and 100 test samples" in difference["method"]
    assert [pair["p_adjusted"] for pair in found["pairs"]] == pytest.approx(holm([p["p"] for p in found["pairs"]]))
    assert [pair["verdict"] for pair in found["pairs"]] == ["better", "better", "worse"]
    ranked = found["ranking"]
    assert (ranked["order"], ranked["best"]) == ([["strong"], ["middling"], ["weak"]], ["strong"])
    strong = Estimate.from_dict(headline(found["candidates"][0])).text()
    assert ranked["sentence"] == (
        f"strong is best, with AUROC {strong}: better than middling and weak. 3 pairs were tested with the "
        "corrected resampled t-test on the same 10 folds; p-values are adjusted by Holm's method."
    )


def test_delong_beside_is_the_difference_of_the_estimates_as_shown():
    found = judge({"a": crossval(2), "b": crossval(1.5)})
    a, b = (headline(candidate)["value"] for candidate in found["candidates"])
    beside = found["pairs"][0]["delong"]
    assert beside["difference"] == pytest.approx(a - b)
    assert beside["low"] < a - b < beside["high"]
    assert 0 < beside["p"] < 1
    assert beside["z"] > 0
    evaluated = evaluate(crossval(2), BINARY, EvaluationSettings(), seed=0, baseline=crossval(1.5))
    resampled = evaluated["baseline"]["differences"][0]
    assert (beside["low"], beside["high"]) == tuple(pytest.approx(resampled[end], abs=0.01) for end in ("low", "high"))


def test_equal_candidates_are_not_distinguishable():
    found = judge({name: crossval(1.5, seed) for seed, name in enumerate("abc")})
    assert {pair["verdict"] for pair in found["pairs"]} == {"not distinguishable"}
    ranked = found["ranking"]
    assert ranked["order"] is None
    assert sorted(ranked["best"]) == ["a", "b", "c"]
    values = {candidate["name"]: headline(candidate)["value"] for candidate in found["candidates"]}
    assert ranked["best"][0] == max(values, key=values.get)
    assert ranked["sentence"].startswith("The 3 candidates are not distinguishable: from AUROC 0.")
    assert "3 pairs were tested" in ranked["sentence"]
    assert "best" not in ranked["sentence"]


def test_two_good_ones_share_a_tier_above_a_bad_one():
    found = judge({"bad": crossval(0.2), "good": crossval(2, 1), "fine": crossval(2, 2)})
    ranked = found["ranking"]
    leader, second = ranked["best"]
    assert {leader, second} == {"good", "fine"}
    assert ranked["order"] == [[leader, second], ["bad"]]
    assert ranked["sentence"].startswith(f"{leader} has the best estimate, AUROC 0.")
    assert f"but is not distinguishable from {second}; it is better than bad. 3 pairs" in ranked["sentence"]


def told(verdicts, values):
    """The ranking of candidates a, b, c ... from the verdicts of their pairs."""
    headlines = {
        name: Estimate("auroc", value, value - 0.02, value + 0.02, 0.95, 90, 90, "")
        for name, value in zip("abcdefgh", values, strict=False)
    }
    signs = {"better": 1, "worse": -1, "not distinguishable": 0}
    pairs = []
    for (first, second), verdict in verdicts.items():
        middle = 0.02 * signs[verdict]
        difference = Estimate("auroc", middle, middle - 0.01, middle + 0.01, 0.95, 90, 90, "")
        pairs.append(Pair(first, second, difference, Paired(middle, p=0.001), TEST, None, "", 0.01))
        assert pairs[-1].verdict == verdict
    n = {"patients": 90, "repeats": 2, "divisions": 1}
    spread = [{"metric": "brier", "n_folds": 7}, {"metric": "auroc", "n_folds": 5}]
    return ranking(headlines, pairs, TEST, {"n": n, "spread": spread, "level": 0.95, "resamples": 100})


def test_not_distinguishable_is_not_passed_on():
    """a is better than c, but b is distinguishable from neither: no tier can be drawn."""
    unclear = "not distinguishable"
    found = told({("a", "b"): unclear, ("a", "c"): "better", ("b", "c"): unclear}, (0.9, 0.88, 0.86))
    assert found["order"] is None
    assert found["best"] == ["a", "b"]
    assert "a has the best estimate, AUROC 0.900 [0.880, 0.920], but is not disting" in found["sentence"]
    assert "from b; it is better than c." in found["sentence"]
    assert "on the same 5 folds" in found["sentence"]


def test_the_best_estimate_need_not_be_better_than_anyone():
    unclear = "not distinguishable"
    found = told({("a", "b"): unclear, ("a", "c"): unclear, ("b", "c"): "better"}, (0.9, 0.88, 0.86))
    assert (found["order"], found["best"]) == (None, ["a", "b", "c"])
    assert "not distinguishable from b and c. 3 pairs" in found["sentence"]


def test_many_names_are_counted():
    verdicts = {("a", other): "better" for other in "bcdefgh"}
    found = told(verdicts, np.linspace(0.9, 0.8, 8))
    assert "better than b, c, d and 4 others." in found["sentence"]
    assert found["order"][0] == ["a"]


def test_one_candidate_has_no_pairs():
    found = judge({"alone": crossval(2)})
    assert found["pairs"] == []
    assert (found["ranking"]["order"], found["ranking"]["best"]) == (None, ["alone"])
    assert found["ranking"]["sentence"].startswith("There is one candidate, alone, with AUROC 0.")


def asah():
    """Three markers of the aSAH data as scores in 0..1; the AUROC asks for their order only."""
    data = pd.read_csv(Path(__file__).with_name("asah.csv"), comment="#")
    return {
        name: holdout(data["outcome"] == 1, data[name] / (1 + data[name].max())) for name in ("wfns", "s100b", "ndka")
    }


def test_a_holdout_is_judged_by_delong_and_holm_takes_back_a_chance_finding():
    found = judge(asah(), settings=EvaluationSettings(resamples=100, threshold="fixed", threshold_value=0.5))
    raw = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert {pair["test"] for pair in found["pairs"]} == {"DeLong"}
    assert raw["wfns", "s100b"]["p"] == pytest.approx(0.02718, abs=5e-6)
    assert raw["wfns", "s100b"]["delong"]["z"] == pytest.approx(2.209, abs=5e-4)
    assert raw["wfns", "s100b"]["p_adjusted"] == pytest.approx(2 * 0.0271757822)
    assert raw["wfns", "s100b"]["verdict"] == "not distinguishable"
    assert "interval of this pair alone, not adjusted" in raw["wfns", "s100b"]["difference"]["method"]
    assert raw["wfns", "ndka"]["p_adjusted"] == pytest.approx(3 * 0.0051455797)
    assert raw["wfns", "ndka"]["verdict"] == "better"
    ranked = found["ranking"]
    assert (ranked["order"], ranked["best"]) == (None, ["wfns", "s100b"])
    assert "wfns has the best estimate" in ranked["sentence"]
    assert "not distinguishable from s100b; it is better than ndka." in ranked["sentence"]
    assert "3 pairs were tested with DeLong's test on the same 113 patients; p-values" in ranked["sentence"]


def several(noise, seed=0, n=150):
    """Three classes, tested once."""
    rng = np.random.default_rng(seed)
    number = np.arange(n) % 3
    odds = 2.0 * np.eye(3)[number] + noise * rng.normal(size=(n, 3))
    return table("abc", np.array(list("abc"))[number], np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True))


def numbers(noise, seed=0, n=150, folds=1):
    """A number as target, tested once."""
    target = np.random.default_rng(99).normal(size=n) * 10 + 50
    rows = table("", target, np.empty((n, 0)), fold=np.arange(n) % folds)
    return rows.assign(predicted=target + noise * np.random.default_rng(seed).normal(size=n))


@pytest.mark.parametrize(
    ("good", "bad", "task", "key"),
    [
        (several(1.0), several(3.0), Task("multiclass", tuple("abc")), ("auroc", "macro")),
        (numbers(3), numbers(9), Task("regression"), ("r2", "")),
    ],
)
def test_other_tasks_in_a_holdout_resample_the_same_patients(good, bad, task, key):
    settings = EvaluationSettings(resamples=300)
    found = judge({"bad": bad, "good": good}, task, settings)
    pair = found["pairs"][0]
    assert (pair["test"], pair["metric"], pair["of"], pair["delong"]) == ("patient bootstrap", *key, None)
    beside = evaluate(bad, task, settings, seed=0, baseline=good)["baseline"]["differences"]
    known = next(record for record in beside if (record["metric"], record["of"]) == key)
    for part in ("value", "low", "high"):
        assert pair["difference"][part] == pytest.approx(known[part], rel=1e-5)
    assert pair["p"] == pytest.approx(2 / 301)
    assert pair["verdict"] == "worse"
    assert found["ranking"]["order"] == [["good"], ["bad"]]
    assert "1 pair was tested by resampling the same 150 patients 300 times; p-values" in found["ranking"]["sentence"]
    again = judge({"one": good, "copy": good}, task)["pairs"][0]
    assert (again["p"], again["verdict"], again["difference"]["low"]) == (1, "not distinguishable", None)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_other_tasks_with_folds_are_judged_by_their_folds(task):
    if task == "regression":
        predictions, task = {"good": numbers(3, folds=5), "bad": numbers(9, folds=5)}, Task("regression")
        metric, words = ("r2", ""), "good is best, with R² 0.9"
    else:
        fold = np.arange(150) // 3 % 5
        predictions = {"good": several(1.0).assign(fold=fold), "bad": several(4.0).assign(fold=fold)}
        task, metric, words = Task("multiclass", tuple("abc")), ("auroc", "macro"), "good is best, with macro AUROC 0.9"
    found = judge(predictions, task)
    pair = found["pairs"][0]
    assert (pair["test"], pair["delong"], pair["verdict"]) == (TEST, None, "better")
    assert (pair["metric"], pair["of"]) == metric
    assert found["headline"] == {"metric": metric[0], "of": metric[1]}
    assert found["ranking"]["sentence"].startswith(words)


def test_too_few_resamples_for_many_pairs_are_told():
    found = judge({f"c{k}": numbers(3, k) for k in range(4)}, Task("regression"))
    assert "set evaluation.resamples to 2,000 or more" in found["ranking"]["sentence"]
    assert (
        "set evaluation.resamples"
        not in judge({"a": numbers(3), "b": numbers(9)}, Task("regression"))["ranking"]["sentence"]
    )


def test_no_verdict_from_an_edge_or_a_handful_of_patients():
    rng = np.random.default_rng(0)
    ill = np.arange(60) < 30
    perfect = holdout(ill, np.where(ill, 0.8, 0.2) + rng.random(60) / 10)
    found = judge({"poor": holdout(ill, rng.random(60)), "perfect": perfect})
    assert found["pairs"][0]["p"] < 0.01
    assert found["pairs"][0]["verdict"] == "not distinguishable"
    said = "No verdict where perfect has an AUROC of exactly 1, which resampling only repeats."
    assert found["ranking"]["sentence"].endswith(said)
    assert found["pairs"][0]["difference"]["method"].endswith("n" + said[1:-1])
    few = np.arange(60) < 9
    good, bad = (holdout(few, np.where(few, *ends) + rng.random(60) / 3) for ends in ((0.6, 0.3), (0.3, 0.6)))
    found = judge({"good": good, "bad": bad})
    assert found["pairs"][0]["p"] < 0.01
    assert found["ranking"]["order"] is None
    said = "No verdict with fewer than 10 tested patients of a class (9 of class ill)."
    assert found["ranking"]["sentence"].endswith(said)


def test_no_verdict_where_folds_and_estimate_disagree():
    """R2 of a fold with few different targets can be anything, and the mean over folds goes with it."""
    rows = numbers(2, n=200, folds=10)
    calm = rows["fold"] < 9
    rows.loc[calm, "target"] = 50 + 0.01 * (rows.loc[calm, "target"] - 50)
    steady = rows.assign(predicted=rows["target"] + np.where(calm, 0.05, 6.0) * np.resize([1, -1], 200))
    sharp = rows.assign(predicted=rows["target"] + np.where(calm, 0.5, 0.1) * np.resize([1, -1], 200))
    found = judge({"steady": steady, "sharp": sharp}, Task("regression"))
    steady, sharp = (headline(candidate, "r2")["value"] for candidate in found["candidates"])
    pair = found["pairs"][0]
    assert steady < sharp
    assert pair["difference"]["value"] > 0
    assert pair["p_adjusted"] < 0.05
    assert pair["verdict"] == "not distinguishable"
    assert "order steady and sharp differently" in found["ranking"]["sentence"]


def test_the_same_predictions_twice_are_not_distinguishable():
    found = judge({"once": crossval(2), "again": crossval(2)})
    pair = found["pairs"][0]
    assert (pair["difference"]["value"], pair["p"], pair["p_adjusted"]) == (0, 1, 1)
    assert (pair["difference"]["low"], pair["delong"]["low"]) == (None, None)
    assert "every fold gives the same difference" in pair["difference"]["method"]


def test_a_test_part_of_one_class_compares_nothing():
    predictions = {
        name: crossval(2, seed).query("target == 'well' or part == 'valid'") for seed, name in enumerate("ab")
    }
    found = judge(predictions)
    pair = found["pairs"][0]
    assert (pair["test"], pair["p"], pair["p_adjusted"], pair["difference"]["value"]) == ("", None, None, None)
    assert pair["delong"] == dict.fromkeys(("difference", "low", "high", "z", "p"))
    assert found["ranking"]["best"] == ["a", "b"]
    assert "not distinguishable: AUROC cannot be given: no sample is ill." in found["ranking"]["sentence"]
    assert "No pair could be tested: 0 of 10 folds define the difference" in found["ranking"]["sentence"]


def test_a_fold_of_one_class_is_left_out_and_told():
    """Leave one site out: a site may have no ill patients."""
    odd = {}
    for name, skill in (("good", 4), ("bad", 0.5)):
        predictions = crossval(skill, repeats=1)
        alone = (predictions["target"] == "well") & predictions["sample"].str.endswith(("1", "2", "3"))
        moved = predictions["part"].eq("test") & alone
        chosen = predictions[predictions["part"].eq("valid") & predictions["fold"].eq(1) & ~alone].assign(fold=5)
        odd[name] = pd.concat([predictions.assign(fold=predictions["fold"].mask(moved, 5)), chosen], ignore_index=True)
    found = judge(odd)
    method = found["pairs"][0]["difference"]["method"]
    assert "differences of 5 folds, without 1 that do not define the metric" in method
    assert "on the same 5 folds" in found["ranking"]["sentence"]
    assert found["pairs"][0]["verdict"] == "better"


def test_copies_filed_under_several_patients_count_once():
    """Ten copies of everything tell nothing new: p-values must stay as they were."""
    rng = np.random.default_rng(0)
    ill = np.arange(80) < 30
    alone = {name: holdout(ill, expit(skill * ill + rng.normal(size=80))) for name, skill in (("a", 1.5), ("b", 1.0))}
    many = {
        name: pd.concat(
            [rows.assign(sample=rows["sample"] + f"-{k}", patient=rows["patient"] + f"-{k}") for k in range(10)],
            ignore_index=True,
        ).assign(linked=np.tile(rows["patient"], 10))
        for name, rows in alone.items()
    }
    unlinked = {name: rows.drop(columns="linked") for name, rows in many.items()}
    one, joined, naive = (judge(tables)["pairs"][0]["p"] for tables in (alone, many, unlinked))
    assert joined == pytest.approx(one)
    assert naive < one / 2


def test_links_must_be_known_of_every_candidate():
    rows = crossval(2)
    with pytest.raises(DataError, match="Candidate plain predicts 400 test rows and candidate linked 400"):
        judge({"linked": rows.assign(linked=np.where(rows["patient"] == "s1", "s0", rows["patient"])), "plain": rows})


def test_the_order_of_the_rows_is_nothing():
    predictions = {"a": crossval(2), "b": crossval(1)}
    shuffled = {name: rows.sample(frac=1, random_state=1) for name, rows in predictions.items()}
    assert judge(predictions) == judge(shuffled, folds=folds_of(predictions["a"]).sample(frac=1, random_state=2))


def test_the_first_minus_the_second_turns_with_the_order():
    one, other = (judge(tables)["pairs"][0] for tables in (
        {"a": crossval(3), "b": crossval(1)}, {"b": crossval(1), "a": crossval(3)}
    ))  # fmt: skip
    assert other["difference"]["value"] == pytest.approx(-one["difference"]["value"])
    assert other["delong"]["z"] == pytest.approx(-one["delong"]["z"])
    assert (one["verdict"], other["verdict"], other["p"]) == ("better", "worse", pytest.approx(one["p"]))


def test_many_equal_candidates_have_no_winner():
    """Among six equal candidates some pair often looks different; after Holm hardly ever."""
    raw, adjusted = [], []
    for study in range(8):
        predictions = {f"c{k}": crossval(1.5, 100 * study + k, n=100, repeats=1) for k in range(6)}
        pairs = judge(predictions)["pairs"]
        raw.append(min(pair["p"] for pair in pairs) < 0.05)
        adjusted.append(any(pair["verdict"] != "not distinguishable" for pair in pairs))
    assert sum(adjusted) <= 1
    assert sum(raw) > sum(adjusted)


def test_what_cannot_be_compared_is_refused_with_the_way_out():
    rows = crossval(2)
    with pytest.raises(DataError, match=r"no candidate to compare\. Give at least one"):
        compare_candidates({}, BINARY, QUICK, folds=folds_of(rows), seed=0)
    with pytest.raises(
        DataError, match=r"Candidate b predicts 399 test rows and candidate a 400.*train both on the same"
    ):
        judge({"a": rows, "b": rows.iloc[1:]})
    other = rows.assign(fold=(rows["fold"] + 1) % 5)
    with pytest.raises(DataError, match="not the same samples in the same folds"):
        judge({"a": rows, "b": other})
    with pytest.raises(DataError, match=r"repeat 1, fold 0 the table of folds has 0 training and 0 test.*folds.csv"):
        judge({"a": rows, "b": rows}, folds=folds_of(rows).query("repeat == 0"))
    broken = rows.assign(score_ill=rows["score_ill"].where(rows.index > 3))
    with pytest.raises(DataError, match="Candidate b: Column score_ill has 4 test samples without a finite number"):
        judge({"a": rows, "b": broken})


def seeded(skill, seeds, **options):
    """Cross-validated predictions whose every repeat is there once for each seed, with scores that differ a little."""
    plain, parts = crossval(skill, **options), []
    for repeat, rows in plain.groupby("repeat"):
        for seed in range(seeds):
            again = rows.assign(repeat=repeat * seeds + seed)
            noise = np.random.default_rng([seed, repeat]).normal(scale=0.02, size=len(rows))
            score = np.clip(again["score_ill"] + noise, 0, 1)
            parts.append(again.assign(score_ill=score, score_well=1 - score))
    return pd.concat(parts, ignore_index=True)


def test_seeds_are_averaged_before_folds_are_counted():
    found = judge({"strong": seeded(1.5, 3), "weak": seeded(0.9, 3, seed=1)})
    assert (found["n"]["repeats"], found["n"]["divisions"]) == (6, 2)
    values = []
    for candidate in found["candidates"]:
        rows = pd.DataFrame([row for row in candidate["per_fold"] if row["metric"] == "auroc"])
        values.append(rows.groupby([rows["repeat"] // 3, "fold"])["value"].mean().to_numpy())
    by_hand = corrected_t(values[0] - values[1], 120, 40, 0.95)
    assert found["pairs"][0]["p"] == pytest.approx(by_hand.p)
    assert "differences of 10 folds" in found["pairs"][0]["difference"]["method"]
    assert "mean of 2 repeats with 3 seeds each" in headline(found["candidates"][0])["method"]


def test_the_spread_of_seeds_is_that_within_a_division():
    (candidate,) = judge({"one": seeded(1.5, 4, repeats=3)})["candidates"]
    rows = pd.DataFrame([row for row in candidate["per_fold"] if row["metric"] == "brier"])
    means = rows.groupby("repeat")["value"].mean().to_numpy().reshape(3, 4)
    (found,) = (record for record in candidate["spread_by_seed"] if record["metric"] == "brier")
    assert found["sd"] == pytest.approx(np.sqrt(means.var(axis=1, ddof=1).mean()))
    assert (found["seeds"], found["divisions"]) == (4, 3)
    assert judge({"one": crossval(1.5)})["candidates"][0]["spread_by_seed"] == []


def test_seeds_of_a_single_division_are_compared_by_test_patients():
    rng, ill = np.random.default_rng(0), np.arange(200) % 2 == 0

    def scores(skill):
        parts = [binary(ill, expit(skill * (ill - 0.5) + rng.normal(size=200)), repeat=seed) for seed in range(3)]
        valid = [part.assign(part="valid", sample="v" + part["sample"]) for part in parts]
        return pd.concat([*parts, *valid], ignore_index=True)

    found = judge({"strong": scores(3), "weak": scores(0.2)})
    assert found["pairs"][0]["test"] == DELONG
    assert found["pairs"][0]["verdict"] == "better"
