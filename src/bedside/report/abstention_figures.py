"""What it brings if the model may be silent: error, sensitivity and specificity among the samples it answers."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from bedside.cohort import level_text
from bedside.evaluation.compare import FEWEST
from bedside.folder import Run
from bedside.report.style import BASELINE, DOTTED, EVENT, MODEL, Drawing, canvas, grid, legend, to_svg


def abstention_figures(run: Run) -> list[Drawing]:
    """The error, and for a binary task the decisions; nothing where the predictions come without doubt."""
    found = (run.estimates.get("uncertainty") or {}).get("abstention")
    if not found or "points" not in found or found["points"][0]["error"] is None:
        return []
    figure, axes = canvas()
    _line(axes, found["points"], "error", MODEL, "the surest samples")
    everything = found["points"][0]["error"]
    axes.axhline(everything["value"], **DOTTED, label="as many at random")
    _share_axes(axes, "error among the answered")
    axes.set_ylim(bottom=0)
    legend(axes, "upper left")
    level = level_text(run.estimates["level"])
    drawings = [
        Drawing(
            "abstention", "Error if the least sure samples are left to a person",
            f"From right to left ever fewer samples are answered, the surest ones, with {level} intervals; the dotted line is "
            "silence at random, which does not change the error.", found["sentence"], to_svg(figure, "abstention"),
        )
    ]  # fmt: skip
    if any(point["sensitivity"] or point["specificity"] for point in found["points"]):
        drawings.append(_decisions(found["points"], level))
    return drawings


def _decisions(points: list[dict[str, Any]], level: str) -> Drawing:
    figure, axes = canvas()
    _line(axes, points, "specificity", BASELINE, "specificity")
    _line(axes, points, "sensitivity", EVENT, "sensitivity")
    _share_axes(axes, "share of right decisions")
    axes.set_ylim(top=1.005)
    legend(axes, "lower left")
    return Drawing(
        "abstention-decisions", "Sensitivity and specificity among the answered",
        f"The same samples: who has the condition and is found, who does not and is left in peace, with {level} intervals. Both "
        f"must gain; silence that buys one with the other moves the threshold. Lines end where fewer than {FEWEST} patients are left.",
        "Sensitivity and specificity over the share that is answered.", to_svg(figure, "abstention-decisions"),
    )  # fmt: skip


def _line(axes: Axes, points: list[dict[str, Any]], name: str, colour: str, label: str) -> None:
    known = [(point["answered"], point[name]) for point in points if point[name] is not None]
    x = np.array([answered for answered, _ in known])
    value, low, high = (
        np.array([record[key] if record[key] is not None else np.nan for _, record in known], dtype=float)
        for key in ("value", "low", "high")
    )
    axes.fill_between(x, low, high, color=colour, alpha=0.14, linewidth=0)
    axes.plot(x, value, color=colour, label=label)


def _share_axes(axes: Axes, label: str) -> None:
    axes.set(xlim=(0, 1.01), xlabel="share of the samples that is answered", ylabel=label)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
    grid(axes)
