"""The exercises of notebook 00: the right answer passes, and each typical wrong one gets its own remark."""

from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from bedside import learn
from bedside.folder import Run
from bedside.scoring import Prediction
from course_answers import wrong_remarks

JUDGED = SimpleNamespace(
    estimates={
        "estimates": [
            {"metric": "auroc", "value": 0.95, "low": 0.88, "high": 0.98},
            {"metric": "sensitivity", "n_patients": 43},
        ],
        "n": {"patients": 114},
        "baseline": {"verdict": "not distinguishable"},
    }
)
LOW, TESTED, BETTER = "lower end of the AUROC", "malignant patients tested", "better than the baseline"
RIGHT = {LOW: 0.88, TESTED: 43, BETTER: "cannot tell"}


def test_answers_as_read_from_the_sentences_pass():
    assert learn.check("00.3", JUDGED, RIGHT).right
    assert learn.check("00.3", JUDGED, RIGHT | {LOW: 0.8812345}).right


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({LOW: ...}, "still a gap"),
        ({LOW: 0.95}, "AUROC itself"),
        ({LOW: 0.98}, "upper end"),
        ({LOW: "0.88"}, "not the lower end"),
        ({TESTED: 114}, "everybody"),
        ({TESTED: 71}, "71 were benign"),
        ({BETTER: "yes"}, "interval of the difference"),
        ({BETTER: "perhaps"}, "One of: yes, no, cannot tell"),
        ({"another": 1}, "three names"),
    ],
)
def test_each_misreading_of_the_verdict_has_its_remark(answers, said):
    assert said in wrong_remarks("00.3", JUDGED, RIGHT | answers)


BEFORE = {"seed": 0, "model": {"hidden": [64, 64], "activation": "relu"}, "train": {"epochs": 50}}


def finished(folder, settings, folds="sample,part\n1,test\n"):
    """What the check reads of a finished run."""
    folder.mkdir()
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    (folder / "folds.csv").write_text(folds)
    (folder / "report.html").write_text("")
    return Run(folder)


@pytest.mark.parametrize(
    "change",
    [{"model": {"hidden": [8], "activation": "relu"}}, {"model": {"hidden": []}}, {"train": {"epochs": 20}}],
)
def test_one_changed_setting_passes(tmp_path, change):
    run, changed = finished(tmp_path / "a", BEFORE), finished(tmp_path / "b", BEFORE | change)
    assert learn.check("00.4", run, changed).right
    assert learn.check("00.4", run, changed.path).right


@pytest.mark.parametrize(
    ("change", "folds", "said"),
    [
        ({}, "sample,part\n1,test\n", "same settings"),
        (
            {"train": {"epochs": 20}, "model": {"hidden": [8], "activation": "relu"}},
            "sample,part\n1,test\n",
            "one at a",
        ),
        ({"evaluation": {"level": 0.9}}, "sample,part\n1,test\n", "does not change the network"),
        ({"seed": 1}, "sample,part\n2,test\n", "other patients"),
    ],
)
def test_each_other_change_has_its_remark(tmp_path, change, folds, said):
    run, changed = finished(tmp_path / "a", BEFORE), finished(tmp_path / "b", BEFORE | change, folds)
    assert said in wrong_remarks("00.4", run, changed)


def test_a_setting_that_was_refused_left_no_run(tmp_path):
    assert "refused" in wrong_remarks("00.4", finished(tmp_path / "a", BEFORE), tmp_path / "b")


SCORED = Prediction(
    pd.DataFrame(
        {"sample": ["1", "2", "3"], "unusual": [False, False, True], "outside": ["", "", "mean radius (117.6)"]}
    ),
    (),
)


def test_the_unusual_patient_is_looked_at_again():
    assert learn.check("00.5", SCORED, ["3"]).right
    assert learn.check("00.5", SCORED, [3]).right


@pytest.mark.parametrize(
    ("again", "said"),
    [
        ([], "Sample 3 is missing"),
        (["2"], "Sample 2 is like the patients of training"),
        (["1", "3"], "Sample 1 is like"),
        (["7"], "no sample 7"),
        ("3", "not a list"),
        (3, "not a list"),
    ],
)
def test_each_wrong_list_has_its_remark(again, said):
    assert said in wrong_remarks("00.5", SCORED, again)
