"""Monitoring a run: what is kept, what is said of new patients with and without drift, and which samples are unusual."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from typer.testing import CliRunner

import bedside
from bedside import DataError, RunError, SettingError
from bedside.cli import app
from bedside.cohort import Fold, Task
from bedside.evaluation.outcome_drift import outcome_changes
from bedside.settings import PreparationSettings, RunSettings, build
from bedside.splits.preparation import TablePreparation
from bedside.training.fitted import FittedEstimator
from bedside.training.kept_vectors import KeptVectors
from bedside.training.novelty import judge, learn, vectors_of
from bedside.training.space import Space
from cohorts import cohort as make_cohort
from cohorts import image_cohort, spots
from cohorts import table as make_table

QUICK = {
    "model": {"hidden": [8]},
    "train": {"epochs": 6, "patience": 3, "learning_rate": 0.03},
    "evaluation": {"resamples": 200, "baseline": False},
    "folds": {"scheme": "crossval", "number": 3},
    "explain": {"samples": 0},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An ensemble from 240 patients."""
    return bedside.train(make_cohort(240), QUICK, folder=tmp_path_factory.mktemp("runs") / "clinic")


def drifted(n=150, seed=9):
    """Dose in another unit, a new drug in a fifth of the rows, age missing in half."""
    table = make_table(n, seed=seed)
    table["dose"] *= 18
    table.loc[table.index % 5 == 0, "drug"] = "D"
    table["age"] = table["age"].mask(table.index % 2 == 0)
    return table


def by_name(record):
    changes = record["outcomes"]["changes"] if record["outcomes"] else []
    return {one["name"]: one for one in (*record["columns"], *record["whole"], *changes)}


# What a run keeps


def test_a_run_keeps_counts_and_a_latent_layer_but_no_inputs(run):
    record = json.loads((run.path / "reference" / "columns.json").read_text())
    assert [column["name"] for column in record["columns"]] == ["dose", "age", "noise", "drug", "sex"]
    for column in record["columns"]:
        assert column["n"] == record["patients"] == 240 == sum(column["counts"]) + column["missing"]
    kept = KeptVectors.load(run.path / "reference")
    held = run.folds[(run.folds.fold == 0) & run.folds.part.isin(["valid", "test"])]
    assert len(kept.places) == len(held)
    assert kept.places.shape[1] == 8 + 1  # the hidden layer of 8 neurons, and what lies outside its directions
    assert kept.of == "latent"
    assert json.loads((run.path / "model" / "model.json").read_text())["novelties"] == 3


@pytest.mark.parametrize(("keep", "files"), [("summaries", {"columns.json"}), ("nothing", None)])
def test_less_is_kept_if_asked(keep, files, tmp_path):
    settings = {**QUICK, "reference": {"keep": keep}, "folds": {"scheme": "holdout"}}
    run = bedside.train(make_cohort(60), settings, folder=tmp_path / "run")
    folder = run.path / "reference"
    assert (None if not folder.exists() else {file.name for file in folder.iterdir()}) == files
    if keep == "nothing":
        with pytest.raises(RunError, match=r"keeps nothing to hold new patients against.*Train again"):
            bedside.monitor(run, make_table(40))
        prediction = bedside.predict(run, make_table(20))
        assert "unusual" not in prediction.table
        assert "no-reference" in {finding.code for finding in prediction.findings}


def test_prepared_inputs_are_kept_only_when_asked_for_by_name(tmp_path):
    settings = {
        "family": "logistic",
        "folds": {"scheme": "holdout"},
        "evaluation": QUICK["evaluation"],
        "explain": {"samples": 0},
    }
    plain = bedside.train(make_cohort(60), settings, folder=tmp_path / "plain")
    assert KeptVectors.load(plain.path / "reference") is None
    asked = bedside.train(make_cohort(60), {**settings, "reference": {"keep": "inputs"}}, folder=tmp_path / "asked")
    assert KeptVectors.load(asked.path / "reference").of == "inputs"
    assert "all columns together" in by_name(
        bedside.monitor(asked, make_table(60, seed=3), output=tmp_path / "m").record
    )


def test_a_setting_that_cannot_act_is_refused():
    with pytest.raises(SettingError, match="unusual has no effect while keep is nothing"):
        build(RunSettings, {"reference": {"keep": "nothing", "unusual": 0.02}})


# What is said of new patients


def test_patients_like_those_of_the_run_are_no_drift(run, tmp_path):
    found = bedside.monitor(run, make_table(150, seed=9), target="outcome", output=tmp_path / "m")
    assert found.record["verdict"] == "no drift found"
    assert found.record["sentences"][0].startswith(
        "No drift found in 150 new patients. A column whose values shifted by 0."
    )
    assert not found.drift
    assert found.record["n"] == {
        "known_patients": 240,
        "new_patients": 150,
        "new_samples": len(make_table(150, seed=9)),
    }
    assert {"distance from training", "latent space", "scores of sick", "AUROC"} <= set(by_name(found.record))
    assert by_name(found.record)["AUROC"]["verdict"] == "too few patients to tell"  # below 100 of a class


def test_drift_is_named_column_by_column(run, tmp_path):
    record = bedside.monitor(run, drifted(), output=tmp_path / "m").record
    assert record["verdict"] == "drift"
    assert (
        record["sentences"][0]
        == "Drift: 150 new patients differ from the patients of the run in 3 of 5 columns (dose, age, drug)."
    )
    found = by_name(record)
    assert [found[name]["by"] for name in ("dose", "age", "drug")] == [["values"], ["gaps"], ["values"]]
    assert found["drug"]["words"].startswith("never seen in training: D (")
    assert [found[name]["verdict"] for name in ("noise", "sex")] == ["no drift found"] * 2
    assert found["distance from training"]["verdict"] == found["scores of sick"]["verdict"] == "drift"
    assert [one["name"] for one in record["columns"]][-1] in ("noise", "sex")  # by evidence


def test_the_page_stands_alone_and_shows_every_column(run, tmp_path):
    path = bedside.monitor(run, drifted(), target="outcome", output=tmp_path / "m").path
    page = (path / "monitor.html").read_text()
    assert {file.name for file in path.iterdir()} == {"monitor.json", "monitor.html"}
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert page.count('<svg class="counts"') == 5 + 2
    assert "not a medical device" in page
    assert len(page) < 200_000


def test_changed_outcomes_are_found_where_columns_see_nothing(run, tmp_path):
    table = make_table(400, seed=5)
    flipped = np.random.default_rng(0).random(len(table)) < 0.4
    table["outcome"] = np.where(flipped, np.where(table.outcome == "sick", "well", "sick"), table.outcome)
    table.loc[0, "outcome"] = np.nan
    record = bedside.monitor(run, table, target="outcome", output=tmp_path / "m").record
    found = by_name(record)
    assert found["AUROC"]["verdict"] == "drift"
    assert found["calibration slope"]["verdict"] == "drift"
    assert {one["verdict"] for one in record["columns"]} == {"no drift found"}
    assert record["outcomes"]["without"] == 1
    assert (
        record["sentences"][0]
        == "Drift: 400 new patients differ from the patients of the run not in single columns, but in the whole."
    )


def test_a_few_patients_are_too_few(run, tmp_path):
    record = bedside.monitor(run, make_table(12, seed=4), target="outcome", output=tmp_path / "m").record
    assert record["verdict"] == "too few patients to tell"
    assert record["outcomes"]["changes"][0]["verdict"] == "too few patients to tell"


def test_outcomes_that_the_model_does_not_know_are_refused(run):
    with pytest.raises(DataError, match=r"has the outcome 'sik', but the model knows well, sick. Did you mean 'sick'"):
        bedside.monitor(run, make_table(30).replace({"outcome": {"sick": "sik"}}), target="outcome")
    with pytest.raises(DataError, match="The new data lack the column 'fate' with the outcomes"):
        bedside.monitor(run, make_table(30), target="fate")


def test_the_command_prints_the_verdict_and_fails_only_if_asked(run, tmp_path):
    new = tmp_path / "new.csv"
    drifted().to_csv(new, index=False)
    call = ["monitor", str(run.path), str(new)]
    done = CliRunner().invoke(app, [*call, "-o", str(tmp_path / "m")])
    assert done.exit_code == 0
    assert "Drift: 150 new patients" in done.stdout
    assert CliRunner().invoke(app, [*call, "--fail-on-drift"]).exit_code == 1
    beside = run.path.parent / "clinic-monitor-new"
    assert json.loads((beside / "monitor.json").read_text())["source"] == str(new)
    shutil.rmtree(beside)


def test_scores_are_not_compared_where_test_patients_were_scored_otherwise(tmp_path):
    settings = {**QUICK, "folds": {"scheme": "site"}}
    run = bedside.train(make_cohort(90), settings, folder=tmp_path / "run")
    found = by_name(bedside.monitor(run, make_table(60, seed=3), output=tmp_path / "m").record)
    assert found["score"]["verdict"] == found["latent space"]["verdict"] == "not compared"
    assert "had not seen their site" in found["score"]["words"]


# Outcomes


def _scored(n, rng, shift=0.0, slope=1.0):
    odds = rng.normal(0, 1.5, n) - 0.5
    score, truth = 1 / (1 + np.exp(-odds)), rng.random(n) < 1 / (1 + np.exp(-(shift + slope * odds)))
    names = np.arange(n).astype(str)
    where = {"sample": names, "patient": names, "repeat": 0, "fold": rng.integers(0, 2, n), "part": "test"}
    return pd.DataFrame({**where, "target": np.where(truth, "1", "0"), "score_0": 1 - score, "score_1": score})


@pytest.mark.parametrize(("change", "metric", "low", "high"), [
    ({}, None, 0, 12), ({"shift": 0.9}, "calibration_intercept", 18, 20), ({"slope": 0.3}, "calibration_slope", 18, 20),
])  # fmt: skip
def test_outcome_changes_are_quiet_without_and_awake_with_change(change, metric, low, high):
    """300 known and 200 new patients; without change 3 tests in each of 40 studies, at 5 %."""
    rng, found = np.random.default_rng(6), 0
    for seed in range(20 if metric else 40):
        pair = _scored(300, rng), _scored(200, rng, **change)
        changes = outcome_changes(*pair, Task("binary", ("0", "1")), resamples=150, seed=seed)
        found += sum(one["p"] < 0.05 for one in changes if metric in (None, one["metric"]))
    assert low <= found <= high, found


def test_the_interval_of_an_auroc_stays_within_0_and_1():
    """One of twelve ill patients lies among the well: 0.97 give or take 0.06."""
    score = np.concatenate([np.linspace(0.1, 0.4, 12), [0.31], np.linspace(0.6, 0.9, 11)])
    names = np.arange(24).astype(str)
    new = pd.DataFrame({"sample": names, "patient": names, "repeat": 0, "fold": 0, "part": "test"})
    new = new.assign(target=np.repeat(["0", "1"], 12), score_0=1 - score, score_1=score)
    known = _scored(300, np.random.default_rng(0))
    auroc = outcome_changes(known, new, Task("binary", ("0", "1")), resamples=150, seed=0)[0]
    assert auroc["metric"] == "auroc"
    assert auroc["now"]["high"] == 1 < 2 * auroc["now"]["value"] - auroc["now"]["low"]


# Unusual samples


def _prepared(n, seed):
    """A cohort, a fold, and a member that has learned its preparation."""
    cohort = make_cohort(n, seed=seed, visits=1)
    rows = np.arange(n)
    fold = Fold(0, 0, rows[: n // 2], rows[:0], rows[n // 2 :])
    preparation = TablePreparation.fit(cohort.inputs.take(fold.train), PreparationSettings())
    return cohort, fold, FittedEstimator(preparation, None, cohort.task)


def test_samples_of_the_same_population_are_flagged_at_the_stated_rate():
    """60 studies with 100 held-out and 100 new samples, 5 % to be flagged: the rate over all, since the threshold varies."""
    flagged = []
    for seed in range(60):
        cohort, fold, member = _prepared(300, seed)
        held, new = Fold(0, 0, fold.train, fold.valid, fold.test[:100]), cohort.inputs.take(np.arange(250, 300))
        novelty = learn(member, "m", cohort, held, single=False)
        distances = novelty.space.distances(vectors_of(member, new))[None]
        flagged += list(judge([novelty], distances, 0.05).unusual)
    assert abs(np.mean(flagged) - 5 / 101) < 0.02, np.mean(flagged)


def test_too_few_held_out_samples_flag_only_what_lies_beyond_all_of_them():
    cohort, fold, member = _prepared(80, 1)
    novelty = learn(member, "m", cohort, fold, single=False)
    edge = novelty.held_out.max()
    judged = judge([novelty], np.array([[edge * 0.999, edge * 1.001]]), 0.01)
    assert judged.rate == pytest.approx(1 / 41)
    assert list(judged.unusual) == [False, True]


def test_planted_outliers_are_flagged_and_what_is_outside_is_named(run):
    table = make_table(60, seed=7, visits=1).dropna().head(12).reset_index(drop=True)
    table.loc[0, "dose"] = 90.0
    table.loc[1, "drug"] = "Z"
    table.loc[2, ["dose", "age", "noise"]] = [12.0, 25.0, 4.0]
    prediction = bedside.predict(run, table)
    scored = prediction.table
    assert scored.unusual[[0, 2]].all()
    assert scored.outside[0] == "dose (90)"
    assert scored.outside[1] == "drug (Z)"
    assert scored.distance[0] > 10 > scored.distance[4:].max()
    (finding,) = [one for one in prediction.findings if one.code == "unusual"]
    assert finding.level == "warning"


def test_flags_are_the_same_whichever_samples_come_together(run):
    table = make_table(60, seed=8)
    whole, part = bedside.predict(run, table).table, bedside.predict(run, table.tail(5)).table
    assert np.allclose(whole.distance.tail(5), part.distance)


def test_the_distance_is_that_of_mahalanobis():
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([1, 2, 3], [[2, 1, 0], [1, 3, 0], [0, 0, 1]], 400)
    new = rng.normal(size=(10, 3))
    away = new - x.mean(axis=0)
    expected = np.sqrt(np.einsum("nj,jk,nk->n", away, np.linalg.inv(np.cov(x.T)), away))
    assert np.allclose(Space.of(x).distances(new), expected, rtol=1e-4)


def test_an_older_run_still_predicts_and_says_that_nothing_is_flagged(run, tmp_path):
    old = shutil.copytree(run.path, tmp_path / "old")
    shutil.rmtree(old / "model" / "novelty")
    record = json.loads((old / "model" / "model.json").read_text())
    record = {name: value for name, value in record.items() if name not in ("novelties", "unusual")}
    record["files"] = {name: value for name, value in record["files"].items() if not name.startswith("novelty/")}
    (old / "model" / "model.json").write_text(json.dumps(record))
    environment = json.loads((old / "environment.json").read_text())
    environment.pop("model_sha256")
    (old / "environment.json").write_text(json.dumps(environment))
    prediction = bedside.predict(old, make_table(30))
    assert np.allclose(prediction.table.score_sick, bedside.predict(run, make_table(30)).table.score_sick)
    assert "no-reference" in {finding.code for finding in prediction.findings}


# Images


def test_images_are_monitored_and_flagged_too(tmp_path):
    settings = {
        "family": "cnn", "model": {"width": 16, "stages": 1}, "preparation": {"image_size": 16}, "explain": {"samples": 0},
        "train": {"epochs": 2, "early_stopping": False}, "evaluation": {"resamples": 100, "baseline": False},
        "folds": {"scheme": "holdout"},
    }  # fmt: skip
    run = bedside.train(image_cohort(150), settings, folder=tmp_path / "run")
    images, _, _ = spots(60, seed=3)
    np.save(tmp_path / "same.npy", images)
    np.save(tmp_path / "dark.npy", (images * 0.4).astype(np.uint8))
    same = bedside.monitor(run, tmp_path / "same.npy").record
    dark = bedside.monitor(run, tmp_path / "dark.npy").record
    assert [same["verdict"], dark["verdict"]] == ["no drift found", "drift"]
    found = by_name(dark)
    assert {found[name]["verdict"] for name in ("mean red", "mean green", "latent space")} == {"drift"}
    few, many = (bedside.predict(run, tmp_path / f"{name}.npy").table.unusual.mean() for name in ("same", "dark"))
    assert few < 0.15
    assert many > 0.9
    assert binom.sf(round(60 * few) - 1, 60, 1 / 31) > 0.001
