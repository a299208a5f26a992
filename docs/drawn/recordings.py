"""Families for recordings: how each reads a generated electrocardiogram (nobody's heart)."""

from functools import cache

import numpy as np
import torch
from matplotlib.figure import Figure

from bedside.data.ecg.cohort import Generated, generate
from bedside.data.ecg.settings import EcgSettings
from bedside.models import build_model, model_settings
from bedside.models.sequence import traces_of
from bedside.models.signal_transformer import positions
from bedside.report.style import BASELINE, EVENT, INK, MODEL, MUTED, grid
from bedside.training.isolated import own_random_numbers
from drawn.parts import TINT, arrow, box, neuron, plain, sheet, words

RATE = 250  # Hz


@cache
def hearts() -> Generated:
    """61 generated patients, one recording each, 4 s."""
    return generate(EcgSettings(patients=61, recordings=1, noise=0.02, lead_faults=0.0, seed=3))


def second(points: np.ndarray) -> np.ndarray:
    return points / RATE


def beat(row: int) -> np.ndarray:
    """The first whole heartbeat of a patient from before its P wave to after its T wave, lead II, (160,)."""
    angle = np.angle(np.exp(1j * hearts().phase[row]))
    peaks = np.flatnonzero((angle[:-1] < 0) & (angle[1:] >= 0) & (np.diff(angle) < 1))
    middle = int(peaks[peaks > 70][0])
    return hearts().recordings[row, 0, middle - 60 : middle + 100]


def seen_by_a_step() -> list[tuple[str, float, float]]:
    """What the middle step sees after the first layer and each stage of `cnn1d`: name, from, to, in time points."""
    with own_random_numbers(0):
        network = build_model("cnn1d", (3, 1000), 1, model_settings("cnn1d", {})).double().eval()
    recorded, found = torch.ones(1, 1000, dtype=torch.float64), []
    for depth in range(len(network.body) + 1):
        x = torch.ones(1, 3, 1000, dtype=torch.float64)
        x[:, :2] = torch.randn(1, 2, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        x.requires_grad_()
        features, there = network.stem(traces_of(x), recorded), recorded
        for block in network.body[:depth]:
            there = there[:, :: block.stride]
            features = block(features, there)
        middle = features.shape[-1] // 2
        (slope,) = torch.autograd.grad(features[0, :, middle].sum(), x)
        points = slope[0, :2].abs().sum(dim=0).nonzero().flatten()
        found.append(("first layer" if depth == 0 else f"stage {depth}", float(points.min()), float(points.max())))
    return found


def cnn1d() -> Figure:
    figure, (axes,) = sheet((1,), 2.5)
    part = np.arange(330, 671)
    trace = hearts().recordings[1, 0]
    axes.plot(second(part), trace[part], color=INK, linewidth=1.0)
    low, height = trace[part].min(), np.ptp(trace[part])
    for k, (name, start, end) in enumerate(seen_by_a_step()):
        y, colour = low - (0.16 + 0.17 * k) * height, (MUTED, MODEL, BASELINE, EVENT)[k]
        axes.plot([start / RATE, end / RATE], [y, y], color=colour, linewidth=4, solid_capstyle="butt")
        said = f"{name}: {1000 * (end - start + 1) / RATE:.0f} ms"
        axes.text(end / RATE + 0.012, y, said, color=colour, fontsize=7, va="center")
    axes.set(title="How much one step sees", xlabel="seconds", xlim=(330 / RATE, 670 / RATE), yticks=[])
    axes.spines["left"].set_visible(False)
    return figure


def recurrent() -> Figure:
    figure, (axes,) = sheet((1,), 2.6)
    plain(axes, 14.4, 5.2)
    steps, points = 12, 4
    piece = beat(4)[60 - 24 : 60 + 24]
    xs = 1.3 + (np.arange(steps * points) + 0.5) * 0.25
    axes.plot(xs, 3.9 + 1.1 * (piece - piece.min()) / np.ptp(piece), color=INK, linewidth=1.0, marker=".", markersize=3)
    for k in range(steps):
        middle = 1.3 + k + 0.5
        if k % 2 == 0:
            axes.axvspan(middle - 0.5, middle + 0.5, ymin=0.7, color=TINT, linewidth=0, zorder=0)
        arrow(axes, (middle, 3.7), (middle, 3.05))
        for height, colour in ((2.8, MODEL), (1.75, BASELINE)):
            box(axes, (middle, height), (0.62, 0.42), colour=colour)
        if k < steps - 1:
            arrow(axes, (middle + 0.33, 2.8), (middle + 0.67, 2.8), colour=MODEL)
            arrow(axes, (middle + 0.67, 1.75), (middle + 0.33, 1.75), colour=BASELINE)
        axes.plot([middle, middle], [1.52, 0.85], color=MUTED, linewidth=0.7)
    words(axes, (1.15, 4.4), "trace", ha="right")
    words(axes, (1.15, 2.8), "forwards", ha="right", colour=MODEL)
    words(axes, (1.15, 1.75), "backwards", ha="right", colour=BASELINE)
    axes.plot([1.8, 12.8], [0.85, 0.85], color=MUTED, linewidth=0.7)
    words(axes, (7.3, 0.5), "mean over what was recorded")
    arrow(axes, (12.8, 0.85), (13.4, 0.85))
    neuron(axes, (13.7, 0.85), 0.24, colour=EVENT)
    words(axes, (13.7, 0.35), "risk")
    return figure


def signal_transformer() -> Figure:
    figure, (left, right) = sheet((1.5, 1), 2.6)
    patch, shown = 8, 31
    part = np.arange(patch * shown)
    trace = hearts().recordings[1, 0]
    for k in range(0, shown, 2):
        left.axvspan(k * patch / RATE, (k + 1) * patch / RATE, color=TINT, linewidth=0)
    left.plot(second(part), trace[part], color=INK, linewidth=1.0)
    left.set(
        title="One second, cut into patches of 8 points", xlabel="seconds", xlim=(0, patch * shown / RATE), yticks=[]
    )
    left.spines["left"].set_visible(False)
    waves = positions(torch.zeros(1, shown, 64)).numpy()
    place = np.arange(1, shown + 1)
    for number, (row, colour) in enumerate(((0, MUTED), (4, MODEL), (8, BASELINE), (12, EVENT))):
        right.plot(place, -2.6 * number + waves[:, row], color=colour, marker=".", markersize=3, linewidth=0.9)
    right.set(
        title="4 of 64 waves that tell the place", xlabel="number of the patch", yticks=[], xlim=(0.5, shown + 0.5)
    )
    right.spines["left"].set_visible(False)
    return figure


def nearest_signal() -> Figure:
    beats = np.array([beat(row) for row in range(61)])
    ischaemic = (hearts().truth["target"] == "ischaemia").to_numpy()
    distance = np.sqrt(((beats[1:] - beats[0]) ** 2).sum(axis=1))
    order = np.argsort(distance)
    figure, (left, right) = sheet((1.25, 1), 2.5)
    times = 1000 * (np.arange(160) - 60) / RATE
    left.plot(times, beats[0], color=INK, linewidth=1.6, label="new")
    left.plot(times, beats[1 + order[0]], color=MODEL, linewidth=1.1, label="nearest")
    left.plot(times, beats[1 + order[-1]], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), label="farthest")
    kind = "ischaemia" if ischaemic[0] else "healthy"
    left.set(
        title=f"Laid over each other (the new one: {kind})", xlabel="milliseconds from the R wave", ylabel="millivolts"
    )
    left.legend(loc="upper left")
    for kind, colour, sign, name in ((False, MODEL, "o", "healthy"), (True, BASELINE, "D", "ischaemia")):
        rows = np.flatnonzero(ischaemic[1:][order] == kind)
        right.scatter(rows + 1, distance[order][rows], s=13, marker=sign, facecolor=colour if kind else "none",
                      edgecolor=colour, linewidth=0.8, label=name)  # fmt: skip
    right.set(
        title="The nearest one decides",
        xlabel="60 recordings of training, nearest first",
        ylabel="distance",
        ylim=(0, None),
    )
    right.legend(loc="upper left")
    for axes in (left, right):
        grid(axes)
    return figure


ALL = (cnn1d, recurrent, signal_transformer, nearest_signal)
