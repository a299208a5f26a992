"""Shows the lines of bedside that do what a notebook has just done by hand, and links to the whole module."""

import inspect
import sys
from dataclasses import dataclass
from html import escape
from importlib import import_module
from pathlib import Path

from bedside.errors import BedsideError, SettingError


@dataclass(frozen=True)
class Excerpt:
    """Lines of a module; shown with their numbers, inside a notebook with a link to the module on the local server."""

    file: Path
    first: int
    lines: tuple[str, ...]

    @property
    def place(self) -> str:
        package = Path(inspect.getfile(import_module("bedside"))).parent
        return f"{self.file.relative_to(package.parent).as_posix()}, line {self.first}"

    def __repr__(self) -> str:
        numbered = (f"{number:>4}  {line}" for number, line in enumerate(self.lines, self.first))
        return "\n".join([self.place, *numbered])

    def _repr_html_(self) -> str:
        numbered = "\n".join(
            f'<span style="color:#767f88">{number:>4}</span>  {escape(line)}'
            for number, line in enumerate(self.lines, self.first)
        )
        place, page = f"<code>{escape(self.place)}</code>", _page(self.file)
        link = f'<a href="{page}#L{self.first}" target="_blank">{place}</a>' if page else place
        return f'<div style="border-left:4px solid #d9d6ce;padding-left:12px">{link}<pre style="margin:4px 0;font:0.85em monospace;white-space:pre;overflow-x:auto">{numbered}</pre></div>'


def source(name: str, begin: str = "", end: str = "") -> Excerpt:
    """The lines of a function or class of bedside, as they are installed here.

    Args:
        name: "module:function", such as "bedside.training.loop:fit".
        begin: show from the first line that contains this text on; empty: from its beginning.
        end: show to the first line after it that contains this text; empty: to its end.

    Raises:
        SettingError: there is no such function, or none of its lines contains the text.
    """
    module, _, inside = name.partition(":")
    try:
        found = import_module(module)
        for part in inside.split(".") if inside else ():
            found = getattr(found, part)
    except (ImportError, AttributeError):
        raise SettingError(f"There is no '{name}' in bedside; write module:function.") from None
    lines, first = inspect.getsourcelines(found)
    lines = [line.rstrip("\n") for line in lines]
    start = _line(lines, begin, 0, name)
    stop = _line(lines, end, start, name) if end else len(lines) - 1
    shown = lines[start : stop + 1]
    return Excerpt(Path(inspect.getfile(found)), max(first, 1) + start, tuple(shown))


def _page(file: Path) -> str | None:
    """Where the local server of this notebook shows the module; None outside of notebooks, or without the extra 'app'."""
    if not _in_notebook():
        return None
    from bedside.learn.frames import address
    from bedside.learn.listing import name_of

    try:
        return f"{address().url}/source/{name_of(file)}"
    except BedsideError:  # the lines themselves need no server
        return None


def _in_notebook() -> bool:
    python = sys.modules.get("IPython")  # who has not loaded it is in no notebook
    return python is not None and hasattr(python.get_ipython(), "kernel")


def _line(lines: list[str], text: str, after: int, name: str) -> int:
    for number in range(after, len(lines)):
        if text in lines[number]:
            return number
    raise SettingError(f"No line of {name} contains '{text}'.")
