"""A table becomes a cohort: roles, task and features are recognised, stated, and never guessed."""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedside.data.table import Feature, TableInputs, read_table
from bedside.errors import DataError, SettingError

N = 60


@pytest.fixture
def frame():
    """60 samples of 30 patients."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "patient": np.repeat([f"p{i}" for i in range(30)], 2),
            "hospital": rng.choice(["north", "south"], N),
            "day": pd.date_range("2026-01-01", periods=N).astype(str),
            "age": rng.integers(30, 80, N),
            "sex": rng.choice(["f", "m"], N),
            "crp": rng.normal(5, 1, N).round(3),
            "disease": rng.choice(["no", "yes"], N),
        }
    )


def read(frame, **options):
    return read_table(frame, **{"target": "disease", "patient": "patient", "exclude": ("day",), **options})


def refused(frame, match, error=DataError, **options):
    with pytest.raises(error, match=match):
        read(frame, **options)


def codes(cohort):
    return [found.code for found in cohort.findings]


def names(cohort):
    return [feature.name for feature in cohort.inputs.features]


# Roles


def test_samples_hold_the_roles_under_fixed_names(frame):
    cohort = read(frame, site="hospital", time="day", subgroups=("sex", "age"), exclude=())
    assert list(cohort.samples) == ["patient", "target", "site", "time", "sex", "age"]
    assert cohort.samples.index.tolist() == [str(i) for i in range(1, N + 1)]
    assert cohort.samples.index.name == "sample"
    assert cohort.samples["time"].tolist() == frame["day"].tolist()
    assert cohort.n_patients == 30
    assert names(cohort) == ["age", "sex", "crp"]


def test_files_and_frames_give_the_same_cohort(frame, tmp_path):
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    cohorts = [read(frame), *(read(tmp_path / f"a.{kind}") for kind in ("csv", "xlsx", "parquet"))]
    assert len({cohort.inputs.fingerprint() for cohort in cohorts}) == 1
    for cohort in cohorts:
        pd.testing.assert_frame_equal(cohort.samples, cohorts[0].samples)


def test_without_a_patient_column_every_sample_is_a_patient_and_that_is_said(frame):
    cohort = read(frame.drop(columns="patient"), patient=None)
    assert cohort.n_patients == N
    assert codes(cohort) == ["no-patient"]


def test_a_column_that_looks_like_the_patient_is_left_out_and_named(frame):
    cohort = read(frame.rename(columns={"patient": "Patient ID"}), patient=None)
    (found,) = [found for found in cohort.findings if found.code == "patient-column"]
    assert "30 values in 60 samples" in found.message
    assert "--patient 'Patient ID'" in found.remedy
    assert "Patient ID" not in names(cohort)


@pytest.mark.parametrize("role", ["target", "patient", "site", "time"])
def test_a_missing_role_column_suggests_the_nearest(frame, role):
    refused(frame, rf"no column 'Hospitals' \({role}\). Did you mean 'hospital'", **{role: "Hospitals"})


@pytest.mark.parametrize("role", ["subgroups", "features", "exclude", "categories", "allow_leak"])
def test_a_missing_column_in_a_list_suggests_the_nearest(frame, role):
    refused(frame, "no column 'crb'.*Did you mean 'crp'", **{role: ("crb",)})


def test_roles_that_clash_are_refused(frame):
    refused(frame, "'disease' was named as target and as patient", patient="disease")
    refused(frame, "'disease' is the target and cannot be a feature too", features=("age", "disease"))
    refused(frame, "'patient' is the patient and cannot be a subgroup", subgroups=("patient",))
    refused(frame, "'disease' is the target and cannot be excluded", exclude=("disease",))
    refused(frame, "'age' was named as a feature and excluded", features=("age",), exclude=("age",))
    refused(frame.assign(fold=1), "subgroup cannot be called 'fold'.*Rename the column", subgroups=("fold",))


def test_a_subgroup_with_the_name_of_a_role_names_its_option(frame):
    for role, column in (("site", "hospital"), ("time", "day")):
        renamed = frame.rename(columns={column: role})
        options = {"subgroups": (role,), "exclude": ()}
        refused(renamed, f"cannot be called '{role}'.*add --{role} {role}; otherwise rename", **options)
        assert role in read(renamed, **options, **{role: role}).samples
    refused(frame, "cannot be called 'patient'.*--patient patient instead", patient=None, subgroups=("patient",))
    other = frame.assign(site=frame["hospital"])
    refused(other, "cannot be called 'site'.* Rename the column", site="hospital", subgroups=("site",))


def test_settings_that_cannot_act_are_refused(frame):
    refused(frame, "--category patient has no effect", SettingError, categories=("patient",))
    refused(frame, "--allow-leak hospital has no effect", SettingError, allow_leak=("hospital",), exclude=("hospital",))
    refused(frame, "decimal=',' has no effect on a DataFrame", SettingError, decimal=",")
    refused(frame, "Unknown setting 'taget'. Did you mean 'target'", SettingError, taget="age")


def test_the_target_must_be_named(frame):
    refused(frame, "No target was named. Add --target COLUMN.*'disease'", target=None)


def test_empty_roles_are_counted(frame):
    gaps = frame["patient"].where(frame.index > 1)
    refused(frame.assign(patient=gaps), r"'patient' \(patient\) is empty in 2 rows, the first is row 1")
    refused(frame.assign(hospital=gaps), r"'hospital' \(site\) is empty in 2 rows", site="hospital")
    refused(frame.assign(day=gaps), r"'day' \(time\) is empty in 2 rows", time="day", exclude=())


def test_times_are_dates_or_numbers(frame):
    assert read(frame, time="age").samples["time"].tolist() == frame["age"].tolist()
    refused(frame, r"'hospital' \(time\) holds .*Write dates as 2026-11-22", time="hospital")


# Target and task


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        ([0.0, 1.0], "binary", ("0", "1")),
        (["benign", "malignant"], "binary", ("benign", "malignant")),
        (["sepsis", "no sepsis"], "binary", ("no sepsis", "sepsis")),
        (["alive", "dead"], "binary", ("alive", "dead")),
        (["died", "survived"], "binary", ("survived", "died")),
        (["ja", "nein"], "binary", ("nein", "ja")),
        ([True, False], "binary", ("false", "true")),
        ([1, 2, 10], "multiclass", ("1", "2", "10")),
        (["III", "I", "II"], "multiclass", ("I", "II", "III")),
        (list(range(12)), "regression", ()),
        ([0.5, 1.5, 2.5], "regression", ()),
    ],
)
def test_the_task_is_recognised_from_the_target(frame, values, kind, classes):
    cohort = read(frame.assign(disease=[values[i % len(values)] for i in range(N)]))
    assert (cohort.task.kind, cohort.task.classes) == (kind, classes)
    assert "assumed-positive" not in codes(cohort)
    expected = values if kind == "regression" else range(len(classes))
    assert set(cohort.target) == set(expected)


def test_an_unknown_positive_class_is_assumed_with_a_warning_or_named(frame):
    frame = frame.assign(disease=np.where(frame["disease"] == "yes", "A", "B"))
    assumed = read(frame)
    assert assumed.task.positive == "B"
    assert "assumed-positive" in codes(assumed)
    named = read(frame, positive="A")
    assert named.task.classes == ("B", "A")
    assert "assumed-positive" not in codes(named)
    refused(frame, r"no class 'a'\. Did you mean 'A'\? Its classes: 'A' and 'B'", positive="a")
    refused(frame, "positive='A' has no effect: the task is regression", SettingError, target="crp", positive="A")


def test_targets_that_cannot_be_learned_are_refused(frame):
    missing = frame["disease"].where(frame.index > 6)
    refused(
        frame.assign(disease=missing), r"missing in 7 rows of 60 \(data rows 1, 2, 3, 4, 5, ...\).*remove these rows"
    )
    refused(frame.assign(disease=None), "'disease' is empty in every row")
    refused(frame.assign(disease="yes"), "has one class only \\('yes'\\)")
    refused(frame.assign(disease=3), "has one class only \\('3'\\)")
    refused(frame.assign(disease=[np.inf, *range(N - 1)]), "1 infinite value")
    refused(frame.assign(disease=frame["day"]), "holds dates")
    many = pd.concat([frame] * 4, ignore_index=True)
    refused(many.assign(disease=[f"c{i % 200}" for i in range(4 * N)]), "200 different values.*identifier or free text")


def test_a_task_that_cannot_be_done_is_refused(frame):
    refused(frame, "holds text.*task=regression needs numbers", task="regression")
    refused(frame, "has two classes.*Use task=binary", task="multiclass")
    refused(frame, "task=binary needs two", target="age", task="binary")
    assert read(frame.assign(disease=np.arange(N) % 2), task="regression").task.kind == "regression"


@pytest.mark.parametrize(
    "values",
    [
        ("10000000001", "10000000002"),
        ("10000000000000001", "10000000000000002"),
        ("0.10000000001", "0.10000000002"),
    ],
)
def test_classes_that_are_long_numbers_stay_distinct(frame, values):
    cohort = read(frame.assign(disease=[values[i % 2] for i in range(N)]), task="binary")
    assert cohort.task.classes == values
    typed = [float(value) if "." in value else int(value) for value in values]
    assert read(frame.assign(disease=[typed[i % 2] for i in range(N)]), task="binary").task.classes == values


def spelling(cohort):
    return [(found.level, found.message) for found in cohort.findings if found.code == "spelling"]


def test_classes_spelt_in_more_than_one_way_are_said(frame):
    words = ["Yes", "yes", "No", "no"]
    cohort = read(frame.assign(disease=[words[i % 4] for i in range(N)]))
    assert cohort.task.classes == ("no", "yes")
    assert spelling(cohort) == [
        ("note", "Target 'disease' spells a class in more than one way: 'No' and 'no'; 'Yes' and 'yes'.")
    ]
    words = ["Benign", "benign", "malignant"]
    cohort = read(frame.assign(disease=[words[i % 3] for i in range(N)]))
    assert cohort.task.classes == ("Benign", "benign", "malignant")
    assert spelling(cohort) == [
        ("warning", "Target 'disease' spells a class in more than one way: 'Benign' and 'benign'.")
    ]
    assert not spelling(read(frame))


def test_class_names_are_one_line(frame):
    cohort = read(frame.assign(disease=np.where(frame["disease"] == "yes", "large\ncell", "small  cell")))
    assert cohort.task.classes == ("large cell", "small cell")
    assert set(cohort.samples["target"]) == {"large cell", "small cell"}
    ((level, message),) = spelling(cohort)
    assert level == "note"
    assert "'large\\ncell'" in message
    assert "'small  cell'" in message
    named = frame.assign(disease=np.where(frame["disease"] == "yes", "large\ncell", "other"))
    assert read(named, positive="large\ncell").task.positive == "large cell"


# Features


def test_identifiers_and_constants_are_left_out_and_said(frame):
    rng = np.random.default_rng(0)
    extra = {
        "case_no": rng.permutation(10_000)[:N],
        "counter": np.arange(N) + 500,
        "barcode": [f"X{i:04d}" for i in range(N)],
        "insurance": np.repeat([f"V{i}" for i in range(30)], 2),
        "country": "DE",
        "born": [f"{1 + i % 28}.{1 + i % 12}.1950" for i in range(N)],
        "weight_g": rng.permutation(3000)[:N] + 2000,
        "protein": rng.normal(size=N),
    }
    cohort = read(frame.assign(**extra))
    assert names(cohort) == ["hospital", "age", "sex", "crp", "weight_g", "protein"]
    left_out = {name: found.code for found in cohort.findings for name in found.columns}
    assert left_out == {
        **dict.fromkeys(("case_no", "counter", "barcode", "insurance"), "identifier"),
        "born": "unread-date",
        "country": "constant",
    }
    assert all("left out" in found.message for found in cohort.findings if found.columns)


def test_free_text_is_left_out(frame):
    frame = frame.assign(letter=[f"was seen on ward {i % 40} with a cough" for i in range(N)])
    assert "free-text" in codes(read(frame))


def test_named_features_are_kept_with_a_warning(frame):
    cohort = read(frame.assign(counter=np.arange(N), k=1), features=("counter", "k", "age"))
    assert names(cohort) == ["counter", "k", "age"]
    assert codes(cohort) == ["forced-feature", "forced-feature"]


def test_an_empty_column_is_refused_and_can_be_excluded(frame):
    frame = frame.assign(**{"lab value": np.nan})
    refused(frame, "'lab value' is empty in every row. Leave it out: --exclude 'lab value'")
    assert "lab value" not in names(read(frame, exclude=("day", "lab value")))


def test_a_calendar_date_is_used_with_a_warning(frame):
    cohort = read(frame, exclude=())
    assert "calendar-date" in codes(cohort)
    assert cohort.inputs.frame["day"].between(2026, 2027).all()


def test_one_feature_works(frame):
    cohort = read(frame, features=("crp",))
    assert cohort.inputs.frame.shape == (N, 1)


def test_when_no_feature_is_left_the_message_says_why(frame):
    refused(
        frame.assign(k=1),
        "No column is left to learn from. Column 'k' has the same value",
        exclude=tuple(frame.columns[1:6]),
    )


def test_ten_thousand_features_on_72_samples_are_read_fast(tmp_path):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(72, 10_000)).round(3)).add_prefix("gene")
    wide.assign(disease=np.arange(72) % 2).to_csv(tmp_path / "wide.csv", index=False)
    start = time.process_time()
    cohort = read_table(tmp_path / "wide.csv", target="disease")
    assert time.process_time() - start < 10
    assert len(cohort.inputs.features) == 10_000


# Duplicates


def test_identical_features_are_linked_if_rows_are_mostly_distinct(frame):
    frame.loc[5, "hospital":"crp"] = frame.loc[40, "hospital":"crp"]
    cohort = read(frame)
    assert cohort.linked[5] == cohort.linked[40]
    assert len(set(cohort.linked)) == N - 1


def test_rows_that_repeat_by_coincidence_are_not_linked_and_that_is_said(frame):
    cohort = read(frame, features=("sex", "hospital"))
    assert len(set(cohort.linked)) == N
    assert codes(cohort) == ["rows-repeat"]


def copied(times, **columns):
    """200 distinct rows, each `times` times in a row, and a target that tells nothing."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(size=(200, 8)).round(3)).add_prefix("x").assign(sex=rng.choice(["f", "m"], 200))
    frame = frame.assign(**columns)
    return pd.concat([frame] * times, ignore_index=True).assign(disease=np.arange(200 * times) % 2)


def test_copies_of_every_row_are_linked_because_chance_cannot_explain_them():
    cohort = read_table(copied(3), target="disease")
    assert cohort.linked.tolist() == [*range(200)] * 3
    assert "rows-repeat" not in codes(cohort)


def test_coarse_numbers_that_agree_by_chance_are_not_linked():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"age": rng.integers(30, 60, 900), "sex": rng.choice(["f", "m"], 900)})
    cohort = read_table(frame.assign(disease=np.arange(900) % 2), target="disease")
    assert len(set(cohort.linked)) == 900
    assert "Only 60 different rows of features in 900 samples" in cohort.findings[-1].message


def test_samples_whose_laboratory_is_missing_are_judged_by_the_rest():
    """Copies with measurements are linked; those that share age and sex but have no measurement are not."""
    age = np.arange(200) % 20
    frame = copied(2, age=age)
    without = copied(2, age=age, **{f"x{i}": np.nan for i in range(8)})
    cohort = read_table(pd.concat([frame, without], ignore_index=True), target="disease")
    assert cohort.linked[:400].tolist() == [*range(200)] * 2
    assert len(set(cohort.linked[400:])) == 400
    assert codes(cohort)[-1] == "rows-repeat"


def test_rows_without_any_value_are_no_duplicates_of_each_other(frame):
    frame.loc[:9, ["age", "sex", "crp"]] = None
    frame.loc[20, "age":"crp"] = frame.loc[21, "age":"crp"]
    cohort = read(frame, exclude=("day", "hospital"))
    assert len(set(cohort.linked)) == N - 1
    assert len(set(cohort.linked[:10])) == 10
    coarse = frame.assign(
        age=frame["age"].where(frame.index > 29), crp=np.nan, sex=frame["sex"].where(frame.index > 29)
    )
    coarse = pd.concat([coarse.loc[:29]] * 20 + [coarse.loc[30:].assign(age=1)], ignore_index=True)
    (repeat,) = [f for f in read(coarse, features=("age", "sex")).findings if f.code == "rows-repeat"]
    assert "2 different rows of features in 30 samples" in repeat.message


# Inputs


def test_inputs_take_rows_in_order_and_know_their_content(frame):
    inputs = read(frame).inputs
    part = inputs.take(np.array([4, 2]))
    assert len(part) == 2
    assert part.frame["crp"].tolist() == frame["crp"].iloc[[4, 2]].tolist()
    assert part.frame.dtypes.to_dict() == inputs.frame.dtypes.to_dict()
    assert (
        part.fingerprint() == inputs.take(np.array([4, 2])).fingerprint() != inputs.take(np.array([2, 4])).fingerprint()
    )


def test_one_changed_cell_changes_the_fingerprint(frame):
    before = read(frame).inputs.fingerprint()
    for name, value in (("crp", 99.0), ("sex", "x")):
        changed = frame.copy()
        changed.loc[7, name] = value
        assert read(changed).inputs.fingerprint() != before


def test_categories_are_text_and_none_and_the_rest_float64(frame):
    inputs = read(frame.assign(sex=frame["sex"].where(frame.index > 0), smoker=frame["disease"])).inputs
    assert inputs.frame["sex"].iloc[0] is None
    assert {f.name: (f.kind, str(inputs.frame[f.name].dtype)) for f in inputs.features} == {
        "hospital": ("category", "object"),
        "age": ("number", "float64"),
        "sex": ("category", "object"),
        "crp": ("number", "float64"),
        "smoker": ("boolean", "float64"),
    }


def test_features_survive_json(frame):
    features = read(frame, exclude=()).inputs.features
    assert tuple(Feature.from_dict(feature.to_dict()) for feature in features) == features
    assert isinstance(read(frame).inputs, TableInputs)


def test_a_column_that_divides_the_samples_is_the_split_and_no_feature(frame):
    words = ["Train", "training", "val", "VALID", "validation", "test"]
    said = np.array(words, dtype=object)[np.arange(len(frame)) % 6]
    cohort = read(frame.assign(part=said), split="part")
    parts = np.array(["train", "train", "valid", "valid", "valid", "test"], dtype=object)
    assert cohort.split.tolist() == parts[np.arange(len(frame)) % 6].tolist()
    assert cohort.roles.split == "part"
    assert "part" not in [feature.name for feature in cohort.inputs.features]
    assert read(frame).split is None
    assert read(frame).fingerprint() != cohort.fingerprint()


def test_a_split_that_cannot_be_read_is_refused(frame):
    said = np.where(np.arange(len(frame)) % 3, "train", "holdout")
    refused(
        frame.assign(part=said), r"'part' \(split\) holds 'holdout'; it may say only train, .*--split", split="part"
    )
    refused(frame.assign(part=None), r"'part' \(split\) is empty in", split="part")
    refused(frame, "There is no column 'prt' .split.", split="prt")
    refused(frame.assign(part="train"), "split and cannot be excluded", split="part", exclude=("part",))
    refused(frame.assign(part="train"), "split and cannot be a feature too", split="part", features=("part", "age"))


@pytest.mark.data
def test_heart_disease_of_two_hospitals():
    if "BEDSIDE_DATA" not in os.environ:
        pytest.skip("BEDSIDE_DATA is not set")
    path = Path(os.environ["BEDSIDE_DATA"]) / "heart_disease.csv"
    cohort = read_table(path, target="disease", patient="patient", site="site", subgroups=("sex", "age"))
    assert (len(cohort), cohort.n_patients, len(cohort.inputs.features)) == (597, 597, 13)
    assert int(cohort.inputs.frame.isna().sum().sum()) == 784
    assert cohort.samples["site"].value_counts().to_dict() == {"cleveland": 303, "hungarian": 294}
    assert cohort.findings == ()


def test_a_column_of_image_files_is_not_ignored_in_silence():
    frame = pd.DataFrame(
        {"image": [f"p{k % 7}.JPG" for k in range(40)], "age": [k % 13 for k in range(40)], "sick": [0, 1] * 20}
    )
    cohort = read_table(frame, target="sick")
    (found,) = [f for f in cohort.findings if f.code == "image-column"]
    assert found.level == "warning"
    assert "add --image image" in found.message
    assert [feature.name for feature in cohort.inputs.features] == ["age"]
