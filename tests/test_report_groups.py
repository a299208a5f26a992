"""The report tells groups and uncertainty as they were estimated, hides what is hidden, and reads older runs."""

import json

import numpy as np
import pytest

from bedside.evaluation import evaluate
from bedside.folder import Run, write_json, write_table
from bedside.report.html import write_report
from bedside.settings import EvaluationSettings
from report_runs import NASTY, TASKS, chromium, make_run, open_page, page_of

pytestmark = pytest.mark.figures


def grouped_run(folder, kind="binary", *, n=240):
    run = make_run(folder, TASKS[kind], n=n)
    table = run.predictions
    number = table["patient"].str[1:].astype(int)
    table["site"] = np.array(["north", "south", "west"])[number % 3]
    table["ward"] = np.where(number < 4, "tiny", np.where(number % 2, NASTY, "b"))
    table["age"] = 20.0 + number % 60
    write_table(run.path / "predictions.csv", table)
    found = evaluate(table, TASKS[kind], EvaluationSettings(resamples=100), seed=0)
    write_json(run.path / "estimates.json", found)
    again = Run(run.path)
    write_report(again)
    return again


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return grouped_run(tmp_path_factory.mktemp("groups") / "run")


def test_the_page_shows_each_group_and_hides_the_small_one(run):
    text = (run.path / "report.html").read_text(encoding="utf-8")
    section = text[text.index('id="groups"') : text.index('id="uncertainty"')]
    assert "hidden: fewer than 10 patients" in section
    assert all(name in section for name in ("north", "south", "west", "By <b>age</b>", "&lt; "))
    assert NASTY not in text
    found = json.loads((run.path / "estimates.json").read_text(encoding="utf-8"))["subgroups"]
    assert found["sentence"].replace("-", "−").split(":")[0] in section
    for column in ("site", "age"):
        assert (run.path / "figures" / f"groups-{column}.svg").exists()


def test_the_page_shows_coverage_and_silence(run):
    text = (run.path / "report.html").read_text(encoding="utf-8")
    found = json.loads((run.path / "estimates.json").read_text(encoding="utf-8"))["uncertainty"]
    assert found["conformal"]["sentence"] in text
    assert found["abstention"]["sentence"] in text
    assert {"coverage.svg", "abstention.svg", "abstention-decisions.svg"} <= {
        p.name for p in (run.path / "figures").iterdir()
    }


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_other_tasks_have_the_sections_too(kind, tmp_path):
    run = grouped_run(tmp_path / "run", kind)
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Groups and sites" in text
    assert ("If the model may be silent" in text) == (kind == "multiclass")
    assert page_of(run).elements


def test_a_run_from_before_still_has_its_report(tmp_path):
    run = make_run(tmp_path / "run", TASKS["binary"])
    old = {key: found for key, found in run.estimates.items() if key not in ("subgroups", "uncertainty")}
    write_json(run.path / "estimates.json", old)
    text = write_report(Run(run.path)).read_text(encoding="utf-8")
    assert 'id="groups"' not in text
    assert 'id="uncertainty"' not in text


@pytest.mark.browser
def test_the_sections_fit_a_phone(run):
    with chromium() as browser:
        page, requests, complaints = open_page(browser, run, 390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("getComputedStyle(document.querySelector('#groups .for-wide')).display") == "none"
        assert not complaints
        assert len(requests) == 1
