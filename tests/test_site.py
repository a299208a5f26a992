"""The site: built without a warning, complete, and readable and searchable from a disk without a network."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bedside
from bedside import learn
from bedside.learn.explorables import EXPLORABLES
from report_runs import chromium

ROOT = Path(__file__).parents[1]
QUIET = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}


def build(root, place):
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--config-file",
        str(root / "mkdocs.yml"),
        "--site-dir",
        str(place),
    ]
    return subprocess.run(command, capture_output=True, text=True, env=QUIET)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    place = tmp_path_factory.mktemp("site")
    done = build(ROOT, place)
    assert done.returncode == 0, done.stderr + done.stdout
    return place


def test_every_page_is_there_and_nothing_is_loaded_from_elsewhere(site):
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")
    } <= pages
    notes = (site / "trainer-notes.html").read_text(encoding="utf-8")
    for heading in re.findall(
        r"^## (.*)$", (ROOT / "notebooks" / "TRAINER.md").read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert heading in notes
    assert 'href="../trainer-notes.html"' in (site / "tutorials" / "trainer.html").read_text(encoding="utf-8")
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)="?(https?://[^" >]+)', text)
        assert [address for address in loaded if 'rel="canonical"' not in address] == [], path.name


def test_a_broken_link_ends_the_build(tmp_path):
    for name in ("docs", "mkdocs.yml"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "TRAINER.md", tmp_path / "notebooks")
    with open(tmp_path / "docs" / "glossary.md", "a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md) and [no heading](limits.md#not-there)\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "nowhere.md" in done.stdout + done.stderr
    assert "not-there" in done.stdout + done.stderr


@pytest.mark.browser
def test_it_opens_and_finds_words_from_a_disk(site):
    with chromium() as browser:
        page = browser.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto((site / "theory" / "evaluation.html").as_uri())
        found = page.locator(".md-search-result__item")
        until = time.monotonic() + 60
        while time.monotonic() < until and not found.count():  # the field is there before the script that listens to it
            page.fill("[data-md-component=search-query]", "")
            page.type("[data-md-component=search-query]", "calibration")
            page.wait_for_timeout(1000)
        found = page.locator(".md-search-result__link").evaluate_all("all => all.map(one => one.href)")
    assert any("evaluation.html" in address for address in found)
    assert {address.partition(":")[0] for address in asked} <= {"file", "data", "blob"}
    assert complaints == []


def test_every_public_name_verb_figure_and_exercise_stands_in_the_reference():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    names = [name for name in bedside.__all__ if f"`bedside.{name}`" not in text and f"`{name}`" not in text]
    assert names == []
    assert [name for name in learn.__all__ if f"`bedside.learn.{name}`" not in text] == []
    assert [name for name in EXPLORABLES if f"`{name}`" not in text] == []
    assert "### bedside learn play" in text


def test_every_figure_of_the_theory_is_drawn_by_its_script_and_described():
    drawn = set(re.findall(r"^def (\w+)\(\) -> Figure:", (ROOT / "docs" / "make_figures.py").read_text(), re.MULTILINE))
    used = {}
    for page in (ROOT / "docs" / "theory").glob("*.md"):
        used |= {
            name: words
            for words, name in re.findall(r"!\[([^\]]*)\]\(\.\./figures/(\w+)\.svg\)", page.read_text(encoding="utf-8"))
        }
    assert set(used) == drawn == {path.stem for path in (ROOT / "docs" / "figures").glob("*.svg")}
    assert all(len(words) > 20 for words in used.values())


def test_the_glossary_is_in_alphabetical_order():
    terms = re.findall(r"^\*\*(.+?)\.\*\*", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    letters = [re.sub(r"[^a-z ]", "", term.casefold()) for term in terms]
    assert letters == sorted(set(letters))
