"""Pages inside a notebook: an explorable from the local server, or the report of a run."""

from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.errors import RunError
from bedside.folder import open_run

if TYPE_CHECKING:
    from bedside.folder import Run
    from bedside.web import Address

HEIGHT = 840  # pixels
_HEIGHTS = {  # of pages that need more or less, measured at widths of 760 and 940 pixels, the scroll bar left out
    "neuron": 740,
    "playground": 920,
    "losses": 890,
    "landscape": 1230,
    "convolution": 740,
    "pooling": 740,
    "inside": 740,
    "threshold": 1100,
    "shortcut": 1090,
    "family_album": 1150,
}


@dataclass(frozen=True)
class Frame:
    """A page in a frame of its own, so that neither its style nor its scripts mix with the notebook's."""

    title: str
    source: str
    height: int
    inline: bool

    def __repr__(self) -> str:
        return f"{self.title}" if self.inline else f"{self.title}: {self.source}"

    def _repr_html_(self) -> str:
        place = "srcdoc" if self.inline else "src"
        style = f"width:100%;height:{self.height}px;border:1px solid #d9d6ce"
        return f'<iframe title="{escape(self.title)}" {place}="{escape(self.source, quote=True)}" style="{style}"></iframe>'


def play(name: str, height: int | None = None) -> Frame:
    """An explorable inside the notebook; `bedside learn play` shows all of them in the browser.

    Args:
        name: of the explorable.
        height: in pixels; by default what the page needs at the width of a notebook.

    Raises:
        SettingError: there is no such explorable, or the extra 'app' is not installed.
    """
    from bedside.learn.explorables import explorable

    found = explorable(name)
    height = height or _HEIGHTS.get(found.name, HEIGHT)
    return Frame(found.title, f"{address().url}/play/{found.name}?frame=1", height, inline=False)


def report(run: "Run | str | Path", height: int = 720) -> Frame:
    """The report of a run inside the notebook.

    Raises:
        RunError: the folder is not a finished run.
    """
    opened = open_run(run) if isinstance(run, str | Path) else run
    page = opened.path / "report.html"
    if not page.exists():
        opened.require_finished()
        raise RunError(f"{opened.path} has no report.html. Make it with `bedside report {opened.path}`.")
    return Frame(f"Report of {opened.path.name}", page.read_text(encoding="utf-8"), height, inline=True)


@cache
def address() -> "Address":
    """The server of this process; started once.

    Raises:
        SettingError: the extra 'app' is not installed.
    """
    from bedside.learn.explorables.routes import play_app
    from bedside.web import start

    return start(play_app(warm=False))
