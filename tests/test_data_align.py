"""New data are read as the training data were, or refused; whatever differs is said."""

import time

import numpy as np
import pandas as pd
import pytest

from bedside.cohort import Task
from bedside.data.align import align
from bedside.data.table import Feature, read_table
from bedside.data.targets import read_outcomes
from bedside.errors import DataError
from bedside.settings import DataSettings

N = 40


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "age": rng.integers(40, 80, N),
            "sex": rng.choice(["f", "m"], N),
            "stage": rng.integers(1, 4, N),
            "smoker": rng.choice(["no", "yes"], N),
            "seen": pd.date_range("2026-01-01", periods=N).astype(str),
            "disease": rng.integers(0, 2, N),
        }
    )


@pytest.fixture
def trained(frame):
    return read_table(frame, target="disease", categories=("stage",)).inputs


def codes(aligned):
    return [found.code for found in aligned.findings]


def test_the_training_data_align_to_themselves(frame, trained, tmp_path):
    frame.to_csv(tmp_path / "new.csv", index=False)
    settings = DataSettings(target="disease")
    for source in (frame, tmp_path / "new.csv", str(tmp_path / "new.csv")):
        aligned = align(source, trained.features, settings)
        assert aligned.inputs.fingerprint() == trained.fingerprint()
        assert aligned.inputs.features == trained.features
        assert aligned.samples.index.tolist() == [str(i) for i in range(1, N + 1)]
        assert aligned.findings == ()


def test_the_order_of_columns_does_not_matter_and_the_target_is_not_needed(frame, trained):
    aligned = align(frame[frame.columns[::-1]].drop(columns="disease"), trained.features)
    assert aligned.inputs.fingerprint() == trained.fingerprint()


def test_extra_columns_are_ignored_with_a_note(frame, trained):
    aligned = align(frame.assign(weight=70), trained.features, DataSettings(target="disease"))
    assert [str(found) for found in aligned.findings] == [
        "1 column of the new data is not used by the model: 'weight'."
    ]


def test_columns_that_had_a_role_in_training_are_no_surprise(frame, trained):
    new = frame.assign(hospital="north", pid=7, weight=70)
    aligned = align(new, trained.features, roles=("disease", "hospital", "pid"))
    assert [found.columns for found in aligned.findings] == [("weight",)]


def test_many_samples_and_many_levels_are_compared_fast():
    levels = np.array([f"ward {i}" for i in range(5_000)], dtype=object)
    new = pd.DataFrame({"ward": np.resize(levels, 100_000)})
    start = time.process_time()
    aligned = align(new, [Feature("ward", "category", levels=tuple(levels[:-1]))])
    assert time.process_time() - start < 1.5
    assert "20 samples with 'ward 4999'" in aligned.findings[0].message


def test_missing_columns_are_listed_with_the_nearest(frame, trained):
    with pytest.raises(DataError, match=r"lack 2 columns.*'age' and 'sex'.*'sex': Did you mean 'Sexx'"):
        align(frame.drop(columns="age").rename(columns={"sex": "Sexx"}), trained.features)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("age", ["old", *["50"] * (N - 1)], r"'age' was a number in training, but here 1 cell is not: 'old' \(row 1\)"),
        ("age", ["old"] * N, r"'age' was a number in training, but here 40 cells are not"),
        ("smoker", ["sometimes"] * N, "'smoker' was a boolean in training.*'sometimes'.*yes or no"),
        ("smoker", [0.0, 1.0] * (N // 2), "'smoker' was a boolean in training but is a number here"),
        ("seen", ["22.11.2026"] * N, "'seen' was a date in training.*'22.11.2026'.*2026-11-22"),
        ("age", [np.inf] * N, "'age' has 40 infinite values"),
    ],
)
def test_another_type_is_refused_with_the_cells(frame, trained, column, values, message):
    with pytest.raises(DataError, match=message):
        align(frame.assign(**{column: values}), trained.features)


def test_numbers_that_are_codes_stay_codes(frame, trained):
    aligned = align(frame.assign(stage=frame["stage"].astype(float)), trained.features, DataSettings(target="disease"))
    assert aligned.inputs.fingerprint() == trained.fingerprint()


def test_unseen_levels_are_counted(frame, trained):
    aligned = align(frame.assign(sex=["d", "d", *frame["sex"][2:]]), trained.features, DataSettings(target="disease"))
    (found,) = aligned.findings
    assert found.message == "Column 'sex' has 2 samples with 'd', which training never saw."
    assert aligned.inputs.frame["sex"].iloc[0] == "d"


def test_values_outside_the_range_of_training_are_counted(frame, trained):
    aligned = align(frame.assign(age=[700, 800, *frame["age"][2:]]), trained.features, DataSettings(target="disease"))
    (found,) = aligned.findings
    assert "age (2 outside" in found.message


def test_a_column_without_values_is_allowed_and_said(frame, trained, tmp_path):
    frame.assign(age=None, sex="", smoker="").to_csv(tmp_path / "new.csv", index=False)
    aligned = align(tmp_path / "new.csv", trained.features, DataSettings(target="disease"))
    assert codes(aligned) == ["new-missing"]
    assert aligned.inputs.frame[["age", "sex", "smoker"]].isna().all(axis=None)
    assert aligned.inputs.frame.dtypes.to_dict() == trained.frame.dtypes.to_dict()


def test_ids_come_from_the_column_sample(frame, trained):
    ids = [f"s{i}" for i in range(N)]
    aligned = align(frame.assign(sample=ids, pid=7), trained.features, DataSettings(target="disease", patient="pid"))
    assert aligned.samples.index.tolist() == ids
    assert set(aligned.samples["patient"]) == {"7"}
    assert aligned.findings == ()
    with pytest.raises(DataError, match=r"'sample' holds 's' more than once"):
        align(frame.assign(sample="s"), trained.features)
    with pytest.raises(DataError, match=r"'sample' is empty in 1 row, the first is row 3"):
        align(frame.assign(sample=["a", "b", "", *ids[3:]]), trained.features)


def test_an_empty_file_is_refused(trained, tmp_path):
    (tmp_path / "new.csv").write_text("")
    with pytest.raises(DataError, match=r"is empty"):
        align(tmp_path / "new.csv", trained.features)


BINARY, WORDS = Task("binary", ("0", "1")), Task("binary", ("No", "Yes"))


@pytest.mark.parametrize(
    ("cells", "task", "expected"),
    [
        ([1.0, 0.0, np.nan], BINARY, ["1", "0", None]),
        (["1.0", "NA", " 0"], BINARY, ["1", None, "0"]),
        (["Yes", "No", "?"], WORDS, ["Yes", "No", None]),
        (["very  sick", "well"], Task("binary", ("well", "very sick")), ["very sick", "well"]),
        (["007", "12"], Task("binary", ("007", "12")), ["007", "12"]),
        ([None, np.nan], BINARY, [None, None]),
    ],
)
def test_outcomes_of_new_data_are_named_as_in_training(cells, task, expected):
    assert read_outcomes(pd.Series(cells), "fate", task, ".").tolist() == expected


def test_outcomes_that_are_numbers_are_read_with_their_decimal_mark():
    found = read_outcomes(pd.Series(["1,5", "", "2"]), "fate", Task("regression"), ",")
    np.testing.assert_array_equal(found, [1.5, np.nan, 2])
    with pytest.raises(DataError, match="Column 'fate' holds 'much', where the model predicts a number"):
        read_outcomes(pd.Series(["1.5", "much"]), "fate", Task("regression"), ".")


def test_outcomes_that_are_missing_or_of_no_known_class_are_refused(frame, trained):
    aligned = align(frame, trained.features, DataSettings(target="diseas"))
    with pytest.raises(DataError, match=r"lack the column 'diseas' with the outcomes\. Did you mean 'disease'\?"):
        aligned.outcomes("diseas", BINARY, ".")
    aligned = align(frame, trained.features, DataSettings(target="sex"))
    with pytest.raises(DataError, match="Column 'sex' has the outcome 'f', but the model knows 0, 1"):
        aligned.outcomes("sex", BINARY, ".")
