"""A recording as a small SVG: its channels below each other, and behind them the evidence that a network found."""

from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, ROW, LEFT, BOTTOM = 560, 92, 46, 26  # of the drawing, one channel, the names, the axis; in pixels
MOST = 700  # points of a line; of longer recordings the extremes of each step are drawn
FOR, AGAINST, PAPER, INK, QUIET = "#d9822b", "#3f6fa8", "#fbfbf9", "#22303a", "#8a949c"
FADE = 0.08  # share of the strongest evidence below which nothing is drawn
COVER = 0.62  # opacity of the strongest


def draw(path: Path, *drawn: Any, **more: Any) -> None:
    """Write one SVG file; see `drawing`."""
    path.write_text(drawing(*drawn, **more), encoding="utf-8")


def drawing(
    traces: np.ndarray,
    names: tuple[str, ...],
    found: np.ndarray | None = None,
    *,
    rate: float | None = None,
    title: str = "",
) -> str:
    """One recording as SVG.

    Args:
        traces: (channels, time), NaN where nothing was recorded.
        names: of the channels.
        found: evidence in cells of equal length over the time, (channels, cells); orange for, blue against.
        rate: in Hz, for an axis in seconds; without it the axis counts time points.
        title: what the drawing shows, for those who do not see it.
    """
    channels, time = traces.shape
    height = channels * ROW + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
    ]
    strongest = 0.0 if found is None else float(np.abs(found).max())
    for row in range(channels):
        if found is not None and strongest > 0:
            parts += _bands(found[row] / strongest, row * ROW)
        parts.append(_line(traces[row], row * ROW))
        parts.append(f'<text x="6" y="{row * ROW + ROW / 2 + 4:g}" fill="{INK}">{escape(names[row][:7])}</text>')
    return "\n".join([*parts, *_axis(time, rate, channels * ROW), "</svg>\n"])


def _bands(strength: np.ndarray, top: int) -> list[str]:
    """One rectangle per cell with evidence; `strength` (cells,) lies in -1..1."""
    width = (WIDTH - LEFT) / len(strength)
    return [
        f'<rect x="{LEFT + k * width:.1f}" y="{top + 3}" width="{width + 0.2:.1f}" height="{ROW - 6}" '
        f'fill="{FOR if value > 0 else AGAINST}" fill-opacity="{COVER * abs(value):.2f}"/>'
        for k, value in enumerate(strength)
        if abs(value) > FADE
    ]


def _line(values: np.ndarray, top: int) -> str:
    """A channel, from its smallest value at the bottom to its largest at the top; gaps stay open."""
    seen = values[np.isfinite(values)]
    if not len(seen):
        return f'<text x="{LEFT + 8}" y="{top + ROW / 2 + 4:g}" fill="{QUIET}">not recorded</text>'
    places = np.arange(len(values)) if len(values) <= MOST else _extremes(values)
    low, high = float(seen.min()), float(seen.max())
    x = LEFT + (places + 0.5) / len(values) * (WIDTH - LEFT)
    y = top + ROW - 10 - (values[places] - low) / ((high - low) or 1) * (ROW - 20)
    commands, pen = [], "M"
    for one, other in zip(x, y, strict=True):
        if np.isfinite(other):
            commands.append(f"{pen}{one:.1f} {other:.1f}")
        pen = "L" if np.isfinite(other) else "M"
    return f'<path d="{"".join(commands)}" fill="none" stroke="{INK}" stroke-width="1.3" stroke-linejoin="round"/>'


def _extremes(values: np.ndarray) -> np.ndarray:
    """Places of the lowest and the highest value in each of `MOST` / 2 steps, in order: no peak is lost."""
    edges = np.linspace(0, len(values), MOST // 2 + 1).astype(int)
    found: set[int] = set()
    for start, end in pairwise(edges):
        part = np.nan_to_num(values[start:end], nan=np.nanmedian(values))
        found |= {start + int(part.argmin()), start + int(part.argmax())}
    return np.array(sorted(found))


def _axis(time: int, rate: float | None, top: int) -> list[str]:
    """Time in seconds, or in points if the rate is unknown."""
    last = time / rate if rate else float(time)
    step = _round_step(last)
    marks = np.arange(0, last + 1e-9, step)
    parts = [f'<line x1="{LEFT}" x2="{WIDTH}" y1="{top}" y2="{top}" stroke="{QUIET}"/>']
    for mark in marks:
        x = LEFT + mark / last * (WIDTH - LEFT)
        anchor = "end" if x > WIDTH - 24 else "middle"
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 4}" stroke="{QUIET}"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + 17}" text-anchor="{anchor}" fill="{QUIET}">{mark:g}</text>')
    unit = "s" if rate else "points"
    return [*parts, f'<text x="6" y="{top + 17}" fill="{QUIET}">{unit}</text>']


def _round_step(last: float) -> float:
    """About six marks at 1, 2 or 5 times a power of ten."""
    rough = last / 6
    power = 10 ** np.floor(np.log10(rough))
    return float(next(power * k for k in (1, 2, 5, 10) if power * k >= rough))
