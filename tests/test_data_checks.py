"""Checks find what was planted, and stay silent where nothing was."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import bedside.data
import bedside.imputing
import bedside.scoring
from bedside.data.checks import CODES, check, refuse_leaks
from bedside.data.table import read_table
from bedside.errors import LeakError, SettingError

N = 200


@pytest.fixture
def frame():
    """200 samples in which nothing tells the target."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "age": rng.integers(30, 80, N),
            "crp": rng.normal(5, 1, N),
            "height": rng.normal(170, 10, N),
            "sex": rng.choice(["f", "m"], N),
            "disease": rng.integers(0, 2, N),
        }
    )


def found(frame, code, **options):
    cohort = read_table(frame, **{"target": "disease", **options})
    return [finding for finding in check(cohort) if finding.code == code]


def codes(frame, **options):
    return {finding.code for finding in check(read_table(frame, **{"target": "disease", **options}))}


def noise(scale=0.01):
    return np.random.default_rng(8).normal(0, scale, N)


def test_no_alarm_without_a_reason(frame):
    assert codes(frame) == {"no-patient"}
    assert codes(frame, target="crp") == {"no-patient"}


def test_worst_first_and_reading_included(frame):
    levels = [
        finding.level for finding in check(read_table(frame.assign(k=1, leak=frame["disease"] * 3), target="disease"))
    ]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert levels[0] == "error"


# Leaks


def leaking(frame):
    y = frame["disease"].to_numpy()
    return {
        "copy": y,
        "shifted": 5 - 2 * y + noise(),
        "text": np.where(y == 1, "ill", "well"),
        "coded": np.where(y == 1, np.arange(N) % 2 * 2, 1 + np.arange(N) % 2 * 2),
        "with gaps": np.where(np.arange(N) % 3 == 0, np.nan, y + noise()),
        "measured": np.where(y == 1, np.nan, 7 + noise()),
    }


@pytest.mark.parametrize("name", ["copy", "shifted", "text", "coded", "with gaps", "measured"])
def test_a_feature_that_gives_the_target_away_is_refused(frame, name):
    cohort = read_table(frame.assign(**{name: leaking(frame)[name]}), target="disease")
    option = f"'{name}'" if " " in name else name
    with pytest.raises(LeakError, match=f"Column '{name}' alone gives .*--exclude {option}.*--allow-leak {option}"):
        refuse_leaks(cohort)
    allowed = refuse_leaks(cohort, (name,))
    assert [(finding.level, finding.columns) for finding in allowed if finding.code == "leak"] == [("warning", (name,))]


def test_all_leaks_are_named_at_once(frame):
    cohort = read_table(frame.assign(**leaking(frame)), target="disease")
    with pytest.raises(LeakError, match=r"'copy'(.|\n)*'shifted'(.|\n)*measured"):
        refuse_leaks(cohort, ("text",))


def test_allowing_what_is_no_leak_is_refused(frame):
    with pytest.raises(SettingError, match=r"--allow-leak age has no effect"):
        refuse_leaks(read_table(frame, target="disease"), ("age",))


def test_the_message_says_where_the_classes_part(frame):
    (leak,) = found(
        frame.assign(score=10 * frame["disease"], disease=np.where(frame["disease"], "sick", "well")), "leak"
    )
    assert "up to 0 always 'well', from 10 always 'sick'" in leak.message


def test_leaks_of_three_classes(frame):
    frame = frame.assign(disease=np.arange(N) % 3)
    (leak,) = found(frame.assign(grade=(frame["disease"] + 1) % 3 + noise()), "leak")
    assert "each class has a range of its own" in leak.message


def test_one_exception_is_suspicious_but_not_refused(frame):
    almost = frame["disease"] * 1.0
    almost[np.flatnonzero(almost == 1)[0]] = 0
    (suspicious,) = found(frame.assign(almost=almost), "suspicious")
    auc = roc_auc_score(frame["disease"], almost)
    assert f"AUC {auc:.3f}" in suspicious.message
    assert not found(frame.assign(almost=almost), "leak")


def test_monotone_copies_of_a_number_leak(frame):
    y = frame["crp"]
    assert len(found(frame.assign(log=np.log(y), scaled=y * 10), "leak", target="crp")) == 2
    assert len(found(frame.assign(near=y + noise(0.05)), "suspicious", target="crp")) == 1
    assert not found(frame.assign(near=y + noise(0.5)), "suspicious", target="crp")


def test_chance_in_tiny_or_wide_tables_is_no_leak():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(12, 2000))).add_prefix("gene").assign(disease=np.arange(12) % 2)
    perfect = [n for n in wide if n != "disease" and wide[n][::2].max() < wide[n][1::2].min()]
    assert perfect  # chance separates some of 2,000 features in 12 samples
    assert not codes(wide) & {"leak", "suspicious"}


def test_nearly_unique_categories_do_not_count_as_pure(frame):
    frame = frame.assign(ward=[f"w{i % 90}" for i in range(N)])
    frame["disease"] = (np.arange(N) % 90 < 45).astype(int)
    assert not found(frame, "leak")


@pytest.mark.parametrize(("n", "n_features"), [(72, 10_000), (100_000, 50)])
def test_large_tables_are_checked_in_seconds(n, n_features):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(n, n_features))).add_prefix("x").assign(disease=np.arange(n) % 2)
    cohort = read_table(table, target="disease")
    start = time.process_time()
    findings = check(cohort)
    assert time.process_time() - start < 6
    assert ("wide" in {finding.code for finding in findings}) == (n < n_features)


# Everything else


def test_too_few_patients_and_rare_classes(frame):
    frame["disease"] = (np.arange(N) % 20 == 7).astype(int)
    assert codes(frame) == {"no-patient", "few-patients", "events-per-feature", "imbalance"}
    (found_few,) = found(frame, "few-patients")
    assert "Class '1' has 10 patients" in found_few.message
    (per_feature,) = found(frame, "events-per-feature")
    assert "2.5 patients per feature (10 for 4)" in per_feature.message
    assert "doi:10.1002/sim.7992" in per_feature.remedy


def test_many_classes_with_few_patients_are_one_finding(frame):
    (few,) = found(frame.assign(disease=[f"type {i % 90}" for i in range(N)]), "few-patients")
    assert few.message.startswith("90 classes have fewer than 20 patients: 'type 20' (2), ")
    assert few.message.count("'type") == 6
    assert "and 84 more. Whatever" in few.message


def test_missingness(frame):
    rare = np.where(np.arange(N) % 5 < 3, np.nan, frame["crp"])
    (half,) = found(frame.assign(rare=rare), "missing-half")
    assert "'rare' (60\u00a0%)" in half.message
    assert not found(frame.assign(rare=rare), "missing-differs")
    unequal = np.where((frame["disease"] == 1) & (np.arange(N) % 10 < 7), np.nan, frame["crp"])
    (differs,) = found(frame.assign(unequal=unequal), "missing-differs")
    assert "of class '1' but in 0\u00a0% of class '0'" in differs.message


@pytest.mark.parametrize(("code", "others"), [(-9, "age"), (999, "age"), (-99, "crp")])
def test_numbers_that_mean_missing(frame, code, others):
    frame[others] = np.where(np.arange(N) % 40 == 3, code, frame[others])
    (number,) = found(frame, "number-code")
    assert f"holds {code} in 5 samples" in number.message
    assert number.columns == (others,)


def test_levels_spelt_differently(frame):
    frame.loc[3, "sex"] = "M"
    (spelling,) = found(frame, "spelling")
    assert "'M' and 'm'" in spelling.message


def test_duplicates_are_counted_and_contradictions_named(frame):
    same = frame.loc[[10, 11]].assign(disease=[frame["disease"][10], 1 - frame["disease"][11]])
    frame = pd.concat([frame, same], ignore_index=True)
    (twins,) = found(frame, "duplicates")
    assert "4 samples in 2 groups" in twins.message
    (differ,) = found(frame, "duplicates-disagree")
    assert "samples '12' and '202'" in differ.message


def test_patients_who_contradict_themselves(frame):
    patients = np.repeat([f"p{i}" for i in range(N // 2)], 2)
    steady = frame.assign(
        patient=patients, sex=np.repeat(["f", "m"], N // 2), disease=np.repeat(np.arange(N // 2) % 2, 2)
    )
    assert not codes(steady, patient="patient", subgroups=("sex", "age")) & {"patient-roles", "patient-targets"}
    steady.loc[0, "sex"] = "m"
    steady.loc[0, "disease"] = 1
    (roles,) = found(steady, "patient-roles", patient="patient", subgroups=("sex", "age"))
    assert "1 patient has more than one value of 'sex', such as patient 'p0'" in roles.message
    assert len(found(steady, "patient-targets", patient="patient")) == 1


def test_rows_sorted_by_the_target(frame):
    assert found(frame.sort_values("disease"), "order")
    assert found(frame.sort_values("crp"), "order", target="crp")


def test_a_site_with_one_class(frame):
    frame["hospital"] = np.where(frame["disease"] == 1, "north", np.where(np.arange(N) % 2, "north", "south"))
    (site,) = found(frame, "site-target", site="hospital")
    assert "south (all '0')" in site.message


def test_every_code_of_the_data_stage_is_documented():
    files = [
        *Path(bedside.data.__path__[0]).rglob("*.py"),
        Path(bedside.scoring.__file__),
        Path(bedside.imputing.__file__),
    ]  # new data are checked there
    sources = "".join(path.read_text(encoding="utf-8") for path in files)
    assert all(sources.count(f'"{code}"') >= 2 for code in CODES)  # in the table and where it is found
    assert all(meaning.endswith(".") for meaning in CODES.values())
