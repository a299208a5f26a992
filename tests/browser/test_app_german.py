"""Every visible sentence of the German pages is German, or says that it is English."""

import re
import shutil

import pandas as pd
import pytest

from bedside.app.words import german
from cohorts import table

pytestmark = pytest.mark.browser
# Words of English sentences that are no German ones, and that names of columns, classes and families have not.
ENGLISH = re.compile(
    r"\b(the|of|and|with|is|are|to|from|not|this|that|than|these|which|has|have|be|by|for|or|its|it|below|other)\b",
    re.I,
)
VISIBLE = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let one; (one = walker.nextNode()); ) {
    const around = one.parentElement, text = one.textContent.trim();
    const here = around.closest("[lang]");
    if (!text || around.closest("script, style, noscript, template") || (here && here.lang !== document.documentElement.lang)) continue;
    if (around.closest("option") || around.checkVisibility?.() !== false) found.push(text);
  }
  for (const one of document.querySelectorAll("main [aria-label], header [aria-label]"))
    if (one.closest("[lang]").lang === document.documentElement.lang) found.push(one.getAttribute("aria-label"));
  return found;
}"""


@pytest.fixture(scope="module")
def runs(clinic_home, app_server):
    names = ("clinic", "simpler")
    for name in names:
        shutil.copytree(clinic_home / name, app_server.folder / name)
    yield names
    for name in names:
        shutil.rmtree(app_server.folder / name, ignore_errors=True)


def left_in_english(page):
    """What a German page says in English without saying so."""
    everything = page.evaluate(VISIBLE)
    assert len(everything) > 10
    only_english = {said for said, meant in german().items() if said != meant}
    return sorted({said for said in everything if said in only_english or ENGLISH.search(said)})


def opened(page, path):
    """The page with everything that can be unfolded on it."""
    page.goto(path)
    page.locator("main h1").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")


PLACES = ("/", "/data", "/train", "/runs", "/runs/clinic", "/cases", "/cases/clinic", "/predict", "/predict/clinic", "/operating",
          "/operating/clinic", "/compare?run=clinic&run=simpler", "/trash", "/learn", "/nowhere", "/runs/nobody", "/compare?run=clinic")  # fmt: skip


def test_german_pages_are_german_or_say_what_is_not(visitor, runs):
    page = visitor("de-DE")
    assert set(german()) & {"Data", "Open"}
    for path in PLACES:
        opened(page, path)
        assert left_in_english(page) == [], path


def test_what_comes_while_one_works_is_german_too(visitor, runs, tmp_path):
    page = visitor("de-DE")
    page.goto("/cases/clinic")
    page.locator("tr[data-sample] button").first.click()
    page.get_by_text("Bekannt über diese Probe").wait_for()
    page.get_by_role("img", name="Was jede Spalte beitrug").wait_for()
    assert left_in_english(page) == []
    page.goto("/predict/clinic")
    page.get_by_role("button", name="Mit getestetem Patienten füllen").click()
    page.get_by_text("Was sich am meisten unterscheidet").wait_for()
    assert left_in_english(page) == []
    page.locator("[data-column='dose']").fill("viel")
    page.get_by_role("button", name="Vorhersage", exact=True).click()
    page.locator(".follows .notice.error").wait_for()
    assert left_in_english(page) == []
    table(60).head(30).to_csv(tmp_path / "known.csv", index=False)
    page.locator("input[data-arrive]").set_input_files(tmp_path / "known.csv")
    page.get_by_text("30 dieser 30 Proben haben genau die Werte einer Probe").wait_for()
    assert left_in_english(page) == []
    heads = page.locator("main th[scope=col]").all_inner_texts()
    assert heads[:3] == ["Probe", "Wert für well", "Wert für sick"]


def test_the_way_from_data_to_training_is_german_too(visitor, tmp_path):
    page = visitor("de-DE")
    frame = pd.DataFrame(table(60)).rename(columns={"outcome": "Befund"})
    frame.to_csv(tmp_path / "werte.csv", index=False)
    page.goto("/data")
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 and no more")
    page.locator("input[data-arrive][multiple]").set_input_files(tmp_path / "half.zip")
    page.locator(".status.error[lang=en]", has_text="is damaged").wait_for()
    assert left_in_english(page) == []
    page.locator("input[data-arrive][multiple]").set_input_files(tmp_path / "werte.csv")
    page.get_by_role("button", name="Diese Daten prüfen").click()
    page.get_by_role("link", name="Weiter zum Training").wait_for()
    opened(page, page.url)
    page.get_by_role("link", name="Weiter zum Training").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert left_in_english(page) == []
    page.get_by_role("link", name="Weiter zum Training").click()
    page.get_by_role("button", name="Training starten").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert left_in_english(page) == []
