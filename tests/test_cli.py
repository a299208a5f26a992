"""The command line: what a new user types, and what they see when it is wrong."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from typer.testing import CliRunner

from bedside import cli
from bedside.errors import BedsideError
from cohorts import table as make_table

QUICK = ["--set", "model.hidden=[4]", "--set", "train.epochs=3", "--set", "train.patience=2"]
QUICK += ["--set", "evaluation.resamples=100", "--set", "explain.samples=0"]
ROLES = ["--target", "outcome", "--patient", "patient", "--site", "site", "--subgroup", "sex", "--positive", "sick"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with clinic.csv in it, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    make_table(60).to_csv("clinic.csv", index=False)
    return tmp_path


def bedside(*arguments: str):
    """Run a command in this process; its exit code, or the error that `main` would print."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def shell(*arguments: str, **options):
    """Run the command as a user does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    command = [sys.executable, "-m", "bedside", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=180, **options)


def test_from_a_table_to_a_report_and_scores_for_new_patients(workplace):
    checked = bedside("check", "clinic.csv", *ROLES)
    assert checked.exit_code == 0, checked.output
    assert "binary task on 'outcome'" in checked.output
    trained = bedside("train", "clinic.csv", *ROLES, "--folds", "crossval", *QUICK, "-o", "run")
    assert trained.exit_code == 0, trained.output
    assert "AUROC" in trained.output
    assert "run/report.html" in trained.output
    make_table(10, seed=3).drop(columns="outcome").to_csv("new.csv", index=False)
    predicted = bedside("predict", "run", "new.csv", "-o", "scores.csv")
    assert predicted.exit_code == 0, predicted.output
    assert "Research and teaching only; not a medical device." in predicted.output
    scores = pd.read_csv("scores.csv")
    assert list(scores.columns[:3]) == ["sample", "score_well", "score_sick"]
    assert len(scores) == len(pd.read_csv("new.csv"))
    judged = bedside("evaluate", "run/predictions.csv", "-o", "again.json")
    assert judged.exit_code == 0, judged.output
    again, first = (
        json.loads((workplace / "again.json").read_text()),
        json.loads((workplace / "run/estimates.json").read_text()),
    )
    values = [{(e["metric"], e["of"]): e["value"] for e in record["estimates"]} for record in (again, first)]
    assert values[0] == values[1]
    (workplace / "run/report.html").unlink()
    assert bedside("report", "run").exit_code == 0
    assert (workplace / "run/report.html").exists()


def test_settings_file_and_options_lie_over_each_other(workplace):
    (workplace / "mine.yaml").write_text(
        "source: clinic.csv\nfamily: logistic\nseed: 5\nevaluation: {resamples: 100}\n"
    )
    done = bedside("train", *ROLES, "--settings", "mine.yaml", "--family", "prevalence", "-o", "run")
    assert done.exit_code == 0, done.output
    written = (workplace / "run/settings.yaml").read_text()
    assert "family: prevalence" in written
    assert "seed: 5" in written


def test_anybodys_predictions_are_judged(workplace):
    vendor = pd.DataFrame({"truth": [0, 1] * 40, "risk": [0.2, 0.7, 0.6, 0.4] * 20, "id": range(80)})
    vendor.to_csv("vendor.csv", index=False)
    done = bedside("evaluate", "vendor.csv", "--target", "truth", "--score", "risk", "--threshold", "0.5")
    assert done.exit_code == 0, done.output
    assert "auroc" in done.output
    assert "0.75" in done.output


def test_lists(workplace):
    assert "boosting" in bedside("families").output
    assert "breast-cancer" in bedside("cohorts").output
    listed = bedside("settings").output
    assert "train.learning_rate" in listed
    assert "model.activation" in listed
    only = bedside("settings", "--family", "forest").output
    assert "model.trees" in only
    assert "train.learning_rate" not in only


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "Name the data"),
        (["train", "brest-cancer"], "breast-cancer"),
        (["train", "clinic.csv"], "--target"),
        (["train", "clinic.csv", "--target", "outcom"], "Did you mean 'outcome'"),
        (["train", "clinic.csv", *ROLES, "--family", "mpl"], "Did you mean 'mlp'"),
        (["train", "clinic.csv", *ROLES, "--folds", "kfold"], "'crossval', 'site', 'time' or 'given'"),
        (["train", "clinic.csv", *ROLES, "--set", "train.epoch=3"], "Did you mean 'train.epochs'"),
        (["train", "clinic.csv", *ROLES, "--settings", "none.yaml"], "There is no settings file none.yaml"),
        (["train", "--resume", "runs/none"], "There is no run folder runs/none"),
        (["predict", "runs/none", "clinic.csv", "-o", "x.csv"], "There is no run folder"),
        (["report", "."], "is not a run folder"),
        (["evaluate", "clinic.csv", "--target", "outcome"], "score"),
        (["settings", "--family", "mpl"], "Did you mean 'mlp'"),
        (["check", "clinic.tsv"], "clinic.csv"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(workplace, arguments, message):
    before = sorted(workplace.rglob("*"))
    done = bedside(*arguments)
    assert isinstance(done.exception, BedsideError), done.output
    assert message in str(done.exception)
    assert sorted(workplace.rglob("*")) == before


def test_an_error_is_a_sentence_without_a_traceback_and_exit_code_2(workplace):
    done = shell("train", "clinic.csv", "--target", "outcom", cwd=workplace)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
    unknown = shell("trian", cwd=workplace)
    assert unknown.returncode == 2
    assert "train" in unknown.stderr


def test_a_leak_is_refused_with_the_way_out(workplace):
    table = make_table(60)
    table["discharge"] = (table.outcome == "sick").map({True: "hospice", False: "home"})
    table.to_csv("clinic.csv", index=False)
    checked = bedside("check", "clinic.csv", *ROLES)
    assert checked.exit_code == 1
    assert "discharge" in checked.output
    refused = bedside("train", "clinic.csv", *ROLES, *QUICK)
    assert "--allow-leak discharge" in str(refused.exception)
    assert "--exclude discharge" in str(refused.exception)
    assert bedside("train", "clinic.csv", *ROLES, *QUICK, "--exclude", "discharge").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_run_that_continues(workplace):
    """Interrupted in training, the command names the way back, and the way back works."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    options = ["--set", "train.epochs=100000", "--set", "train.patience=99999", "--set", "evaluation.resamples=100"]
    listening = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); runpy.run_module('bedside', run_name='__main__', alter_sys=True)"
    # Tests that run in the background of a shell inherit that Ctrl-C is ignored; this process listens.
    command = [sys.executable, "-c", listening, "train", "clinic.csv", *ROLES, *options, "-o", "run"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=workplace
    )
    environment_file = workplace / "run" / "environment.json"
    until = time.monotonic() + 120
    while time.monotonic() < until and not (environment_file.exists() and "threads" in environment_file.read_text()):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    try:
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()  # whatever happens, nothing goes on training
    assert process.returncode == 130, errors
    assert "Continue with: bedside train --resume run" in output
    assert "Traceback" not in errors
    assert not (workplace / "run" / "predictions.csv").exists()
    settings = workplace / "run" / "settings.yaml"
    assert "epochs: 100000" in settings.read_text()
    differing = bedside("train", "--resume", "run", "--set", "train.epochs=5")
    assert "Leave out: train.epochs (asked 5, the run has 100000)" in str(differing.exception)


def test_an_interrupted_run_continues_by_its_name_alone(workplace):
    from bedside.run import Begun, train_steps
    from bedside.settings import RunSettings, build

    asked = {"data": {"target": "outcome", "positive": "sick"}, "train": {"epochs": 3, "patience": 2}}
    asked |= {"explain": {"samples": 0}, "evaluation": {"resamples": 100}}
    for event in train_steps("clinic.csv", build(RunSettings, asked), folder="run"):
        if isinstance(event, Begun):
            break
    done = bedside("train", "--resume", "run")
    assert done.exit_code == 0, done.output
    assert (workplace / "run/report.html").exists()
    finished = bedside("train", "--resume", "run")
    assert "run/report.html" in finished.output
