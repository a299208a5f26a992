"""Runs, cases, predictions and the operating point in a browser: what is shown is what the run says."""

import re
import shutil
import time
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

import bedside
from app_runs import ROLES, SMALL, bytes_of, new_patients, rows_tested
from bedside.app.cases.case_rows import Cases, Wanted
from bedside.app.operating.point import Operating
from bedside.folder import Run, locked
from bedside.run import Stage, train_steps
from bedside.settings import RunSettings, build
from cohorts import table

pytestmark = pytest.mark.browser
PATIENCE = 30  # seconds
SAMPLES = "[...document.querySelectorAll('tr[data-sample]')].map((one) => one.dataset.sample)"


@pytest.fixture(scope="module")
def runs(clinic_home, app_server):
    """The two runs in the folder of the server, by name."""
    for name in ("clinic", "simpler"):
        shutil.copytree(clinic_home / name, app_server.folder / name)
    yield {name: Run(app_server.folder / name) for name in ("clinic", "simpler")}
    for name in ("clinic", "simpler"):
        shutil.rmtree(app_server.folder / name, ignore_errors=True)


def until(page, true):
    """Ask again until it holds."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, page.locator("main").inner_text()
        page.wait_for_timeout(50)


def calm(page):
    """Nothing complained, everything has a name, and the page is no wider than its window."""
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    nameless = page.evaluate(
        "[...document.querySelectorAll('main :is(input, select, textarea, button, a, [role=img])')].filter((one) => "
        "!(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML)"
    )
    assert nameless == []
    small = page.evaluate(
        "[...document.querySelectorAll('main :is(select, textarea, button)')].filter((one) => "
        "one.offsetHeight && one.offsetHeight < 44).map((one) => one.outerHTML)"
    )
    assert small == []


def test_a_cell_shows_exactly_whom_predictions_put_there(visitor, runs):
    page = visitor()
    page.goto("/cases/clinic")
    cell = page.get_by_role("button", name="Truth sick, decided well")
    cell.click()
    page.get_by_role("heading", name="Truth sick, decided well").wait_for()
    expected = Cases(runs["clinic"]).among(Wanted(target="sick", decision="well"))
    until(page, lambda: page.evaluate(SAMPLES) == expected["sample"].tolist()[:25])
    expect(cell).to_have_attribute("aria-pressed", "true")
    page.get_by_label("sex").select_option("f")
    page.get_by_label("Order").select_option("sample")
    women = expected[expected["sex"] == "f"]
    page.get_by_text(f"Samples: {len(women)} ").wait_for()
    until(page, lambda: page.evaluate(SAMPLES) == sorted(women["sample"]))
    expect(page.get_by_label("sex")).to_have_value("f")
    calm(page)


def apart_from_notes(files):
    return {name: content for name, content in files.items() if not name.startswith("notes")}


def test_a_note_is_there_after_a_reload_and_the_run_is_as_it_was(visitor, runs):
    before = bytes_of(runs["clinic"].path)
    page = visitor()
    page.goto("/cases/clinic")
    page.locator("tr[data-sample]").first.wait_for()
    first = page.evaluate(SAMPLES)[0]
    page.get_by_role("button", name=first, exact=True).press("Enter")
    page.get_by_text("What led to this score").wait_for()
    page.get_by_label("Note", exact=True).fill("Two visits on one day?")
    page.get_by_role("button", name=f"Keep the note on {first}").click()
    page.get_by_text("The note is kept in the run.").wait_for()
    page.reload()
    page.get_by_role("button", name=first, exact=True).click()
    expect(page.get_by_label("Note", exact=True)).to_have_value("Two visits on one day?")
    expect(page.locator(f"tr[data-sample='{first}']").get_by_text("noted")).to_have_count(1)
    page.get_by_role("img", name="What each column contributed").wait_for()
    calm(page)
    after = bytes_of(runs["clinic"].path)
    assert apart_from_notes(after) == apart_from_notes(before)


def test_undo_brings_the_run_back_byte_for_byte(visitor, runs):
    before = bytes_of(runs["simpler"].path)
    page = visitor()
    page.goto("/runs")
    page.get_by_role("button", name="Delete simpler").click()
    undo = page.get_by_role("button", name="Undo")
    undo.wait_for()
    assert not runs["simpler"].path.exists()
    expect(page.get_by_role("link", name="simpler", exact=True)).to_have_count(0)
    undo.press("Enter")
    page.get_by_text("simpler is back.").wait_for()
    assert bytes_of(runs["simpler"].path) == before
    page.get_by_role("link", name="simpler", exact=True).wait_for()
    calm(page)


def test_what_was_begun_on_the_command_line_is_resumed_on_its_page(visitor, app_server):
    place = app_server.folder / "mine"
    settings = build(RunSettings, {**SMALL, "data": ROLES})
    data = app_server.folder.parent / "mine.csv"
    table(60).to_csv(data, index=False)
    for event in train_steps(data, settings, folder=place):
        if isinstance(event, Stage) and event.name == "evaluation":
            break
    page = visitor()
    page.goto("/runs")
    page.get_by_role("button", name="Resume mine").wait_for()
    calm(page)
    with locked(place):
        page.reload()
        page.get_by_text("being trained outside this app").wait_for()
        expect(page.get_by_role("button", name="mine")).to_have_count(0)  # neither to resume nor to delete
    page.get_by_role("link", name="mine", exact=True).click()
    page.get_by_role("heading", name="mine").wait_for()
    page.reload()
    calm(page)
    page.get_by_role("button", name="Resume").click()
    page.wait_for_url("**/train/job/*")
    page.get_by_role("link", name="Open the report").wait_for(timeout=60_000)
    assert Run(place).finished
    page.get_by_role("button", name="Take mine off the list").click()
    page.wait_for_url("**/train")
    shutil.rmtree(place)


def test_two_runs_are_ticked_and_compared(visitor, runs):
    page = visitor()
    page.goto("/runs")
    for name in runs:
        page.get_by_role("checkbox", name=f"Compare {name}").check()
    page.get_by_role("link", name="Compare 2 runs side by side").click()
    page.get_by_role("heading", name="Pair by pair, on the same patients").wait_for()
    words = page.locator("main").inner_text()
    assert "corrected resampled t-test" in words
    assert "logistic" in words
    calm(page)


def test_the_score_in_the_form_is_that_of_predict(visitor, runs):
    rows = new_patients()
    expected = bedside.predict(runs["clinic"], rows).table
    page = visitor()
    page.goto("/predict/clinic")
    for place in range(2):
        for column in ("dose", "age", "noise", "drug", "sex"):
            value = rows[column].iloc[place]
            field, text = page.locator(f"[data-column='{column}']"), "" if pd.isna(value) else str(value)
            field.select_option(text) if column in ("drug", "sex") else field.fill(text)
        page.get_by_role("button", name="Predict", exact=True).click()
        shown = page.locator(f"[data-score='{float(expected['score_sick'].iloc[place])!r}']")
        shown.wait_for()
        expect(page.get_by_text(f"Decision: {expected['decision'].iloc[place]}")).to_have_count(1)
    page.get_by_text("What differs most").wait_for()
    page.get_by_role("img", name="What each column contributed").wait_for()
    page.locator("[data-column='dose']").fill("500")
    page.get_by_text("Outside what training saw. Check the unit.").wait_for()
    page.get_by_text("The values have changed since this answer").wait_for()
    page.locator("[data-column='dose']").press("Enter")
    page.get_by_text("Unlike anything in training").wait_for()
    page.locator("[data-column='dose']").fill("much")
    page.get_by_text("is not a number").wait_for()
    expect(page.locator("[data-column='dose']")).to_have_attribute("aria-invalid", "true")
    calm(page)


def test_an_answer_takes_the_place_of_an_error_and_an_error_that_of_another(visitor, runs):
    page = visitor()
    page.goto("/predict/clinic")
    told = page.locator(".notice.error, .q-notification.error")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_text("Fill in at least one field").wait_for()
    page.locator("[data-column='dose']").fill("much")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.locator(".notice", has_text="dose: 'much' is not a number").wait_for()
    expect(told).to_have_count(1)
    page.locator("[data-column='dose']").fill("5")
    page.get_by_role("button", name="Predict", exact=True).click()
    page.get_by_text("What differs most").wait_for()
    expect(told).to_have_count(0)
    calm(page)


def test_samples_of_the_training_are_not_taken_for_new_ones(visitor, runs, clinic_home, tmp_path):
    old = pd.read_csv(clinic_home / "data" / "binary.csv").head(4)
    new = new_patients(6).assign(patient=[f"new{place}" for place in range(6)])
    for name, rows, words in (
        ("both", pd.concat([old, new]), "4 of these 10 samples have exactly the values"),
        ("new", new, ""),
    ):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        page = visitor()
        page.goto("/predict/clinic")
        page.locator("input[data-arrive]").set_input_files(tmp_path / f"{name}.csv")
        page.get_by_role("button", name="Save the scores as CSV").wait_for()
        expect(page.get_by_text("Known from training")).to_have_count(int(bool(words)))
        expect(page.get_by_text(words or "Known from training")).to_have_count(int(bool(words)))


@pytest.fixture(scope="module")
def lesions(app_server):
    """A run on a few dark and bright images, in the folder of the server, and an image that it has not seen."""
    rng, data = np.random.default_rng(0), app_server.folder.parent / "lesions"
    for name, base in (("dark", 60), ("bright", 170)):
        (data / name).mkdir(parents=True)
        for k in range(15):
            pixels = np.clip(rng.normal(base, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(data / name / f"{k}.png")
    new = app_server.folder.parent / "new.png"
    Image.fromarray(np.clip(rng.normal(170, 30, (16, 16, 3)), 0, 255).astype(np.uint8)).save(new)
    asked = {"family": "cnn", "model": {"width": 2, "stages": 1}, "train": {"epochs": 2}, "evaluation": {"resamples": 100, "baseline": False},
             "explain": {"samples": 0}, "data": {"positive": "bright"}}  # fmt: skip
    run = bedside.train(data, asked, folder=app_server.folder / "lesions")
    yield run, new
    shutil.rmtree(run.path)


def test_an_image_gets_the_score_of_predict_with_its_evidence_and_those_most_alike(visitor, lesions):
    run, new = lesions
    expected = bedside.predict(run, new).table.iloc[0]
    page = visitor()
    page.goto("/predict/lesions")
    page.locator("input[data-arrive]").set_input_files(new)
    page.locator(f"[data-score='{float(expected['score_bright'])!r}']").wait_for()
    page.get_by_text(f"Decision: {expected['decision']}").wait_for()
    page.get_by_role("img", name="Evidence by Grad-CAM").wait_for()
    page.locator("table.near img").nth(4).wait_for()
    expect(page.locator("table.near td").first).to_have_text(re.compile("bright|dark"))
    calm(page)
    page.get_by_role("link", name="Predict another").click()
    page.get_by_role("button", name="Show a tested image").click()
    page.get_by_text("(this very sample)").or_(page.get_by_text("Nearest training cases")).first.wait_for()
    calm(page)


def test_an_example_is_a_tested_patient(visitor, runs):
    page = visitor()
    page.goto("/predict/clinic")
    page.get_by_role("button", name="Fill in a tested patient").click()
    case = rows_tested(runs["clinic"]).iloc[0]
    page.get_by_text(f"Sample {case['sample']}; the truth was {case['target']}.").wait_for()
    page.get_by_text("The model here has learned from this patient too").wait_for()
    expect(page.locator("[data-column='sex']")).to_have_value(case["sex"])


def test_a_file_of_many_is_scored_as_predict_scores_it(visitor, runs, tmp_path):
    rows = new_patients(30)
    rows.to_csv(tmp_path / "new.csv", index=False)
    bedside.predict(runs["clinic"], tmp_path / "new.csv", output=tmp_path / "expected.csv")
    page = visitor()
    page.goto("/predict/clinic")
    page.locator("input[data-arrive]").set_input_files(tmp_path / "new.csv")
    page.get_by_text("The first 20 of 30").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the scores as CSV").click()
    saved.value.save_as(tmp_path / "found.csv")
    assert (tmp_path / "found.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    page.goto("/predict/clinic")
    page.locator("input[data-arrive]").set_input_files(tmp_path / "other.csv")
    page.get_by_text("The new data lack 5 columns that the model needs").wait_for()
    assert page.complaints == []


def test_moving_the_threshold_moves_every_number_to_that_of_the_evaluation(visitor, runs):
    model = Operating(runs["clinic"])
    page = visitor()
    page.goto("/operating/clinic")
    page.get_by_text("The frozen thresholds, each fold with its own").wait_for()

    def shows(point):
        expected = {f"[data-metric={m}] b": e.text().partition(" [")[0] for m, e in point.estimates.items()}
        expected |= {f"[data-part={kind}]": str(count) for kind, count in point.dots.items()}
        until(page, lambda: {place: page.locator(place).inner_text() for place in expected} == expected)
        if point.dots["tp"]:
            until(page, lambda: page.locator(".dots path.tp").get_attribute("d").count("M") == point.dots["tp"])

    shows(model.at(None, model.prevalence))
    threshold = page.get_by_label("Threshold, as a number")
    threshold.fill("0.6")
    threshold.press("Enter")
    page.get_by_text("You are choosing a threshold on the test patients").wait_for()
    shows(model.at(0.6, model.prevalence))
    prevalence = page.get_by_label("Prevalence, in %, as a number")
    prevalence.fill("5")
    prevalence.press("Tab")
    shows(model.at(0.6, 0.05))
    line = page.locator(".here-line")
    expect(line).to_have_attribute("points", re.compile(r"264\.4,.*"))  # 0.6 of the way across
    page.get_by_role("slider", name="Threshold").press("Home")
    shows(model.at(0.0, 0.05))
    expect(line).to_have_attribute("points", re.compile(r"52\.0,.*"))
    page.get_by_text("At a threshold of 0 or 1 there is none.").wait_for()
    expect(page.locator("main")).not_to_contain_text("–.")
    calm(page)
    page.get_by_role("button", name="Back to the frozen threshold").click()
    page.get_by_text("The frozen thresholds, each fold with its own").wait_for()
    shows(model.at(None, model.prevalence))
    expect(threshold).to_have_value(f"{model.middle:.4g}")
    threshold.fill("high")
    threshold.press("Enter")
    page.get_by_text("'high' is not a number from 0 to 1").wait_for()


PAGES = ("/runs", "/runs/clinic", "/cases", "/cases/clinic", "/predict/clinic", "/operating/clinic", "/trash", "/learn",
         "/compare?run=clinic&run=simpler")  # fmt: skip


def test_pages_fit_a_tablet_in_the_dark_and_speak_german(visitor, runs):
    page = visitor("de-DE", 820, color_scheme="dark")
    for path in PAGES:
        page.goto(path)
        page.locator("main h1").wait_for()
        assert page.evaluate("document.documentElement.lang") == "de", path
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)", path
        calm(page)


def test_on_a_telephone_nothing_lies_on_anything_else(visitor, runs):
    page = visitor(width=390)
    for path in ("/runs", "/cases/clinic", "/predict/clinic", "/operating/clinic"):
        page.goto(path)
        page.locator("main h1").wait_for()
        calm(page)
    page.goto("/runs")
    box = page.get_by_role("checkbox", name="Compare clinic").bounding_box()
    name = page.get_by_role("link", name="clinic", exact=True).bounding_box()
    assert box["x"] + box["width"] + 8 <= name["x"]


def test_pages_below_a_menu_entry_light_it_up(visitor, runs):
    page = visitor()
    for path in ("/compare?run=clinic&run=simpler", "/trash", "/runs/clinic"):
        page.goto(path)
        expect(page.locator("nav.pages [aria-current=page]")).to_have_text("Runs")


def test_names_that_are_no_runs_are_told_in_words(visitor, runs):
    page = visitor()
    for name in ("..", "../..", "/etc/passwd", ".bedside", "nobody", "<script>alert(1)</script>"):
        asked = quote(name, safe="")
        for place in ("runs", "cases", "predict", "operating"):
            answer = page.request.get(f"/{place}/{asked}")
            words = answer.text()
            assert answer.status in (200, 404)
            assert not [told for told in ("Traceback", "root:", "<script>alert(1)</script>") if told in words]
        assert page.request.get(f"/runs/{asked}/pages/card.html").status == 404
    assert page.request.get("/runs/clinic/pages/settings.yaml").status == 404
    assert page.request.get("/runs/clinic/pages/card.html").status == 200


def test_figures_to_learn_from_lead_back(visitor, runs):
    page = visitor()
    page.goto("/learn")
    page.get_by_role("link", name="One neuron").click()
    page.get_by_role("link", name="Back to the app").click()
    page.get_by_role("heading", name="Learn", exact=True).wait_for()
    assert page.complaints == []
