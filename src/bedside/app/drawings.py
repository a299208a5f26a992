"""Curves and scatters with a mark that moves: SVG in the page's own colours, text in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

WIDTH, HEIGHT = 420, 330
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 46


@dataclass(frozen=True)
class Frame:
    """Where numbers lie on the paper: ends of both axes."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> str:
        points = " ".join("{:.1f},{:.1f}".format(*self.place(x, y)) for x, y in zip(xs, ys, strict=True))
        return f'<polyline class="{kind}" points="{points}"/>'

    def dot(self, x: float, y: float, kind: str, radius: float = 6) -> str:
        across, down = self.place(x, y)
        return f'<circle class="{kind}" cx="{across:.1f}" cy="{down:.1f}" r="{radius:g}"/>'


def roc(curve: pd.DataFrame, here: tuple[float, float], frozen: tuple[float, float], words: tuple[str, str]) -> str:
    """ROC with a mark at (false alarms, sensitivity) of the chosen and of the frozen threshold; `words` name the axes."""
    frame = Frame((0, 1), (0, 1))
    inside = [
        frame.line([0, 1], [0, 1], "chance"),
        frame.line(curve["false_positive_rate"].tolist(), curve["sensitivity"].tolist(), "curve"),
        frame.dot(*frozen, "frozen"),
        frame.dot(*here, "here"),
    ]
    return _sheet(frame, inside, words, _shares(0, 1), _shares(0, 1))


def decision(
    curve: pd.DataFrame,
    here: tuple[float, float | None],
    frozen: tuple[float, float | None],
    words: tuple[str, str],
    names: tuple[str, str],
) -> str:
    """Net benefit over threshold probabilities: of the score, of treating everybody and nobody, and marks.

    Args:
        curve: threshold, model, all.
        here: the chosen threshold, where a line stands, and its net benefit, None at 0 and 1.
        frozen: the frozen threshold and its net benefit.
        words: of the axes.
        names: of treating everybody and nobody.
    """
    top = max(float(curve["model"].max()), float(curve["all"].max()), 0.05)
    low = -0.25 * top
    frame = Frame((0, 1), (low, 1.08 * top))
    known = curve[curve["all"] >= low]
    shown = curve[curve["model"] >= low]
    inside = [
        frame.line([0, 1], [0, 0], "chance"),
        frame.line(known["threshold"].tolist(), known["all"].tolist(), "other"),
        frame.line(shown["threshold"].tolist(), shown["model"].tolist(), "curve"),
        frame.line([here[0], here[0]], [low, 1.08 * top], "here-line"),
    ]
    inside += [
        frame.dot(place, benefit, kind)
        for kind, (place, benefit) in (("frozen", frozen), ("here", here))
        if benefit is not None and benefit >= low
    ]
    low_down = known.iloc[int(0.85 * (len(known) - 1))]
    inside.append(_label(frame, float(low_down["threshold"]) - 0.02, float(low_down["all"]), names[0], 4, "end"))
    inside.append(_label(frame, 0.99, 0, names[1], 16, "end"))
    step = _step(top)
    return _sheet(frame, inside, words, _shares(0, 1), [(v, f"{v:g}") for v in np.arange(0, 1.08 * top, step).round(6)])


def residuals(truth: Sequence[float], predicted: Sequence[float], kinds: Sequence[str], words: tuple[str, str]) -> str:
    """Predicted against true numbers; `kinds` are the classes of the dots, and the diagonal is what should be."""
    low, high = min(*truth, *predicted), max(*truth, *predicted)
    room = 0.04 * (high - low) or 1.0
    frame = Frame((low - room, high + room), (low - room, high + room))
    inside = [frame.line([low, high], [low, high], "chance")]
    inside += [frame.dot(x, y, kind, 3.2) for x, y, kind in zip(truth, predicted, kinds, strict=True)]
    step = _step(high - low)
    ticks = [(v, f"{v:g}") for v in np.arange(np.ceil(low / step) * step, high + step / 2, step).round(9).tolist()]
    return _sheet(frame, inside, words, ticks, ticks)


def _sheet(
    frame: Frame,
    inside: Sequence[str],
    words: tuple[str, str],
    across: Sequence[tuple[float, str]],
    up: Sequence[tuple[float, str]],
) -> str:
    """Axes, ticks and names around what is drawn inside."""
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">']
    for value, text in across:
        x, y = frame.place(value, frame.y[0])
        parts.append(
            f'<path class="grid" d="M{x:.1f} {TOP}V{y:.1f}"/><text x="{x:.1f}" y="{y + 17:.1f}" text-anchor="middle">{text}</text>'
        )
    for value, text in up:
        x, y = frame.place(frame.x[0], value)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}"/><text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="name" x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(words[0])}</text>')
    down = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="name" x="13" y="{down:.0f}" text-anchor="middle" transform="rotate(-90 13 {down:.0f})">{escape(words[1])}</text>'
    )
    return "".join([*parts, *inside, "</svg>"])


def _label(frame: Frame, x: float, y: float, text: str, lift: float, anchor: str = "start") -> str:
    across, down = frame.place(x, y)
    return f'<text class="beside" x="{across:.1f}" y="{down + lift:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _shares(low: float, high: float) -> list[tuple[float, str]]:
    return [(value, f"{value:g}") for value in np.linspace(low, high, 6).round(2).tolist()]


def _step(span: float) -> float:
    """A round step that cuts a span into four to eight pieces."""
    step = 10.0 ** np.floor(np.log10(span / 4)) if span > 0 else 1.0
    return float(next(step * k for k in (1, 2, 5, 10) if span / (step * k) <= 8))
