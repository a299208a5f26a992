"""Whichever way tasks run, each gives the same result once; who is killed runs again; what is wrong is said soon."""

import importlib.util
import os
import platform
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import chdir
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bedside
import parallel_tasks as work
from bedside import environment
from bedside.errors import DataError, RunError, SettingError
from bedside.parallel import clusters, run_each
from bedside.parallel.backend import ClusterBackend, outcomes_on
from bedside.parallel.tasks import Outcome, make_tasks

Way = dict[str, Any]
ROOT = Path(__file__).parents[1]
SILENT = 60  # above every level of logging
PATHS = os.pathsep.join([str(Path(__file__).parent), *sys.path])
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs bedside[cluster]: Dask")
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs bedside[cluster]: Ray")
posix = pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")


# What every way promises


def results_are_those_of_this_process(way: Way, folder: Path) -> None:
    here, there = ({str(n): np.zeros((n, 500)) for n in (3, 40, 400)} for _ in range(2))
    with chdir(folder):
        assert dict(run_each(work.fit, there, **way)) == dict(run_each(work.fit, here))


def inner_tasks_stay_where_they_are(way: Way, folder: Path) -> None:
    assert dict(run_each(work.processes_of_inner_tasks, {"a": 0, "b": 0}, **way)) == {"a": True, "b": True}
    assert dict(run_each(work.tasks_of_a_task, {"a": 3}, **way)) == {"a": {"a": 3, "b": 3}}


def an_error_of_ours_arrives_unchanged_and_ends_the_rest(way: Way, folder: Path) -> None:
    tasks = {str(number): (folder, number) for number in range(40)}
    with pytest.raises(DataError, match=r"^Column 'age' has 3 empty cells; fill them\.$") as raised:
        list(run_each(work.refuse_the_first, tasks, **way))
    assert not hasattr(raised.value, "__notes__")
    time.sleep(1)
    assert len(work.begun(folder, "task")) < 15


def a_mistake_says_where_it_happened(way: Way, folder: Path) -> None:
    with pytest.raises(KeyError, match="a mistake of ours") as raised:
        list(run_each(work.fail, {"fold 3": 0}, **way))
    (note,) = raised.value.__notes__
    assert "In task 'fold 3' on " in note
    assert "parallel_tasks.py" in note


def a_task_whose_worker_is_killed_runs_again(way: Way, folder: Path) -> None:
    given = list(run_each(work.die_once, {str(number): (folder, number) for number in range(6)}, **way))
    assert sorted(given) == [(str(number), number * number) for number in range(6)]
    assert len(work.begun(folder, "1")) == 2


def a_task_that_always_kills_its_worker_is_named(way: Way, folder: Path) -> None:
    tasks = {name: (folder, name) for name in ("first", "deadly", "third", "fourth")}
    with pytest.raises(RunError, match=r"^The worker that ran .*'deadly'.* was lost 4 times\. Mostly memory runs out"):
        list(run_each(work.die_always, tasks, **way))
    assert len(work.begun(folder, "deadly")) == 4


def nothing_begins_after_it_is_closed(way: Way, folder: Path) -> None:
    tasks = {"quick": (folder, 0.1), **{str(number): (folder, 1.5) for number in range(8)}}
    running = run_each(work.sleep, tasks, **way)
    next(running)
    running.close()
    if "dask" not in str(way):  # which comes to the end of what it does
        assert soon(lambda: all(map(gone, work.begun(folder, "long"))))
    time.sleep(2)
    assert len(work.begun(folder, "long")) <= 4


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def soon(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether it comes true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


PROMISES: list[Callable[[Way, Path], None]] = [
    results_are_those_of_this_process,
    inner_tasks_stay_where_they_are,
    an_error_of_ours_arrives_unchanged_and_ends_the_rest,
    a_mistake_says_where_it_happened,
    a_task_whose_worker_is_killed_runs_again,
    a_task_that_always_kills_its_worker_is_named,
    nothing_begins_after_it_is_closed,
]


@posix
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_processes(promise, tmp_path):
    promise({"jobs": 2}, tmp_path)


@pytest.fixture(scope="module")
def dask() -> Iterator[str]:
    """The address of a real cluster with two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=SILENT) as cluster:
        yield cluster.scheduler_address.replace("tcp://", "dask://")


@posix
@needs_dask
@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_dask(promise, dask, tmp_path):
    promise({"cluster": dask}, tmp_path)


# Ray reads its settings when it is imported, so each of these drivers is a process of its own. Ray takes many seconds to
# start, so one serves two of them, and all promises are made in one go.
OPEN = """
import sys
from pathlib import Path
import ray
import test_parallel
ray.init(sys.argv[2], log_to_driver=False, logging_level="CRITICAL")
for promise in test_parallel.PROMISES:
    folder = Path(sys.argv[1], promise.__name__)
    folder.mkdir()
    promise({"cluster": "ray"}, folder)
    print(promise.__name__, ray.is_initialized())
"""
DRIVER = """
import sys
from pathlib import Path
import parallel_tasks as work
from bedside.parallel import run_each
folder, cluster = Path(sys.argv[1]), sys.argv[2]
for name, result in run_each(work.die_once, {str(n): (folder, n) for n in range(4)}, cluster=cluster):
    print(name, result)
import ray
from ray._common.usage.usage_lib import usage_stats_enabled
print(ray.is_initialized(), usage_stats_enabled())
"""
SQUARES = ["0 0", "1 1", "2 4", "3 9"]
UNFORKED = {"GRPC_ENABLE_FORK_SUPPORT": "0"}  # gRPC stumbles over Ray's forks now and then


def drive(code: str, *arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)


@pytest.fixture(scope="module")
def ray_settings() -> dict[str, str]:
    """Surroundings in which workers find the tasks, and nobody else reaches this Ray or is told of it."""
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    return {**os.environ, **secret, "PYTHONPATH": PATHS}


@pytest.fixture(scope="module")
def ray_head(ray_settings) -> Iterator[tuple[str, str]]:
    """The addresses of one Ray, as `ray start` makes it: for programs on this machine, and for those elsewhere."""
    port, client_port = free_port(), free_port()
    options = ["--num-cpus=2", "--include-dashboard=false", f"--port={port}", f"--ray-client-server-port={client_port}"]
    command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block", *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env={**ray_settings, **UNFORKED}, **quiet) as head:
        try:
            assert soon(lambda: answers(client_port), 120)
            yield f"127.0.0.1:{port}", f"ray://127.0.0.1:{client_port}"
        finally:
            head.terminate()


@posix
@needs_ray
def test_ray_that_is_open(ray_settings, ray_head, tmp_path):
    done = drive(OPEN, tmp_path, ray_head[0], env=ray_settings)
    kept = [line for line in done.stdout.splitlines() if line.endswith(" True")]
    assert kept == [f"{promise.__name__} True" for promise in PROMISES], done.stderr


@posix
@needs_ray
def test_ray_of_our_own_is_quiet_and_closed_and_tells_nobody(ray_settings, tmp_path):
    done = drive(DRIVER, tmp_path, "ray", env=ray_settings)
    assert done.stderr == ""
    *given, last = done.stdout.splitlines()
    assert sorted(given) == SQUARES
    assert last == "False False"


@posix
@needs_ray
def test_ray_elsewhere(ray_settings, ray_head, tmp_path):
    done = drive(DRIVER, tmp_path, ray_head[1], env={**ray_settings, **UNFORKED})
    assert done.stderr == ""
    assert sorted(done.stdout.splitlines()[:-1]) == SQUARES


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


# Here


def test_in_this_process_each_task_waits_until_it_is_asked_for(tmp_path):
    running = run_each(work.sleep, {"a": (tmp_path, 0.0), "b": (tmp_path, 0.01)})
    assert work.begun(tmp_path, "short") == []
    assert next(running) == ("a", 0.0)
    assert work.begun(tmp_path, "short") == [os.getpid()]
    assert list(running) == [("b", 0.01)]


def test_nothing_to_do_is_done_at_once():
    assert list(run_each(work.fail, {}, jobs=3)) == []


@posix
def test_processes_end_soon_after_a_killed_driver(tmp_path):
    code = (
        "import sys; from pathlib import Path; import parallel_tasks as work; from bedside.parallel import run_each\n"
        "list(run_each(work.sleep, {str(n): (Path(sys.argv[1]), 60.0) for n in range(4)}, jobs=2))"
    )
    environment = {**os.environ, "PYTHONPATH": PATHS, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as driver:
        assert soon(lambda: len(work.begun(tmp_path, "long")) == 2)
        driver.kill()
    assert soon(lambda: all(map(gone, work.begun(tmp_path, "long"))))


# What is wrong is said soon


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"jobs": 0}, r"^jobs=0 is too few: name the number of processes, from 1\.$"),
        ({"jobs": 4, "cluster": "ray"}, r"^jobs=4 counts processes of this machine; cluster=ray has its own workers"),
        ({"cluster": "slurm"}, r"^Unknown cluster 'slurm'\. Known: dask://HOST:PORT, ray, ray://HOST:PORT, such as"),
        ({"cluster": "dask"}, r"^Unknown cluster 'dask'"),
        ({"cluster": "dask://node1"}, r"^Unknown cluster 'dask://node1'"),
        ({"cluster": "ray://node1:first"}, r"^Unknown cluster 'ray://node1:first'"),
        ({"cluster": "dask://node1:8786/status"}, r"^Unknown cluster 'dask://node1:8786/status'"),
    ],
    ids=str,
)
def test_a_way_that_is_none(way, message):
    with pytest.raises(SettingError, match=message):
        run_each(work.fail, {"a": 0}, **way)


@pytest.mark.parametrize(("cluster", "package"), [("dask://node1:8786", "distributed"), ("ray", "ray")])
def test_a_missing_package_comes_with_its_remedy(cluster, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingError, match=rf"needs the package {package}.*pip install 'bedside\[cluster\]'\."):
        run_each(work.fail, {"a": 0}, cluster=cluster)


@needs_dask
@needs_ray
@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_nobody_answers(kind):
    cluster, started = f"{kind}://127.0.0.1:{free_port()}", time.monotonic()
    with pytest.raises(SettingError, match=rf"^Nobody answers at {cluster} \(Connection refused\)\."):
        run_each(work.fail, {"a": 0}, cluster=cluster)
    assert time.monotonic() - started < 10


@needs_dask
@pytest.mark.parametrize(("greeting", "words"), [(b"", "timed out"), (b"SSH-2.0-OpenSSH", "it is no Dask scheduler")])
def test_somebody_else_answers(greeting, words, monkeypatch):
    """Such as the dashboard of Dask at the next port, which waits for a browser; or another service."""
    monkeypatch.setattr(clusters, "PATIENCE", 0.5)

    def greet() -> None:
        with server.accept()[0] as connection:
            connection.sendall(greeting)
            asked.wait(10)

    asked = Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        other = Thread(target=greet)
        other.start()
        cluster = f"dask://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SettingError, match=rf"^Nobody answers at {cluster} \({words}\)\..*is the port right"):
            run_each(work.fail, {"a": 0}, cluster=cluster)
        asked.set()
        other.join()


@needs_dask
def test_workers_with_other_versions_are_refused(dask, monkeypatch):
    monkeypatch.setattr(environment, "versions", lambda: {"torch": "1.0", "python": platform.python_version()})
    with pytest.raises(SettingError, match=r"^The worker on \S+ has torch 2\S* instead of 1\.0, and may give"):
        list(run_each(work.fail, {"a": 0}, cluster=dask))


@needs_dask
def test_workers_that_do_several_tasks_in_one_process_are_refused():
    from distributed import LocalCluster

    options = {"dashboard_address": ":0", "protocol": "tcp://", "silence_logs": SILENT}
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, **options) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        with pytest.raises(SettingError, match=r"does 2 tasks at a time in one process.*--nthreads 1\.$"):
            list(run_each(work.fail, {"a": 0}, cluster=address))


@needs_dask
def test_a_cluster_that_ends_is_an_error_not_silence(tmp_path):
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=SILENT)
    address = cluster.scheduler_address.replace("tcp://", "dask://")
    running = run_each(work.sleep, {str(n): (tmp_path, 0.5 * n) for n in range(9)}, cluster=address)
    assert next(running) == ("0", 0.0)
    cluster.close()
    with pytest.raises(RunError, match=rf"^The cluster {address} failed: .*Does it still run"):
        list(running)


def test_tasks_that_are_given_up_one_after_the_other_are_all_named():
    """A cluster that lost two tasks with the same workers tells first of one, who may be innocent, then of the other."""
    futures: dict[str, Future[Any]] = {name: Future() for name in ("done", "innocent", "deadly")}

    def hand_over(call: Any) -> tuple[str, Future[Any]]:
        ((_, (task,), _),) = call.items
        return task.name, futures[task.name]

    def run() -> None:
        futures["done"].set_result([Outcome("done", 1)])
        for name in ("innocent", "deadly"):
            time.sleep(0.2)
            futures[name].set_exception(ConnectionError("its worker is lost"))

    backend = ClusterBackend(hand_over, cancel=list, losses=(ConnectionError,))
    cluster = Thread(target=run)
    cluster.start()
    with pytest.raises(RunError, match=r"^The worker that ran 'deadly' or 'innocent' was lost 4 times\."):
        list(outcomes_on(backend, make_tasks(work.fail, dict.fromkeys(futures)), cores=2))
    cluster.join()


# The loop of docs/clusters.md


def test_the_loop_for_several_devices_runs_in_two_processes(tmp_path, monkeypatch):
    """As `torchrun` starts it, with two processes on the CPU in place of the GPUs."""
    *_, loop = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/clusters.md").read_text(), re.DOTALL | re.MULTILINE)
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    roles = {"target": "readmitted", "patient": "patient", "exclude": ["days_until_readmission"]}
    quick = {"data": roles, "evaluation": {"resamples": 100}, "explain": {"samples": 0}}
    run = bedside.train("examples/clinic.csv", quick, family="logistic", folder="runs/clinic")
    Path("large.py").write_text(loop)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "large.py"]
    subprocess.run(torchrun, check=True, timeout=240, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    scores = pd.read_csv("large.csv", dtype=str)
    assert sorted(scores["sample"]) == sorted(run.folds["sample"][run.folds["part"] == "test"])
    assert bedside.evaluate("large.csv", patient="patient", positive="yes")["estimates"][0]["metric"] == "auroc"
