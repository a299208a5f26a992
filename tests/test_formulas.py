"""What bedside writes is text to a spreadsheet, and exactly what it was to bedside."""

import csv

import numpy as np
import pandas as pd
import pytest

import bedside
from bedside import formulas
from bedside.folder import csv_text, write_table
from bedside.run import train_steps
from bedside.settings import EvaluationSettings, RunSettings, build
from cohorts import table

NASTY = ["=1+1", "-x", "@a", "'=b", "+49 30", "''-c", "\tq", "=cmd|' /C calc'!A0", 'a,"b', "Größe", "＝1"]
QUICK = {
    "family": "logistic",
    "folds": {"scheme": "crossval", "number": 3},
    "evaluation": {"resamples": 100},
    "explain": {"samples": 0},
}
SETTINGS = {
    "target": "out@come",
    "patient": "patient",
    "site": "site",
    "subgroups": ("=sex",),
    "positive": "=sick",
    "exclude": ("year",),
}


def nasty_table() -> pd.DataFrame:
    """Sixty patients whose identifiers, sites, classes and groups begin as formulas do."""
    frame = table(60)
    names = sorted(frame["patient"].unique())
    frame["patient"] = frame["patient"].map({name: f"{NASTY[k % len(NASTY)]}{k:02d}" for k, name in enumerate(names)})
    frame["site"] = frame["site"].map({"north": "=north", "south": "'=south", "west": "-5"})
    frame["outcome"] = frame["outcome"].map({"sick": "=sick", "well": "-well"})
    return frame.rename(columns={"sex": "=sex", "outcome": "out@come"})


def nasty_cohort():
    return bedside.read_table(nasty_table(), **SETTINGS)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nasty") / "run"
    return bedside.train(nasty_cohort(), QUICK, folder=folder)


def computed_by_spreadsheets(path) -> list[str]:
    """Cells that a spreadsheet would not take for text or a number."""
    with open(path, encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    return [cell for cell in cells if cell[:1] in set(formulas.SIGNS) and not formulas._NUMBER.fullmatch(cell)]


@pytest.mark.parametrize(
    "cell",
    [*NASTY, "", "x", "-5", "+5", "-1.5e-3", ".5", "-.5", "1-2", "'", "''", "'x", "'-5", "=", "-", "-inf", "\n", "-5a"],
)
def test_a_cell_comes_back_exactly_and_is_never_computed(cell):
    written = formulas.as_text(cell)
    assert formulas.as_was(written) == cell
    assert written[:1] not in formulas.SIGNS or written == "" or float(written)
    assert formulas.as_text(3.0) == 3.0


def test_random_text_comes_back_exactly():
    rng = np.random.default_rng(0)
    letters = np.array(list("='+-@\t1e.a\r"))
    for _ in range(3000):
        cell = "".join(rng.choice(letters, rng.integers(0, 6)))
        assert formulas.as_was(formulas.as_text(cell)) == cell


def test_ordinary_tables_are_the_same_object_and_the_same_bytes():
    frame = pd.DataFrame({"sample": ["a", "-5", None], "score": [-0.25, np.nan, 1 / 3], "n": [-1, 0, 1]})
    assert formulas.marked(frame) is frame
    assert csv_text(frame) == frame.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def test_names_of_columns_and_categories_are_marked_too(tmp_path):
    frame = pd.DataFrame({"=a": pd.Categorical(["+x", "y"]), "b": [-1, 2]})
    write_table(tmp_path / "a.csv", frame)
    assert (tmp_path / "a.csv").read_text() == "'=a,b\n'+x,-1\ny,2\n"
    assert formulas.unmarked(pd.read_csv(tmp_path / "a.csv")).to_dict("list") == {"=a": ["+x", "y"], "b": [-1, 2]}


def test_no_file_of_a_run_holds_a_formula(run):
    files = sorted(run.path.rglob("*.csv"))
    assert len(files) >= 4
    assert {path.name: found for path in files if (found := computed_by_spreadsheets(path))} == {}
    assert "'=" in (run.path / "predictions.csv").read_text()


def test_a_run_knows_its_patients_classes_and_groups_by_their_names(run):
    frame = nasty_table()
    for known in (run.cohort, run.predictions):
        assert set(known["patient"]) == set(frame["patient"].str.strip())
        assert set(known["site"]) == {"=north", "'=south", "-5"}
        assert set(known["target"]) == {"=sick", "-well"}
        assert set(known["=sex"]) == {"f", "m"}
    assert {"score_=sick", "score_-well"} <= set(run.predictions)
    assert run.estimates["task"]["positive"] == "=sick"


def test_its_predictions_are_judged_as_the_run_did(run):
    judged = bedside.evaluate(run.path / "predictions.csv", settings=EvaluationSettings(resamples=100))
    assert judged["task"]["positive"] == "=sick"
    assert judged["n"] == run.estimates["n"]
    known = {one["metric"]: one["value"] for one in run.estimates["estimates"]}
    assert {one["metric"]: one["value"] for one in judged["estimates"]} == pytest.approx(known, abs=1e-9, nan_ok=True)


def test_new_samples_are_scored_and_written_as_text(run, tmp_path):
    names = [f"{NASTY[k % len(NASTY)]}{k}".strip() for k in range(len(nasty_table()))]
    found = bedside.predict(run, nasty_table().assign(sample=names), output=tmp_path / "scores.csv")
    assert set(found.table["decision"]) <= {"=sick", "-well"}
    assert set(found.table["sample"]) == set(names)
    assert computed_by_spreadsheets(tmp_path / "scores.csv") == []
    back = formulas.unmarked(pd.read_csv(tmp_path / "scores.csv", dtype=str, keep_default_na=False))
    assert back["sample"].tolist() == found.table["sample"].tolist()


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(run, tmp_path):
    steps = train_steps(nasty_cohort(), build(RunSettings, QUICK), folder=tmp_path / "run")
    for _ in steps:
        if list((tmp_path / "run").rglob("repeat0-fold0/predictions.csv")):
            break
    steps.close()
    assert not (tmp_path / "run" / "predictions.csv").exists()
    again = bedside.train(nasty_cohort(), resume=tmp_path / "run")
    for name in ("predictions.csv", "cohort.csv", "folds.csv"):
        assert (again.path / name).read_bytes() == (run.path / name).read_bytes()


def test_a_foreign_table_is_read_as_it_is(tmp_path):
    (tmp_path / "a.csv").write_text("id,outcome,score\n'=a,1,0.5\n")
    from bedside.data.files import read_file
    from bedside.settings import DataSettings

    assert read_file(tmp_path / "a.csv", DataSettings())["id"].tolist() == ["'=a"]
