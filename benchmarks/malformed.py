"""A thousand requests that are wrong in some way: each is refused in the documented form, and memory returns.

python benchmarks/malformed.py [--number 1000] [--kind table|image] [--run FOLDER]

The server runs in a process of its own. Its memory is measured after it has answered good requests for a while, and again
after the last bad one and the same good ones.
"""

import argparse
import asyncio
import base64
import json
import random
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

Request = tuple[str, str, dict[str, Any]]  # method, path, options of httpx

JSON = {"content-type": "application/json"}
MB = 1024**2


def tables(served: Any, number: int, seed: int = 0) -> Iterator[Request]:
    """Bad requests to a model of a table, in an order drawn by chance; heavy ones are rare, as they are slow to send."""
    from bedside.serve.examples import csv_example, example

    row, csv = example(served), csv_example(served).encode()
    chance, name = random.Random(seed), next(f.name for f in served.model.features if f.kind == "number")
    good = json.dumps({"samples": [row]}).encode()
    kinds: list[Callable[[], Request]] = [
        lambda: _json(good[: chance.randrange(1, len(good))]),
        lambda: _json(good[: chance.randrange(1, len(good) - 1)] + bytes([chance.randrange(128, 256)])),
        lambda: _json({"samples": [{**row, name: chance.choice(["<5", "12 mg", [1], {"a": 1}, True, "x" * 1000])}]}),
        lambda: _json(good.replace(b": ", chance.choice([b": NaN, \"x\": ", b": Infinity, \"y\": ", b": -Infinity, \"z\": "]), 2)),
        lambda: _json({"samples": [{**row, name: chance.choice([10**40, -(10**300), 1e300, 10**4000])}]}),
        lambda: _json({"samples": [{key: value for key, value in row.items() if key != name}]}),
        lambda: _json(chance.choice([[], {}, None, 5, "text", {"samples": {}}, {"samples": [1]}, {"samples": []}, {"samples": [[]]}, {"samples": [row], "more": 1}])),
        lambda: _json(b"[" * chance.choice([10, 1000, 100_000])),
        lambda: _json(b'{"samples":' + b'[{"a":' * chance.choice([500, 5000])),
        lambda: ("POST", "/v1/predict", {"content": good, "headers": {"content-type": chance.choice(["application/xml", "text/html", "image/png", "x", ""])}}),
        lambda: ("POST", "/v1/predict", {"content": csv[: chance.randrange(1, len(csv.split(b"\n")[0]))], "headers": {"content-type": "text/csv"}}),
        lambda: ("POST", "/v1/predict", {"content": csv.replace(b"\n", b"\n\"", 1), "headers": {"content-type": "text/csv"}}),
        lambda: ("POST", "/v1/predict", {"content": bytes(chance.randrange(256) for _ in range(200)), "headers": {"content-type": "text/csv"}}),
        lambda: ("POST", "/v1/predict", {"files": {"file": ("a.csv", _bomb(MB // 4))}}),
        lambda: ("POST", "/v1/predict", {"content": b"--x\r\nContent-Disposition: form-data; na", "headers": {"content-type": "multipart/form-data; boundary=x"}}),
        lambda: ("POST", "/v1/predict", {"content": good, "headers": {"content-type": "multipart/form-data"}}),
        lambda: ("POST", f"/v1/predict?{chance.choice(['version=1', 'version=' + 'a' * 5000, 'colour=red', 'separator=;', 'decimal=x'])}", {"content": good, "headers": JSON}),
        lambda: (chance.choice(["GET", "PUT", "DELETE", "PATCH"]), "/v1/predict", {}),
        lambda: ("GET", "/" + "".join(chance.choice("abc/.%") for _ in range(40)), {}),
        lambda: ("GET", "/healthz", {"headers": {"host": "evil.example"}}),
        lambda: _json({"samples": [row] * 33}, "/v1/explain"),
    ]  # fmt: skip
    heavy: list[Callable[[], Request]] = [
        lambda: _json(b'{"samples": [' + b"[]," * (2 * MB)),
        lambda: _json(b" " * (9 * MB)),
        lambda: _json({"samples": [{"a": 1}] * 10_001}),
        lambda: _json({"samples": [{**row, "long": "x" * (4 * MB), name: "y"}]}),
        lambda: ("POST", "/v1/predict", {"content": b"a,b\n" + b"1\n" * MB, "headers": {"content-type": "text/csv"}}),
    ]
    yield from _mixed(kinds, heavy, number, chance)


def images(served: Any, number: int, seed: int = 0) -> Iterator[Request]:
    """Bad requests to a model of images."""
    from PIL import Image

    chance = random.Random(seed)
    held = BytesIO()
    Image.radial_gradient("L").save(held, "PNG")
    png = held.getvalue()
    jpeg = BytesIO()
    Image.radial_gradient("L").save(jpeg, "JPEG")
    start = jpeg.getvalue()[: chance.randrange(20, 200)]
    kinds: list[Callable[[], Request]] = [
        lambda: _image(png[: chance.randrange(1, len(png) - 100)]),
        lambda: _image(start),
        lambda: _image(bytes(chance.randrange(256) for _ in range(300))),
        lambda: _image(_flat_png(*chance.choice([(60_000, 60_000), (100_000, 1), (1, 1), (0, 0), (9_000, 9_000)]))),
        lambda: _image(b'<svg xmlns="http://www.w3.org/2000/svg"><!DOCTYPE x [<!ENTITY a "b">]></svg>'),
        lambda: _image(b"GIF89a" + bytes(50)),
        lambda: _image(bytes(128) + b"DICM" + bytes(chance.randrange(256) for _ in range(200))),
        lambda: _image(_bomb(MB // 4)),
        lambda: _image(b""),
        lambda: _json({"samples": [{"image": chance.choice(["no base64!", "====", 5, None, ["x"]])}]}),
        lambda: _json({"samples": [{"image": base64.b64encode(png).decode(), "more": 1}]}),
        lambda: _json({"samples": [{"sample": "a"}]}),
        lambda: _json(b'{"samples": [{"image": "' + base64.b64encode(png)[: chance.randrange(1, 200)]),
        lambda: ("POST", "/v1/predict", {"files": [("files", ("same.png", png)), ("files", ("same.png", png))]}),
        lambda: ("POST", "/v1/predict", {"files": [("files", (f"{k}.png", png)) for k in range(33)]}),
        lambda: ("POST", "/v1/predict", {"data": {"files": "no file"}, "files": {"x": ("a.png", png)}}),
        lambda: ("POST", "/v1/predict", {"content": png, "headers": {"content-type": "image/png"}}),
        lambda: ("POST", "/v1/predict", {"files": [("files", ("../../etc/passwd", b"root:x:0"))]}),
    ]
    heavy: list[Callable[[], Request]] = [
        lambda: _image(_flat_png(8_000, 8_001)),
        lambda: (
            "POST",
            "/v1/predict",
            {"files": [("files", (f"{k}.png", _flat_png(5_000, 5_000))) for k in range(4)]},
        ),
        lambda: ("POST", "/v1/predict", {"files": [("files", ("big.png", bytes(65 * MB)))]}),
    ]
    yield from _mixed(kinds, heavy, number, chance)


def _mixed(kinds: list[Any], heavy: list[Any], number: int, chance: random.Random) -> Iterator[Request]:
    for k in range(number):
        yield heavy[k // 50 % len(heavy)]() if k % 50 == 25 else kinds[k % len(kinds)]()


def _json(body: Any, path: str = "/v1/predict") -> Request:
    return "POST", path, {"content": body if isinstance(body, bytes) else json.dumps(body).encode(), "headers": JSON}


def _image(content: bytes) -> Request:
    return "POST", "/v1/predict", {"files": [("files", ("a.png", content))]}


def _bomb(size: int) -> bytes:
    """An archive that would grow a thousandfold, with a name that leads out of its folder."""
    held = BytesIO()
    with ZipFile(held, "w", ZIP_DEFLATED) as archive:
        archive.writestr("../../out.csv", bytes(size))
    return held.getvalue()


def _flat_png(width: int, height: int) -> bytes:
    """A valid PNG of so many pixels in a few kilobytes, or one that only claims so many if they are absurdly many."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = height if width * height < 80_000_000 else 1
    data = zlib.compress(bytes(1 + width) * rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def resident(pid: int) -> float:
    """Memory of a process, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


async def send(port: int, requests: list[Request], at_once: int = 8) -> list[Any]:
    import httpx

    gate = asyncio.Semaphore(at_once)
    fresh = httpx.Limits(
        max_keepalive_connections=0
    )  # a server may close an idle connection just when it is used again
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120, limits=fresh) as client:

        async def one(request: Request) -> Any:
            async with gate:
                try:
                    return await client.request(request[0], request[1], **request[2])
                except httpx.TransportError as error:  # no answer at all, which is worse than a wrong one
                    said = {name: str(value)[:60] for name, value in request[2].items()}
                    print(f"{error!r}: {request[:2]} {said} {len(request[2].get('content', b'')):,} bytes")
                    return httpx.Response(599, request=client.build_request(request[0], "/"))

        return await asyncio.gather(*map(one, requests))


def main() -> None:
    import multiprocessing
    import socket

    from bedside.serve.errors import CODES
    from bedside.serve.served import Served
    from serve import HOST, image_bodies, ours, serving, table_bodies, trained, wait_for

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--kind", choices=("table", "image"), default="table")
    parser.add_argument("--run", help="serve this run instead of one that is trained now")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = asked.run or trained(asked.kind, Path(folder))
        make, bodies = (tables, table_bodies) if asked.kind == "table" else (images, image_bodies)
        bad = list(make(Served(Path(run)), asked.number))
        good = [_json(body) for body in bodies(run)] * (8 if asked.kind == "table" else 2)
        explained = [_json(body, "/v1/explain") for body in bodies(run)[:4]]
        listening = socket.create_server((HOST, 0), backlog=256)
        port = listening.getsockname()[1]
        server = multiprocessing.get_context("spawn").Process(target=serving, args=(ours, run, listening), daemon=True)
        server.start()
        wait_for(port)
        for answer in asyncio.run(send(port, good + explained)):
            assert answer.status_code == 200, answer.text
        time.sleep(3)
        before, begun = resident(server.pid or 0), time.perf_counter()
        answers = asyncio.run(send(port, bad))
        took, most = time.perf_counter() - begun, resident(server.pid or 0)
        asyncio.run(send(port, good))
        time.sleep(3)
        after = resident(server.pid or 0)
        server.terminate()
    wrong = [one for one in answers if not refused(one, CODES)]
    statuses: dict[int, int] = {}
    for answer in answers:
        statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
    print(
        f"{len(answers):,} malformed requests to a model of {asked.kind}s in {took:.0f} s; statuses {dict(sorted(statuses.items()))}"
    )
    print(f"Not refused in the documented form: {len(wrong)}")
    for one in wrong[:5]:
        print(one.status_code, one.request.method, one.request.url, one.text[:300])
    print(
        f"Memory: {before:.0f} MB before, {most:.0f} MB at the end of them, {after:.0f} MB after good requests ({after / before - 1:+.1%})"
    )


def refused(answer: Any, codes: dict[str, tuple[int, str]]) -> bool:
    """Whether an answer is a 4xx in the documented form."""
    try:
        said = answer.json()
        return 400 <= answer.status_code < 500 and codes[said["error"]["code"]][0] == answer.status_code
    except (ValueError, KeyError, TypeError):
        return False


if __name__ == "__main__":
    main()
