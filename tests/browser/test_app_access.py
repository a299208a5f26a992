"""Every page of data and training for those who use a keyboard, a screen reader, a tablet, or German."""

import itertools

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
NAMELESS = """[...document.querySelectorAll('button, a[href], input, select, summary')].filter((one) => one.getClientRects().length
    && !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML)"""
LEVELS = "[...document.querySelectorAll('main h1, main h2, main h3')].filter((one) => one.checkVisibility()).map((one) => Number(one.tagName[1]))"
FOCUSED = "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim() || document.activeElement.getAttribute('aria-label')"
SMALL = """[...document.querySelectorAll('main button, main a.button, header nav a, select')].filter((one) => one.getClientRects().length
    && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""


def open_all(page):
    """Every page of data and training, one after the other, with its name."""
    for path in ("/", "/data", "/train", "/runs"):
        page.goto(path)
        page.locator("h1").wait_for()
        yield path
    page.goto("/data")
    page.locator("ul.cards button").first.click()
    page.locator("a.primary").wait_for()
    yield "a draft"
    page.locator("a.primary").click()
    page.locator("fieldset.families").wait_for()
    yield "the form"
    page.locator("details.ticks summary").click()
    yield "all settings"


@pytest.mark.parametrize(("language", "width", "look"), [("en", 1280, "light"), ("de-DE", 820, "dark")])
def test_pages_are_named_ordered_and_fit(visitor, language, width, look):
    page = visitor(language, width, color_scheme=look)
    for name in open_all(page):
        assert page.evaluate(NAMELESS) == [], name
        assert page.evaluate(SMALL) == [], name
        levels = page.evaluate(LEVELS)
        assert levels[0] == 1
        assert levels.count(1) == 1, name
        assert all(below <= above + 1 for above, below in itertools.pairwise(levels)), (name, levels)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.locator("main").count() == 1, name
        assert page.locator("[aria-current=page]").count() <= 1, name
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    assert dark == (look == "dark")
    assert page.complaints == []


def test_the_keyboard_reaches_everything_and_leaves_it_again(visitor):
    page = visitor()
    page.goto("/data")
    page.get_by_role("button", name="Use breast-cancer").wait_for()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUSED))
    for name in ("To the content", "Data", "Deutsch", "Choose files", "Choose a folder", "Use it"):
        assert any(name in one for one in seen if one), (name, seen)
    assert seen.count("To the content") >= 1
    page.goto("/data")
    page.get_by_role("button", name="Use breast-cancer").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Go on to training").wait_for()


def test_a_choice_of_language_and_look_is_kept(visitor):
    page = visitor("en")
    page.goto("/runs")
    page.get_by_role("link", name="Deutsch").click()
    page.get_by_role("heading", name="Läufe").wait_for()
    page.get_by_role("link", name="Aussehen: wie das System").click()
    page.get_by_role("link", name="Aussehen: dunkel").wait_for()
    assert page.url.endswith("/runs")
    page.goto("/data")
    page.get_by_role("heading", name="Eigene Daten").wait_for()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_choice_leads_back_to_the_app_only(visitor, back):
    page = visitor()
    answer = page.request.get("/choose/language/de", params={"back": back}, max_redirects=0)
    assert answer.headers["location"] == "/"


def test_an_address_without_a_page_is_told_in_the_frame_with_a_way_back(visitor):
    page = visitor("de-DE")
    assert page.goto("/nothing").status == 404
    page.get_by_role("heading", name="Hier ist keine Seite").wait_for()
    page.get_by_role("link", name="Zum Anfang").click()
    page.get_by_role("heading", name="Von Daten zu einem ehrlichen Bericht").wait_for()
    page.goto("/cases/nothing")
    page.get_by_text("Hier ist kein Lauf 'nothing'.").wait_for()
    expect(page.get_by_role("main").get_by_role("link", name="Läufe")).to_have_attribute("href", "/runs")
