"""The app as somebody uses it for the first time: from the start to a report, with broken files, beside somebody else."""

import json
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import bedside

pytestmark = pytest.mark.browser
FILES = "input[data-arrive][multiple]"


def table(n=60, seed=0):
    """Patients with two visits each, two of three columns that tell of sepsis."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"patient_id": [f"p{i // 2}" for i in range(n)], "sex": rng.choice(["f", "m"], n),
                          "crp": rng.gamma(2, 10, n).round(1), "lactate": rng.gamma(2, 1, n).round(2)})  # fmt: skip
    return frame.assign(outcome=np.where(frame["crp"] + rng.normal(0, 8, n) > 18, "sepsis", "no sepsis"))


@pytest.fixture(scope="module")
def patients(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "patients.csv"
    table().to_csv(path, index=False)
    return path


def type_settings(page, settings):
    """Settings by their labels, as somebody who knows what to look for."""
    page.get_by_text("More settings").click()
    for label, value in settings.items():
        field = page.get_by_label(label, exact=True)
        field.set_checked(value) if isinstance(value, bool) else field.fill(value)
        field.blur()


def test_a_first_report_takes_less_than_ten_clicks_and_two_minutes(visitor):
    page, clicks, began = visitor(), 0, time.monotonic()
    page.goto("/")
    for role, name in (("button", "Try it with a built-in cohort"), ("link", "Go on to training"), ("button", "Start training"), ("link", "Open the report")):  # fmt: skip
        if name == "Open the report":
            page.get_by_role("heading", name="Learning curves").wait_for()
            expect(page.locator(".curves")).to_contain_text("validation loss")
        page.get_by_role(role, name=name, exact=True).click(timeout=120_000)
        clicks += 1
    page.get_by_text("AUROC").first.wait_for()
    assert "malignant" in page.title()
    assert clicks <= 10
    assert time.monotonic() - began < 120
    assert page.complaints == []


def test_broken_files_are_told_in_words_and_the_page_lives(visitor, patients, tmp_path):
    (tmp_path / "report.csv").write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n")
    (tmp_path / "empty.csv").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "whole.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a/1.png", bytes(2000))
    (tmp_path / "half.zip").write_bytes((tmp_path / "whole.zip").read_bytes()[:60])
    page = visitor()
    for name, words in (("report.csv", "its content is that of a PDF file"), ("empty.csv", "is empty (0 bytes)"), ("half.zip", "is damaged or no zip")):  # fmt: skip
        page.goto("/data")
        page.locator(FILES).set_input_files(tmp_path / name)
        page.get_by_text(words).wait_for()
        assert "Traceback" not in page.content()
    page.locator(FILES).set_input_files(patients)  # on the page that has just refused
    page.get_by_role("heading", name="patients.csv").wait_for()
    page.get_by_text("Proposed").first.wait_for()


def test_proposals_are_confirmed_before_anything_is_used(visitor, patients):
    page = visitor()
    page.goto("/data")
    page.get_by_label("Path of a table, or of a folder of images or recordings").fill(str(patients))
    page.locator("section.path").get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Check these data").wait_for()
    expect(page.get_by_label("Target")).to_have_value("outcome")
    expect(page.get_by_label("Patient", exact=True)).to_have_value("patient_id")
    expect(page.get_by_role("link", name="Go on to training")).to_have_count(0)
    page.get_by_role("button", name="Check these data").click()
    page.get_by_role("link", name="Go on to training").wait_for()
    facts = page.locator("dl.facts").inner_text().split("\n")
    assert facts[facts.index("Patients") + 1] == "30"


def test_two_people_at_once_see_their_own_language_and_their_own_data(visitor, patients):
    one, other = visitor("en-GB"), visitor("de-DE")
    one.goto("/data")
    other.goto("/data")
    one.locator(FILES).set_input_files(patients)
    other.get_by_role("button", name="breast-cancer verwenden").click()
    one.get_by_role("heading", name="What the columns are for").wait_for()
    other.get_by_role("heading", name="Was die Prüfung ergab").wait_for()
    expect(one.locator("h1")).to_contain_text("patients.csv")
    assert "breast-cancer" not in one.content()
    assert "patients.csv" not in other.content()
    assert one.evaluate("document.documentElement.lang") == "en-US"
    assert other.evaluate("document.documentElement.lang") == "de"


def test_a_value_out_of_range_is_told_below_its_field(visitor):
    page = visitor()
    page.goto("/data")
    page.get_by_role("button", name="Use breast-cancer").click()
    page.get_by_role("link", name="Go on to training").click()
    page.get_by_label("Epochs", exact=True).fill("0")
    page.get_by_label("Epochs", exact=True).blur()
    page.get_by_text("Epochs: a whole number from 1 to 100,000, not '0'.").wait_for()
    page.get_by_role("button", name="Start training").click()
    page.locator(".q-notification", has_text="from 1 to 100,000").wait_for()
    assert "/train/job/" not in page.url


def test_what_was_typed_is_there_after_a_reload_and_after_another_page(visitor, app_server):
    page = visitor()

    def arrived(**typed):
        """The draft's file holds it; what the page says beside it depends on what was trained here before."""
        draft = app_server.folder / ".bedside" / "drafts" / f"{page.url.rsplit('/', 1)[1]}.json"
        end = time.monotonic() + 30
        while not typed.items() <= json.loads(draft.read_text())["typed"].items():
            assert time.monotonic() < end, draft.read_text()
            page.wait_for_timeout(50)

    page.goto("/data")
    page.get_by_role("button", name="Use breast-cancer").click()
    page.get_by_role("link", name="Go on to training").click()
    epochs = page.get_by_label("Epochs", exact=True)
    page.get_by_role("radio", name="forest").check()
    epochs.wait_for(state="detached")
    page.get_by_role("radio", name="mlp").check()
    epochs.wait_for()
    page.get_by_label("Who is tested").select_option("crossval")
    page.get_by_label("Folds", exact=True).fill("4")
    arrived(**{"folds.number": "4"})
    epochs.press("End")
    epochs.press_sequentially("00")  # the field is never left
    arrived(**{"train.epochs": "5000"})

    def kept():
        for name, value in (("Who is tested", "crossval"), ("Folds", "4"), ("Epochs", "5000")):
            expect(page.get_by_label(name, exact=True)).to_have_value(value)
        expect(page.get_by_role("radio", name="mlp")).to_be_checked()

    page.reload()
    kept()
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("heading", name="Runs", exact=True).wait_for()
    page.go_back()
    kept()


def test_an_excel_file_is_read_from_the_sheet_that_is_chosen(visitor, tmp_path):
    with pd.ExcelWriter(tmp_path / "visits.xlsx") as book:
        pd.DataFrame({"note": ["Read me"]}).to_excel(book, sheet_name="Info", index=False)
        table().to_excel(book, sheet_name="Visits", index=False)
    page = visitor()
    page.goto("/data")
    page.locator(FILES).set_input_files(tmp_path / "visits.xlsx")
    page.get_by_text("This file has 2 sheets").wait_for()
    page.get_by_label("Sheet").select_option("Visits")
    page.get_by_role("button", name="Read it so").click()
    page.get_by_role("button", name="Check these data").click()
    page.get_by_role("link", name="Go on to training").wait_for()
    expect(page.get_by_label("Target")).to_have_value("outcome")
    offered = page.locator("details.ticks", has_text="Subgroups").locator("label").all_inner_texts()
    assert offered == ["sex", "crp", "lactate"]  # neither the target nor the patients
    assert page.complaints == []


def test_the_keyboard_alone_leads_from_the_start_to_a_training_and_stops_it(visitor):
    page = visitor()

    def reach(name):
        """Tab on until something of this name has the focus; a mouse is never used."""
        for _ in range(150):
            page.keyboard.press("Tab")
            here = page.evaluate(
                "(document.activeElement.labels?.[0] ?? document.activeElement).innerText?.trim() ?? ''"
            )
            if here == name:
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                return
        raise AssertionError(f"{name!r} is out of reach")

    page.goto("/")
    for name, next_one in (
        ("Try it with a built-in cohort", "Go on to training"),
        ("Go on to training", "Start training"),
    ):
        reach(name)
        page.keyboard.press("Enter")
        page.get_by_text(next_one, exact=True).wait_for()
    reach("Epochs")
    page.keyboard.press("Control+a")
    page.keyboard.type("9000")
    reach("Start training")
    page.keyboard.press("Enter")
    page.wait_for_url("**/train/job/*")
    page.get_by_role("button", name="Stop").wait_for()
    reach("Stop")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Resume").wait_for(timeout=120_000)
    reach("Resume")


def test_a_training_survives_the_server_and_ends_with_the_same_predictions(visitor, servers, patients, tmp_path):
    server = servers(tmp_path / "runs")
    page = visitor(server=server)
    page.goto("/data")
    page.get_by_label("Path of a table, or of a folder of images or recordings").fill(str(patients))
    page.locator("section.path").get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Check these data").click()
    page.get_by_role("link", name="Go on to training").click()
    page.get_by_label("Epochs", exact=True).fill("400")
    type_settings(page, {"Early stopping": False, "Resamples for intervals": "100", "Samples to explain": "0"})
    page.get_by_role("button", name="Start training").click()
    page.get_by_text("Epoch 1").or_(page.get_by_text("of at most 400")).first.wait_for(timeout=120_000)
    server.kill()
    server.start()  # the page finds the server again by itself
    page.get_by_role("link", name="Open the report").wait_for(timeout=120_000)
    (made,) = [path.parent for path in (tmp_path / "runs").glob("*/report.html")]
    for place in ("cases", "predict"):
        assert (
            page.locator(f"main a[href='/{place}/{made.name}']").count() == 1
        )  # the run itself, not a list to choose from
    asked = {name: value for name, value in bedside.open_run(made).settings.items() if name != "bedside"}
    undisturbed = bedside.train(patients, asked, folder=tmp_path / "undisturbed")
    assert (made / "predictions.csv").read_bytes() == (undisturbed.path / "predictions.csv").read_bytes()
