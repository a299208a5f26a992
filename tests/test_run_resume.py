"""Killed at any moment, a run continues and ends with the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_run_killed_at_any_step_ends_with_the_same_bytes(tmp_path):
    script = Path(__file__).with_name("killed_runs.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(script.parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    attempts = json.loads(done.stdout.splitlines()[-1])
    assert len(attempts) > 11
    assert {name: found for name, found in attempts.items() if found} == {}
