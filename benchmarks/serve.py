"""The server against a bare FastAPI route that calls the same ONNX session: requests a second, waiting time, errors.

python benchmarks/serve.py [--clients 32] [--seconds 30] [--rounds 3] [--kind table|image] [--run FOLDER]

Both servers run in processes of their own, the clients in a third; the ways take turns, so that a busy machine is busy for
both. Clients keep their connections, send one sample after the other and check every answer.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import os
import resource
import socket
import statistics
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

HOST = "127.0.0.1"
BODIES = 64  # different samples that the clients send


def bare_table(run: str) -> Any:
    """What a good engineer writes in ten minutes: JSON in, the session, probabilities out."""
    from fastapi import FastAPI, Request

    from bedside.export import export
    from bedside.export.session import Session

    session, app = Session(export(run).content), FastAPI(openapi_url=None)
    numbers = session.inputs.get("numbers", {}).get("columns", [])
    words = session.inputs.get("words", {}).get("columns", [])

    @app.post("/v1/predict")
    async def predict(request: Request) -> dict[str, Any]:
        rows = (await request.json())["samples"]
        given = {}
        if numbers:
            given["numbers"] = np.array([[row[name] for name in numbers] for row in rows], dtype=np.float64)
        if words:
            given["words"] = np.array([[row[name] or "" for name in words] for row in rows], dtype=object)
        return {"samples": session.probabilities(**given).tolist()}

    return app


def bare_image(run: str) -> Any:
    """The same for images: decode, resize, the session."""
    from fastapi import FastAPI

    from bedside.data.decode import read_bytes
    from bedside.export import export
    from bedside.export.session import Session
    from bedside.folder import open_run
    from bedside.training.model import load_model

    session, app = Session(export(run).content, threads=2), FastAPI(openapi_url=None)
    preparation = load_model(open_run(run).path / "model").members[0].preparation  # type: ignore[attr-defined]

    @app.post("/v1/predict")
    def predict_one(body: dict[str, Any]) -> dict[str, Any]:
        images = [preparation.prepare_one(read_bytes(base64.b64decode(row["image"]))) for row in body["samples"]]
        pixels = np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))
        return {"samples": session.probabilities(pixels=pixels).tolist()}

    return app


def ours(run: str) -> Any:
    from bedside.serve import serve_app

    return serve_app(run)


def serving(make: Any, run: str, listening: socket.socket) -> None:
    """A server in a process of its own."""
    import uvicorn

    config = uvicorn.Config(make(run), log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


class Client(asyncio.Protocol):
    """One connection that asks again as soon as it is answered."""

    def __init__(self, requests: list[bytes], start: int, end: float, times: list[float], failed: list[bytes]) -> None:
        self.requests, self.number, self.end, self.times, self.failed = requests, start, end, times, failed
        self.buffer, self.asked = b"", 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if time.perf_counter() >= self.end:
            self.transport.close()
            return
        self.asked = time.perf_counter()
        self.transport.write(self.requests[self.number % len(self.requests)])
        self.number += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        place = head.lower().index(b"content-length:") + 15
        if len(body) < int(head[place:].partition(b"\r\n")[0]):
            return
        self.times.append(time.perf_counter() - self.asked)
        if not head.startswith(b"HTTP/1.1 200"):
            self.failed.append(self.buffer[:300])
        self.buffer = b""
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def attack(port: int, requests: list[bytes], clients: int, seconds: float) -> tuple[list[float], list[bytes]]:
    """Seconds that each answer took, and answers that were none."""
    times: list[float] = []
    failed: list[bytes] = []
    end, loop = time.perf_counter() + seconds, asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda k=k: Client(requests, 7 * k, end, times, failed), HOST, port)
        for k in range(clients)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    return times, failed


def clients_at(port: int, bodies: list[bytes], clients: int, seconds: float, pipe: Any) -> None:
    """The clients in a process of their own; also how much of a core they needed."""
    head = f"POST /v1/predict HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    try:
        import uvloop

        run = uvloop.run
    except ImportError:
        run = asyncio.run
    times, failed = run(attack(port, requests, clients, seconds))
    used = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send((times, failed, used.ru_utime + used.ru_stime))


def table_bodies(run: str) -> list[bytes]:
    """Made-up patients within the ranges of training."""
    from bedside.folder import open_run
    from bedside.training.model import load_model

    rng, bodies = np.random.default_rng(0), []
    features = load_model(open_run(run).path / "model").features
    for _ in range(BODIES):
        row: dict[str, Any] = {}
        for one in features:
            if one.kind == "category":
                row[one.name] = str(rng.choice(one.levels))
            elif one.kind == "boolean":
                row[one.name] = bool(rng.integers(2))
            else:
                row[one.name] = float(f"{rng.uniform(one.low, one.high):.5g}")
        bodies.append(json.dumps({"samples": [row]}).encode())
    return bodies


def image_bodies(run: str) -> list[bytes]:
    """Made-up photographs of 128 px as PNG."""
    from PIL import Image

    rng, bodies = np.random.default_rng(0), []
    for _ in range(BODIES):
        file = BytesIO()
        small = Image.fromarray(rng.integers(256, size=(8, 8, 3)).astype(np.uint8))
        small.resize((128, 128)).save(file, "PNG")
        bodies.append(json.dumps({"samples": [{"image": base64.b64encode(file.getvalue()).decode()}]}).encode())
    return bodies


def trained(kind: str, folder: Path) -> str:
    """A model to serve: five networks on breast cancer, or a small network on generated images."""
    import bedside

    if kind == "table":
        run = bedside.train(
            "breast-cancer",
            {"folds": {"scheme": "crossval", "number": 5}, "evaluation": {"resamples": 100}},
            folder=folder / "run",
        )
    else:
        small = {
            "family": "cnn",
            "train": {"epochs": 2, "early_stopping": False},
            "evaluation": {"resamples": 100},
            "explain": {"samples": 0},
        }
        run = bedside.train("dermoscopy", small, data={"synthetic": {"patients": 100}}, folder=folder / "run")
    return str(run.path)


def wait_for(port: int, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection((HOST, port), timeout=1) as one:
                one.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode())
                if one.recv(16).startswith(b"HTTP/1.1"):
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("A server did not start.")


def core_seconds(pid: int) -> float:
    """Processor time that a process has used so far; unlike requests a second, others on the machine hardly change it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def batches(port: int) -> str:
    """Mean size of the batches that formed, from the metrics."""
    import urllib.request

    text = urllib.request.urlopen(f"http://{HOST}:{port}/metrics").read().decode()
    found = {
        line.split(" ")[0]: float(line.split(" ")[1]) for line in text.splitlines() if line.startswith("bedside_batch")
    }
    return f"{found['bedside_batch_samples_sum'] / max(1, found['bedside_batch_samples_count']):.1f} samples"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each way, over all rounds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=("table", "image"), default="table")
    parser.add_argument("--run", help="serve this run instead of one that is trained now")
    asked = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        run = asked.run or trained(asked.kind, Path(folder))
        bodies = (table_bodies if asked.kind == "table" else image_bodies)(run)
        ways = {"bare route": bare_table if asked.kind == "table" else bare_image, "bedside serve": ours}
        ports, servers, pids = {}, [], {}
        for name, make in ways.items():
            listening = socket.create_server((HOST, 0), backlog=256)
            ports[name] = listening.getsockname()[1]
            server = spawn.Process(target=serving, args=(make, run, listening), daemon=True)
            server.start()
            servers.append(server)
            pids[name] = server.pid
        for port in ports.values():
            wait_for(port)
        measure(ports, pids, bodies, asked, spawn)
        for server in servers:
            server.terminate()


def measure(ports: dict[str, int], pids: dict[str, int], bodies: list[bytes], asked: Any, spawn: Any) -> None:
    """Rounds in turn, then the table."""
    times: dict[str, list[float]] = {name: [] for name in ports}
    rates: dict[str, list[float]] = {name: [] for name in ports}
    failed: dict[str, int] = dict.fromkeys(ports, 0)
    share: dict[str, list[float]] = {name: [] for name in ports}
    cores: dict[str, float] = dict.fromkeys(ports, 0.0)
    each = asked.seconds / asked.rounds
    for number in range(-1, asked.rounds):  # one short round to warm up
        seconds = 1.0 if number < 0 else each
        for name, port in ports.items():
            here, there = spawn.Pipe()
            before = core_seconds(pids[name])
            client = spawn.Process(target=clients_at, args=(port, bodies, asked.clients, seconds, there))
            client.start()
            found, bad, used = here.recv()
            client.join()
            if number < 0:
                continue
            cores[name] += core_seconds(pids[name]) - before
            times[name] += found
            rates[name].append(len(found) / each)
            failed[name] += len(bad)
            share[name].append(used / each)
            if bad:
                print(bad[0])
    print(f"\n{asked.clients} clients, {asked.rounds} rounds of {each:g} s each in turn; one sample per request\n")
    print(
        "| way | requests a second, each round | median ms | p99 ms | errors | core of the clients | server's processor time, ms a request |"
    )
    print("|---|---|---|---|---|---|---|")
    for name in ports:
        took = np.array(times[name]) * 1000
        shown = ", ".join(f"{rate:.0f}" for rate in rates[name])
        print(
            f"| {name} | {shown} | {np.median(took):.1f} | {np.quantile(took, 0.99):.1f} | {failed[name]} | {np.mean(share[name]):.0%} | {1000 * cores[name] / len(took):.3f} |"
        )
    pairs = [mine / bare for bare, mine in zip(*rates.values(), strict=True)]
    print(
        f"\nThroughput of bedside serve over the bare route: {statistics.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f});"
    )
    print(f"batches that formed: {batches(ports['bedside serve'])} on average.")


if __name__ == "__main__":
    main()
