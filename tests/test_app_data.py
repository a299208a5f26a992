"""What the app makes of data before anything is drawn: proposals with reasons, ways to read a file, drafts, arrivals."""

import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bedside.app.data import arrivals, drafts, previews, reading
from bedside.app.data.checked import check
from bedside.app.data.columns_form import ColumnsForm
from bedside.app.data.proposals import propose, words_of
from bedside.app.home import open_home
from bedside.app.in_app import in_app
from bedside.app.tidy import DAY, tidy
from bedside.app.words import speaking
from bedside.errors import DataError, RunError


@pytest.fixture
def visits():
    """80 visits of 40 patients in two hospitals."""
    rng = np.random.default_rng(3)
    n = 80
    return pd.DataFrame(
        {
            "PatientID": [f"P{i // 2}" for i in range(n)],
            "sample_nr": np.arange(n),
            "visit_date": pd.date_range("2024-01-01", periods=n).strftime("%Y-%m-%d"),
            "hospital": rng.choice(["north", "south"], n),
            "sex": rng.choice(["f", "m"], n),
            "age": rng.integers(20, 90, n),
            "crp": rng.gamma(2.0, 10.0, n).round(1),
            "notes": [f"seen in bed {i}, stable" for i in range(n)],
            "outcome": rng.choice([0, 1], n),
        }
    )


@pytest.fixture
def home(tmp_path):
    return open_home(tmp_path / "runs")


def test_each_role_is_proposed_by_name_and_cells_and_says_why(visits):
    found = propose(visits)
    assert {role: one.column for role, one in found.roles.items()} == {
        "patient": "PatientID", "target": "outcome", "site": "hospital", "time": "visit_date"}  # fmt: skip
    assert [one.column for one in found.subgroups] == ["sex", "age"]
    assert "40 patients in 80 rows" in found.roles["patient"].why
    assert "2 values: 0, 1" in found.roles["target"].why
    assert all(one.why for one in (*found.roles.values(), *found.subgroups, *found.exclude))


def test_identifiers_and_free_text_are_never_features(visits):
    assert {one.column for one in propose(visits).exclude} == {"sample_nr", "notes"}


def test_measurements_that_differ_in_every_row_stay_features():
    frame = pd.DataFrame({"crp": np.linspace(1, 9, 50), "sodium_nr": np.linspace(130, 145, 50), "death": [0, 1] * 25})
    assert propose(frame).exclude == ()


def test_nothing_is_proposed_where_nothing_suggests_it():
    frame = pd.DataFrame({"a": np.linspace(0, 1, 30), "b": np.linspace(5, 9, 30)})
    assert propose(frame).settings() == {}


def test_reasons_are_said_in_the_language_of_the_reader(visits):
    with speaking("de"):
        assert "40 Patienten in 80 Zeilen" in propose(visits).roles["patient"].why


@pytest.mark.parametrize(
    ("name", "words"), [("PatientID", ("patient", "id")), ("visit_date", ("visit", "date")), ("CRP2", ("crp", "2"))]
)
def test_words_of_names(name, words):
    assert words_of(name) == words


def test_a_german_file_is_read_and_the_way_is_told(visits, tmp_path):
    path = tmp_path / "visits.csv"
    visits.assign(hospital="Süd").to_csv(path, sep=";", decimal=",", index=False, encoding="cp1252")
    found, told = reading.propose(path)
    assert found == {"separator": ";", "decimal": ",", "encoding": "cp1252"}
    assert "semicolons" in told
    assert "decimal commas" in told
    assert list(reading.read(path, found).columns) == list(visits.columns)


def test_a_usual_file_needs_no_words(visits, tmp_path):
    visits.to_csv(tmp_path / "visits.csv", index=False)
    assert reading.propose(tmp_path / "visits.csv") == ({}, "")


def test_an_excel_file_with_several_sheets_is_asked_for_one(visits, tmp_path):
    path = tmp_path / "visits.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"a": ["Read me"]}).to_excel(book, sheet_name="Info", index=False)
        visits.to_excel(book, sheet_name="Visits", index=False)
    assert reading.sheets(path) == ["Info", "Visits"]
    with pytest.raises(DataError, match="This file has 2 sheets"):
        reading.propose(path)
    assert list(reading.read(path, {"sheet": "Visits"}).columns) == list(visits.columns)
    visits.to_excel(tmp_path / "one.xlsx", index=False)
    assert reading.sheets(tmp_path / "one.xlsx") == []
    assert reading.propose(tmp_path / "one.xlsx") == ({}, "")


def test_a_pdf_that_calls_itself_a_table_is_named(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    with pytest.raises(DataError, match=r"visits\.csv ends in \.csv, but its content is that of a PDF file"):
        reading.propose(path)


def test_a_checked_draft_knows_its_facts_and_is_there_after_a_restart(visits, home, tmp_path):
    path = tmp_path / "visits.csv"
    visits.to_csv(path, index=False)
    draft = drafts.begin(str(path), home.drafts).with_data(**propose(visits).settings())
    checked = check(draft, home.drafts)
    again = drafts.load(draft.id, home.drafts)
    assert again == checked.draft
    assert again.confirmed
    assert (again.facts["samples"], again.facts["patients"], again.facts["task"]) == (80, 40, "binary")


def test_a_leak_stops_until_somebody_allows_it(visits, home, tmp_path):
    path = tmp_path / "visits.csv"
    visits.assign(code=visits["outcome"] * 2.0).to_csv(path, index=False)
    draft = drafts.begin(str(path), home.drafts).with_data(target="outcome", patient="PatientID", exclude=["notes"])
    assert check(draft, home.drafts).stops
    assert not check(draft.with_data(allow_leak=["code"]), home.drafts).stops
    assert not check(draft.with_data(exclude=["notes", "code"]), home.drafts).stops


@pytest.mark.parametrize("id", ["../settings", "", "x" * 16, ".."])
def test_a_draft_that_is_not_there_is_told_in_words(home, id):
    with pytest.raises(RunError, match="choose them again"):
        drafts.load(id, home.drafts)


def test_a_zip_of_images_becomes_the_folder_with_the_classes(home, tmp_path):
    batch = home.uploads / "batch"
    batch.mkdir()
    with zipfile.ZipFile(batch / "skin.zip", "w") as packed:
        for name in ("benign", "malignant"):
            for k in range(2):
                Image.new("RGB", (16, 16), (90 * k, 0, 0)).save(tmp_path / "one.png")
                packed.write(tmp_path / "one.png", f"skin/{name}/{k}.png")
    draft = arrivals.draft_of(batch)
    assert draft.kind == "images"
    assert {path.rsplit("/")[-1] for path in map(str, (batch / "skin" / "skin").iterdir())} == {"benign", "malignant"}
    assert draft.source == str(batch / "skin" / "skin")
    assert len(previews.thumbnails_below(batch)) == 4


def test_two_tables_at_once_are_refused_by_name(home):
    batch = home.uploads / "batch"
    batch.mkdir()
    for name in ("a.csv", "b.csv"):
        (batch / name).write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"These are 2 tables: a\.csv, b\.csv"):
        arrivals.draft_of(batch)


def test_uploads_that_nothing_refers_to_go_after_a_day(home):
    kept, lost = home.uploads / ("a" * 24), home.uploads / ("b" * 24)
    for batch in (kept, lost):
        batch.mkdir()
        (batch / "visits.csv").write_text("x,y\n1,2\n")
    drafts.begin(str(kept / "visits.csv"), home.drafts)
    assert tidy(home) == []
    assert tidy(home, now=time.time() + 2 * DAY) == [lost.name]
    assert kept.is_dir()
    assert lost.name not in {path.name for path in home.uploads.iterdir()}
    assert len(tidy(home, now=time.time() + 60 * DAY)) == 2  # the draft, and what only it named


def test_options_of_the_command_line_are_told_as_menus():
    assert in_app("Name it: --positive CLASS.") == "Name it: “Class to detect”."
    assert in_app("add --separator ';'") == "add “Separator” ';'"
    assert in_app("--folder stays") == "--folder stays"


def test_what_was_typed_for_the_training_stays_with_the_draft(visits, home, tmp_path):
    path = tmp_path / "visits.csv"
    visits.to_csv(path, index=False)
    draft = drafts.begin(str(path), home.drafts)
    kept = draft.save_training(home.drafts, "forest", {"seed": "7"})
    assert drafts.load(draft.id, home.drafts) == kept
    checked = check(kept.with_data(**propose(visits).settings()), home.drafts)
    assert (checked.draft.family, checked.draft.typed) == ("forest", {"seed": "7"})
    draft.save_training(home.drafts, "mlp", {})  # by a page that was opened before the data were checked
    assert drafts.load(draft.id, home.drafts).facts == checked.draft.facts


def test_a_column_with_a_role_is_no_subgroup(visits):
    form = ColumnsForm([*visits.columns], propose(visits).settings(), propose(visits))
    assert form.free == ["sample_nr", "sex", "age", "crp", "notes"]
