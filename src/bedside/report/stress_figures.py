"""Performance against how much is wrong with the data: one curve for each change that comes in grades."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bedside.cohort import Estimate, level_text
from bedside.report.interval_rows import NARROW, WIDE
from bedside.report.style import DOTTED, MODEL, ROUND, Drawing, canvas, grid, to_svg
from bedside.report.words import metric_name

# Kind of change -> title and axis.
AXES = {
    ("table", "noise"): ("Noise in all numbers", "standard deviations of training"),
    ("table", "gaps"): ("Missing cells", "share of all cells"),
    ("image", "noise"): ("Gaussian noise", "share of white"),
    ("image", "blur"): ("Blur", "share of the shorter side"),
    ("image", "darker"): ("Darker", "share of brightness lost"),
    ("image", "brighter"): ("Brighter", "share of brightness gained"),
    ("image", "contrast"): ("Less contrast", "share of contrast lost"),
    ("image", "jpeg"): ("JPEG compression", "100 − quality"),
    ("image", "rotation"): ("Rotation", "degrees"),
}


def graded(record: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Changes of several strengths, by kind, from weak to strong; in the order of `AXES`."""
    kinds = [kind for data, kind in AXES if data == record["data"]]
    found = {kind: [row for row in record["changes"] if row["kind"] == kind] for kind in kinds}
    return {kind: sorted(rows, key=lambda row: row["strength"]) for kind, rows in found.items() if rows}


def headline_name(record: dict[str, Any]) -> str:
    """The metric that is followed, as the sentences of stress.json name it."""
    macro = "Macro " if record["plain"]["of"] == "macro" else ""
    return macro + metric_name(record["headline"])


def stress_figure(record: dict[str, Any], *, narrow: bool = False) -> Drawing:
    """Small multiples of the headline metric against strength; `record` is stress.json."""
    kinds = graded(record)
    across = 2 if narrow else min(4, max(2, len(kinds)))
    down = -(-len(kinds) // across)
    size = (NARROW, 1.9 * down) if narrow else (WIDE, (2.7 if len(kinds) <= 2 else 2.2) * down)
    figure, axes = canvas(size, down, across, squeeze=False, sharey=True)
    plain = Estimate.from_dict(record["plain"])
    for place, (kind, rows) in zip(axes.flat, kinds.items(), strict=False):
        _draw(place, plain, rows, AXES[record["data"], kind])
    for place in list(axes.flat)[len(kinds) :]:
        place.set_visible(False)
    label = headline_name(record)
    for row in axes:
        row[0].set_ylabel(label)
    name = "stress-narrow" if narrow else "stress"
    caption = (
        f"{label} on the same test patients under changes of growing strength, with {level_text(record['level'])} intervals over patients. "
        "Dotted: the data as they are."
    )
    said = "; ".join(
        f"{row['label']} {Estimate.from_dict(row['stressed']).text()}" for rows in kinds.values() for row in rows
    )
    return Drawing(name, f"{label} against strength", caption, f"{said}.", to_svg(figure, name), wide=not narrow)


def _draw(axes: Axes, plain: Estimate, rows: Sequence[dict[str, Any]], words: tuple[str, str]) -> None:
    known = [(0.0, plain), *((row["strength"], Estimate.from_dict(row["stressed"])) for row in rows)]
    known = [(x, one) for x, one in known if one.value is not None]
    if plain.value is not None:
        axes.axhline(plain.value, **DOTTED)
    for x, one in known:
        if one.low is not None and one.high is not None:
            axes.vlines(x, one.low, one.high, color=MODEL, linewidth=1.4, alpha=0.6)
    axes.plot(
        [x for x, _ in known],
        [float(one.value or 0) for _, one in known],
        "o-",
        color=MODEL,
        markersize=3.6,
        linewidth=1.2,
    )
    axes.set_title(words[0], fontsize=8.0)
    axes.set_xlabel(words[1], fontsize=7.0)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    grid(axes, axis="y")
