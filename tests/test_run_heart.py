"""The command of the first page on real patients: two hospitals, gaps, a duplicate, a subgroup."""

import os
from pathlib import Path

import numpy as np
import pytest

import bedside

FOLDER = os.environ.get("BEDSIDE_DATA")
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not FOLDER, reason="BEDSIDE_DATA is not set: see CONTRIBUTING.md"),
]
ROLES = {"target": "disease", "patient": "patient", "site": "site", "subgroups": ["sex"]}
BRIEF = {"evaluation": {"resamples": 500}, "data": ROLES}


@pytest.fixture(scope="module")
def source() -> Path:
    return Path(str(FOLDER)) / "heart_disease.csv"


def estimate(run: bedside.Run, metric: str) -> bedside.Estimate:
    return next(bedside.Estimate.from_dict(e) for e in run.estimates["estimates"] if e["metric"] == metric)


def test_the_network_is_as_good_as_logistic_regression(source, tmp_path):
    run = bedside.train(source, BRIEF, folds={"scheme": "crossval"}, folder=tmp_path / "run")
    auroc = estimate(run, "auroc")
    assert auroc.n_patients == 596, "one of 597 is entered twice and counts once"
    assert auroc.low < 0.9 < auroc.high  # logistic regression reaches 0.90 on these folds
    assert run.estimates["baseline"]["verdict"] == "not distinguishable"
    assert {"sex", "site"} <= set(run.predictions.columns)


def test_each_hospital_is_predicted_from_the_other(source, tmp_path):
    run = bedside.train(source, BRIEF, folds={"scheme": "site"}, family="logistic", folder=tmp_path / "run")
    tested = run.predictions[run.predictions.part == "test"]
    assert tested.groupby("fold").site.unique().map(list).tolist() == [["cleveland"], ["hungarian"]]
    fitted_on = run.folds.merge(run.cohort[["sample", "site"]], on="sample")
    assert (fitted_on[fitted_on.part == "train"].groupby("fold").site.unique().map(len) == 1).all()
    per_fold = [e["value"] for e in run.estimates["per_fold"] if e["metric"] == "auroc"]
    assert np.min(per_fold) > 0.7
