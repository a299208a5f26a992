"""1,000 patients as dots, and small bars: pictures that move with a slider, so they are short."""

from collections.abc import Mapping

COLUMNS, STEP, RADIUS = 40, 10, 3.6
KINDS = ("tp", "fn", "fp", "tn")


def dots(counts: Mapping[str, int]) -> str:
    """1,000 patients in reading order: found, missed, false alarms, left in peace.

    Each kind is one path of points with round ends, a fortieth of what 1,000 circles would take.
    """
    place, paths = 0, []
    for kind in KINDS:
        points = "".join(_point(place + k) for k in range(counts[kind]))
        paths.append(f'<path class="{kind}" d="{points or "M0 0"}"/>' if points else "")
        place += counts[kind]
    height = STEP * (1000 // COLUMNS)
    return f'<svg class="dots" viewBox="0 0 {COLUMNS * STEP} {height}" aria-hidden="true">{"".join(paths)}</svg>'


def _point(number: int) -> str:
    row, column = divmod(number, COLUMNS)
    return f"M{STEP * column + STEP // 2} {STEP * row + STEP // 2}h0"


def score_bar(score: float, threshold: float | None = None, *, low: float = 0.0, high: float = 1.0) -> str:
    """A score in its range, with a mark at the threshold."""
    width = 96
    at = width * min(1.0, max(0.0, (score - low) / (high - low) if high > low else 0.0))
    mark = "" if threshold is None else f'<path class="mark" d="M{width * (threshold - low) / (high - low):.1f} 0v12"/>'
    return (
        f'<svg class="bar" viewBox="0 0 {width} 12" width="{width}" height="12" aria-hidden="true">'
        f'<rect class="room" width="{width}" y="3" height="6" rx="3"/>'
        f'<rect class="fill" width="{at:.1f}" y="3" height="6" rx="3"/>{mark}</svg>'
    )
