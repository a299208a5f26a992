"""Draw the pictures on the pages of families; python docs/make_family_figures.py [NAMES]

Everything in them is computed: maps of risk by the families themselves, shapes and counts from the networks. The SVG files
are kept in docs/figures/families, so that the pages can be read without running anything.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from by_night import by_night
from drawn import graphs, images, recordings, tables
from matplotlib.figure import Figure

from bedside.report.style import calm, to_svg
from bedside.training.hardware import limited_threads

FIGURES = Path(__file__).with_name("figures") / "families"
DRAWN: dict[str, Callable[[], Figure]] = {
    draw.__name__.replace("_", "-"): draw for draw in (*tables.ALL, *images.ALL, *recordings.ALL, *graphs.ALL)
}


def drawn(name: str) -> str:
    """One of them as SVG."""
    with calm(), limited_threads(1):
        return by_night(to_svg(DRAWN[name](), name))


def main(names: list[str]) -> None:
    FIGURES.mkdir(parents=True, exist_ok=True)
    for name in names or DRAWN:
        (FIGURES / f"{name}.svg").write_text(drawn(name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
