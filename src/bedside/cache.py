"""Where bedside keeps what it can compute again, such as the features of images. Deleting the folder only costs time."""

import os
import sys
from pathlib import Path

VARIABLE = "BEDSIDE_CACHE"  # names another folder


def cache_folder() -> Path:
    """The folder that `BEDSIDE_CACHE` names, or `bedside` in the place that the system has for caches of this user."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser().absolute() if named else _of_system() / "bedside"


def _of_system() -> Path:
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"
