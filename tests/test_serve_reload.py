"""A new model takes over without a pause, a damaged one does not, and a server that is ended finishes what it has begun."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from bedside.scoring import Scorer
from bedside.serve import serve_app
from own_loop import run_alone
from served_models import asked, asking, is_refusal, other_table, served_table  # noqa: F401
from test_serve import new_samples, rows_of


def point(link, run):
    """The link leads to a run from now on, at once."""
    new = link.with_name("new")
    new.symlink_to(run)
    os.replace(new, link)


def test_every_answer_is_of_the_version_that_it_names(served_table, other_table, tmp_path):  # noqa: F811
    """The link is turned again and again while twenty clients ask; scores are those of the version in the header."""
    link = tmp_path / "live"
    point(link, served_table)
    row = rows_of(new_samples(1))[0]
    frame = new_samples(1)
    scores = [Scorer(run).predict(frame).table["score_sick"].iloc[0] for run in (served_table, other_table)]
    app = serve_app(link)
    shelf, known = app.state.shelf, {}
    known[shelf.now.version] = scores[0]

    async def run():
        done, seen = False, []

        async def client_of(client):
            while not done:
                answer = await client.post("/v1/predict", json={"samples": [row]})
                seen.append((answer.status_code, answer.headers.get("x-model-version"), answer.json()))
                await asyncio.sleep(0)

        async with asking(app) as client:
            clients = [asyncio.create_task(client_of(client)) for _ in range(20)]
            for to in (other_table, served_table, other_table):
                point(link, to)
                assert await shelf.look()
                known[shelf.now.version] = scores[1 if to is other_table else 0]
                await asyncio.sleep(0.05)
            done = True
            await asyncio.gather(*clients)
        return seen

    seen = run_alone(run())
    assert len(known) == 2
    assert {version for _, version, _ in seen} == set(known)
    for status, version, said in seen:
        assert status == 200
        assert said["model"]["version"] == version
        assert said["samples"][0]["scores"]["sick"] == pytest.approx(known[version], abs=1e-9)


def test_a_damaged_model_does_not_take_over(served_table, other_table, tmp_path):  # noqa: F811
    folder = tmp_path / "run"
    shutil.copytree(served_table, folder)
    app = serve_app(folder)
    shelf, first = app.state.shelf, app.state.shelf.now.version
    good = rows_of(new_samples(1))

    async def look():
        return await shelf.look()

    assert not run_alone(look())
    shutil.rmtree(folder)
    shutil.copytree(other_table, folder)
    (weights,) = (folder / "model" / "repeat0-fold0").glob("*.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"x")
    assert not run_alone(look())
    ready, model, scores, pinned, other = asked(
        app,
        ("GET", "/readyz", {}),
        ("GET", "/v1/model", {}),
        ("POST", "/v1/predict", {"json": {"samples": good}}),
        ("POST", f"/v1/predict?version={first}", {"json": {"samples": good}}),
        ("POST", "/v1/predict?version=0123456789ab", {"json": {"samples": good}}),
    )
    assert ready.status_code == 200
    assert "GET /v1/model says why" in ready.json()["problem"]
    assert str(tmp_path) not in ready.text
    assert model.json()["version"] == first
    assert "is not what was saved" in model.json()["problem"]
    assert scores.json()["model"]["version"] == first
    assert pinned.status_code == 200
    is_refusal(other, 409, "other-version")

    weights.write_bytes(content)
    assert run_alone(look())
    ready, pinned = asked(
        app, ("GET", "/readyz", {}), ("POST", f"/v1/predict?version={first}", {"json": {"samples": good}})
    )
    assert ready.json()["problem"] is None
    assert ready.json()["version"] != first
    is_refusal(pinned, 409, "other-version")


def test_a_folder_that_is_removed_while_it_is_looked_at_disturbs_nobody(tmp_path):
    from bedside.serve.shelf import signature

    done = threading.Event()

    def make_and_remove():
        while not done.is_set():
            (tmp_path / "model" / "a" / "b").mkdir(parents=True)
            (tmp_path / "model" / "a" / "b" / "file").touch()
            shutil.rmtree(tmp_path / "model")

    worker = threading.Thread(target=make_and_remove)
    worker.start()
    try:
        found = {signature(tmp_path, None) for _ in range(2000)}
    finally:
        done.set()
        worker.join()
    assert found


@pytest.fixture
def process(served_table):  # noqa: F811
    """`bedside serve` as a process, with its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "bedside", "serve", str(served_table), "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read()
            break
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(server.communicate()[0])
            time.sleep(0.2)
    yield server, port
    server.kill()
    server.communicate()


def send(port, rows):
    body = json.dumps({"samples": rows}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_the_end_finishes_what_was_begun_and_no_value_is_written_anywhere(process):
    server, port = process
    rows = rows_of(new_samples(40))
    many = [{**row, "patient": "Planted4711", "sample": f"Secret{k}x4712"} for k, row in enumerate(rows * 50)]
    answers = []
    asking = [threading.Thread(target=lambda: answers.append(send(port, many))) for _ in range(3)]
    with pytest.raises(urllib.error.HTTPError) as refused:
        send(port, [{**rows[0], "dose": "Planted4713"}])
    assert "Planted4713" in json.loads(refused.value.read())["error"]["message"]  # to whoever sent it, and nowhere else
    for thread in asking:
        thread.start()
    time.sleep(0.3)
    server.send_signal(signal.SIGTERM)
    for thread in asking:
        thread.join(60)
    written = server.communicate(timeout=60)[0]
    assert [len(answer["samples"]) for answer in answers] == [len(many)] * 3
    assert "Research and teaching only" in written
    assert not any(planted in written for planted in ("4711", "4712", "4713"))
