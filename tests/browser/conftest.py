"""What the tests of the app in a browser share: one browser, one server, and the log of what its pages asked for."""

import pytest
from app_server import Server, strangers, watched
from playwright.sync_api import expect

from report_runs import chromium

expect.set_options(timeout=30_000)  # what a live page says is asked again until it holds: it changes message by message


@pytest.fixture(scope="session")
def app_browser():
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="session")
def app_server(tmp_path_factory, app_browser):
    server = Server(tmp_path_factory.mktemp("app") / "runs").start()
    yield server
    server.close()


@pytest.fixture
def servers(app_browser):
    """Starts further servers, which end with the test."""
    started = []

    def start(folder):
        started.append(Server(folder).start())
        return started[-1]

    yield start
    for server in started:
        server.close()


def connected(page):
    """`page.goto` that returns when the page hears its server: what a machine types before that, faster than anybody, is lost."""
    goto = page.goto

    def come(url, **options):
        found = goto(url, **options)
        page.wait_for_function("() => !document.querySelector('#nicegui-color-scheme') || window.did_handshake")
        return found

    return come


@pytest.fixture
def visitor(app_browser, app_server):
    """Opens the app as somebody who speaks a language; at the end nobody but the server was asked."""
    contexts = []

    def come(language="en", width=1280, server=app_server, **options):
        seen = {"viewport": {"width": width, "height": 900}, "locale": language, "base_url": server.url}
        context = app_browser.new_context(**seen, **options)
        contexts.append((context, watched(context), server))
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto = connected(page)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
        return page

    yield come
    for context, _, _ in contexts:
        context.close()
    assert [strangers(asked, server) for _, asked, server in contexts] == [[] for _ in contexts]
