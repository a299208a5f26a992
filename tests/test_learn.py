"""The course around its notebooks: answers, excerpts of the source, copies for learners, frames, and the local server."""

import html
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient

import bedside
from bedside import learn
from bedside.cli import main
from bedside.errors import BedsideError, RunError, SettingError
from bedside.learn import answer, frames, listing, shelf
from bedside.learn.explorables import EXPLORABLES, explorable, routes
from bedside.learn.explorables.routes import LARGEST, plain, play_app
from bedside.web import local, start
from report_runs import BINARY, make_run

ROOT = Path(__file__).parents[1]


@pytest.fixture
def spoken(monkeypatch):
    """An exercise of this test alone."""

    def look(number):
        yield answer.right("It is a number.")
        if number != 42:
            yield answer.wrong(f"{number} is not it.", "Think of the answer to everything.")

    monkeypatch.setattr(answer, "exercises", lambda: {"99.1": answer.Exercise("99.1", "A number", look)})


# Exercises


def test_an_answer_says_what_is_right_what_is_wrong_and_a_hint(spoken):
    assert repr(learn.check("99.1", 42)) == "99.1 A number: all right\n  right  It is a number."
    wrong = learn.check("99.1", 41)
    assert not wrong.right
    assert repr(wrong).splitlines()[1:] == [
        "  right  It is a number.",
        "  wrong  41 is not it.",
        "  hint   Think of the answer to everything.",
    ]
    assert "<i>Hint:</i>" in wrong._repr_html_()


def test_a_gap_is_said_to_be_one_and_errors_become_remarks(spoken):
    assert "There is still a gap" in repr(learn.check("99.1", ...))
    assert "There is still a gap" in repr(learn.check("99.1"))
    too_many = learn.check("99.1", 1, 2)
    assert not too_many.right
    assert "TypeError" in repr(too_many)


def test_learners_words_cannot_act_as_html(spoken):
    assert "<script>" not in learn.check("99.1", "<script>alert(1)</script>")._repr_html_()


def test_a_misspelt_exercise_is_suggested_and_not_taken():
    with pytest.raises(SettingError, match=r"There is no exercise '01\.88'\. Did you mean '01\.8'"):
        learn.check("01.88", 1)


def test_every_notebook_has_exercises_and_all_are_asked_for():
    asked = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "notebooks" / "source").glob("*.py"))
    known = answer.exercises()
    assert {number[:2] for number in known} == set(answer.NOTEBOOKS)
    assert [number for number in known if f'learn.check("{number}"' not in asked] == []


# Excerpts


def test_an_excerpt_is_what_the_file_says_at_that_line():
    shown = learn.source("bedside.learn.reading:source", "module, _, inside", "found = import_module")
    lines = (ROOT / "src/bedside/learn/reading.py").read_text(encoding="utf-8").splitlines()
    assert list(shown.lines) == lines[shown.first - 1 : shown.first - 1 + len(shown.lines)]
    assert shown.place == f"bedside/learn/reading.py, line {shown.first}"
    assert shown.lines[0].strip().startswith("module, _, inside")


def test_an_excerpt_of_nothing_says_so():
    with pytest.raises(SettingError, match=r"There is no 'bedside\.training\.loop:fitt'"):
        learn.source("bedside.training.loop:fitt")
    with pytest.raises(SettingError, match=r"No line of bedside\.training\.loop:fit contains 'xyzzy'"):
        learn.source("bedside.training.loop:fit", "xyzzy")


def test_outside_of_a_notebook_an_excerpt_links_nowhere_and_inside_to_its_line(monkeypatch):
    shown = learn.source("bedside.training.loop:step", "optimizer.zero_grad")
    assert "<a " not in shown._repr_html_()
    monkeypatch.setattr("bedside.learn.reading._in_notebook", lambda: True)
    (link,) = re.findall(r'<a href="(http://127[.]0[.]0[.]1:[^"]*)"', shown._repr_html_())
    assert link.endswith(f"/source/bedside.training.loop#L{shown.first}")
    monkeypatch.setitem(sys.modules, "fastapi", None)  # as if the extra were not installed
    frames.address.cache_clear()
    assert "<a " not in shown._repr_html_()


def test_every_link_leads_to_a_module_of_the_package():
    file = Path(bedside.__file__).parent / "training" / "__init__.py"
    assert listing.name_of(file) == "bedside.training"
    assert listing.name_of(Path(bedside.__file__)) == "bedside"
    assert set(listing.modules()) >= {"bedside.learn.listing", "bedside.learn.exercises.notebook_01"}


# Copies


def test_copies_keep_what_a_learner_wrote(tmp_path):
    first = learn.copy_notebooks(tmp_path / "course")
    assert [path.name for path in first.new] == [path.name for path in shelf.notebooks()]
    assert len(first.new) == 8
    first.new[1].write_text("my work")
    again = learn.copy_notebooks(tmp_path / "course")
    assert again.new == ()
    assert set(again.kept) == set(first.new)
    assert first.new[1].read_text() == "my work"


def test_solutions_stand_beside_the_exercises_under_another_name(tmp_path):
    learn.copy_notebooks(tmp_path)
    copied = learn.copy_notebooks(tmp_path, solutions=True)
    *solved, notes = copied.new
    assert [path.name for path in solved] == [f"{path.stem}_solutions.ipynb" for path in shelf.notebooks()]
    assert notes == tmp_path / "TRAINER.md"
    assert notes.read_bytes() == (ROOT / "notebooks" / "TRAINER.md").read_bytes()
    assert copied.kept == ()
    cells = json.loads((tmp_path / "01_neural_networks.ipynb").read_text(encoding="utf-8"))["cells"]
    assert any("..." in "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert all(not cell.get("outputs") for cell in cells)


def test_the_verb_says_what_is_new_and_what_was_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bedside", "learn", "--no-open", "--folder", str(tmp_path / "c")])
    for word in ("New:", "Kept as it is:"):
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 0
        assert capsys.readouterr().out.count(word) == 8


def test_without_jupyterlab_nothing_is_copied(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bedside.learn.lab.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["bedside", "learn", "--folder", str(tmp_path / "c")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "bedside learn --no-open" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "c").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BedsideError, match="name another folder"):
        learn.copy_notebooks(tmp_path / "file")


def test_the_wheel_carries_the_notebooks(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for solutions in (False, True):
        for path in shelf.notebooks(solutions=solutions):
            inside = path.relative_to(ROOT / "notebooks").as_posix()
            assert f"bedside/learn/notebooks/{inside}" in names
    assert "bedside/learn/explorables/static/play.js" in names
    assert "bedside/learn/explorables/templates/explorable.html" in names


# Frames


def test_a_report_stands_in_a_frame_of_its_own(tmp_path):
    run = make_run(tmp_path / "run", BINARY)
    with pytest.raises(RunError, match=r"report\.html"):
        learn.report(run)
    bedside.write_report(run)
    frame = learn.report(run)._repr_html_()
    assert frame.startswith("<iframe")
    assert "srcdoc=" in frame
    assert "<h1" not in frame  # the page is quoted, not mixed with the notebook's


def test_an_explorable_in_a_notebook_comes_from_this_process():
    frame = learn.play("neuron")
    assert frame.source.startswith("http://127.0.0.1:")
    assert frame.source.endswith("/play/neuron?frame=1")
    assert learn.play("losses").source.split("/play")[0] == frame.source.split("/play")[0]
    with pytest.raises(SettingError, match="Did you mean 'neuron'"):
        learn.play("neurn")


# The local server


@pytest.fixture(scope="module")
def client():
    return TestClient(play_app(), base_url="http://127.0.0.1")


def test_only_this_machine_is_answered_and_nothing_may_be_loaded_from_elsewhere(client):
    answered = client.get("/play/")
    assert answered.headers["content-security-policy"].startswith("default-src 'self'")
    assert TestClient(play_app(), base_url="http://somewhere.example").get("/play/").status_code == 400
    assert local.HOST == "127.0.0.1"


def test_what_is_not_there_is_not_found(client):
    for path in ("/play/neurn", "/play/static/play.py", "/play/static/..%2Froutes.py", "/play/static/none.js"):
        assert client.get(path).status_code == 404
    assert client.post("/play/neuron/forget", json={}).status_code == 404


def test_a_module_is_shown_line_by_line_and_cannot_act(client):
    answered = client.get("/source/bedside.learn.answer")
    lines = (ROOT / "src/bedside/learn/answer.py").read_text(encoding="utf-8").splitlines()
    shown = re.findall(r'<li id="L(\d+)"><a [^>]*></a><code>(.*)</code></li>', answered.text)
    assert [int(number) for number, _ in shown] == list(range(1, len(lines) + 1))
    assert [html.unescape(line) for _, line in shown] == lines
    assert "<script" not in answered.text


@pytest.mark.parametrize(
    "module",
    [
        "os",
        "torch",
        "BEDSIDE",
        "bedside.",
        "bedside.none",
        "bedside.learn.answer.py",
        "bedside.learn...learn.answer",
        "bedside.learn.answer%00",
        "bedside%2F..%2F..",
        "bedside%2Flearn%2Fanswer.py",
        "%2E%2E",
        "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd",
        "/etc/passwd",
        "../../etc/passwd",
        "bedside.learn.notebooks.make_notebooks",
        "bedside.learn.explorables.static.play",
    ],
)
def test_nothing_but_modules_of_the_package_is_shown(client, module):
    answered = client.get(f"/source/{module}")
    assert answered.status_code == 404
    assert "root:" not in answered.text


def test_the_server_imports_ahead_what_its_pages_compute_with(monkeypatch):
    imported = []
    monkeypatch.setattr(routes, "HEAD_START", 0)
    monkeypatch.setattr(routes, "import_module", imported.append)
    with TestClient(play_app(), base_url="http://127.0.0.1"):
        pass
    assert imported == [f"bedside.learn.explorables.{name}" for name in EXPLORABLES]


def test_pages_and_modules_are_shown_without_importing_torch():
    code = (
        "import sys; from fastapi.testclient import TestClient; from bedside.learn.explorables.routes import play_app;"
        "client = TestClient(play_app(), base_url='http://127.0.0.1');"
        "assert all(client.get(path).is_success for path in ('/play/', '/play/neuron', '/source/bedside.training.loop'));"
        "assert not {'torch', 'pandas', 'sklearn', 'matplotlib'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_questions_out_of_range_are_refused_in_words(client):
    refused = client.post("/play/neuron/look", json={"first": 99})
    assert refused.status_code == 422
    assert refused.json()["error"] == "first: Input should be less than or equal to 8."
    assert client.post("/play/neuron/look", content=b"x" * (LARGEST + 1)).status_code == 413
    assert "error" in client.post("/play/neuron/look", content=b"{").json()


def test_values_reach_the_page_as_json_knows_them():
    import numpy as np

    made = plain({"a": np.array([1.23456789, np.nan]), "b": np.int64(3), "c": (True, None), 4: np.bool_(False)})
    assert made == {"a": [1.23457, None], "b": 3, "c": [True, None], "4": False}


def test_a_port_that_is_taken_is_said():
    address = start(play_app())
    with pytest.raises(SettingError, match=f"Port {address.port} cannot be used"):
        start(play_app(), port=address.port)


@pytest.mark.parametrize("name", ["activations", "backpropagation", "landscape", "losses", "neuron", "playground"])
def test_a_notebook_with_64_bits_changes_nothing_in_its_figures(client, name):
    """The server of `learn.play` lives in the notebook's process, and shares torch's default type with it."""
    asked = [action for action in explorable(name).actions if client.post(f"/play/{name}/{action}", json={}).is_success]
    torch.set_default_dtype(torch.float64)
    try:
        answered = {action: client.post(f"/play/{name}/{action}", json={}) for action in asked}
    finally:
        torch.set_default_dtype(torch.float32)
    assert asked
    assert {action: found.status_code for action, found in answered.items()} == dict.fromkeys(asked, 200)


def test_a_defect_of_ours_is_not_taken_for_a_server_that_is_gone(client, monkeypatch):
    def broken(_):
        raise ZeroDivisionError("nothing")

    monkeypatch.setattr("bedside.learn.explorables.routes._answer", lambda *_: broken(None))
    answered = client.post("/play/neuron/look", json={})
    assert answered.status_code == 500
    assert "ZeroDivisionError" in answered.json()["error"]
    assert "nothing" not in answered.text  # a message may quote what was asked


def test_a_check_leaves_the_learners_random_numbers_alone():
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    learn.check("04.2", torch.nn.Linear)
    learn.check("01.8", torch.nn.Linear)
    assert torch.equal(torch.rand(3), wanted)


def test_jupyterlab_is_told_to_ask_nobody_for_news_or_newer_versions():
    from jupyterlab.handlers.announcements import NeverCheckForUpdate
    from jupyterlab.labapp import LabApp

    from bedside.learn.lab import QUIET

    app = LabApp()
    app.parse_command_line(list(QUIET))
    assert app.news_url is None
    assert app.check_for_updates_class is NeverCheckForUpdate
