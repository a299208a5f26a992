"""What a result depends on beside data and settings: versions, machine, revision of the user's own work."""

import platform
import subprocess
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bedside.cohort import Cohort
from bedside.folder import FORMAT
from bedside.settings import RunSettings

PACKAGES = (
    "bedside",
    "torch",
    "lightning-fabric",
    "scikit-learn",
    "numpy",
    "pandas",
    "scipy",
    "timm",
    "onnxruntime",
    "pillow",
)


def versions() -> dict[str, str]:
    """Version of Python and of every package that could change a number."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def describe_environment(cohort: Cohort, settings: RunSettings) -> dict[str, Any]:
    """The start of environment.json; device, threads and wall time are added when they are known."""
    return {
        "format": FORMAT,
        "versions": versions(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "seed": settings.seed,
        "source_path": source_path(settings.source),
        "data_fingerprint": cohort.fingerprint(),
        "git": git_revision(),
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def source_path(source: str | None) -> str | None:
    """Where the file lies on this machine, so that a run continues from any folder; None for other cohorts."""
    return str(Path(source).resolve()) if source is not None and Path(source).exists() else None


def git_revision() -> str | None:
    """Revision of the repository that the command was given in, or None."""
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
