"""The browser app: bedside for people who do not write code, on their own computer."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedside.errors import SettingError

if TYPE_CHECKING:
    from fastapi import FastAPI

# One module draws each of them; its `register()` tells NiceGUI and the server the addresses it answers at.
PAGES = (
    "start",
    "data.page",
    "train.page",
    "runs.page",
    "cases.page",
    "predict.page",
    "operating.page",
    "learn",
)


def make_app(folder: str | Path = "runs", **access: Any) -> "FastAPI":
    """The app over a folder of runs; once per process, because NiceGUI's pages belong to the process.

    Args:
        folder: where runs are; uploads, the queue and the trash lie beside them in `.bedside`.
        access: who may ask; see `web.local_app`.

    Raises:
        SettingError: NiceGUI is not installed.
        StorageError: the folder cannot be written.
    """
    if find_spec("nicegui") is None:
        raise SettingError(
            "The app needs the extra 'app', which is not installed: pip install -c constraints.txt 'bedside[app]'."
        )
    from bedside.app.home import open_home
    from bedside.app.mounted import mounted

    open_home(folder, shared=access.get("token") is not None)
    for name in PAGES:
        import_module(f"bedside.app.{name}").register()
    return mounted(**access)
