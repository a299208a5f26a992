"""The guards as a browser meets them: a page of NiceGUI works, what is planted in it does not, other pages may not frame it."""

import subprocess
import sys
from pathlib import Path

import pytest
from fastapi.responses import HTMLResponse

from bedside.learn.explorables.routes import play_app
from bedside.web import local_app, start
from report_runs import chromium

pytestmark = pytest.mark.browser
pytest.importorskip("nicegui")


@pytest.fixture(scope="module")
def browser():
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def guarded():
    """The address of a NiceGUI page, with its token."""
    script = Path(__file__).with_name("guarded_app.py")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def test_a_page_of_the_app_works_and_runs_no_script_that_was_planted(browser, guarded):
    page = browser.new_context().new_page()
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(guarded)
    page.get_by_role("button", name="Count").click()
    page.wait_for_function("document.querySelector('#number').innerText === '1'")
    page.get_by_text("slot 1").wait_for()
    assert page.evaluate("window.planted") is None
    assert (
        sum("Content Security Policy" in words for words in problems) == 2
    )  # the planted script and the planted handler
    assert "token" not in page.url
    home = guarded.partition("?")[0]
    own = (home, home.replace("http:", "ws:"), "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert [url for url in asked[1:] if "token=" in url] == []
    cookies = page.context.cookies()
    assert {(one["httpOnly"], one["sameSite"]) for one in cookies if one["name"].startswith("bedside-")} == {
        (True, "Strict")
    }
    page.context.close()


def test_without_the_token_a_browser_is_asked_for_it(browser, guarded):
    page = browser.new_context().new_page()
    home, _, token = guarded.partition("?token=")
    assert page.goto(home).status == 401
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("button", name="Count").wait_for()
    assert page.url == home
    page.context.close()


def test_figures_may_be_framed_by_a_notebook_here_and_the_app_by_nobody(browser, guarded):
    """The framing page is another server of this machine, as a notebook's is."""
    figures, pages = start(play_app()), start(local_app("pages"))
    notebook = local_app("notebook")
    frames = "".join(f'<iframe src="{url}"></iframe>' for url in (f"{figures.url}/play/", f"{pages.url}/", guarded))
    everything = {"Content-Security-Policy": "frame-src *"}
    notebook.get("/")(lambda: HTMLResponse(frames, headers=everything))
    page = browser.new_context().new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text) if "frame-ancestors" in message.text else None)
    page.goto(f"{start(notebook).url}/")
    page.frame_locator("iframe >> nth=0").get_by_role("heading").first.wait_for()
    page.wait_for_timeout(500)
    assert len(refused) == 2
    page.context.close()
