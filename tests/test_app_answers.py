"""Cases, notes, predictions and the operating point apart from any page."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

import bedside
from app_runs import bytes_of, new_patients, rows_tested
from bedside import DataError, SettingError
from bedside.app.cases.case_rows import Cases, Wanted, pages
from bedside.app.cases.group_words import group_name
from bedside.app.cases.notes import read_notes, write_note
from bedside.app.dots import dots
from bedside.app.drawings import decision
from bedside.app.opened import opened
from bedside.app.operating.point import Operating
from bedside.app.predict.answer import answer, answer_of_case
from bedside.app.predict.form import Field, day_of, decimal_year, fields_of, frame_of, typed_from
from bedside.app.predict.nearest import nearest_cases
from bedside.app.predict.score_table import rows_of
from bedside.app.why import why_of_case
from bedside.app.words import speaking
from bedside.explain.choose import member_of
from bedside.folder import Run
from bedside.scoring import read_new
from bedside.seen_before import SeenBefore, learned_samples, seen_before, seen_in
from report_runs import TASKS, make_run


@pytest.fixture(scope="module")
def run(clinic_home):
    return Run(clinic_home / "clinic")


@pytest.fixture(scope="module")
def model(run):
    return opened(run.path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs with made-up predictions, two repeats of them, by task."""
    folder = tmp_path_factory.mktemp("made")
    found = {}
    for task in TASKS:
        (folder / task).mkdir()
        found[task] = make_run(folder / task, TASKS[task], repeats=2)
    return found


def test_the_matrix_is_that_of_the_report_and_a_cell_holds_whom_predictions_say(run):
    cases = Cases(run)
    confusion = run.estimates["confusion"]
    assert cases.matrix(Wanted()).tolist() == confusion["counts"]
    rows = rows_tested(run)
    cut = {one["fold"]: one["value"] for one in run.estimates["thresholds"]}
    decided = np.where(rows["score_sick"] >= rows["fold"].map(cut), "sick", "well")
    for truth in confusion["classes"]:
        for decided_as in confusion["classes"]:
            found = cases.among(Wanted(target=truth, decision=decided_as))
            expected = rows[(rows["target"] == truth) & (decided == decided_as)]
            assert set(found["sample"]) == set(expected["sample"])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_counts_are_means_over_repeats_and_whole_in_one(made, task):
    cases = Cases(made[task])
    assert cases.matrix(Wanted()).tolist() == made[task].estimates["confusion"]["counts"]
    first = cases.matrix(Wanted(repeat=0))
    assert first.sum() == len(rows_tested(made[task])) / 2
    assert np.allclose((first + cases.matrix(Wanted(repeat=1))) / 2, cases.matrix(Wanted()))


def test_surprise_is_the_log_loss(made):
    for task in ("binary", "multiclass"):
        rows = Cases(made[task]).table
        scores = rows[made[task].estimates and Cases(made[task]).task.score_columns()].to_numpy()
        names = list(Cases(made[task]).task.classes)
        truth = [names.index(name) for name in rows["target"]]
        assert rows["surprise"].mean() == pytest.approx(log_loss(truth, scores, labels=[*range(len(names))]))
    numbers = Cases(made["regression"]).table
    assert numbers["surprise"].mean() == pytest.approx(Cases(made["regression"]).usual_error)


def test_orders_filters_and_pages(run):
    cases = Cases(run)
    surprise = cases.among(Wanted(order="surprise"))["surprise"]
    assert surprise.is_monotonic_decreasing
    assert cases.among(Wanted(order="score"))["score"].is_monotonic_decreasing
    women = cases.among(Wanted(groups={"sex": "f"}, fold=1))
    assert set(women["sex"]) == {"f"}
    assert set(women["fold"]) == {1}
    assert len(cases.among(Wanted(groups={"sex": "nobody"}))) == 0
    assert (pages(0), pages(25), pages(26)) == (1, 1, 2)


def test_notes_stay_whole_and_leave_the_run_as_it_is(run, tmp_path):
    before = bytes_of(run.path)
    write_note(run.path, "3", "  Looks at the ruler. ")
    write_note(run.path, "4", '=HYPERLINK("http://somewhere")')
    write_note(run.path, "3", "Second thought")
    assert {sample: note["text"] for sample, note in read_notes(run.path).items()} == {
        "4": '=HYPERLINK("http://somewhere")', "3": "Second thought",
    }  # fmt: skip
    kept = pd.read_csv(run.path / "notes.csv", dtype=str)
    assert kept["note"].tolist() == ['\'=HYPERLINK("http://somewhere")', "Second thought"]
    assert json.loads((run.path / "notes.json").read_text())["notes"]["3"]["when"]
    write_note(run.path, "3", ""), write_note(run.path, "4", " ")
    assert read_notes(run.path) == {}
    after = bytes_of(run.path)
    assert {name: content for name, content in after.items() if not name.startswith("notes")} == before
    bedside.predict(run, new_patients())  # checksums hold
    with pytest.raises(SettingError, match="is the most"):
        write_note(run.path, "3", "x" * 5000)


def test_contributions_of_a_case_lead_to_the_score_that_was_tested(model):
    case = Cases(model.run).among(Wanted()).iloc[0].to_dict()
    found = why_of_case(model, case)
    total = found.start + sum(reason.contribution for reason in found.columns) + found.others
    assert found.score == pytest.approx(case["score"], abs=1e-9)
    assert total == pytest.approx(found.score, abs=1e-3)
    assert found.of == "sick"
    assert member_of(case, model.scorer.model.names) == f"repeat0-fold{case['fold']}"


def test_the_answer_is_what_predict_says(model):
    fields = fields_of(model.run, model.scorer.model.features)
    rows = new_patients()
    expected = bedside.predict(model.run, rows).table
    for place in range(len(rows)):
        cells = rows.iloc[place]
        typed = {field.name: "" if pd.isna(cells[field.name]) else str(cells[field.name]) for field in fields}
        found, row = answer(model, frame_of(fields, typed)), expected.iloc[place]
        assert found.shown == pytest.approx(row["score_sick"], abs=1e-12)
        assert (found.decision, found.unusual) == (row["decision"], row["unusual"])
        assert found.spread == pytest.approx(row["spread"])
        assert "|".join(found.set) == row["set"]
        assert len(found.members) == 3


def test_an_example_is_typed_so_that_it_gets_the_score_of_its_data(model):
    sample = str(rows_tested(model.run)["sample"].iloc[7])
    features = model.scorer.model.features
    fields = fields_of(model.run, features)
    cells = model.cohort.inputs.frame.iloc[int(model.rows([sample])[0])]
    typed = typed_from(fields, features, cells)
    assert answer(model, frame_of(fields, typed)).shown == answer_of_case(model, sample).shown


def test_what_is_typed_is_read_or_refused_in_words():
    dose = Field("dose [mg/dL]", "number", low=0.0, high=10.0)
    assert (dose.label, dose.unit) == ("dose", "mg/dL")
    assert (dose.read("2,5"), dose.read(" 2.5 "), dose.read("")) == (2.5, 2.5, None)
    assert (dose.outside("11"), dose.outside("10"), dose.outside("")) == (True, False, False)
    for text in ("many", "1.234,5", "inf", "nan", "1,2,3"):
        with pytest.raises(DataError, match="is not a number"):
            dose.read(text)
    drug = Field("drug", "category", levels=("A", "B"))
    with pytest.raises(DataError, match="none of A, B"):
        drug.read("C")
    born = Field("born", "date", low=1950.0, high=2000.0)
    assert born.outside("2001-01-01")
    assert born.read("1999-12-31") == "1999-12-31"
    with pytest.raises(DataError, match="2026-11-22"):
        born.read("31.12.1999")


@pytest.mark.parametrize("day", ["1999-12-31", "2000-02-29", "2001-01-01", "2024-07-02"])
def test_days_count_as_tables_count_them(day):
    from bedside.data.cells import decimal_years

    known = decimal_years(pd.to_datetime(pd.Series([day])))[0]
    date = day_of(known)
    assert date.isoformat() == day
    assert decimal_year(date) == pytest.approx(known)


def test_far_away_is_unlike_anything_in_training(model):
    fields = fields_of(model.run, model.scorer.model.features)
    found = answer(model, frame_of(fields, {"dose": "500", "age": "60", "noise": "0", "drug": "A", "sex": "f"}))
    assert found.unusual
    assert "dose (500)" in found.outside
    usual = answer_of_case(model, str(rows_tested(model.run)["sample"].iloc[0]))
    assert found.distance > 5 * usual.distance


def test_the_nearest_training_case_of_a_training_case_is_itself(model):
    rows, _ = model.neighbours
    sample = str(model.cohort.samples.index[rows[3]])
    near = nearest_cases(model, model.cohort.inputs.take(rows[3:4]))
    assert (near[0].sample, near[0].distance, near[0].differs) == (sample, 0.0, ())
    assert near[0].outcome == model.cohort.samples["target"].iloc[rows[3]]
    assert len({one.patient for one in near}) == len(near) == 5
    assert [one.distance for one in near] == sorted(one.distance for one in near)


def test_the_frozen_point_is_that_of_the_report(run):
    model = Operating(run)
    here = model.at(None, model.prevalence)
    known = {e["metric"]: e for e in run.estimates["estimates"] if e["of"] == ""}
    for metric in ("sensitivity", "specificity"):
        assert here.estimates[metric].to_dict() | {"method": ""} == known[metric] | {"method": ""}
    for metric in ("ppv", "npv"):
        assert here.estimates[f"{metric}_at_prevalence"].value == pytest.approx(known[metric]["value"])
    counts = run.estimates["confusion"]["counts"]
    assert [here.counts[kind] for kind in ("tn", "fp", "fn", "tp")] == [*counts[0], *counts[1]]
    cell = run.estimates["operating"]["per_1000"][0]
    assert here.per_1000["found"] == pytest.approx(cell["found"])


def test_another_threshold_and_prevalence_give_the_numbers_of_the_evaluation(run):
    model = Operating(run)
    rows = rows_tested(run)
    sick, score = (rows["target"] == "sick").to_numpy(), rows["score_sick"].to_numpy()
    for threshold in (0.2, 0.5, float(score.max()) + 1e-6):
        here = model.at(threshold, 0.1)
        sensitivity, specificity = (score[sick] >= threshold).mean(), (score[~sick] < threshold).mean()
        assert here.estimates["sensitivity"].value == pytest.approx(sensitivity)
        assert here.estimates["specificity"].value == pytest.approx(specificity)
        assert sum(here.dots.values()) == 1000
        assert here.dots["tp"] == round(100 * sensitivity)
        alarms = 0.1 * sensitivity + 0.9 * (1 - specificity)
        ppv = here.estimates["ppv_at_prevalence"].value
        assert ppv == pytest.approx(0.1 * sensitivity / alarms) if alarms else ppv is None
        benefit = 0.1 * sensitivity - 0.9 * (1 - specificity) * threshold / (1 - threshold)
        assert here.benefit[0] == pytest.approx(benefit)
    curve, known = model.benefit_curve(model.prevalence), run.estimates["decision_curve"]["of"][0]
    assert np.allclose(curve["model"], known["model"], atol=1e-9)
    assert np.allclose(curve["all"], known["all"], atol=1e-9)


def test_only_two_classes_have_a_threshold(made):
    with pytest.raises(SettingError, match="decides by no threshold"):
        Operating(made["multiclass"])
    model = Operating(made["binary"])
    assert model.at(0.5, 0.3).counts["tp"] + model.at(0.5, 0.3).counts["fn"] == int(model.truth.sum())


def test_a_thousand_dots_are_a_thousand_points():
    svg = dots({"tp": 100, "fn": 20, "tn": 800, "fp": 80})
    assert svg.count("M") == 1000
    assert svg.index('class="tp"') < svg.index('class="fn"') < svg.index('class="fp"') < svg.index('class="tn"')
    assert len(svg) < 20_000


def test_a_run_whose_data_are_gone_says_so(clinic_home, run):
    moved = clinic_home / "data" / "binary.csv"
    moved.rename(moved.with_suffix(".away"))
    try:
        gone = opened(Run(run.path).path)
        gone.__dict__.pop("cohort", None)
        with pytest.raises(bedside.RunError, match="no longer in"):
            _ = gone.cohort
    finally:
        moved.with_suffix(".away").rename(moved)
    assert math.isfinite(answer_of_case(opened(run.path), "1").shown)


def test_samples_that_a_model_has_learned_from_are_recognised(clinic_home, run, model):
    old, rows = pd.read_csv(clinic_home / "data" / "binary.csv"), new_patients(20)
    assert seen_in(model.scorer, rows) == SeenBefore(len(rows), 0, int(rows["patient"].isin(set(old["patient"])).sum()))
    both = pd.concat([old.head(6), rows.assign(patient=[f"new{i}" for i in range(len(rows))])], ignore_index=True)
    assert seen_in(model.scorer, both) == SeenBefore(len(both), 6, 0)
    other = old.head(6).assign(dose=old["dose"].head(6) + 0.25)  # another visit of the same people
    assert seen_in(model.scorer, other) == SeenBefore(6, 0, 6)
    nameless = other.drop(columns="patient")
    assert seen_in(model.scorer, nameless) == SeenBefore(6, 0, None)


def test_where_the_data_of_a_run_are_gone_nobody_claims_to_know(clinic_home, run, model):
    aligned = read_new(model.scorer.model, pd.read_csv(clinic_home / "data" / "binary.csv"), None)
    assert not seen_before(run, aligned, None).told


def test_who_only_tested_a_model_was_not_learned_from(clinic_home, run):
    assert learned_samples(run) == set(run.folds["sample"].astype(str))  # of cross-validation, each in some member
    one = Run(run.path)
    one.__dict__["folds"] = run.folds[run.folds["fold"] == 0]
    assert learned_samples(one) == set(run.folds.query("fold == 0 and part != 'test'")["sample"].astype(str))


def test_scores_of_a_file_have_heads_in_words(run):
    table = bedside.predict(run, new_patients()).table
    heads, rows, numbers = rows_of(table, ["well", "sick"])
    assert not [head for head in heads if "_" in head or head in table.columns]
    assert heads[:3] == ["Sample", "Score of well", "Score of sick"]
    assert len(rows) == len(table)
    assert {heads[place] for place in numbers} >= {"Score of sick", "Members differ by"}
    with speaking("de"):
        assert rows_of(table, ["well", "sick"])[0][:2] == ["Probe", "Wert für well"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("48 to < 55", "48 bis unter 55"), ("missing", "fehlend"), ("3 other levels", "3 andere Werte"), ("≥ 55", "≥ 55")],
)
def test_groups_are_named_in_the_language_of_the_reader(name, said):
    with speaking("de"):
        assert group_name(name) == said


def test_the_line_of_the_decision_curve_stands_where_the_slider_does(run):
    model = Operating(run)
    curve = model.benefit_curve(0.5)
    drawn = [decision(curve, (place, None), (model.middle, 0.1), ("x", "y"), ("a", "b")) for place in (0.25, 0.75)]
    lines = [re.search(r'class="here-line" points="([\d.]+),', svg)[1] for svg in drawn]
    assert float(lines[1]) - float(lines[0]) == pytest.approx(0.5 * (420 - 52 - 14), abs=0.2)
    assert all('class="frozen"' in svg and 'class="here"' not in svg for svg in drawn)
