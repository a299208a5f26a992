"""What the tests of the example clients share: node, onnxruntime-web, and an unpacked bundle."""

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

MODULES = Path(__file__).parents[1] / "examples" / "javascript" / "node_modules"


def unpacked(bundle: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        archive.extractall(folder)
    return folder


def node_modules(folder: Path) -> None:
    """onnxruntime-web in a folder, or a skip with the reason; with BEDSIDE_REQUIRE_NODE=1 a failure."""
    if not MODULES.is_dir():
        _without("onnxruntime-web is not there; run `npm ci --prefix examples/javascript`")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(MODULES, target_is_directory=True)


def node(script, *arguments, folder: Path):
    """What a script of node prints, as JSON, with onnxruntime-web beside it."""
    path = shutil.which("node") or _without("node is not installed")
    node_modules(folder)
    command = [path, script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _without(reason: str):
    (pytest.fail if os.environ.get("BEDSIDE_REQUIRE_NODE") == "1" else pytest.skip)(reason)
