"""The section on shuffled targets: what the whole pipeline scored when there was nothing to learn."""

from typing import Any

from bedside.cohort import Estimate
from bedside.folder import Run
from bedside.report.style import DOTTED, EVENT, MODEL, Drawing, calm, canvas, grid, to_svg
from bedside.report.words import metric_name, p_text


def null(run: Run) -> dict[str, Any] | None:
    """Sentences and rows, or None if no shuffled runs were asked for."""
    record = run.null
    if record is None:
        return None
    rows = [
        {
            "name": metric_name(metric["metric"]),
            "chance": f"{metric['chance']:g}",
            "mean": Estimate.from_dict(metric["mean"]),
            "real": "–" if metric["real"] is None else f"{metric['real']:.2f}",
            "p": p_text(metric["p"]),
            "verdict": metric["verdict"],
        }
        for metric in record["metrics"]
    ]
    leaking = any(row["verdict"] == "above chance" for row in rows)
    return {
        "sentences": record["sentences"],
        "rows": rows,
        "runs": record["runs"],
        "leaking": leaking,
        "within_sites": record["within_sites"],
    }


def null_figure(run: Run) -> Drawing | None:
    """Each shuffled run as a point, chance as a dotted line, the real result as a mark."""
    if run.null is None:
        return None
    metric = run.null["metrics"][0]
    name, values = metric_name(metric["metric"]), sorted(metric["values"])
    with calm():
        figure, axes = canvas((8.8, 1.7))
        heights = _stacked(values)
        axes.plot(values, heights, "o", color=MODEL, alpha=0.6, markersize=4.5, markeredgewidth=0)
        axes.axvline(metric["chance"], **DOTTED)
        if metric["real"] is not None:
            axes.plot([metric["real"]], [0], marker="D", color=EVENT, markersize=6, linestyle="none")
            axes.annotate(
                "real", (metric["real"], 0), xytext=(0, 8), textcoords="offset points", ha="center", color=EVENT
            )
        axes.set(ylim=(-1, max([*heights, 3]) + 1), xlabel=name, yticks=[])
        axes.spines["left"].set_visible(False)
        grid(axes, axis="x")
        svg = to_svg(figure, "null")
    caption = f"Each point is one run of the whole pipeline with targets shuffled between patients; the dotted line is chance ({metric['chance']:g}), the diamond the real result."
    return Drawing("null", f"{name} with shuffled targets", caption, f"{run.null['runs']} runs.", svg, wide=True)


def _stacked(values: list[float]) -> list[int]:
    """Heights that keep points of nearly the same place apart."""
    step = max((values[-1] - values[0]) / 25, 1e-6)
    places: dict[int, int] = {}
    heights = []
    for value in values:
        place = round(value / step)
        heights.append(places.get(place, 0))
        places[place] = heights[-1] + 1
    return heights
