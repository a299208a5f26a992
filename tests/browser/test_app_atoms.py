"""Molecules in a browser: a table becomes a model, and a molecule that is typed in gets its score and its evidence."""

import re
import shutil

import pytest
from playwright.sync_api import expect
from test_app_path import FILES, type_settings

import bedside
from app_runs import molecules

pytestmark = pytest.mark.browser
SMALL = {"Epochs": "2", "Width": "8", "Resamples for intervals": "100", "A random split beside it": False,
         "Compare with a simple model": False, "Samples to explain": "0"}  # fmt: skip


def test_from_a_table_of_molecules_to_the_evidence_in_a_new_one(visitor, app_server, tmp_path):
    molecules().to_csv(tmp_path / "drugs.csv", index=False)
    page = visitor()
    page.goto("/data")
    page.locator(FILES).first.set_input_files(tmp_path / "drugs.csv")
    page.get_by_role("img", name="Molecule row 6").wait_for()
    expect(page.get_by_label("Molecules (SMILES)")).to_have_value("smiles")
    page.get_by_role("button", name="Check these data").click()
    page.get_by_label("Class to detect").select_option("acid")
    page.get_by_text("acid is what a positive result means.").wait_for()
    page.get_by_role("link", name="Go on to training").click()
    expect(page.get_by_role("radio", name=re.compile("gin"))).to_be_checked()
    type_settings(page, SMALL)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("link", name="Open the report").wait_for(timeout=60_000)
    (place,) = [one for one in app_server.folder.iterdir() if one.name.startswith("drugs")]

    page.goto(f"/predict/{place.name}")
    line = page.get_by_label("Molecule (SMILES)")
    line.fill("aspirin")
    page.get_by_text("'aspirin' cannot be read as a molecule in SMILES").first.wait_for()
    line.fill("OC(=O)CCc1ccccc1")
    page.get_by_role("img", name="The molecule as it is read").wait_for()
    page.get_by_role("button", name="Predict", exact=True).click()
    (tmp_path / "new.csv").write_text("smiles\nOC(=O)CCc1ccccc1\n")
    scores = bedside.predict(place, tmp_path / "new.csv").table.iloc[0]
    expect(page.locator(".answer .score")).to_have_text(f"{scores['score_acid']:.3f}")
    page.get_by_role("img", name="Evidence by integrated gradients").wait_for()
    expect(page.locator("table.near img")).to_have_count(5)

    page.goto(f"/cases/{place.name}")
    page.locator("tr[data-sample] button").first.click()
    page.get_by_role("img", name="Evidence by integrated gradients").wait_for()
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shutil.rmtree(place)
