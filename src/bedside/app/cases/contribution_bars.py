"""Contributions of columns as bars that start where the one before ended: from the average patient's score to this one's."""

from collections.abc import Sequence
from html import escape

from bedside.reasons import Reasons

WIDTH, ROW, NAME, NUMBER = 560, 26, 250, 62


def contribution_bars(found: Reasons, ends: tuple[str, str], others: str) -> str:
    """Args:
    found: of one sample.
    ends: what the first and the last number are called.
    others: what all columns that are not listed are called.
    """
    rows = [(f"{reason.column} = {reason.value or '–'}", reason.contribution) for reason in found.columns]
    rows += [(others, found.others)] if abs(found.others) > 5e-4 * max(1.0, abs(found.score)) else []
    places = [found.start]
    for _, value in rows:
        places.append(places[-1] + value)
    low, high = min(*places, found.score), max(*places, found.score)
    room = high - low or 1.0

    def at(score: float) -> float:
        return NAME + (score - low) / room * (WIDTH - NAME - NUMBER)

    lines = [_end(0, ends[0], found.start, at(found.start))]
    for k, ((name, value), begin) in enumerate(zip(rows, places, strict=False), start=1):
        lines.append(_bar(k, name, value, at(begin), at(begin + value)))
    lines.append(_end(len(rows) + 1, ends[1], found.score, at(found.score)))
    height = ROW * (len(rows) + 2)
    return f'<svg class="reasons" viewBox="0 0 {WIDTH} {height}" aria-hidden="true">{"".join(lines)}</svg>'


def in_words(found: Reasons) -> Sequence[str]:
    """The same as text, for those who do not see it: `age = 71: +0.12`."""
    return [f"{reason.column} = {reason.value or '–'}: {signed(reason.contribution)}" for reason in found.columns]


def signed(value: float) -> str:
    """`+0.12`, `−3.4`, `+0.004`: enough digits to be seen, with a true minus."""
    size = abs(value)
    text = f"{size:.3g}" if size >= 10 else f"{size:.2f}" if size >= 0.01 else f"{size:.3f}"
    return text if float(text) == 0 else f"{'−' if value < 0 else '+'}{text}"


def short(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _bar(row: int, name: str, value: float, begin: float, end: float) -> str:
    y, left = ROW * row, min(begin, end)
    kind = "up" if value >= 0 else "down"
    return (
        f'<text x="{NAME - 10}" y="{y + 17}" text-anchor="end">{escape(short(name))}</text>'
        f'<path class="thread" d="M{begin:.1f} {y - ROW / 2 + 8:.1f}V{y + 5}"/>'
        f'<rect class="{kind}" x="{left:.1f}" y="{y + 5}" width="{max(1.0, abs(end - begin)):.1f}" height="{ROW - 10}" rx="2"/>'
        f'<text class="value" x="{WIDTH}" y="{y + 17}" text-anchor="end">{signed(value)}</text>'
    )


def _end(row: int, name: str, score: float, at: float) -> str:
    y = ROW * row
    number = f"{score:.3f}" if abs(score) < 10 else f"{score:.4g}"
    return (
        f'<text class="end" x="{NAME - 10}" y="{y + 17}" text-anchor="end">{escape(short(name))}</text>'
        f'<circle class="end" cx="{at:.1f}" cy="{y + 13}" r="4"/>'
        f'<text class="end value" x="{WIDTH}" y="{y + 17}" text-anchor="end">{number}</text>'
    )
