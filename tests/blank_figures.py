"""Figures of reports that are made, but neither laid out nor written: that takes most of a short training."""

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

_SAVE = Figure.savefig


def blank(figure, file, **options):
    """An empty SVG of the figure's size; other formats as they are."""
    if options.get("format") != "svg":
        _SAVE(figure, file, **options)
        return
    width, height = 72 * figure.get_size_inches()
    file.write(f'<svg width="{width}pt" height="{height}pt" xmlns="http://www.w3.org/2000/svg"></svg>'.encode())


def save_ink(put=setattr):
    """Put the blanks in place; `put` of a MonkeyPatch takes them away again."""
    put(Figure, "savefig", blank)
    put(ConstrainedLayoutEngine, "execute", lambda *_: None)
