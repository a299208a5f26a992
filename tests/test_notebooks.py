"""The notebooks are what their sources make, run top to bottom without a network, and print the facts they printed."""

import os
import sys
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "notebooks"))
import make_notebooks

SOURCES = make_notebooks.sources()
REFUSE = """
import sys
LOCAL = {"127.0.0.1", "localhost", "::1", None, ""}
def refuse(event, arguments):
    host = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    if (host.decode() if isinstance(host, bytes) else host) not in LOCAL:
        raise RuntimeError(f"network: {event} {arguments}")
sys.addaudithook(refuse)
"""


SAVE_INK = """
from blank_figures import save_ink
if "ipykernel_launcher" not in sys.orig_argv or not DRAWS:
    save_ink()
"""
DRAWS = "00_first_model"  # the report of its kernel is drawn; the figures in all others are made and not drawn


def named(path):
    return path.stem


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder of its own for kernels that cannot reach the network and know nothing of this computer."""
    (tmp_path / "sitecustomize.py").write_text(REFUSE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.delenv("BEDSIDE_DATA", raising=False)
    return tmp_path


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_no_notebook_is_stale(source):
    assert make_notebooks.stale(source) == [], "run: make notebooks"


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_it_runs_without_a_network_shows_its_facts_and_solves_its_exercises(alone, source):
    with open(alone / "sitecustomize.py", "a") as file:
        file.write(f"DRAWS = {source.stem == DRAWS}{SAVE_INK}")
    ran = make_notebooks.run(make_notebooks.with_solutions(source), alone)
    assert make_notebooks.facts(ran) == make_notebooks.facts(make_notebooks.stored(source))
    asked = [cell for cell in ran.cells if cell.cell_type == "code" and "learn.check(" in cell.source]
    answers = [
        output.data["text/plain"] for cell in asked for output in cell.outputs if output.output_type == "execute_result"
    ]
    assert len(answers) == len(asked) >= 3
    assert [answer for answer in answers if not answer.splitlines()[0].endswith("all right")] == []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_the_exercise_version_has_gaps_and_no_solution(source):
    full, gaps = make_notebooks.with_solutions(source), make_notebooks.with_gaps(source)
    nbformat.validate(gaps)
    solutions = [found["solution"].strip() for found in make_notebooks.GAP.finditer(source.read_text(encoding="utf-8"))]
    text = "\n".join(cell.source for cell in gaps.cells)
    assert all("..." in cell.source for cell in gaps.cells if cell.id in _changed(full, gaps))
    assert [one for one in solutions if one in text] == []


def _changed(full, gaps):
    before = {cell.id: cell.source for cell in full.cells}
    return {cell.id for cell in gaps.cells if cell.source != before[cell.id]}


def test_a_notebook_that_takes_too_long_in_all_is_stopped_and_its_slowest_cell_is_named(alone, monkeypatch):
    monkeypatch.setattr(make_notebooks, "SECONDS", 3)
    cells = [nbformat.v4.new_code_cell(code) for code in ["import time", "time.sleep(0.2)", "time.sleep(60)", "1"]]
    slow = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 99 Slow"), *cells])
    with pytest.raises(make_notebooks.TooSlow, match=r"'99 Slow' .* 0\.05 in all.*ends with: time\.sleep\(60\)"):
        make_notebooks.run(slow, alone)
