"""Runs in the app apart from any page: the trash, the list, runs side by side, and the list of cases."""

import asyncio
import fcntl
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from nicegui import Client, core
from nicegui.page import page

from app_runs import bare, bytes_of, clinic
from bedside import DataError, RunError
from bedside.app.cases.case_list import CaseList
from bedside.app.cases.case_rows import PAGE, Cases, Wanted
from bedside.app.home import Home
from bedside.app.opened import Opened
from bedside.app.runs.beside import compared, differing
from bedside.app.runs.run_rows import row_of, verdict_of
from bedside.app.runs.trash import Trash, run_in
from bedside.folder import Run, locked, open_run, write_json, write_yaml
from bedside.jobs import Queue
from report_runs import TASKS, make_run


@pytest.fixture
def made(tmp_path):
    """A run folder that nothing was computed for, in a home of its own."""
    bare(tmp_path / "one")
    return tmp_path


def test_undo_brings_a_run_back_byte_for_byte(made):
    before, trash = bytes_of(made / "one"), Trash(made)
    thrown = trash.throw("one")
    assert not (made / "one").exists()
    assert [one.name for one in trash.contents()] == ["one"]
    assert trash.restore(thrown.id) == made / "one"
    assert bytes_of(made / "one") == before
    assert trash.contents() == []
    with pytest.raises(RunError, match="no longer in the trash"):
        trash.restore(thrown.id)


def test_a_run_comes_back_beside_one_that_took_its_name(made):
    trash = Trash(made)
    thrown = trash.throw("one")
    bare(made / "one")
    (made / "one" / "report.html").write_text("another")
    newer = bytes_of(made / "one")
    assert trash.restore(thrown.id) == made / "one-2"
    assert bytes_of(made / "one") == newer


def test_a_run_that_is_being_trained_is_not_deleted(made):
    with open(made / "one" / ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        before = bytes_of(made / "one")
        with pytest.raises(RunError, match="being trained; stop it first"):
            Trash(made).throw("one")
        assert bytes_of(made / "one") == before
    assert Trash(made).throw("one").name == "one"  # a lock that nobody holds, as a killed run leaves it


def test_a_run_that_a_job_waits_for_is_not_deleted(made):
    queue = Queue(made)
    write_yaml(made / "one" / "settings.yaml", {"family": "mlp", "source": "breast-cancer"})
    (made / "one" / "report.html").unlink()
    job = queue.adopt(made / "one")
    with pytest.raises(RunError, match="Its training is waiting in the queue; stop that first"):
        Trash(made).throw("one")
    queue.stop(job.id)
    assert Trash(made).throw("one").name == "one"


def test_a_run_that_shall_predict_is_not_deleted(made):
    write_json(made / "one" / "environment.json", {"format": 2, "wall_seconds": 1.0})
    Queue(made).add_prediction(made / "one", "new.csv", label="new patients")
    with pytest.raises(RunError, match="The prediction 'new patients' by it is waiting"):
        Trash(made).throw("one")


def test_the_list_says_who_works_on_an_unfinished_run(made):
    begun = {
        "environment": {"format": 2, "started": "2026-11-23T10:00:00"},
        "description": {"name": "x", "patients": 3},
    }
    for name, record in begun.items():
        write_json(made / "one" / f"{name}.json", record)
    write_yaml(made / "one" / "settings.yaml", {"family": "mlp", "source": "breast-cancer"})
    (made / "one" / "report.html").unlink()
    queue, run = Queue(made), Run(made / "one")
    assert row_of(run, queue.jobs()).state == "unfinished"
    with locked(run.path):
        assert (row_of(run, []).state, row_of(run, []).busy) == ("elsewhere", True)
    job = queue.adopt(run.path)
    assert row_of(run, queue.jobs()).queued
    queue.stop(job.id)
    assert row_of(run, queue.jobs()).state == "unfinished"


@pytest.mark.parametrize(
    "name", ["..", ".", "", "../one", "one/", "/etc", ".bedside", "one/../one", "a\\b", "a\0b", "nobody", "linked"]
)
def test_only_names_of_runs_reach_the_disk(made, name):
    (made / "linked").symlink_to(made / "one")
    with pytest.raises(RunError, match="There is no run"):
        run_in(made, name)
    with pytest.raises(RunError):
        Trash(made).throw(name)
    with pytest.raises(RunError):
        Trash(made).restore(name)
    assert (made / "one" / "settings.yaml").exists()


def test_emptying_the_trash_takes_nothing_else(made):
    trash = Trash(made)
    trash.throw("one")
    bare(made / "two")
    before = bytes_of(made / "two")
    assert trash.empty() == 1
    assert trash.contents() == []
    assert bytes_of(made / "two") == before


def test_a_half_thrown_run_is_no_content_of_the_trash(made):
    (made / ".bedside" / "trash" / "abc").mkdir(parents=True)
    assert Trash(made).contents() == []


def test_the_list_says_what_the_report_says(clinic_home):
    row = row_of(Run(clinic_home / "clinic"), [])
    headline = next(e for e in Run(clinic_home / "clinic").estimates["estimates"] if e["metric"] == "auroc")
    assert row.finished
    assert (row.cohort, row.family, row.patients) == ("binary", "mlp", 60)
    assert row.estimate.to_dict() == headline
    assert verdict_of(Run(clinic_home / "clinic")) == "few"  # 60 patients are too few, whatever the AUROC
    (clinic_home / "clinic" / "settings.yaml").touch()
    assert row_of(Run(clinic_home / "nowhere"), []).state == "damaged"


def test_runs_on_the_same_folds_are_compared_in_pairs(clinic_home):
    found = compared([Run(clinic_home / "clinic"), Run(clinic_home / "simpler")])
    assert found.why_not == ""
    (pair,) = found.pairs
    assert {pair["first"], pair["second"]} == {"clinic", "simpler"}
    values = [found.estimates["auroc"][found.names.index(pair[side])].value for side in ("first", "second")]
    assert np.isclose(pair["difference"]["value"], values[0] - values[1], atol=0.05)  # mean of folds, not the pool
    assert found.settings["family"] == ("mlp", "logistic")
    assert "seed" not in found.settings


def test_runs_that_share_no_samples_are_not(clinic_home, tmp_path):
    make_run(tmp_path, TASKS["binary"])
    found = compared([Run(clinic_home / "clinic"), Run(tmp_path)])
    assert found.pairs == ()
    assert "predict different things" in found.why_not
    assert all(row[0] is not None for row in found.estimates.values())
    with pytest.raises(DataError, match="choose 2 to 6"):
        compared([Run(clinic_home / "clinic")])


def test_other_folds_are_no_pair_either(clinic_home):
    other = clinic(clinic_home, "other-folds", family="logistic", seed=1)
    found = compared([Run(clinic_home / "clinic"), other])
    assert "same samples in the same folds" in found.why_not


def test_only_settings_that_differ_are_shown():
    first = {"seed": 0, "train": {"epochs": 5, "rate": 0.1}, "bedside": "1"}
    second = {"seed": 0, "train": {"epochs": 7, "rate": 0.1}, "model": {"hidden": [4, 2]}, "bedside": "2"}
    assert differing({"a": first, "b": second}) == {"train.epochs": ("5", "7"), "model.hidden": ("–", "4, 2")}


@pytest.mark.parametrize("name", ["none", "..", "../one", "one/..", ".bedside", "\0", ""])
def test_what_is_no_run_of_the_folder_is_told_without_the_command_line(made, name):
    with pytest.raises(RunError, match="There is no run") as told:
        Home(made).run(name)
    assert "`" not in str(told.value)
    assert Home(made).run("one").path == made / "one"


def test_two_choices_at_once_leave_one_table_of_cases(clinic_home, monkeypatch):
    """The list reads pictures in a thread; what was chosen meanwhile is what it shows."""
    run = open_run(clinic_home / "clinic")

    async def drawn():
        monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
        with Client(page("/cases")) as client:
            listed = CaseList(Opened(run), Cases(run))
            await listed.draw(Wanted())
            listed.show(Wanted(order="score"))
            listed.show(Wanted(order="sample"))
            await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=10)
            return [element.props.get("data-sample") for element in client.elements.values() if element.tag == "tr"]

    with ThreadPoolExecutor(1) as thread:  # a browser's loop of another test may still run in this one
        lines = thread.submit(asyncio.run, drawn()).result()
    assert [sample for sample in lines if sample] == Cases(run).among(Wanted(order="sample"))["sample"].tolist()[:PAGE]
