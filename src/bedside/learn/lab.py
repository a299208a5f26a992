"""JupyterLab, as this computer has it."""

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from bedside.errors import SettingError

# JupyterLab asks its makers for news and for newer versions of itself; here nothing talks to the network unasked.
QUIET = ("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")


def jupyter_lab() -> Callable[[Path], int]:
    """What opens JupyterLab on a folder and waits for its end; gives its exit status.

    Raises:
        SettingError: JupyterLab is not installed.
    """
    if find_spec("jupyterlab") is None:
        raise SettingError(
            "JupyterLab is not installed: pip install -c constraints.txt 'bedside[notebooks]'. "
            "To copy the notebooks only, and open them elsewhere: bedside learn --no-open."
        )

    def opened(folder: Path) -> int:
        # The folder is the root, so that nothing else of the computer is listed.
        command = [sys.executable, "-m", "jupyterlab", *QUIET, f"--ServerApp.root_dir={folder.resolve()}"]
        try:
            return subprocess.run(command, check=False).returncode
        except KeyboardInterrupt:
            return 130

    return opened
