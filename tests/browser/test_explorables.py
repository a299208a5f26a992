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


@pytest.fixture(scope="module")
def visit(browser, address):
    """Opens a page, and says what it asked for and what it complained about."""

    def go(path):
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(f"{address}{path}")
        if path.startswith("/play/") and path != "/play/":
            until(page, ready)
        return page

    return go


@pytest.fixture(scope="module")
def seen(visit):
    """The page of an explorable, for looking only: opened once."""
    opened = {}

    def look(name):
        if name not in opened:
            opened[name] = visit(f"/play/{name}")
        return opened[name]

    return look


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
    page.close()


@pytest.mark.parametrize("name", EXPLORABLES)
def test_it_fits_a_tablet_and_a_page_at_twice_the_size(seen, name):
    page = seen(name)
    for width in (800, 600):  # 600: a window of 1,200 at 200 %
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"wider than {width}"
        sizes = page.evaluate(
            "[...document.querySelectorAll('#figure svg text')].filter(one => one.getClientRects().length)"
            ".map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a)"
        )
        assert all(size >= 9 for size in sizes), f"text of {min(sizes):.1f} px at {width}"


@pytest.mark.parametrize("name", EXPLORABLES)
def test_every_control_has_a_name_and_every_picture_a_description(seen, name):
    page = seen(name)
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


def test_a_member_of_the_family_album_is_live(visit):
    page = visit("/play/family_album")
    page.locator("#controls button", has_text="Transformer").click()
    until(page, lambda page: ready(page) and page.locator("#figure svg image").count() == 16)
    assert "learned from 180 lesions" in page.inner_text("#figure")
    assert page.complaints == []


def test_the_recurrent_network_reads_as_far_as_it_is_told(visit):
    page = visit("/play/family_album")
    page.locator("#controls button", has_text="Recurrent network").click()
    until(page, lambda page: ready(page) and page.locator("#figure svg circle").count() == 1)
    whole = page.inner_text("#figure p[aria-live]")
    page.get_by_label("Read so far").fill("20")
    assert page.inner_text("#figure p[aria-live]") != whole
    assert page.inner_text("#figure p[aria-live]").startswith("After 0.5 s")
    assert page.complaints == []


def test_the_graph_network_the_autoencoder_and_the_generative_model_of_the_album_are_live(visit):
    page = visit("/play/family_album")
    page.locator("#controls button", has_text="Graph network").click()
    until(page, lambda page: ready(page) and page.locator("#figure figure img").count() == 2)
    before = page.inner_text("#figure p[aria-live]")
    page.get_by_label("Molecule").fill("2")
    until(page, lambda page: ready(page) and page.inner_text("#figure p[aria-live]") != before)
    page.locator("#controls button", has_text="Autoencoder").click()
    until(
        page,
        lambda page: ready(page) and page.locator("#figure svg text", has_text="a code of two numbers").count() == 1,
    )
    assert page.inner_text("#figure p[aria-live]").startswith("More unusual than")
    page.locator("#controls button", has_text="Generative model").click()
    until(page, lambda page: ready(page) and "Nobody has it." in page.inner_text("#figure p[aria-live]"))
    before = page.inner_text("#figure p[aria-live]")
    assert before.startswith("Out: a malignant mass")
    page.get_by_label("benign", exact=True).check()
    until(page, lambda page: ready(page) and page.inner_text("#figure p[aria-live]").startswith("Out: a benign mass"))
    page.get_by_label("Code, first number").fill("2")
    until(page, lambda page: ready(page) and page.inner_text("#figure p[aria-live]") != before)
    assert page.complaints == []


def test_a_file_that_is_no_image_is_refused_in_the_page(visit, tmp_path):
    page = visit("/play/convolution")
    before = page.evaluate(SHOWN)
    (tmp_path / "scan.png").write_text("patient;age")
    page.set_input_files("#image-file", tmp_path / "scan.png")
    until(page, lambda page: ready(page) and page.inner_text("#status").startswith("This file is not an image"))
    assert page.evaluate(SHOWN) == before


def test_a_link_to_a_line_leads_to_it(visit):
    page = visit("/source/bedside.training.loop#L100")
    assert page.evaluate("document.querySelector(':target').id") == "L100"
    assert 0 < page.evaluate("document.querySelector(':target').getBoundingClientRect().top") < 900
    assert page.complaints == []
