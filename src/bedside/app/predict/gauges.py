"""Where a score lies: between 0 and 1 with its threshold, in the range of the target, or among several classes."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, SIDE = 420, 12


def gauge(
    value: float,
    *,
    ends: tuple[float, float] = (0.0, 1.0),
    threshold: float | None = None,
    members: Sequence[float] = (),
    band: tuple[float, float] | None = None,
    words: tuple[str, str] = ("0", "1"),
) -> str:
    """A line with the value, a tick for each member, the threshold and an interval."""
    low, high = min(ends[0], value), max(ends[1], value)

    def at(number: float) -> float:
        share = (min(max(number, low), high) - low) / ((high - low) or 1.0)
        return SIDE + share * (WIDTH - 2 * SIDE)

    parts = [f'<rect class="room" x="{SIDE}" y="22" width="{WIDTH - 2 * SIDE}" height="10" rx="5"/>']
    if band is not None:
        parts.append(
            f'<rect class="fill" opacity=".35" x="{at(band[0]):.1f}" y="22" width="{max(2.0, at(band[1]) - at(band[0])):.1f}" height="10" rx="5"/>'
        )
    else:
        parts.append(
            f'<rect class="fill" x="{SIDE}" y="22" width="{max(2.0, at(value) - SIDE):.1f}" height="10" rx="5"/>'
        )
    parts += [f'<path class="spread" opacity=".55" d="M{at(one):.1f} 38v7"/>' for one in members if len(members) > 1]
    if threshold is not None:
        parts.append(f'<path class="mark" d="M{at(threshold):.1f} 14v26"/>')
    parts.append(f'<circle class="fill" cx="{at(value):.1f}" cy="27" r="9"/>')
    parts.append(f'<text x="{SIDE}" y="62">{escape(words[0])}</text>')
    parts.append(f'<text x="{WIDTH - SIDE}" y="62" text-anchor="end">{escape(words[1])}</text>')
    return f'<svg class="gauge" viewBox="0 0 {WIDTH} 68" aria-hidden="true">{"".join(parts)}</svg>'


def class_bars(scores: Mapping[str, float]) -> str:
    """The score of every class, the highest first."""
    ranked = sorted(scores.items(), key=lambda pair: -pair[1])
    rows, row = [], 28
    for number, (name, score) in enumerate(ranked):
        y = row * number
        rows.append(
            f'<text x="0" y="{y + 18}" style="fill:var(--ink)!important;font-size:14px">{escape(name[:24])}</text>'
            f'<rect class="room" x="150" y="{y + 8}" width="210" height="11" rx="5"/>'
            f'<rect class="fill" x="150" y="{y + 8}" width="{210 * score:.1f}" height="11" rx="5"/>'
            f'<text x="{WIDTH}" y="{y + 18}" text-anchor="end" style="fill:var(--ink)!important;font-size:14px">{score:.3f}</text>'
        )
    return f'<svg class="gauge" viewBox="0 0 {WIDTH} {row * len(ranked)}" aria-hidden="true">{"".join(rows)}</svg>'
