"""A stress changes nothing at strength 0, finds what a model depends on, knows its units, and repeats by its seed."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import bedside
from bedside.cli import main
from bedside.cohort import Task
from bedside.data.table import read_table
from bedside.errors import RunError, SettingError
from bedside.evaluation.metrics import binary
from bedside.folder import Run
from bedside.robustness import images, tables
from bedside.robustness.effects import decisions, effects, moves, sentences
from bedside.robustness.units import PAIRS, mistakes, parse_units, spelled
from cohorts import spots

FAST = {"evaluation": {"resamples": 200, "baseline": False}, "explain": {"samples": 0}}


def clinic(n=240, *, seed=0):
    """The outcome hangs on `marker` alone; glucose has a unit, the rest is noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"patient": [f"p{k:03d}" for k in range(n)], "marker": rng.normal(50, 10, n)})
    table["glucose"] = rng.normal(110, 20, n)
    table["other"], table["ward"] = rng.normal(size=n), rng.choice(["A", "B"], n)
    table["outcome"] = np.where(table["marker"] + rng.normal(0, 4, n) > 50, "ill", "well")
    return table.round(4)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "clinic.csv"
    clinic().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    """Logistic regression in three folds, stressed once."""
    options = {"data": {"target": "outcome", "patient": "patient", "positive": "ill"}, "family": "logistic"}
    folder = tmp_path_factory.mktemp("stress") / "run"
    bedside.train(source, FAST, folds={"scheme": "crossval", "number": 3}, folder=folder, **options)
    bedside.stress(folder)
    return Run(folder)


@pytest.fixture(scope="module")
def record(run):
    return json.loads((run.path / "stress.json").read_text(encoding="utf-8"))


def copied(run, folder):
    """A copy to stress in another way."""
    return shutil.copytree(run.path, folder / "copy")


def change_named(record, label):
    return next(row for row in record["changes"] if row["label"] == label)


# Strength 0


@pytest.mark.parametrize("kind", ["noise", "gaps"])
def test_at_strength_zero_a_table_is_exactly_as_it_is(kind):
    inputs = read_table(clinic(40), target="outcome", patient="patient").inputs
    same = tables.Change(kind, "", 0.0)(inputs, inputs.frame.select_dtypes(float).std(), seed=3)
    pd.testing.assert_frame_equal(same.frame, inputs.frame, check_exact=True)
    more = tables.Change(kind, "", 0.5)(inputs, inputs.frame.select_dtypes(float).std(), seed=3)
    assert not more.frame.equals(inputs.frame)


@pytest.mark.parametrize("kind", images.GRADES)
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_at_strength_zero_an_image_is_exactly_as_it_is_and_stronger_changes_more(kind, depth):
    pixels = (spots(1, seed=1)[0][0].astype(depth) * (1 if depth == np.uint8 else 9)).astype(depth)
    pixels = pixels[:, :, 0] if depth == np.uint16 else pixels
    assert np.array_equal(images.changed(pixels, kind, 0.0, 0), pixels)
    far = [np.abs(images.changed(pixels, kind, s, 0).astype(float) - pixels).mean() for s in images.GRADES[kind]]
    assert 0 <= far[0] < far[-1]
    assert all(images.changed(pixels, kind, s, 0).dtype == depth for s in images.GRADES[kind])
    assert all(images.changed(pixels, kind, s, 0).shape == pixels.shape for s in images.GRADES[kind])


def test_unchanged_scores_have_no_effect_at_all(run):
    rows = run.predictions[run.predictions.part == "test"].sort_values(["repeat", "fold", "sample"], ignore_index=True)
    task, thresholds = read_table(clinic(), target="outcome", positive="ill").task, run.estimates["thresholds"]
    scores = rows[["score_well", "score_ill"]].to_numpy()
    plain, (effect,), doubt = effects(rows, task, thresholds, scores, [scores], resamples=100, level=0.95, seed=0)
    assert effect.stressed.value == plain.value
    assert (effect.difference.value, effect.moved.value, effect.flipped.value) == (0.0, 0.0, 0.0)
    assert effect.verdict == "not distinguishable"
    assert not doubt
    assert effect.flipped.high > 0  # no flip among so many is not no flip ever


def test_with_few_patients_of_a_class_nothing_is_said_to_do_no_harm(run):
    rows = run.predictions[(run.predictions.part == "test") & (run.predictions.repeat == 0)]
    rows = pd.concat([rows[rows.target == "ill"].head(4), rows[rows.target == "well"].head(40)], ignore_index=True)
    task = read_table(clinic(), target="outcome", positive="ill").task
    scores = rows[["score_well", "score_ill"]].to_numpy()
    at = [{"repeat": r, "fold": f, "value": 0.5} for r, f in {*zip(rows.repeat, rows.fold, strict=True)}]
    plain, found, doubt = effects(rows, task, at, scores, [1 - scores], resamples=100, level=0.95, seed=0)
    record = {"label": "scores upside down", "verdict": found[0].verdict, "difference": found[0].difference.to_dict()}
    said = " ".join(sentences(plain, [{**record, "flipped": found[0].flipped.to_dict()}], doubt=doubt, seen=False))
    assert found[0].difference.value < -0.5
    assert "No verdict with fewer than 10 tested patients of a class (" in said
    assert "4 of class ill" in said
    assert "changes lower it" not in said
    assert "not distinguishable" not in said


# What is found


def test_the_column_that_everything_hangs_on_is_found(record):
    missing = [row for row in record["changes"] if row["kind"] == "missing"]
    assert missing[0]["columns"] == ["marker"]
    assert missing[0]["verdict"] == "worse"
    assert missing[0]["stressed"]["value"] == pytest.approx(0.5, abs=0.12)
    assert all(row["verdict"] == "not distinguishable" for row in missing[1:])
    assert all(abs(row["difference"]["value"]) < 0.02 for row in missing[1:])


def test_more_noise_does_more_harm_and_the_worst_comes_first(record):
    noise = sorted((row for row in record["changes"] if row["kind"] == "noise"), key=lambda row: row["strength"])
    losses = [row["difference"]["value"] for row in noise]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < -0.1
    values = [row["difference"]["value"] for row in record["changes"]]
    assert values == sorted(values)
    assert record["changes"][0]["label"] in record["sentences"][1]


def test_effects_are_those_of_the_scores(run, source):
    """Blank the marker by hand: the same AUROC within folds, mean change and flips as stress.json says."""
    from bedside.training.model import load_model

    model, table = load_model(run.path / "model"), clinic()
    cohort = read_table(source, target="outcome", patient="patient", positive="ill")
    rows = run.predictions[run.predictions.part == "test"].sort_values(["repeat", "fold", "sample"], ignore_index=True)
    blank = replace(cohort.inputs, frame=cohort.inputs.frame.assign(marker=np.nan))
    scores = []
    for inputs in (cohort.inputs, blank):
        each = dict(zip(model.names, model.scores(inputs), strict=True))
        place = cohort.samples.index.get_indexer(rows["sample"])
        scores.append(
            np.array([each[f"repeat0-fold{fold}"][k, 1] for fold, k in zip(rows["fold"], place, strict=True)])
        )
    frozen = {one["fold"]: one["value"] for one in run.estimates["thresholds"]}
    cut = rows["fold"].map(frozen).to_numpy()
    truth = (table["outcome"] == "ill").to_numpy()[cohort.samples.index.get_indexer(rows["sample"])]
    auroc = binary(truth, scores[1], scores[1] >= cut, folds=rows["fold"].to_numpy())[0](np.ones((1, len(rows))))[0]
    found = change_named(json.loads((run.path / "stress.json").read_text()), "marker missing")
    assert found["stressed"]["value"] == pytest.approx(auroc)
    assert found["moved"]["value"] == pytest.approx(np.abs(scores[1] - scores[0]).mean(), abs=1e-6)
    assert found["flipped"]["value"] == pytest.approx(((scores[1] >= cut) != (scores[0] >= cut)).mean())


def test_a_unit_error_of_a_used_column_flips_decisions_of_the_named_one_only(run, tmp_path):
    found = bedside.stress(copied(run, tmp_path), units={"marker": "cm of height", "glucose": "mg/dl"})
    assert change_named(found, "marker in inch instead of cm")["flipped"]["value"] > 0.2
    assert change_named(found, "glucose in mmol/l instead of mg/dl")["flipped"]["value"] < 0.2


def test_several_classes_and_numbers_move_as_they_should():
    rows = pd.DataFrame({"fold": [0, 0], "repeat": [0, 0]})
    three, number = bedside.Task("multiclass", ("a", "b", "c")), bedside.Task("regression")
    before, after = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]]), np.array([[0.3, 0.6, 0.1], [0.2, 0.7, 0.1]])
    assert moves(three, before, after) == pytest.approx([0.3, 0.0])
    assert (decisions(rows, three, [], before) != decisions(rows, three, [], after)).tolist() == [True, False]
    assert moves(number, np.array([[3.0], [1.0]]), np.array([[5.0], [0.0]])) == pytest.approx([2.0, 1.0])
    assert decisions(rows, number, [], before) is None


def test_same_seed_same_bytes_another_seed_other_noise(run, tmp_path):
    copy = copied(run, tmp_path)
    again = bedside.stress(copy)
    for name in ("stress.json", "stress.csv"):
        assert (copy / name).read_bytes() == (run.path / name).read_bytes()
    other = bedside.stress(copy, seed=1)
    label = "noise of 0.5 standard deviations in all numbers"
    assert change_named(again, label)["moved"] != change_named(other, label)["moved"]
    assert (
        change_named(again, "marker missing")["moved"]["value"]
        == change_named(other, "marker missing")["moved"]["value"]
    )


# Units


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "other"),
    [
        ("glucose", "mg/dl", 180.156, 10.0), ("cholesterol", "mmol/l", 5.0, 193.325), ("creatinine", "mg/dl", 1.0, 88.4),
        ("HbA1c", "%", 6.5, 47.5), ("HbA1c", "mmol/mol", 53.0, 7.0), ("temperature", "°F", 98.6, 37.0),
        ("temperature", "°C", 40.0, 104.0), ("height", "inch", 70.0, 177.8), ("weight", "kg", 100.0, 220.462),
        ("blood pressure", "mmHg", 120.0, 16.0),
    ],
)  # fmt: skip
def test_units_are_converted_as_tables_of_conversion_have_them(quantity, unit, value, other):
    pair = next(pair for pair in PAIRS if pair.quantity == quantity)
    assert pair.mistaken(np.array([value]), unit)[0] == pytest.approx(other, rel=2e-3)
    there_and_back = pair.mistaken(pair.mistaken(np.array([value]), unit), pair.other(unit))
    assert there_and_back[0] == pytest.approx(value)


def test_usual_ranges_of_a_pair_do_not_overlap_and_belong_together():
    for pair in PAIRS:
        (low, high), (low_other, high_other) = pair.usual
        assert high < low_other or high_other < low
        middle = pair.mistaken(np.array([(low + high) / 2]), pair.first)[0]
        assert low_other <= middle <= high_other, pair.quantity


def test_a_unit_is_told_by_name_and_range_and_said_or_not_tried():
    medians = {"fasting_glucose": 105.0, "LDL": 3.1, "creatinine": 20.0, "trestbps": 130.0, "subp": 4.0}
    found, words = mistakes(medians, {})
    assert {(one.column, one.unit) for one in found} == {
        ("fasting_glucose", "mg/dl"),
        ("LDL", "mmol/l"),
        ("trestbps", "mmHg"),
    }
    assert "taken for glucose in mg/dl, from its name and its median of 105" in words[0]
    assert any("median of 20 tells neither mg/dl nor µmol/l; no unit error was tried" in one for one in words)
    (own,), none = mistakes({"x": 20.0}, {"x": "umol/l of creatinine"})
    assert (own.unit, own.pair.quantity, own.told, none) == ("µmol/l", "creatinine", True, [])
    assert spelled("f") == "°F"


@pytest.mark.parametrize(
    "column", ["cholesterol_hdl_ratio", "log_triglycerides", "delta creatinine", "Glucose (log10)"]
)
def test_ratios_and_logarithms_have_no_unit_of_their_own(column):
    found, words = mistakes({column: 4.5}, {})
    assert found == []
    assert "no unit error was tried" in words[0]
    assert [one.unit for one in mistakes({"total_cholesterol": 4.5, "catalog_glucose": 5.0}, {})[0]] == ["mmol/l"] * 2
    (told,), _ = mistakes({column: 4.5}, {column: "mmol/l of cholesterol"})
    assert told.told


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"glucos": "mg/dl"}, "There is no column of numbers 'glucos' to give a unit. Did you mean 'glucose'?"),
        ({"glucose": "stone"}, "Unit 'stone' of column 'glucose' is in no pair. Known units: mg/dl, mmol/l"),
        ({"x": "mg/dl"}, "belongs to glucose, cholesterol,.*add the quantity: --unit 'x=mg/dl of glucose'"),
        ({"x": "mg/dl of iron"}, r"There is no iron in mg/dl \(column 'x'\). Known in mg/dl: glucose"),
    ],
)
def test_units_that_cannot_be_tried_are_refused(named, message):
    with pytest.raises(SettingError, match=message):
        mistakes({"glucose": 100.0, "x": 1.0}, named)


def test_units_on_the_command_line():
    assert parse_units(["a=b=mg/dl"]) == {"a=b": "mg/dl"}
    with pytest.raises(SettingError, match="names no unit; write COLUMN=UNIT"):
        parse_units(["glucose"])
    with pytest.raises(SettingError, match="twice"):
        parse_units(["a=kg", "a=lb"])


# Page, command line, refusals


def test_the_page_shows_every_change_and_the_sentences(run, record):
    page = (run.path / "stress.html").read_text(encoding="utf-8")
    assert page.count('<tr class="worse"') == sum(row["verdict"] == "worse" for row in record["changes"])
    for row in record["changes"]:
        assert row["label"] in page
    assert "not a medical device" in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    table = pd.read_csv(run.path / "stress.csv")
    assert list(table["label"]) == [row["label"] for row in record["changes"]]
    assert (run.path / "figures" / "stress.svg").exists()


def test_the_command_line_prints_what_was_found(run, tmp_path, monkeypatch, capsys):
    copy = copied(run, tmp_path)
    arguments = ["bedside", "stress", str(copy), "--samples", "100", "--unit", "glucose=mg/dl"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "It falls most with" in printed
    assert "stress.html" in printed
    assert json.loads((copy / "stress.json").read_text())["n"]["samples"] == 100


def test_a_run_without_columns_or_with_other_data_is_refused(source, run, tmp_path):
    data = {"target": "outcome", "patient": "patient"}
    null = bedside.train(
        source, {"evaluation": FAST["evaluation"]}, data=data, family="prevalence", folder=tmp_path / "null"
    )
    with pytest.raises(SettingError, match="reads no data"):
        bedside.stress(null)
    clinic(seed=1).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(RunError, match="not those that"):
        bedside.stress(run, tmp_path / "other.csv")


def test_images_lose_by_what_hides_their_spots(tmp_path):
    pixels, target, _ = spots(90, seed=3)
    for k, (image, name) in enumerate(zip(pixels, target, strict=True)):
        (tmp_path / "spots" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "spots" / name / f"{k:02d}.png")
    settings = {"family": "image-statistics", "evaluation": {"resamples": 200, "baseline": False}}
    run = bedside.train(
        tmp_path / "spots",
        settings,
        data={"positive": "large"},
        folds={"scheme": "crossval", "number": 3},
        folder=tmp_path / "run",
    )
    record = bedside.stress(run)
    assert record["plain"]["value"] > 0.9
    kinds = {row["kind"]: row for row in sorted(record["changes"], key=lambda row: row["strength"])}
    assert set(kinds) == set(images.GRADES)
    assert kinds["darker"]["moved"]["value"] > 0.1  # its features are of the changed pixels, not remembered ones
    assert all(strongest["moved"]["value"] > 0 for strongest in kinds.values())
    with pytest.raises(SettingError, match="has no effect on image data"):
        bedside.stress(run, units={"x": "kg"})


def test_several_classes_are_said_to_have_a_macro_auroc():
    task, n = Task("multiclass", ("a", "b", "c")), 60
    names = [f"s{i}" for i in range(n)]
    rows = pd.DataFrame(
        {"sample": names, "patient": names, "repeat": 0, "fold": 0, "target": np.resize(["a", "b", "c"], n)}
    )
    scores = np.random.default_rng(0).dirichlet(np.ones(3), n)
    plain, _, doubt = effects(rows, task, [], scores, [scores], resamples=50, level=0.95, seed=0)
    assert sentences(plain, [], doubt=doubt, seen=False)[0].startswith("On 60 test patients the macro AUROC is 0.")
