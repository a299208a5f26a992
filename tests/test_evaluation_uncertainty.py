"""What the model does not know: conformal sets and their coverage, abstention, and what `predict` says of it."""

import json

import numpy as np
import pandas as pd
import pytest
from crepes import ConformalClassifier, ConformalRegressor
from scipy.special import expit
from scipy.stats import binom, norm

import bedside
from bedside.cohort import Task
from bedside.evaluation import conformal, evaluate
from bedside.evaluation.coverage import coverage as judged_coverage
from bedside.evaluation.subgroups import Judged
from bedside.settings import EvaluationSettings
from cohorts import cohort as make_cohort
from cohorts import table as make_table

BINARY = Task("binary", ("well", "ill"))
NUMBER = Task("regression")
QUICK = EvaluationSettings(resamples=200, threshold="fixed", threshold_value=0.5)


def predictions(n_valid=400, n_test=1500, *, seed=0, prevalence=0.3, skill=1.5, shift=0.0, folds=1, **columns):
    """Calibrated scores of exchangeable validation and test samples; `shift` moves the scores of test samples."""
    rng = np.random.default_rng(seed)
    n = n_valid + n_test
    part = np.repeat(["valid", "test"], [n_valid, n_test])
    odds = (
        rng.normal(-1, skill, n) if prevalence == 0.3 else rng.normal(np.log(prevalence / (1 - prevalence)), skill, n)
    )
    ill = rng.random(n) < expit(odds)
    score = expit(odds + shift * (part == "test"))
    names = [f"s{i}" for i in range(n)]
    rows = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": np.arange(n) % folds, "part": part,
                         "target": np.where(ill, "ill", "well"), "score_well": 1 - score, "score_ill": score})  # fmt: skip
    return rows.assign(**{name: values[:n] for name, values in columns.items()})


def numbers(n_valid=200, n_test=1000, *, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    n = n_valid + n_test
    part = np.repeat(["valid", "test"], [n_valid, n_test])
    predicted = rng.normal(50, 10, n)
    target = predicted + rng.normal(size=n) * 5 * np.where(part == "test", noise, 1.0)
    names = [f"s{i}" for i in range(n)]
    return pd.DataFrame(
        {
            "sample": names,
            "patient": names,
            "repeat": 0,
            "fold": 0,
            "part": part,
            "target": target,
            "predicted": predicted,
        }
    )


def judge(table, task=BINARY, settings=QUICK):
    return json.loads(json.dumps(evaluate(table, task, settings, seed=0), allow_nan=False))["uncertainty"]


def coverage(found, column="", name=""):
    return next(r for r in found["conformal"]["coverage"] if (r["column"], r["name"]) == (column, name))


def size(found, metric):
    return next(e["value"] for e in found["conformal"]["size"] if e["metric"] == metric)


# Sets and intervals


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_are_those_of_crepes_class_by_class(level):
    table = predictions(150, 300)
    known = conformal.yardsticks(conformal.calibration_scores(table, BINARY), BINARY)["repeat0-fold0"]
    test = table[table["part"] == "test"][BINARY.score_columns()].to_numpy()
    found = conformal.class_sets(test[None], [known], BINARY.classes, level)
    valid = table[table["part"] == "valid"]
    for number, name in enumerate(BINARY.classes):
        own = valid[valid["target"] == name]
        crepes = ConformalClassifier().fit(1 - own[f"score_{name}"].to_numpy())
        p = crepes.predict_p(1 - test[:, [number]], smoothing=False)[:, 0]
        assert found[:, number].tolist() == (p > 1 - level + 1e-9).tolist()


@pytest.mark.parametrize("n_valid", [48, 200])  # at 49 crepes counts 0.1 * 50 as 4.999... and takes one rank more
def test_intervals_are_those_of_crepes(n_valid):
    table = numbers(n_valid, 50)
    known = conformal.yardsticks(conformal.calibration_scores(table, NUMBER), NUMBER)["repeat0-fold0"]
    valid, test = (table[table["part"] == part] for part in ("valid", "test"))
    low, high = conformal.number_intervals(test["predicted"].to_numpy()[None], [known], 0.9)
    crepes = ConformalRegressor().fit((valid["target"] - valid["predicted"]).to_numpy())
    theirs = crepes.predict_int(test["predicted"].to_numpy(), confidence=0.9)
    assert np.allclose(np.column_stack([low, high]), theirs, atol=1e-8)


def test_a_class_with_too_few_validation_samples_never_leaves_a_set():
    few = {"well": np.zeros(8), "ill": np.zeros(9)}
    found = conformal.class_sets(np.array([[[0.5, 0.5]]]), [few], BINARY.classes, 0.9)
    assert found.tolist() == [[True, False]]  # 1 of 9 is more than 0.1, 1 of 10 is not


def test_members_add_up_to_cross_conformal_sets_and_cv_plus_intervals():
    rng = np.random.default_rng(0)
    members = [{"well": np.sort(rng.random(20)), "ill": np.sort(rng.random(15))} for _ in range(3)]
    scores = rng.random((3, 40, 2))
    found = conformal.class_sets(scores, members, BINARY.classes, 0.8)
    for i, c in np.ndindex(found.shape):
        name = BINARY.classes[c]
        as_strange = sum((m[name] >= 1 - s[i, c] - 1e-9).sum() for m, s in zip(members, scores, strict=True))
        total = sum(len(m[name]) for m in members)
        assert found[i, c] == ((as_strange + 1) / (total + 1) > 0.2 + 1e-12)
    distances = [{"": np.sort(rng.random(10))} for _ in range(3)]
    predicted = rng.random((3, 5))
    low, high = conformal.number_intervals(predicted, distances, 0.9)
    for i in range(5):  # Barber et al. 2021, section 1.3: ceil(0.9 * 31) = 28th smallest, and 31 - 28 = 3rd smallest
        ends = np.sort(np.concatenate([p[i] + d[""] for p, d in zip(predicted, distances, strict=True)]))
        starts = np.sort(np.concatenate([p[i] - d[""] for p, d in zip(predicted, distances, strict=True)]))
        assert (low[i], high[i]) == (starts[2], ends[27])


# The promise


def test_sets_hold_the_truth_as_often_as_promised_in_every_class():
    """Coverage on average over validation samples is at least the level, and at most 1 / (m + 1) more."""
    hits, counts = np.zeros(2), np.zeros(2)
    for seed in range(150):
        table = predictions(200, 200, seed=seed)
        known = conformal.yardsticks(conformal.calibration_scores(table, BINARY), BINARY)["repeat0-fold0"]
        test = table[table["part"] == "test"]
        inside = conformal.class_sets(test[BINARY.score_columns()].to_numpy()[None], [known], BINARY.classes, 0.9)
        target = BINARY.encode(test["target"])
        np.add.at(hits, target, inside[np.arange(200), target])
        np.add.at(counts, target, 1)
    rate = hits / counts
    assert (np.abs(rate - 0.9) < 0.015).all(), rate  # four standard errors and the discreteness of 1/(m+1)


def test_on_exchangeable_samples_nothing_falls_short():
    site = np.array(["a", "b", "c"])[np.arange(1900) % 3]
    found = judge(predictions(site=site))
    everybody = coverage(found)["estimate"]
    assert everybody["low"] < 0.9 < everybody["high"]
    assert binom.sf(round(everybody["value"] * 1500) - 1, 1500, 0.87) > 1e-6
    assert not any(record["short"] for record in found["conformal"]["coverage"])
    assert {(r["column"], r["name"]) for r in found["conformal"]["coverage"]} >= {("class", "ill"), ("site", "a")}
    assert "No class or group fell short" in found["conformal"]["sentence"]
    assert size(found, "sets_of_one") + size(found, "sets_of_several") + size(found, "sets_empty") == pytest.approx(1)
    assert size(found, "set_size") == pytest.approx(size(found, "sets_of_one") + 2 * size(found, "sets_of_several"))


def test_alike_samples_are_seldom_said_to_fall_short():
    settings, short = QUICK.model_copy(update={"resamples": 100}), 0
    for seed in range(40):
        table = predictions(60, 400, seed=seed)
        rows = table[table["part"] == "test"].reset_index(drop=True)
        tested = Judged(rows, BINARY, [], np.arange(400))
        short += any(record["short"] for record in judged_coverage(table, tested, settings, seed=0)["coverage"])
    assert short <= 6  # 2 expected at most; more than 6 has a chance below 1 %


def test_validation_samples_count_as_many_as_their_patients_are():
    table = predictions(400, 600, shift=-0.5)
    four_each = table.assign(patient=[f"v{i // 4}" if i < 400 else f"s{i}" for i in range(1000)])
    rows = table[table["part"] == "test"].reset_index(drop=True)
    tested, spread = Judged(rows, BINARY, [], np.arange(600)), []
    for known in (table, four_each):
        found = judged_coverage(known, tested, QUICK, seed=0)
        assert found["calibrated"][""] == 400
        everybody = found["coverage"][0]
        spread.append(((everybody["estimate"]["value"] - 0.9) / norm.ppf(everybody["p"])) ** 2)
    assert spread[1] - spread[0] == pytest.approx(0.9 * 0.1 * (1 / 102 - 1 / 402))


def test_a_shift_breaks_the_promise_and_the_sentence_says_where():
    found = judge(predictions(shift=-3.0))
    assert coverage(found, "class", "ill")["short"]
    assert coverage(found, "class", "ill")["estimate"]["high"] < 0.9
    assert not coverage(found, "class", "well")["short"]
    assert "The promise is broken by more than chance for:" in found["conformal"]["sentence"]
    assert "class ill 0." in found["conformal"]["sentence"]


def test_a_group_that_is_another_population_is_shown_as_such():
    site = np.where(np.arange(1900) % 4 == 0, "new", "old")
    table = predictions(site=site)
    away = (table["site"] == "new") & (table["part"] == "test")
    flipped = expit(-np.log(table["score_ill"] / table["score_well"]))
    table["score_ill"] = np.where(away, flipped, table["score_ill"])
    table["score_well"] = 1 - table["score_ill"]
    found = judge(table)
    assert coverage(found, "site", "new")["short"]
    assert not coverage(found, "site", "old")["short"]


def test_intervals_of_numbers_are_judged_too():
    kept, broken = judge(numbers(), NUMBER), judge(numbers(noise=2.0), NUMBER)
    assert coverage(kept)["estimate"]["low"] < 0.9 < coverage(kept)["estimate"]["high"]
    assert size(kept, "interval_width") == pytest.approx(2 * 1.645 * 5, rel=0.1)
    assert coverage(broken)["short"]
    assert kept["abstention"] is None


def test_without_validation_samples_there_is_a_reason_instead_of_sets():
    table = predictions()
    found = judge(table[table["part"] == "test"])
    assert found["conformal"]["why"].startswith("there are no validation samples in each fold")
    assert judge(table, settings=QUICK.model_copy(update={"conformal": None}))["conformal"] is None
    few = judge(numbers(5, 100), NUMBER)
    assert few["conformal"]["why"] == "intervals at 0.9 need more validation samples in each fold than there are"


# Silence


def test_the_error_among_the_surest_samples_is_counted():
    table = predictions()
    test = table[table["part"] == "test"]
    found = judge(table)["abstention"]
    sure = np.abs(np.log(test["score_ill"] / test["score_well"])).to_numpy()
    wrong = ((test["score_ill"] >= 0.5) != (test["target"] == "ill")).to_numpy()
    for share in (1.0, 0.8, 0.3):
        point = min(found["points"], key=lambda p: abs(p["answered"] - share))
        surest = np.argsort(-sure)[: round(point["answered"] * 1500)]
        assert point["error"]["value"] == pytest.approx(wrong[surest].mean())
    assert found["gain"]["difference"]["high"] < 0
    assert found["sentence"].startswith("Left the 20\u00a0% it is least sure of to a person")


def test_the_area_is_the_mean_gain_over_silence_at_random():
    found = judge(predictions())["abstention"]
    errors = [point["error"]["value"] for point in found["points"]]
    assert found["area"]["value"] == pytest.approx(np.mean(errors) - errors[0])
    assert found["area"]["high"] < 0


def test_doubts_without_worth_and_doubts_that_mislead_are_called_so():
    rng = np.random.default_rng(0)
    table = predictions(100, 800)
    right = rng.random(900) < 0.8
    decided = (table["target"] == "ill") == right
    sure = rng.uniform(0.01, 0.49, 900)
    blind = np.where(decided, 0.5 + sure, 0.5 - sure)
    assert "cannot be told" in judge(table.assign(score_ill=blind, score_well=1 - blind))["abstention"]["sentence"]
    misled = np.where(right, 0.01 + 0.1 * rng.random(900), 0.3 + 0.1 * rng.random(900))  # surest where wrong
    vain = np.where(decided, 0.5 + misled, 0.5 - misled)
    assert judge(table.assign(score_ill=vain, score_well=1 - vain))["abstention"]["sentence"].startswith(
        "Its doubts mislead"
    )


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda ill, rng: (rng.random(len(ill)) < 0.8) == ill, "the model is equally sure of every sample"),
        (lambda ill, rng: 0.5 + (ill - 0.5) * rng.uniform(0.2, 0.8, len(ill)), "There was no error, so there is none"),
    ],
)
def test_silence_is_not_called_a_matter_of_few_patients_where_it_is_not(scores, said):
    """1,500 patients: decisions without a score, and decisions that are all right."""
    table = predictions()
    score = np.asarray(scores((table["target"] == "ill").to_numpy(), np.random.default_rng(0)), dtype=float)
    found = judge(table.assign(score_ill=score, score_well=1 - score))["abstention"]
    assert (found.get("sentence") or found["why"]).startswith(said)


def test_repeats_tell_how_far_models_disagree():
    table = predictions(100, 300)
    other = table.assign(repeat=1, score_ill=np.clip(table["score_ill"] + 0.1, 0, 1))
    other["score_well"] = 1 - other["score_ill"]
    found = judge(pd.concat([table, other], ignore_index=True))["repeats"]
    test = table[table["part"] == "test"]
    each = np.minimum(0.1, 1 - test["score_ill"]) / np.sqrt(2)
    assert found["spread"]["value"] == pytest.approx(each.mean(), rel=1e-5)
    assert judge(table)["repeats"] is None


# A run and its predictions

RUN = {
    "family": "logistic",
    "folds": {"scheme": "crossval", "number": 3},
    "evaluation": {"resamples": 100, "conformal": 0.8},
    "explain": {"samples": 0},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return bedside.train(make_cohort(90, site=None, subgroups=()), RUN, folder=tmp_path_factory.mktemp("run") / "r")


def test_predict_writes_sets_from_the_members_and_their_validation_samples(run):
    kept = pd.read_csv(run.path / "model" / "conformal.csv", dtype=str)
    valid = run.predictions[run.predictions["part"] == "valid"]
    assert len(kept) == len(valid)
    assert np.allclose(
        kept["strangeness"].astype(float),
        1 - np.where(valid["target"] == "sick", valid["score_sick"], valid["score_well"]),
    )
    scored = bedside.predict(run, make_table(90)).table
    assert set(scored["set"]) <= {"well", "sick", "well|sick", "none"}
    one = scored["set"].isin(["well", "sick"])
    assert 0.2 < one.mean() < 1
    assert (scored.loc[scored["set"] == "sick", "score_sick"].min()) > scored.loc[
        scored["set"] == "well", "score_sick"
    ].max()


def test_intervals_of_a_tested_model_are_those_that_were_judged(tmp_path):
    options = {**RUN, "family": "ridge", "folds": {"scheme": "holdout"}}
    run = bedside.train(make_cohort(90, task="regression", site=None, subgroups=()), options, folder=tmp_path / "r")
    scored = bedside.predict(run, make_table(90, task="regression")).table.set_index("sample")
    test = run.predictions[run.predictions["part"] == "test"].set_index("sample")
    both = scored.loc[test.index]
    held = (both["low"] <= test["target"]) & (test["target"] <= both["high"])
    judged = run.estimates["uncertainty"]["conformal"]
    assert held.mean() == pytest.approx(judged["coverage"][0]["estimate"]["value"])
    assert (both["high"] - both["low"]).mean() == pytest.approx(judged["size"][0]["value"], rel=1e-6)


def test_a_refit_has_no_sets_because_nothing_measured_it(tmp_path):
    run = bedside.train(make_cohort(90, site=None, subgroups=()), {**RUN, "final": "refit"}, folder=tmp_path / "r")
    assert not (run.path / "model" / "conformal.csv").exists()
    assert "set" not in bedside.predict(run, make_table(90)).table


def test_a_changed_yardstick_is_refused(run, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    file = copy / "model" / "conformal.csv"
    file.write_text(file.read_text().replace("0.", "0.9"))
    with pytest.raises(bedside.BedsideError, match=r"conformal.csv is not what was saved"):
        bedside.predict(copy, make_table(90))


def test_the_sentence_of_the_sets_is_true_of_its_figure():
    """With 12 + 12 validation samples an interval may lie below the promise by their chance alone; that is said."""
    for seed in range(30):
        found = judge(predictions(24, 400, seed=seed))["conformal"]
        low = [one for one in found["coverage"] if one["estimate"]["high"] < 0.895 and not one["short"]]
        if low and not any(one["short"] for one in found["coverage"]):
            assert "No class or group fell short" not in found["sentence"]
            assert "lies below the promise" in found["sentence"]
            assert all(f"{one['column']} {one['name']}".strip() in found["sentence"] for one in low if one["column"])
            break
    else:
        pytest.fail("no study of 30 had such an interval")


def test_where_no_class_was_judged_none_is_said_to_keep_the_promise():
    table = predictions(60, 40)
    test = table["part"] == "test"
    table = pd.concat([table[~test], *(table[test & (table["target"] == name)].head(6) for name in BINARY.classes)])
    found = judge(table.reset_index(drop=True))["conformal"]
    assert len(found["coverage"]) == 1
    assert "No class or group has the 10 test patients to be judged." in found["sentence"]
    assert "class" not in judge(numbers(100, 100), NUMBER)["conformal"]["sentence"]
