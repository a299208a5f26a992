"""The flow of patients as a figure: boxes from what was read to who was tested."""

from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bedside.report.flow import part_range, range_text, range_words
from bedside.report.style import BASELINE, EVENT, INK, MODEL, MUTED, PAPER, Drawing, calm, short, to_svg

WIDTH, MARGIN, GAP = 5.0, 0.06, 0.22  # inches
LINE, PADDING = 0.155, 0.09  # height of a line of text, space above and below it
_BOXES = {"train": ("Training", MODEL), "valid": ("Validation, for choices", BASELINE), "test": ("Test, once", EVENT)}


def flow_figure(counts: dict[str, Any]) -> Drawing:
    """The diagram with the words that belong to it; `counts` as `flow` gives them."""
    with calm():
        svg = to_svg(_figure(counts), "flow")
    return Drawing("flow", "Flow of patients", caption(counts), " ".join(_said(counts)), svg)


def flow_png(counts: dict[str, Any], *, dots: int = 200) -> bytes:
    """The same diagram in pixels, for programs that cannot draw SVG."""
    buffer = BytesIO()
    with calm():
        _figure(counts).savefig(buffer, format="png", dpi=dots, metadata={"Software": None})
    return buffer.getvalue()


def caption(counts: dict[str, Any]) -> str:
    """What a reader has to know about the counting."""
    folds, each = len(counts["folds"]), "every patient stands once on each level"
    said = f"In each of the {folds} folds {each}; ranges are over the folds." if folds > 1 else f"{each.capitalize()}."
    if _left_out(counts):
        said += " A patient with samples in a part and others left out stands in the part."
    return said + (
        "" if counts["patient_column"] else " There is no patient column, so each sample counts as one patient."
    )


def _said(counts: dict[str, Any]) -> list[str]:
    """The diagram in sentences, for readers who cannot see it."""
    parts = ", ".join(f"{name}: {', '.join(_lines(counts, name))}" for name in ("train", "valid", "test"))
    return [f"Read: {', '.join(_read(counts))}.", f"{' '.join(_excluded(counts)).removesuffix('.')}.", f"{parts}."]


def _figure(counts: dict[str, Any]) -> Figure:
    """Boxes from the top down; the height of the figure is what they need."""
    excluded, left_out = _excluded(counts), _left_out(counts)
    rows = [
        ([("Read", _read(counts), INK)], excluded),
        ([("Analysed", _kept(counts), INK)], left_out),
        ([(title, _lines(counts, part), colour) for part, (title, colour) in _BOXES.items()], []),
    ]
    if len(counts["folds"]) > 1:
        rows.append(([("Tested over all folds", _over_all(counts), EVENT)], []))
    tall = [_height(max(len(lines) for _, lines, _ in boxes)) for boxes, _ in rows]
    between = [max(2 * GAP, _height(len(side) - 1) + GAP) if side else 2 * GAP for _, side in rows]
    figure = Figure(figsize=(WIDTH, sum(tall) + sum(between[:-1]) + 2 * MARGIN))
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, figure.get_size_inches()[1]))
    axes.set_axis_off()
    _draw(axes, rows, tall, between)
    return figure


def _height(lines: int) -> float:
    return (lines + 1) * LINE + 2 * PADDING


def _draw(axes: Axes, rows: list[Any], tall: list[float], between: list[float]) -> None:
    top = axes.get_ylim()[1] - MARGIN
    for k, (boxes, side) in enumerate(rows):
        places = _places(len(boxes), last=k + 1 == len(rows))
        if k and len(boxes) > 1:
            _branch(axes, top, [x + width / 2 for x, width in places])
        for (title, lines, colour), (x, width) in zip(boxes, places, strict=True):
            _box(axes, (x, top, width, tall[k]), title, lines, colour)
        top -= tall[k]
        if k + 1 == len(rows):
            return
        if len(boxes) > 1:
            x = places[-1][0] + places[-1][1] / 2  # from the test part of a fold to the box of all folds
            axes.plot([x, x], [top, top - between[k]], color=MUTED, linewidth=0.7)
        else:
            _stem(axes, places[0], top, between[k] - (GAP if len(rows[k + 1][0]) > 1 else 0), side)
        top -= between[k]


def _places(boxes: int, *, last: bool = False) -> list[tuple[float, float]]:
    """Left edge and width of the boxes of a row; a single one stands to the left, with room beside it, or below the tests."""
    if boxes == 1:
        return [(WIDTH - MARGIN - 2.1 if last else MARGIN, 2.1)]
    width = (WIDTH - 2 * MARGIN - (boxes - 1) * GAP / 2) / boxes
    return [(MARGIN + k * (width + GAP / 2), width) for k in range(boxes)]


def _box(axes: Axes, place: tuple[float, float, float, float], title: str, lines: list[str], colour: str) -> None:
    """A frame whose upper edge is thick, a bold title and lines of text below it."""
    x, top, width, height = place
    axes.add_patch(Rectangle((x, top - height), width, height, facecolor=PAPER, edgecolor=MUTED, linewidth=0.7))
    axes.plot([x, x + width], [top, top], color=colour, linewidth=2, solid_capstyle="butt")
    for k, line in enumerate([title, *lines]):
        y = top - PADDING - (k + 0.5) * LINE
        weight = "bold" if k == 0 else "normal"
        axes.text(x + 0.09, y, line, va="center", fontsize=7.5, fontweight=weight, color=INK if k < 2 else MUTED)


def _stem(axes: Axes, place: tuple[float, float], top: float, length: float, side: list[str]) -> None:
    """A line down from a box, and to the right of it who leaves here."""
    x = place[0] + place[1] / 2
    axes.plot([x, x], [top, top - length], color=MUTED, linewidth=0.7)
    if side:
        middle = top - length / 2
        axes.plot([x, place[0] + place[1] + GAP / 2], [middle, middle], color=MUTED, linewidth=0.7)
        upper = middle + (len(side) - 1) * LINE / 2
        for k, line in enumerate(side):
            axes.text(
                place[0] + place[1] + GAP,
                upper - k * LINE,
                line,
                va="center",
                fontsize=7.5,
                color=INK if k == 0 else MUTED,
            )


def _branch(axes: Axes, top: float, centres: list[float]) -> None:
    """A line over several boxes, with a stem to each."""
    axes.plot([min(centres), max(centres)], [top + GAP, top + GAP], color=MUTED, linewidth=0.7)
    for x in centres:
        axes.plot([x, x], [top + GAP, top], color=MUTED, linewidth=0.7)


def _read(counts: dict[str, Any]) -> list[str]:
    return _numbers(counts["read"], counts)


def _kept(counts: dict[str, Any]) -> list[str]:
    events = [f"{counts['kept']['events']:,} of class {short(counts['positive'], 20)}"] if counts["positive"] else []
    return [*_numbers(counts["kept"], counts), *events]


def _numbers(level: dict[str, Any], counts: dict[str, Any]) -> list[str]:
    samples = _plural(level["samples"], "sample")
    if not counts["patient_column"]:
        return [samples]
    return [_plural(level["patients"], "patient") if level["patients"] is not None else "patients not known", samples]


def _lines(counts: dict[str, Any], part: str) -> list[str]:
    """Patients, samples and events of a part, as ranges over the folds."""
    folds = counts["folds"]
    units = (
        [("samples", "sample")] if not counts["patient_column"] else [("patients", "patient"), ("samples", "sample")]
    )
    lines = [range_words(folds, part, unit, word) for unit, word in units]
    if counts["positive"]:
        events = range_text(*part_range(folds, part, "events"))
        lines.append(f"{events} of class {short(counts['positive'], 12)}")
    return lines


def _excluded(counts: dict[str, Any]) -> list[str]:
    """Who was left out before the splits, and why."""
    if not counts["excluded"]:
        return ["Nobody was excluded."]
    return ["Excluded", *(f"{_lost(record, counts)}: {record['reason']}" for record in counts["excluded"])]


def _lost(record: dict[str, Any], counts: dict[str, Any]) -> str:
    samples = _plural(record["samples"], "sample")
    if not counts["patient_column"]:
        return samples
    patients = "patients not known" if record["patients"] is None else _plural(record["patients"], "patient")
    return f"{patients}, {samples}"


def _left_out(counts: dict[str, Any]) -> list[str]:
    """Who takes no part in a fold, if anybody."""
    folds = counts["folds"]
    if not any(fold["parts"]["left_out"]["samples"] for fold in folds):
        return []
    units = ("samples",) if not counts["patient_column"] else ("patients", "samples")
    numbers = ", ".join(range_words(folds, "left_out", unit, unit.removesuffix("s")) for unit in units)
    return ["Left out of training in a fold", numbers, "their patient, or a duplicate,", "is tested or validates there"]


def _over_all(counts: dict[str, Any]) -> list[str]:
    again = "each in the one fold that tests them"
    if not any(fold["fold"] for fold in counts["folds"]):
        again = f"the same for all {len(counts['folds'])} models"
    elif counts["repeats"] > 1:
        again = f"{counts['repeats']} times, with new folds"
    return [*_numbers(counts["tested"], counts), again]


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word if n == 1 else word + 's'}"
