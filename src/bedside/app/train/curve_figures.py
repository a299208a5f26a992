"""Learning curves while they grow, as SVG in the colours of the page: a panel for each fold, or one for a single fold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bedside.app.words import t
from bedside.jobs import Curve

LARGE, SMALL = (640, 300), (300, 190)  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 26, 34
MOST = 20  # panels; more folds are told in words


@dataclass(frozen=True)
class _Scale:
    """Places in a panel for epochs and losses."""

    width: int
    height: int
    epochs: int
    low: float
    high: float

    def x(self, epoch: float) -> float:
        return LEFT + (self.width - LEFT - RIGHT) * (epoch - 1) / max(self.epochs - 1, 1)

    def y(self, loss: float) -> float:
        share = (loss - self.low) / ((self.high - self.low) or 1)
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * share


def figure(curves: Sequence[Curve]) -> str:
    """All panels; the scale is the same in each. Empty before the first epoch."""
    shown = [curve for curve in curves if curve.train or curve.valid][-MOST:]
    values = [v for curve in shown for v in (*curve.train.values(), *curve.valid.values()) if v is not None]
    if not values:
        return ""
    size = LARGE if len(shown) == 1 else SMALL
    low, high = _round_limits(min(values), max(values))
    epochs = max(max((*curve.train, *curve.valid)) for curve in shown)
    panels = [_panel(curve, _Scale(*size, epochs, low, high), single=len(shown) == 1) for curve in shown]
    kind = "panels one" if len(shown) == 1 else "panels"
    return f'<div class="{kind}">{"".join(panels)}</div>'


def words(curves: Sequence[Curve]) -> str:
    """What the figure shows, for those who do not see it."""
    parts = []
    for curve in [one for one in curves if one.best][-MOST:]:
        loss = curve.valid.get(curve.best)
        if loss is not None:
            parts.append(
                t(
                    "{fold}: lowest validation loss {loss} in epoch {epoch}",
                    fold=name(curve),
                    loss=f"{loss:.3f}",
                    epoch=curve.best,
                )
            )
    return "; ".join(parts) or t("Learning curves")


def name(curve: Curve) -> str:
    """`Fold 2`, `Repeat 3, fold 1`; counted from 1 as in the report."""
    fold = (
        t("Fold {n}", n=curve.fold + 1)
        if not curve.repeat
        else t("Repeat {r}, fold {n}", r=curve.repeat + 1, n=curve.fold + 1)
    )
    phases = {"head": t("last layer"), "network": t("network")}
    return f"{fold}, {phases.get(curve.phase, curve.phase)}" if curve.phase else fold


def _panel(curve: Curve, scale: _Scale, *, single: bool) -> str:
    parts = [_axes(scale, single=single)]
    for losses, kind in ((curve.train, "train"), (curve.valid, "valid")):
        points = [
            f"{scale.x(epoch):.1f},{scale.y(loss):.1f}" for epoch, loss in sorted(losses.items()) if loss is not None
        ]
        if len(points) == 1:
            x, y = points[0].split(",")
            parts.append(f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="2.5"/>')
        parts.append(f'<polyline class="{kind}" points="{" ".join(points)}"/>')
    best = curve.valid.get(curve.best)
    if best is not None:
        parts.append(f'<circle class="best" cx="{scale.x(curve.best):.1f}" cy="{scale.y(best):.1f}" r="4.5"/>')
    title = f'<text class="title" x="{LEFT}" y="14">{escape(name(curve))}</text>'
    return f'<svg viewBox="0 0 {scale.width} {scale.height}" aria-hidden="true">{title}{"".join(parts)}</svg>'


def _axes(scale: _Scale, *, single: bool) -> str:
    parts = []
    for loss in _ticks(scale.low, scale.high):
        y = scale.y(loss)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick end" x="{LEFT - 6}" y="{y + 4:.1f}">{loss:g}</text>')
    for epoch in sorted(
        {1, (1 + scale.epochs) // 2, scale.epochs} if scale.epochs > 4 else set(range(1, scale.epochs + 1))
    ):
        parts.append(
            f'<text class="tick middle" x="{scale.x(epoch):.1f}" y="{scale.height - BOTTOM + 16}">{epoch}</text>'
        )
    base = scale.height - BOTTOM
    parts.append(f'<line class="axis" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{base}" y2="{base}"/>')
    if single:
        parts.append(
            f'<text class="tick end" x="{scale.width - RIGHT}" y="{scale.height - 2}">{escape(t("epoch"))}</text>'
        )
        parts.append(f'<text class="tick end" x="{scale.width - RIGHT}" y="14">{escape(t("loss"))}</text>')
    return "".join(parts)


def _round_limits(low: float, high: float) -> tuple[float, float]:
    step = _step(max(high - low, abs(high) * 0.05, 1e-6))
    bottom, top = math.floor(low / step) * step, math.ceil(high / step) * step
    return bottom, top if top > bottom else bottom + step


def _ticks(low: float, high: float) -> list[float]:
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, first + 8) if k * step <= high + step * 1e-9]


def _step(width: float) -> float:
    """1, 2 or 5 times a power of ten, about a fourth of the width."""
    power = 10 ** math.floor(math.log10(width / 4))
    return next(k * power for k in (1, 2, 5, 10) if k * power >= width / 4 * 0.999)
