"""Every explorable in a real browser: it loads without asking anybody else, its control changes its picture, keys suffice.

Pictures of all pages are kept in tests/browser/screens, which git ignores and CI keeps.
"""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bedside.learn.explorables import EXPLORABLES
from bedside.learn.explorables.routes import play_app
from bedside.web import start
from report_runs import chromium

SCREENS = Path(__file__).with_name("screens")
READY = "document.body.dataset.ready === 'true'"
SHOWN = """document.getElementById('figure').innerHTML
    + [...document.querySelectorAll('#figure canvas')].map((one) => one.toDataURL()).join()"""
PATIENCE = 60  # seconds; some figures train a network first
FOCUSABLE = "#controls :is(input, select, button):not(:disabled)"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address():
    return start(play_app()).url


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture
def visit(browser, address):
    """Opens a page, and says what it asked for and what it complained about."""
    opened = []

    def go(path, width=1200, **options):
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{address}{path}")
        if path != "/play/":
            until(page, ready)
        opened.append(page)
        return page

    yield go
    for page in opened:
        page.close()


def until(page, true):
    """Ask again until it holds; the pages' own policy forbids Playwright's way, which evaluates text."""
    end = time.monotonic() + PATIENCE
    while not true(page):
        assert time.monotonic() < end, f"still not so after {PATIENCE} s: {page.inner_text('#status')}"
        page.wait_for_timeout(50)


def ready(page):
    return page.evaluate(READY)


def press(page):
    """Use the first control as somebody without a mouse does."""
    control = page.locator(FOCUSABLE).first
    control.focus()
    kind = control.evaluate("one => one.tagName === 'INPUT' ? one.type : one.tagName")
    page.keyboard.press({"range": "ArrowRight", "radio": "ArrowRight", "SELECT": "ArrowDown"}.get(kind, "Space"))


@pytest.mark.parametrize("name", EXPLORABLES)
def test_its_control_changes_its_picture_and_nothing_leaves_the_machine(visit, address, name):
    page = visit(f"/play/{name}")
    before = page.evaluate(SHOWN)
    SCREENS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)
    press(page)
    until(page, lambda page: ready(page) and page.evaluate(SHOWN) != before)
    assert {urlsplit(url).netloc for url in page.asked if not url.startswith(("data:", "blob:"))} == {
        urlsplit(address).netloc
    }
    assert page.complaints == []


@pytest.mark.parametrize("name", EXPLORABLES)
def test_it_fits_a_tablet_and_a_page_at_twice_the_size(visit, name):
    for width in (800, 600):  # 600: a window of 1,200 at 200 %
        page = visit(f"/play/{name}", width=width)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"wider than {width}"
        sizes = page.evaluate(
            "[...document.querySelectorAll('#figure svg text')].filter(one => one.getClientRects().length)"
            ".map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a)"
        )
        assert all(size >= 9 for size in sizes), f"text of {min(sizes):.1f} px at {width}"


@pytest.mark.parametrize("name", EXPLORABLES)
def test_every_control_has_a_name_and_every_picture_a_description(visit, name):
    page = visit(f"/play/{name}")
    nameless = page.evaluate(
        f"[...document.querySelectorAll('{FOCUSABLE}')].filter(one => !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim())).map(one => one.outerHTML)"
    )
    assert nameless == []
    silent = page.evaluate(
        "[...document.querySelectorAll('#figure > svg, #figure :not(svg) > svg, #figure canvas, #figure img')]"
        ".filter(one => !(one.getAttribute('aria-label') || one.alt || one.closest('[aria-label]:not(#figure)') || one.getAttribute('aria-hidden')))"
        ".map(one => one.outerHTML.slice(0, 80))"
    )
    assert silent == []


def test_the_album_leads_to_every_explorable(visit):
    page = visit("/play/")
    links = page.eval_on_selector_all("main a", "all => all.map(one => one.getAttribute('href'))")
    assert links == [f"/play/{name}" for name in EXPLORABLES]
    assert page.complaints == []
