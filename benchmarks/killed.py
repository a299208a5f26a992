"""SIGKILL of the app's server, and of its worker, during 100 queued predictions and one training: is anything lost?

python benchmarks/killed.py [--kills 6] [--predictions 100] [--seed 0]

The server is started as people start it, killed at random times and started again; every other time its worker, which goes on
by itself, is killed too. In the end every job must have finished, every file of scores must be the bytes that `bedside predict`
writes, no file that was finished before a kill may have changed after it, and the training must end with the same predictions.csv
as one that nobody disturbed.
"""

import argparse
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

import bedside
from bedside.data.samples import load
from bedside.jobs import Queue

QUICK = {
    "folds": {"scheme": "crossval", "number": 3},
    "train": {"epochs": 300, "patience": 299},
    "explain": {"samples": 0},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--predictions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "runs"
        model = bedside.train("breast-cancer", QUICK, folder=home / "model")
        undisturbed = (model.path / "predictions.csv").read_bytes()
        table = Path(place) / "new.csv"
        load("breast-cancer").inputs.frame.head(200).to_csv(table, index=False)
        bedside.predict(model, table, output=Path(place) / "expected.csv")
        queue = Queue(home)
        jobs = [queue.add_prediction(model.path, table, label=f"file {k}") for k in range(asked.predictions)]
        jobs.insert(asked.predictions // 2, queue.add_training("breast-cancer", QUICK, label="training"))
        lost, killed = follow(home, jobs, asked.kills, chance)
        expected = (Path(place) / "expected.csv").read_bytes()
        wrong = [job.label for job in jobs if job.kind == "predict" and Path(job.output or "").read_bytes() != expected]
        training = next(job for job in jobs if job.kind == "train")
        same = training.run is not None and (training.run / "predictions.csv").read_bytes() == undisturbed
        done = sum(job.state == "finished" for job in jobs)
    print(f"{len(jobs) - 1} predictions and a training; server killed {killed[0]} times, worker {killed[1]} times")
    print(f"finished: {done} of {len(jobs)}; other bytes than `bedside predict`: {len(wrong)}")
    print(f"finished files changed by a kill: {len(lost)}; training ends with the same predictions.csv: {same}")
    sys.exit(bool(lost or wrong or not same or done < len(jobs)))


def follow(home: Path, jobs: list, kills: int, chance: random.Random) -> tuple[list[str], tuple[int, int]]:
    """Kill and start again until everything is done: finished files that changed, and how often server and worker died."""
    lost: list[str] = []
    servers = workers = 0
    while any(job.state not in ("finished", "failed") for job in jobs):
        server = start(home)
        end = time.monotonic() + (chance.uniform(2, 9) if servers < kills else 600)
        while time.monotonic() < end and any(job.state not in ("finished", "failed") for job in jobs):
            time.sleep(0.02)
        before = finished(jobs)
        if servers < kills and any(job.state not in ("finished", "failed") for job in jobs):
            server.kill()
            servers += 1
            if servers % 2 == 0:
                workers += kill_workers(home)
        else:
            server.send_signal(signal.SIGINT)
        server.wait()
        after = finished(jobs)
        lost += [name for name, known in before.items() if after.get(name) != known]
    return lost, (servers, workers)


def start(home: Path) -> subprocess.Popen:
    """The app on this folder, once it answers."""
    command = [sys.executable, "-m", "bedside", "app", "--folder", str(home), "--no-open"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    assert server.stdout is not None
    said = server.stdout.readline()
    assert re.search(r"http://127\.0\.0\.1:\d+", said), said
    return server


def kill_workers(home: Path) -> int:
    """SIGKILL to the processes that work on the queue of this folder; how many there were."""
    found = [
        one
        for one in psutil.process_iter(["cmdline"])
        if {"bedside.jobs.worker", str(home)} <= set(one.info["cmdline"] or ())
    ]
    for one in found:
        one.kill()
    return len(found)


def finished(jobs: list) -> dict[str, str]:
    """The files of scores of finished predictions, by their checksum."""
    done = [job for job in jobs if job.kind == "predict" and job.state == "finished"]
    return {job.label: hashlib.sha256(Path(job.output).read_bytes()).hexdigest() for job in done}


if __name__ == "__main__":
    main()
