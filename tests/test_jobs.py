"""What was asked for is done once, in order, and nothing that ended well is lost, whichever process dies."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest

from bedside.errors import RunError, SettingError
from bedside.folder import locked, open_run
from bedside.jobs import Queue, curves
from bedside.jobs.events import EventLog
from bedside.jobs.job import EVENTS, Progress
from bedside.jobs.queue import ATTEMPTS
from bedside.jobs.turn import is_taken, take_turn
from bedside.jobs.worker import PAUSE, main, work
from bedside.run import Stage, train_steps
from bedside.scoring import predict
from bedside.settings import RunSettings, build

QUICK = {
    "folds": {"scheme": "crossval", "number": 3},
    "train": {"epochs": 3, "patience": 2},
    "model": {"hidden": [4]},
    "evaluation": {"resamples": 200, "baseline": False},
    "explain": {"samples": 0},
}
SLOW = {**QUICK, "train": {"epochs": 4000, "patience": 3999, "batch_size": 4}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A home with one training that went through in this process."""
    queue = Queue(tmp_path_factory.mktemp("home"))
    job = queue.add_training("breast-cancer", QUICK, label="Breast")
    work(job)
    return queue, job


def until(found, seconds=300):
    """Wait for a fact; the test fails if it does not come true."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_training_ends_as_a_run_and_tells_what_happened(trained):
    _, job = trained
    assert (job.state, job.error) == ("finished", "")
    events, end = job.events()
    assert [event["event"] for event in (events[0], events[-1])] == ["begun", "finished"]
    assert events[0]["samples"] == 569
    assert job.events(end) == ([], end)
    assert open_run(job.run).finished


def test_the_curves_are_those_of_the_history(trained):
    _, job = trained
    history = open_run(job.run).history
    drawn = [
        (curve.repeat, curve.fold, epoch, loss)
        for curve in curves(job.events()[0])
        for epoch, loss in curve.valid.items()
    ]
    known = history[["repeat", "fold", "epoch", "valid_loss"]]
    pd.testing.assert_frame_equal(
        pd.DataFrame(drawn, columns=known.columns).sort_values(["fold", "epoch"], ignore_index=True),
        known.sort_values(["fold", "epoch"], ignore_index=True),
        rtol=1e-4,
        check_dtype=False,
    )


def test_a_prediction_gives_the_scores_of_predict(trained, tmp_path):
    queue, job = trained
    new = open_run(job.run).cohort  # has no features
    from bedside.data import read_cohort
    from bedside.settings import DataSettings

    frame = read_cohort("breast-cancer", DataSettings()).inputs.frame.head(7)
    frame.to_csv(tmp_path / "new.csv", index=False)
    asked = queue.add_prediction(job.run, tmp_path / "new.csv")
    work(asked)
    assert asked.state == "finished", asked.error
    expected = predict(job.run, tmp_path / "new.csv").table
    found = pd.read_csv(asked.output)
    assert found["score_malignant"].to_numpy() == pytest.approx(expected["score_malignant"].to_numpy(), abs=1e-9)
    assert len(new) == 569
    queue.remove(asked.id)
    assert asked.id not in [one.id for one in queue.jobs()]


def test_what_cannot_be_done_is_said_in_words_and_leaves_no_folder(tmp_path):
    queue = Queue(tmp_path)
    job = queue.add_training(tmp_path / "away.csv", {"data": {"target": "x"}})
    assert job.run.is_dir()
    work(job)
    assert job.state == "failed"
    assert "away.csv" in job.error
    assert not job.run.exists()


def test_a_wrong_setting_never_enters_the_line(tmp_path):
    with pytest.raises(SettingError, match="epochs"):
        Queue(tmp_path).add_training("breast-cancer", {"train": {"epochs": 0}})
    assert Queue(tmp_path).jobs() == []


def test_jobs_keep_their_order_and_have_folders_of_their_own(tmp_path):
    queue = Queue(tmp_path)
    jobs = [queue.add_training("breast-cancer", QUICK) for _ in range(3)]
    assert [job.id for job in Queue(tmp_path).jobs()] == [job.id for job in jobs]
    assert len({job.run for job in jobs}) == 3


def begun_elsewhere(folder, **more):
    """A run that was stopped after its training, as on the command line: no job knows of it."""
    for event in train_steps(more.pop("source", "breast-cancer"), build(RunSettings, {**QUICK, **more}), folder=folder):
        if isinstance(event, Stage) and event.name == "evaluation":
            return folder
    raise AssertionError("it came to its end")


def test_a_run_begun_on_the_command_line_is_adopted_and_ends_as_if_nothing_had_happened(trained, tmp_path):
    _, undisturbed = trained
    queue, run = Queue(tmp_path), begun_elsewhere(tmp_path / "mine")
    with locked(run), pytest.raises(RunError, match="Another process is working on"):
        queue.adopt(run)
    job = queue.adopt(run)
    assert (job.kind, job.label, job.run, job.source) == ("train", "mine", run, "breast-cancer")
    assert job.settings["train"] == {**open_run(run).settings["train"]}
    with pytest.raises(RunError, match="is waiting in the queue already"):
        queue.adopt(run)
    queue.stop(job.id)
    assert queue.adopt(run).id == job.id  # one job per run, however often it is taken up again
    work(job)
    assert job.state == "finished", job.error
    assert (run / "predictions.csv").read_bytes() == (undisturbed.run / "predictions.csv").read_bytes()
    with pytest.raises(RunError, match="is finished; there is nothing to resume"):
        queue.adopt(run)
    with pytest.raises(RunError, match="no run folder"):
        queue.adopt(tmp_path / "nobody")


def test_a_run_on_data_without_a_name_cannot_be_adopted(tmp_path):
    from cohorts import cohort

    begun_elsewhere(tmp_path / "mine", source=cohort(60))
    with pytest.raises(RunError, match="cohort without a name"):
        Queue(tmp_path).adopt(tmp_path / "mine")
    assert Queue(tmp_path).jobs() == []


def test_only_one_process_has_the_turn(tmp_path):
    queue = Queue(tmp_path)
    job = queue.add_training("breast-cancer", QUICK)
    with take_turn(queue.folder):
        assert is_taken(queue.folder)
        main(tmp_path)  # somebody else works: it leaves at once
        queue.look()
        assert job.state == "waiting"
    assert not is_taken(queue.folder)


def test_waiting_jobs_stop_at_once_and_can_be_resumed_and_removed(tmp_path):
    queue = Queue(tmp_path)
    job = queue.add_training("breast-cancer", QUICK)
    with pytest.raises(RunError, match="stop it before"):
        queue.remove(job.id)
    with pytest.raises(RunError, match="is waiting"):
        queue.resume(job.id)
    queue.stop(job.id)
    assert job.state == "stopped"
    queue.resume(job.id)
    assert job.state == "waiting"
    queue.stop(job.id)
    queue.remove(job.id)
    assert queue.jobs() == []
    with pytest.raises(RunError, match="no job"):
        queue.job(job.id)


def test_a_job_whose_process_dies_again_and_again_has_failed(tmp_path):
    queue = Queue(tmp_path)
    job = queue.add_training("breast-cancer", QUICK)
    job.save(Progress("running", attempts=ATTEMPTS))
    queue.look()
    assert job.state == "failed"
    assert "memory" in job.error
    queue.resume(job.id)
    assert job.progress == Progress("waiting")


def test_a_job_that_no_process_begins_has_failed_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr("bedside.jobs.queue._worker", lambda home: subprocess.Popen([sys.executable, "-c", "exit(1)"]))
    queue = Queue(tmp_path)
    first, second = (queue.add_training("breast-cancer", QUICK) for _ in range(2))
    until(lambda: queue.look() or first.state == "failed", 60)
    assert "ended 3 times at once" in first.error
    assert second.state == "waiting"


def test_only_the_next_job_of_a_queue_that_works_begins_in_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(Queue, "look", lambda queue: None)
    queue = Queue(tmp_path)
    first, second = (queue.add_training("breast-cancer", QUICK) for _ in range(2))
    assert not queue.begins(first.id)  # nobody looks after it, as while a server ends
    with queue:
        assert (queue.begins(first.id), queue.begins(second.id)) == (True, False)
        second.save(Progress("running"))
        assert not queue.begins(first.id)  # it was resumed, and waits for the later one
        second.save(Progress("finished"))
        assert queue.begins(first.id)
    assert not queue.begins(first.id)


def test_a_line_that_was_cut_off_is_no_event(trained, tmp_path):
    _, known = trained
    job = replace(known, folder=tmp_path)
    EventLog(tmp_path).add({"event": "stage", "name": "training"})
    with open(tmp_path / EVENTS, "ab") as file:
        file.write(b'{"event": "prog')
    (only,), after = job.events()
    assert only["name"] == "training"
    EventLog(tmp_path).add({"event": "finished"})
    assert [event["event"] for event in job.events(after)[0]] == ["finished"]


def test_a_killed_worker_a_stop_and_a_pause_change_no_prediction(trained, tmp_path):
    """One training, whose process is killed, then paused with its queue, then stopped, and at last goes through."""
    _, undisturbed = trained
    queue = Queue(tmp_path)
    job = queue.add_training("breast-cancer", QUICK)
    slow = queue.add_training("breast-cancer", SLOW)
    with queue:
        until(lambda: slow.state == "running" and any(e["event"] == "progress" for e in slow.events()[0]))
        worker = queue._process
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        count = len(slow.events()[0])
        until(lambda: len(slow.events()[0]) > count)  # another process goes on
    until(lambda: not queue.working)
    queue.close()  # it may have ended later than the first time
    assert slow.state == "waiting"  # the queue was closed: it goes on when one starts again
    assert (queue.folder / PAUSE).exists()
    with Queue(tmp_path) as again:
        until(lambda: slow.state == "running")
        again.stop(slow.id)
        until(lambda: slow.state == "stopped")
    assert job.state == "finished"
    expected = (undisturbed.run / "predictions.csv").read_bytes()
    assert (job.run / "predictions.csv").read_bytes() == expected
