"""A model at a new hospital: the updates of a logistic regression, judged on patients they were not fitted on."""

import json

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from typer.testing import CliRunner

from bedside.cli import app
from bedside.cohort import Task
from bedside.errors import DataError, RunError, SettingError
from bedside.evaluation.site import site_update
from bedside.run import train
from bedside.scoring import predict
from bedside.settings import DataSettings, EvaluationSettings
from bedside.updating import recalibrate
from cohorts import cohort, table

BINARY = Task("binary", ("well", "sick"))
QUICK = EvaluationSettings(resamples=100)


def hospital(n=400, *, intercept=-0.8, slope=0.6, seed=0, per_patient=1):
    """Patients whose log odds are a known line of those that the model gives them."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, n)
    names = [f"s{k:04d}" for k in range(n)]
    rows = pd.DataFrame({"sample": names, "patient": [f"p{k // per_patient:04d}" for k in range(n)]})
    sick = rng.random(n) < expit(intercept + slope * odds)
    rows = rows.assign(repeat=0, fold=0, part="test", target=np.where(sick, "sick", "well"))
    return rows.assign(score_well=1 - expit(odds), score_sick=expit(odds))


def of(record, name):
    return {entry["metric"]: entry for entry in record["fitted"][name]}


def test_updates_are_those_of_statsmodels():
    rows = hospital()
    record, _ = site_update(rows, BINARY, QUICK, seed=0)
    y, x = (rows["target"] == "sick").to_numpy(dtype=float), logit(rows["score_sick"].to_numpy())
    both = sm.GLM(y, sm.add_constant(x), family=sm.families.Binomial()).fit(tol=1e-12)
    alone = sm.GLM(y, np.ones(len(y)), offset=x, family=sm.families.Binomial()).fit(tol=1e-12)
    assert of(record, "slope")["intercept"]["value"] == pytest.approx(both.params[0], abs=1e-6)
    assert of(record, "slope")["slope"]["value"] == pytest.approx(both.params[1], abs=1e-6)
    assert of(record, "intercept")["intercept"]["value"] == pytest.approx(alone.params[0], abs=1e-6)
    assert record["method"] == "slope"
    assert record["line"] == {"intercept": pytest.approx(both.params[0]), "slope": pytest.approx(both.params[1])}
    for entry, wald in zip(record["fitted"]["slope"], both.conf_int(), strict=True):
        assert [entry["low"], entry["high"]] == pytest.approx(list(wald), abs=0.1)
    json.dumps(record, allow_nan=False)


def test_after_is_judged_on_patients_that_the_update_was_not_fitted_on():
    """Each tenth of the patients has the scores that statsmodels gives it from the other nine."""
    _, judged = site_update(hospital(300, per_patient=3), BINARY, QUICK, seed=0, method="slope")
    assert judged["fold"].nunique() == 10
    assert (judged.groupby("patient")["fold"].nunique() == 1).all()
    for fold, rest in judged.groupby("fold"):
        others = judged[judged["fold"] != fold]
        x = sm.add_constant(logit(others["raw_score_sick"].to_numpy()))
        y = (others["target"] == "sick").to_numpy(dtype=float)
        model = sm.GLM(y, x, family=sm.families.Binomial()).fit(tol=1e-12)
        expected = model.predict(sm.add_constant(logit(rest["raw_score_sick"].to_numpy()), has_constant="add"))
        np.testing.assert_allclose(rest["score_sick"], expected, atol=1e-6)


def test_a_planted_shift_is_found_before_and_gone_after():
    record, _ = site_update(hospital(1500), BINARY, QUICK, seed=0)
    before, after = record["judged"]["before"], record["judged"]["slope"]
    assert before["flaws"] == ["too extreme", "too high on average"]
    assert after["flaws"] == []
    brier = {
        name: {e["metric"]: e["value"] for e in record["judged"][name]["estimates"]}["brier"]
        for name in ("before", "intercept", "slope")
    }
    assert brier["slope"] < brier["intercept"] < brier["before"]
    assert record["sentences"][1] == "The update takes slope and intercept."


def test_a_model_that_fits_is_hardly_changed_and_the_intervals_say_so():
    record, _ = site_update(hospital(600, intercept=0, slope=1), BINARY, QUICK, seed=0)
    slope, intercept = of(record, "slope")["slope"], of(record, "slope")["intercept"]
    assert slope["low"] < 1 < slope["high"]
    assert intercept["low"] < 0 < intercept["high"]


def few(n_sick, n_well=150):
    rows = hospital(2000)
    return pd.concat([rows[rows["target"] == "sick"][:n_sick], rows[rows["target"] == "well"][:n_well]])


def test_the_number_of_patients_decides_and_is_told():
    with pytest.raises(
        DataError, match=r"The new data have 9 patients of class sick; an update takes at least 10 with and 10 without"
    ):
        site_update(few(9), BINARY, QUICK, seed=0)
    record, _ = site_update(few(15), BINARY, QUICK, seed=0)
    assert record["method"] == "intercept"
    assert list(record["fitted"]) == ["intercept"]
    assert record["sentences"][0].startswith(
        "165 new patients (150 of class well and 15 of class sick), 15 samples of class sick. Fewer than 100 of class sick: too few"
    )
    with pytest.raises(SettingError, match=r"--method slope cannot be had: 15 patients of class sick are too few"):
        site_update(few(15), BINARY, QUICK, seed=0, method="slope")
    assert site_update(few(60), BINARY, QUICK, seed=0)[0]["method"] == "intercept"
    assert site_update(few(60), BINARY, QUICK, seed=0, method="slope")[0]["method"] == "slope"
    with pytest.raises(
        SettingError, match=r"--method slop is not known; it is intercept or slope\. Did you mean 'slope'"
    ):
        site_update(few(60), BINARY, QUICK, seed=0, method="slop")


def test_scores_that_point_the_wrong_way_take_no_slope():
    with pytest.raises(
        SettingError, match=r"the slope would be −0\.\d+, so here higher scores do not go with more of class sick"
    ):
        site_update(hospital(slope=-0.8), BINARY, QUICK, seed=0, method="slope")


@pytest.fixture(scope="module")
def updated(tmp_path_factory):
    """A run, its recalibration on patients of another hospital, and their table."""
    place = tmp_path_factory.mktemp("update")
    asked = {"family": "logistic", "evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0}}
    run = train(cohort(120), asked, folder=place / "run")
    new = table(150, seed=9)
    found = recalibrate(run, new, output=place / "new", settings=DataSettings(patient="patient"), evaluation=QUICK)
    return run, found, new


def test_predict_gives_the_recalibrated_scores(updated):
    run, found, new = updated
    plain, scores = predict(run, new).table, predict(run, new, recalibration=found.path).table
    line = found.record["update"]["line"]
    expected = expit(line["intercept"] + line["slope"] * logit(plain["score_sick"]))
    np.testing.assert_allclose(scores["score_sick"], expected, atol=1e-12)
    np.testing.assert_allclose(scores["raw_score_sick"], plain["score_sick"], atol=1e-12)
    assert (scores["decision"] == plain["decision"]).all()  # chosen by whom it finds: youden
    assert abs(line["intercept"]) > 0.01


def test_patients_are_those_of_the_column_that_the_run_knows(updated, tmp_path):
    run, _, new = updated
    again = recalibrate(run, new, output=tmp_path / "known", evaluation=QUICK).record["update"]
    assert again["n_patients"] == new["patient"].nunique() < len(new)
    unnamed = recalibrate(run, new.drop(columns="patient"), output=tmp_path / "unnamed", evaluation=QUICK)
    assert unnamed.record["update"]["sentences"][0].startswith(f"{len(new)} new samples (")
    assert "each taken for a patient, because no column names them" in unnamed.record["update"]["sentences"][0]


def test_the_folder_holds_page_and_predictions_and_belongs_to_one_model(updated, tmp_path):
    run, found, new = updated
    assert {path.name for path in found.path.iterdir()} == {
        "recalibration.json",
        "predictions.csv",
        "report.html",
        "figures",
    }
    page = (found.path / "report.html").read_text(encoding="utf-8")
    assert found.record["update"]["sentences"][1] in page
    assert "bedside predict" in page
    scored = pd.read_csv(found.path / "predictions.csv")
    assert len(scored) == len(new) == found.record["update"]["n_samples"]
    assert found.record["update"]["n_patients"] == new["patient"].nunique()
    other = train(
        cohort(90),
        {"family": "logistic", "evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0}},
        folder=tmp_path / "other",
    )
    with pytest.raises(
        RunError, match=r"recalibrates another model than that of .*; run `bedside recalibrate` on this one"
    ):
        predict(other, new, recalibration=found.path)
    with pytest.raises(RunError, match=r"holds no recalibration\.json"):
        predict(run, new, recalibration=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda new: new.drop(columns="outcome"), r"The new data lack the column 'outcome' with the outcomes\. If it has another name, add --target COLUMN"),
        (lambda new: new.assign(outcome=new["outcome"].replace("well", "fine")), r"Column 'outcome' has the outcome 'fine', but the model knows well, sick\. Name the outcomes as in training"),
        (lambda new: new.assign(outcome=new["outcome"].where(new.index != 3)), r"The column 'outcome' with the outcome is empty in 1 row of the new data; recalibrating takes patients whose"),
        (lambda new: new.assign(patient=new["patient"].where(new.index > 1)), r"The column of patients is empty in 2 rows of the new data"),
    ],
)  # fmt: skip
def test_outcomes_that_do_not_fit_are_refused(updated, change, message, tmp_path):
    run, _, new = updated
    with pytest.raises(DataError, match=message):
        recalibrate(run, change(new), output=tmp_path / "x", evaluation=QUICK)


def test_a_number_is_not_recalibrated(tmp_path):
    run = train(
        cohort(90, task="regression"),
        {"family": "ridge", "evaluation": {"resamples": 100, "baseline": False}, "explain": {"samples": 0}},
        folder=tmp_path / "r",
    )
    with pytest.raises(
        SettingError,
        match=r"is for models with two classes only: .* this model is regression. Train again with patients of the new hospital\.$",
    ):
        recalibrate(run, table(60, task="regression"))


def test_the_verb_recalibrates_and_predicts(updated, tmp_path):
    run, _, new = updated
    new.to_csv(tmp_path / "new.csv", index=False)
    asked = [
        "recalibrate",
        str(run.path),
        str(tmp_path / "new.csv"),
        "--patient",
        "patient",
        "-o",
        str(tmp_path / "site"),
    ]
    said = CliRunner().invoke(app, asked)
    assert said.exit_code == 0, said.output
    assert "The update takes" in said.output
    assert f"{new['patient'].nunique()} new patients" in said.output
    predicting = [
        "predict",
        str(run.path),
        str(tmp_path / "new.csv"),
        "--recalibration",
        str(tmp_path / "site"),
        "-o",
        str(tmp_path / "s.csv"),
    ]
    assert CliRunner().invoke(app, predicting).exit_code == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    line = json.loads((tmp_path / "site" / "recalibration.json").read_text())["update"]["line"]
    expected = expit(line["intercept"] + line["slope"] * logit(scores["raw_score_sick"]))
    np.testing.assert_allclose(scores["score_sick"], expected, atol=1e-8)
