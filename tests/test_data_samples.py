"""Built-in cohorts, their description, and how a source is told from a file."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from bedside.data import read_cohort
from bedside.data.checks import check
from bedside.data.description import describe
from bedside.data.samples import COHORTS, load
from bedside.data.table import read_table
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings

KNOWN = {"breast-cancer": {"row-order"}}  # its first rows are malignant more often than chance explains


def test_breast_cancer_predicts_malignant():
    cohort, raw = load("breast-cancer"), load_breast_cancer()
    assert cohort.task.classes == ("benign", "malignant")
    np.testing.assert_array_equal(cohort.target, 1 - raw.target)  # 0 is malignant in the source
    np.testing.assert_array_equal(cohort.inputs.frame.to_numpy(), raw.data)
    assert list(cohort.inputs.frame) == list(raw.feature_names)


def test_diabetes_is_a_regression_in_units():
    cohort, raw = load("diabetes"), load_diabetes(scaled=False)
    assert cohort.task.kind == "regression"
    np.testing.assert_array_equal(cohort.target, raw.target)
    assert cohort.inputs.frame["age_years"].between(18, 80).all()
    assert set(cohort.inputs.frame["sex"]) == {"1", "2"}


@pytest.mark.parametrize("name", COHORTS)
def test_every_built_in_cohort_has_source_licence_and_no_alarm(name):
    entry = COHORTS[name]
    small = {"dermoscopy": {"patients": 160, "size": 64}, "ecg": {"patients": 160}}.get(name, {})
    cohort = load(name, DataSettings(synthetic=small))
    assert cohort.name == name
    assert cohort.task.kind == entry.task
    assert set(cohort.about) - {"synthetic", "modality"} == {"title", "source", "licence"}
    assert cohort.about.get("synthetic", "") == entry.synthetic
    assert "doi:" in cohort.about["source"]
    assert {finding.code for finding in check(cohort)} <= {"no-patient", "events-per-feature", *KNOWN.get(name, ())}


def test_settings_act_on_built_in_cohorts():
    cohort = load("breast-cancer", DataSettings(exclude=("mean radius",), subgroups=("mean area",), positive="benign"))
    assert len(cohort.inputs.features) == 29
    assert "mean area" in cohort.samples
    assert cohort.task.positive == "benign"
    assert load("breast-cancer", DataSettings(target="mean area")).task.kind == "regression"
    assert "sex" not in load("diabetes", DataSettings(exclude=("sex",))).inputs.frame
    assert list(load("diabetes", DataSettings(features=("ldl",))).inputs.frame) == ["ldl"]
    with pytest.raises(SettingError, match=r"separator=';' has no effect on a built-in cohort"):
        load("diabetes", DataSettings(separator=";"))
    with pytest.raises(SettingError, match=r"image='path' has no effect on a built-in table"):
        load("diabetes", DataSettings(image="path"))
    with pytest.raises(SettingError, match=r"data.synthetic.hair has no effect on 'diabetes', whose samples are real"):
        load("diabetes", DataSettings(synthetic={"hair": 1}))


def test_unknown_names_suggest_the_nearest(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"no built-in cohort 'diabetis'. Did you mean 'diabetes'"):
        load("diabetis")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "heart.csv").write_text("age,disease\n1,0\n")
    with pytest.raises(DataError, match=r"no built-in cohort and no file or folder 'heart'. Did you mean 'heart.csv'"):
        read_cohort("heart")
    with pytest.raises(DataError, match=r"no file hearts.csv.*Did you mean 'heart.csv'"):
        read_cohort("hearts.csv")


def test_a_suffix_makes_a_source_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"age": np.arange(40) % 7 + 40.5, "disease": np.arange(40) % 2}).to_csv("diabetes.csv", index=False)
    (tmp_path / "diabetes").mkdir()
    assert len(read_cohort("diabetes.csv", DataSettings(target="disease"))) == 40
    assert len(read_cohort("diabetes")) == 442


# Description


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "patient": np.repeat(np.arange(30), 2),
            "site": np.tile(["north", "south"], 30),
            "crp": np.where(np.arange(60) < 6, np.nan, rng.normal(5, 1, 60)),
            "smoker": np.tile(["ja", "nein", "ja"], 20),
            "ward": [f"w{i % 20}" for i in range(60)],
            "seen": pd.date_range("2026-01-01", periods=60),
            "disease": np.repeat(np.arange(30) % 3 == 0, 2),
        }
    )
    return read_table(frame, target="disease", patient="patient", site="site", subgroups=("smoker",))


def test_a_cohort_is_described_in_plain_values(cohort):
    record = json.loads(json.dumps(describe(cohort), allow_nan=False))
    assert (record["samples"], record["patients"]) == (60, 30)
    assert record["task"] == {"kind": "binary", "classes": ["false", "true"], "positive": "true"}
    assert record["target"] == [
        {"class": "false", "samples": 40, "patients": 20},
        {"class": "true", "samples": 20, "patients": 10},
    ]
    assert record["sites"] == [{"site": s, "samples": 30, "patients": 30} for s in ("north", "south")]
    assert record["roles"] == {
        "target": "disease",
        "patient": "patient",
        "site": "site",
        "time": None,
        "subgroups": ["smoker"],
        "split": None,
    }
    assert record["linked"] == {"groups": 0, "samples": 0}


def test_features_are_summarised_by_kind(cohort):
    crp, smoker, ward, seen = describe(cohort)["features"]
    values = cohort.inputs.frame["crp"]
    assert (crp["kind"], crp["missing"], crp["median"]) == ("number", 6, pytest.approx(values.median()))
    assert (crp["q25"], crp["high"]) == (pytest.approx(values.quantile(0.25)), values.max())
    assert smoker["levels"] == [{"level": "ja", "samples": 40}, {"level": "nein", "samples": 20}]
    assert (ward["n_levels"], len(ward["levels"])) == (20, 12)
    assert (seen["kind"], seen["low"]) == ("date", 2026.0)


def test_a_number_to_predict_is_described_by_its_quantiles():
    target = describe(load("diabetes"))["target"]
    assert target == {"low": 25.0, "q25": 87.0, "median": 140.5, "q75": 211.5, "high": 346.0}
