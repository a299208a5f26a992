"""Families for images: what becomes of a generated lesion (nobody's skin), and what of a network learns."""

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bedside.contract.cohorts import spots
from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.models import FAMILIES, build_model, model_settings
from bedside.models.backbone import stages_of
from bedside.report.style import BASELINE, EVENT, MODEL, MUTED, grid
from bedside.training.isolated import own_random_numbers
from drawn.parts import arrow, box, column, neuron, plain, sheet, words

CHANNELS = {"red": (EVENT, "-"), "green": ("#3b7d4f", (0, (4, 2))), "blue": (MODEL, (0, (1.2, 1.2)))}
PHOTO = (3, 224, 224)
STEPS = 1500  # of a small diffusion model
WAY = Path(__file__).with_name("diffusion.npy")  # made anew if it is gone


def lesion(side: int) -> np.ndarray:
    """A generated lesion, (side, side, 3), 8 bits."""
    return generate(DermoscopySettings(patients=1, size=side, hair=0.0, ruler=0.0, seed=1)).images[0]


def shown(axes: Axes, image: np.ndarray, place: tuple[float, float], size: float) -> None:
    """An image as a part of a drawing, with its middle at `place`."""
    (x, y), half = place, size / 2
    axes.imshow(image, extent=(x - half, x + half, y - half, y + half), zorder=2, interpolation="none")


def maps(axes: Axes, place: tuple[float, float], size: float, count: int) -> None:
    """A pile of maps, the first in front."""
    for k in reversed(range(count)):
        x, y = place[0] - size / 2 + 0.11 * k, place[1] - size / 2 + 0.11 * k
        axes.add_patch(
            Rectangle((x, y), size, size, facecolor="#e3ecf3", edgecolor=MODEL, linewidth=0.8, zorder=3 - 0.1 * k)
        )


def image_statistics() -> Figure:
    image = lesion(96)
    figure, (left, right) = sheet((1, 2.2), 2.5)
    left.imshow(image)
    left.set_axis_off()
    left.set_title("a generated lesion")
    for number, (name, (colour, style)) in enumerate(CHANNELS.items()):
        levels = image[..., number].ravel()
        counts, edges = np.histogram(levels, bins=48, range=(0, 256))
        right.plot((edges[:-1] + edges[1:]) / 2, 100 * counts / levels.size, color=colour, linestyle=style, label=name)
        height = -1.2 - 1.1 * number
        low, middle, high = np.percentile(levels, 5), levels.mean(), np.percentile(levels, 95)
        right.plot([low, high], [height, height], color=colour, linewidth=0.9)
        for value, half in ((low, 0.3), (middle, 0.55), (high, 0.3)):
            right.plot([value, value], [height - half, height + half], color=colour, linewidth=1.1)
    right.set(
        title="How bright its pixels are, and what is read of that", xlabel="brightness, 0 to 255", ylabel="pixels, %"
    )
    right.set(xlim=(0, 256), yticks=[0, 5, 10, 15])
    right.legend(loc="upper left")
    grid(right)
    return figure


def cnn() -> Figure:
    network = build_model("cnn", (3, 64, 64), 1, model_settings("cnn", {})).eval()
    shapes: list[tuple[int, ...]] = []
    hooks = [
        stage.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape[1:]))) for stage in network.body
    ]
    with torch.no_grad():
        network(torch.zeros(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    figure, (left, right) = sheet((2.4, 1), 2.2)
    plain(left, 12.6, 4.6, "Fewer places, more maps")
    shown(left, lesion(64), (1.2, 2.5), 1.9)
    words(left, (1.2, 1.2), "64 × 64\n3 colours", va="top")
    x = 2.45
    for (width, rows, columns), count in zip(shapes, (3, 5, 8), strict=True):
        size = 1.9 * (rows / 64) ** 0.6
        arrow(left, (x, 2.5), (x + 0.4, 2.5))
        maps(left, (x + 0.5 + size / 2, 2.5), size, count)
        words(left, (x + 0.5 + size / 2, 1.2), f"{rows} × {columns}\n{width} maps", va="top")
        x += 0.62 + size + 0.11 * count
    arrow(left, (x, 2.5), (x + 0.4, 2.5))
    for y in column(9, 2.5, 0.24):
        left.add_patch(Rectangle((x + 0.55, y - 0.1), 0.22, 0.2, facecolor="#e3ecf3", edgecolor=MODEL, linewidth=0.7))
    words(left, (x + 0.66, 1.2), f"mean\n{shapes[-1][0]} numbers", va="top")
    arrow(left, (x + 0.9, 2.5), (x + 1.45, 2.5))
    neuron(left, (x + 1.72, 2.5), 0.2, colour=EVENT)
    words(left, (x + 1.72, 1.2), "risk", va="top")
    residual(right)
    return figure


def residual(axes: Axes) -> None:
    """The block of residual networks, for images as for recordings."""
    plain(axes, 5, 4.6, "A block adds what it learnt")
    words(axes, (1.6, 4.2), "x")
    arrow(axes, (1.6, 4.0), (1.6, 3.55))
    for y, text in ((3.3, "convolution, relu"), (2.4, "convolution")):
        box(axes, (1.6, y), (2.5, 0.5), text)
    arrow(axes, (1.6, 3.05), (1.6, 2.65))
    arrow(axes, (1.6, 2.15), (1.6, 1.6))
    neuron(axes, (1.6, 1.35), 0.24)
    words(axes, (1.6, 1.35), "+", size=9, zorder=5)
    axes.plot([1.75, 4.0, 4.0], [4.2, 4.2, 1.35], color=BASELINE, linewidth=0.9)
    arrow(axes, (4.0, 1.35), (1.88, 1.35), colour=BASELINE)
    words(axes, (4.12, 2.8), "x as\nit was", colour=BASELINE, ha="left")
    arrow(axes, (1.6, 1.1), (1.6, 0.6))
    words(axes, (1.6, 0.35), "relu(x + learnt)")


def weights_of(name: str) -> tuple[int, int]:
    """All weights of a frozen backbone with its last layer for two classes, and those that train."""
    with torch.device("meta"):
        network = build_model(name, PHOTO, 1, model_settings(name, {}))
    counts = [(one.numel(), one.requires_grad) for one in network.parameters()]
    return sum(count for count, _ in counts), sum(count for count, trains in counts if trains)


def backbones() -> Figure:
    figure, (left, right) = sheet((2.0, 1), 2.8)
    plain(left, 10.2, 4.9, "What others have learnt stays as it is")
    shown(left, lesion(224), (1.0, 2.9), 1.7)
    words(left, (1.0, 1.85), "224 × 224", va="top")
    arrow(left, (1.95, 2.9), (2.35, 2.9))
    for k, (x, width) in enumerate(
        zip((2.95, 4.5, 6.05, 7.6), ("64", *map(str, stages_of("resnet18", PHOTO))), strict=True)
    ):
        box(left, (x, 2.9), (1.34, 2.2 - 0.28 * k), f"stage {k + 1}\n{width} maps", colour=MUTED, fill="#eeece7")
        if k < 3:
            arrow(left, (x + 0.68, 2.9), (x + 0.88, 2.9))
        if k:
            left.plot([x, x], [2.9 - (2.2 - 0.28 * k) / 2, 0.75], color=MODEL, linewidth=0.8)
    left.plot([4.5, 8.6], [0.75, 0.75], color=MODEL, linewidth=0.8)
    left.plot([8.29, 9.4], [2.9, 2.9], color=MODEL, linewidth=0.8)
    arrow(left, (9.4, 2.9), (9.4, 1.08), colour=MODEL)
    words(left, (9.0, 3.15), "end")
    words(left, (6.05, 0.42), "mean and spread over the image", colour=MODEL)
    arrow(left, (8.6, 0.75), (9.1, 0.75), colour=MODEL)
    neuron(left, (9.4, 0.75), 0.26, colour=EVENT)
    words(left, (9.4, 0.18), "last layer", colour=EVENT)
    names = [name for name, one in FAMILIES.items() if one.architecture and not name.startswith("vit")]
    found = {name.removeprefix("tf_").replace("_", " "): weights_of(name) for name in names}
    whole, learnt = (np.array([one[k] for one in found.values()], dtype=float) for k in (0, 1))
    height = np.arange(len(found))
    right.barh(height - 0.17, whole, height=0.3, color=MUTED, label="all weights")
    right.barh(height + 0.17, learnt, height=0.3, color=EVENT, label="those that learn")
    right.set_yticks(height, list(found))
    right.set(xscale="log", xlim=(300, 3e8), title="Few weights learn")
    right.set_xticks([1e3, 1e5, 1e7], ["1,000", "100,000", "10 million"])
    right.minorticks_off()
    right.invert_yaxis()
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    grid(right, axis="x")
    return figure


def vision_transformers() -> Figure:
    image, parts = lesion(224), 4
    piece = image.shape[0] // parts
    figure, (left, right) = sheet((1, 2.35), 2.5)
    plain(left, 4.6, 4.6, "Cut into patches")
    for row in range(parts):
        for place in range(parts):
            patch = image[row * piece : (row + 1) * piece, place * piece : (place + 1) * piece]
            shown(left, patch, (0.75 + 1.02 * place, 3.85 - 1.02 * row), 0.95)
    plain(right, 10.6, 4.6, "and every patch looks at all others")
    xs = 0.5 + 0.6 * np.arange(parts**2 + 1)
    for k, x in enumerate(xs):
        box(right, (x, 2.9), (0.46, 0.46), colour=EVENT if k == 0 else MODEL)
        if k:
            row, place = divmod(k - 1, parts)
            patch = image[row * piece : (row + 1) * piece, place * piece : (place + 1) * piece]
            shown(right, patch, (x, 0.75), 0.5)
            arrow(right, (x, 1.1), (x, 2.6))
    for x in xs[1:]:
        arrow(right, (x, 3.15), (xs[0] + 0.02, 3.17), colour=EVENT, bend=0.2, width=0.6)
    for start, end in ((3, 12), (6, 10), (11, 7)):
        right.annotate("", (xs[end], 2.64), (xs[start], 2.64), arrowprops={
            "arrowstyle": "-", "connectionstyle": "arc3,rad=0.35" if start < end else "arc3,rad=-0.35",
            "color": MODEL, "linewidth": 0.8})  # fmt: skip
    words(right, (xs[0], 2.25), "sums\nup", colour=EVENT, va="top")
    right.set(xlim=(0, 10.6))
    return figure


def diffusion() -> Figure:
    """What noise does to an image, and how a network draws one, at five moments of the way."""
    if not WAY.exists():
        np.save(WAY, learned_way())
    figure, axes = sheet((1,), 2.75)
    drawing = plain(axes[0], 15.2, 5.7, "There and back")
    for row, images in enumerate(np.load(WAY)):
        for k, image in enumerate(images):
            shown(drawing, np.repeat(image[:, :, None], 3, axis=2), (2.8 + 2.75 * k, 4.3 - 2.8 * row), 2.1)
            if k < 4:
                ends = [(3.95 + 2.75 * k, 4.3 - 2.8 * row), (4.4 + 2.75 * k, 4.3 - 2.8 * row)]
                arrow(drawing, *(ends if row == 0 else ends[::-1]), colour=MODEL if row else MUTED)
    words(drawing, (0.8, 4.3), "noise\ngoes in", colour=MUTED)
    words(drawing, (0.8, 1.5), "the network\ntakes it out", colour=MODEL)
    return figure


def learned_way() -> np.ndarray:
    """A small network learns 400 generated images, which takes some minutes: images in rising noise, and others while they are
    drawn, the last one first; (2, 5, 16, 16), 8 bits."""
    images, label, _ = spots(400, seed=1, size=16)
    grey = torch.from_numpy(images[..., :1]).permute(0, 3, 1, 2).float()
    mean, std = grey.mean(), grey.std()
    x, own = (grey - mean) / std, torch.from_numpy((label == "large").astype(int))
    with own_random_numbers(0):
        network = build_model("diffusion", (1, 16, 16), 1, model_settings("diffusion", {"width": 16, "levels": 2}))
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    with own_random_numbers(1):
        for _ in range(STEPS):
            some = torch.randint(len(x), (32,))
            optimiser.zero_grad()
            network.loss(x[some], own[some]).mean().backward()
            optimiser.step()
            slower.step()
    network.eval()
    noise = torch.randn((1, *x.shape[1:]), generator=torch.Generator().manual_seed(3)).expand(5, -1, -1, -1)
    drowned = network.noised(x[:1].expand(5, -1, -1, -1), noise, torch.tensor([0, 250, 500, 750, 999]))
    back = torch.cat(network.way(torch.tensor([1]), torch.Generator().manual_seed(5), kept=5)[::-1])
    both = torch.stack([drowned, back])[:, :, 0] * std + mean
    return both.clamp(0, 255).to(torch.uint8).numpy()


ALL = (image_statistics, cnn, diffusion, backbones, vision_transformers)
