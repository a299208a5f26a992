"""Anybody's predictions are read without guessing; what does not fit is named with the way out."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bedside.cli import app
from bedside.cohort import Task
from bedside.errors import DataError, SettingError
from bedside.evaluation import evaluate, foreign
from bedside.evaluation.table import evaluate_table
from bedside.settings import DataSettings, EvaluationSettings


def vendor(n=40, classes=(0, 1), seed=0):
    """A file with a target and a score, nothing else."""
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 2
    return pd.DataFrame({"label": [classes[k] for k in ill], "risk": np.clip(0.3 * ill + rng.random(n) * 0.7, 0, 1)})


def test_a_target_and_a_score_are_enough():
    predictions, task = foreign(vendor(), target="label", score="risk")
    assert task == Task("binary", ("0", "1"))
    assert list(predictions) == ["sample", "patient", "repeat", "fold", "part", "target", "score_0", "score_1"]
    assert set(predictions["part"]) == {"test"}
    np.testing.assert_allclose(predictions["score_1"], vendor()["risk"])
    result = evaluate(predictions, task, EvaluationSettings(resamples=100), seed=0, patient_column=False)
    assert result["thresholds"][0]["chosen_on"] == "given"
    assert result["thresholds"][0]["value"] == 0.5
    assert "threshold 0.5, given beforehand" in result["sentences"][2]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ((0.0, 1.0), ("0", "1")),
        ((False, True), ("false", "true")),
        ((-1, 1), ("-1", "1")),
        (("alive", "dead"), ("alive", "dead")),
        (("no sepsis", "sepsis"), ("no sepsis", "sepsis")),
        (("no", "yes"), ("no", "yes")),
        (("Negative", "POSITIVE"), ("Negative", "POSITIVE")),
        (("benign", "malignant"), ("benign", "malignant")),
    ],
)
def test_a_plain_pair_of_names_needs_no_positive_class(classes, expected):
    assert foreign(vendor(classes=classes), target="label", score="risk")[1].classes == expected


def test_the_positive_class_can_be_named_and_is_asked_for_otherwise():
    table = vendor(classes=("nevus", "melanoma"))
    assert foreign(table, target="label", score="risk", positive="melanoma")[1].classes == ("nevus", "melanoma")
    assert foreign(vendor(), target="label", score="risk", positive="0")[1].classes == ("1", "0")
    with pytest.raises(DataError, match=r"Which of melanoma and nevus is the class.*--positive nevus"):
        foreign(table, target="label", score="risk")
    with pytest.raises(DataError, match=r"'melanom' is not in column 'label'.*Did you mean 'melanoma'\?"):
        foreign(table, target="label", score="risk", positive="melanom")


def test_patients_are_taken_by_name():
    table = vendor().assign(person=np.arange(40) // 4)
    predictions, _ = foreign(table, target="label", score="risk", patient="person")
    assert predictions["patient"].nunique() == 10
    assert predictions["sample"].nunique() == 40


def own(classes=("well", "ill")):
    """A file as bedside writes it, with validation rows and a subgroup."""
    rng = np.random.default_rng(0)
    score = rng.random(30)
    rows = pd.DataFrame(
        {"sample": [f"s{k}" for k in range(30)], "patient": [f"p{k // 2}" for k in range(30)], "repeat": 0}
    )
    rows = rows.assign(fold=0, part="test", target=[classes[k % 2] for k in range(30)])
    rows = rows.assign(**{f"score_{classes[0]}": 1 - score, f"score_{classes[1]}": score}, sex="f")
    return pd.concat([rows.iloc[:20], rows.iloc[20:].assign(part="valid")], ignore_index=True)


@pytest.mark.parametrize("classes", [("well", "ill"), ("1", "0"), ("a", "b")])
def test_our_own_file_comes_back_unchanged(classes, tmp_path):
    table = own(classes)
    table.to_csv(tmp_path / "predictions.csv", index=False)
    predictions, task = foreign(pd.read_csv(tmp_path / "predictions.csv"))
    assert task == Task("binary", classes)
    pd.testing.assert_frame_equal(predictions, table, check_dtype=False)


def test_several_classes_and_numbers():
    scores = np.random.default_rng(0).dirichlet([1, 1, 1], size=12)
    table = pd.DataFrame({"target": list("abcabcabcabc"), **{f"score_{c}": scores[:, k] for k, c in enumerate("abc")}})
    predictions, task = foreign(table)
    assert task == Task("multiclass", ("a", "b", "c"))
    np.testing.assert_allclose(predictions[["score_a", "score_b", "score_c"]], scores)
    predictions, task = foreign(pd.DataFrame({"hba1c": [5.1, 6.2, 7.3], "predicted": [5, 6, 7]}), target="hba1c")
    assert task == Task("regression")
    assert predictions["predicted"].tolist() == [5, 6, 7]


def test_two_score_columns_of_a_foreign_file_need_the_positive_class_too():
    table = own(("nevus", "melanoma")).drop(columns=["repeat", "fold", "part", "patient"])
    with pytest.raises(DataError, match="Which of melanoma and nevus"):
        evaluate_table(table)
    assert foreign(table, positive="melanoma")[1].classes == ("nevus", "melanoma")


BAD = {
    "no rows": (vendor().iloc[:0], {}, "no rows"),
    "missing target": (
        vendor(),
        {"target": "lable"},
        r"no column 'lable'; the table has label, risk. Did you mean 'label'",
    ),
    "unnamed target": (vendor(), {"target": None}, r"no column 'target'.*Name it with --target COLUMN"),
    "missing score": (vendor(), {"score": "rsik"}, r"Did you mean 'risk'"),
    "unnamed score": (vendor(), {"score": None}, r"no column 'score'.*--score COLUMN"),
    "percent": (
        vendor().assign(risk=55.0),
        {},
        r"goes from 55 to 55; scores must be probabilities.*Divide percentages",
    ),
    "logits": (vendor().assign(risk=lambda t: t.risk * 4 - 2), {}, r"goes from -.*put logits through the logistic"),
    "missing value": (
        vendor().assign(risk=lambda t: t.risk.where(t.index != 3)),
        {},
        r"'risk' has 1 missing.*in row 4",
    ),
    "missing truth": (
        vendor().assign(label=lambda t: t.label.where(t.index > 1)),
        {},
        r"'label' has 2 missing.*in row 1",
    ),
    "text": (vendor().assign(risk="high"), {}, r"'risk' holds 'high' in row 1, where finite numbers are needed"),
    "infinite": (vendor().assign(risk=np.inf), {}, r"'risk' holds 'inf' in row 1, where finite"),
    "one class": (vendor().assign(label=1), {}, r"All 40 samples have label = 1.*both classes"),
    "three classes": (
        vendor().assign(label=np.arange(40) % 3),
        {},
        r"3 classes \(0, 1, 2\).*score_<class>.*--predicted",
    ),
    "duplicates": (vendor().assign(id=1), {"sample": "id"}, r"Sample '1' stands more than once.*--patient"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_named_with_the_way_out(name):
    table, options, message = BAD[name]
    with pytest.raises(DataError, match=message):
        foreign(table, **{"target": "label", "score": "risk", **options})


def test_a_class_without_scores_scores_that_are_no_distribution_and_strange_parts():
    with pytest.raises(DataError, match=r"class 'sick', but there is no column score_sick; score columns are"):
        foreign(own().assign(target=lambda t: t.target.replace("ill", "sick")))
    with pytest.raises(DataError, match=r"scores of row 1 sum to .*must sum to 1"):
        foreign(own().assign(score_well=0.9))
    with pytest.raises(DataError, match=r"'part' holds 'train'"):
        foreign(own().assign(part="train"))
    with pytest.raises(DataError, match=r"Column 'a' stands twice"):
        foreign(pd.DataFrame([[1, 2]], columns=["a", "a"]))


QUICK = EvaluationSettings(resamples=100)


def in_file(table, folder, **how):
    """The table as a text file."""
    table.to_csv(folder / "scores.csv", index=False, **how)
    return folder / "scores.csv"


@pytest.mark.parametrize("code", ["", "NA", " ? "])
@pytest.mark.parametrize("column", ["label", "risk", "patient", "sample"])
def test_an_empty_cell_of_a_text_file_is_missing_as_in_parquet(column, code, tmp_path):
    table = vendor().assign(patient="p", sample=np.arange(40).astype(str)).astype(object)
    table.loc[[3, 7], column] = code
    with pytest.raises(DataError, match=rf"Column '{column}' has 2 missing values, the first in row 4"):
        evaluate_table(in_file(table, tmp_path), target="label", score="risk")
    table.loc[[3, 7], column] = None
    table.astype(str).where(table.notna()).to_parquet(tmp_path / "scores.parquet")
    with pytest.raises(DataError, match=rf"Column '{column}' has 2 missing values, the first in row 4"):
        evaluate_table(tmp_path / "scores.parquet", target="label", score="risk")


def test_the_decimal_mark_acts_and_the_other_one_is_refused(tmp_path):
    path = in_file(vendor(), tmp_path, sep=";", decimal=",")
    comma = DataSettings(separator=";", decimal=",")
    found = evaluate_table(path, target="label", score="risk", reading=comma, settings=QUICK)
    assert found["estimates"] == evaluate_table(vendor(), target="label", score="risk", settings=QUICK)["estimates"]
    with pytest.raises(DataError, match=r"'risk' holds '0,\d+' in row 1, where finite numbers.*add --decimal ','"):
        evaluate_table(path, target="label", score="risk", reading=DataSettings(separator=";"))
    with pytest.raises(DataError, match=r"'risk' holds '0\.\d+' in row 1, where finite numbers.*add --decimal '\.'"):
        evaluate_table(in_file(vendor(), tmp_path, sep=";"), target="label", score="risk", reading=comma)
    with pytest.raises(SettingError, match="decimal=',' has no effect on a DataFrame"):
        evaluate_table(vendor(), target="label", score="risk", reading=DataSettings(decimal=","))


def test_classes_of_a_text_file_are_named_as_in_training(tmp_path):
    path = in_file(vendor(classes=("0.0", "1.00")), tmp_path)
    found = evaluate_table(path, target="label", score="risk", settings=QUICK)
    assert found["task"]["classes"] == ["0", "1"]


def test_an_option_without_effect_is_refused():
    scores = np.random.default_rng(0).dirichlet([1, 1, 1], size=12)
    several = pd.DataFrame(
        {"target": list("abcabcabcabc"), **{f"score_{c}": scores[:, k] for k, c in enumerate("abc")}}
    )
    numbers = pd.DataFrame({"target": np.arange(12.0), "predicted": np.arange(12.0)[::-1]})
    for table, task in ((several, "multiclass"), (numbers, "regression")):
        with pytest.raises(SettingError, match=f"positive='a' has no effect: the task is {task}"):
            evaluate_table(table, positive="a")
        with pytest.raises(SettingError, match=rf"threshold=0\.3 has no effect: the task is {task}"):
            evaluate_table(table, threshold=0.3)


def test_a_predicted_number_may_have_any_name():
    table = pd.DataFrame({"hba1c": [5.1, 6.2, 7.3, 6.0], "score": 1, "yhat": [5, 6, 7, 7]})
    found = evaluate_table(table, target="hba1c", predicted="yhat", settings=QUICK)
    assert found["task"]["kind"] == "regression"
    assert foreign(table, target="hba1c", predicted="yhat")[0]["predicted"].tolist() == [5, 6, 7, 7]
    with pytest.raises(SettingError, match="score='score' names probabilities and predicted='yhat' numbers"):
        foreign(table, target="hba1c", predicted="yhat", score="score")
    with pytest.raises(DataError, match=r"no column 'yhut'.*Did you mean 'yhat'"):
        foreign(table, target="hba1c", predicted="yhut")


def test_a_cell_that_is_no_number_is_named_with_its_row():
    table = pd.DataFrame({"target": ["0", "1", "1"], "score": ["0.1", "0.7", "high"]})
    with pytest.raises(DataError, match=r"'score' holds 'high' in row 3, where finite numbers are needed\. Correct"):
        evaluate_table(table)


def test_settings_reach_the_judgement_of_the_command_line(tmp_path):
    """`--set evaluation.resamples=150` acts, and what cannot act is refused."""
    source, output = in_file(vendor(), tmp_path), tmp_path / "estimates.json"
    order = ["evaluate", str(source), "--target", "label", "--score", "risk"]
    asked = [
        "--set",
        "evaluation.resamples=150",
        "--set",
        "evaluation.interval=percentile",
        "--set",
        "evaluation.level=0.9",
    ]
    done = CliRunner().invoke(app, [*order, *asked, "-o", str(output), "--threshold", "0.4"])
    assert done.exit_code == 0, done.output
    record = json.loads(output.read_text(encoding="utf-8"))
    assert (record["resamples"], record["level"], record["thresholds"][0]["value"]) == (150, 0.9, 0.4)
    assert "150 resamples" in record["estimates"][0]["method"]
    for text, words in {
        "evaluation.recalibrate=platt": "acts when a model is trained",
        "train.epochs=3": "train has no effect on predictions",
        "evaluation.threshold=youden": "bring no validation samples",
        "evaluation.resample=3": "Did you mean 'evaluation.resamples'",
    }.items():
        key, value = text.removeprefix("evaluation.").split("=")
        with pytest.raises(SettingError, match=words):
            evaluate_table(
                source,
                target="label",
                score="risk",
                settings={"evaluation": {key: value}} if text.startswith("evaluation") else {"train": {"epochs": 3}},
            )
    with pytest.raises(SettingError, match="given twice"):
        evaluate_table(
            source, target="label", score="risk", threshold=0.3, settings={"evaluation": {"threshold": "fixed"}}
        )
