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


def named(path):
    return path.stem


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Each notebook with solutions, run once in a folder of its own by a process that cannot reach the network."""
    done = {}

    def run(source):
        if source not in done:
            folder = tmp_path_factory.mktemp(source.stem)
            (folder / "sitecustomize.py").write_text(REFUSE)
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
                patch.setenv("BEDSIDE_CACHE", str(folder / "cache"))
                patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
                patch.delenv("BEDSIDE_DATA", raising=False)
                done[source] = make_notebooks.run(make_notebooks.with_solutions(source), folder)
        return done[source]

    return run


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_no_notebook_is_stale(source):
    assert make_notebooks.stale(source) == [], "run: make notebooks"


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_it_runs_without_a_network_and_its_facts_are_those_it_shows(ran, source):
    shown = make_notebooks.stored(source)
    assert make_notebooks.facts(ran(source)) == make_notebooks.facts(shown)


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_every_exercise_is_solved_in_the_trainers_version(ran, source):
    answers = [
        output.data["text/plain"]
        for cell in ran(source).cells
        if cell.cell_type == "code" and "learn.check(" in cell.source
        for output in cell.outputs
        if output.output_type == "execute_result"
    ]
    asked = [cell for cell in ran(source).cells if cell.cell_type == "code" and "learn.check(" in cell.source]
    assert len(answers) == len(asked)
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
