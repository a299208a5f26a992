"""Convolution cell by cell: nine neighbouring pixels times nine weights, added up, at every place of an image.

The layer is that of bedside's `cnn`, with one filter whose weights are set by hand.
"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import nn

from bedside.learn.explorables.pictures import Picture, grey_of, png, shades, signed, take, words
from bedside.models.cnn import convolution
from bedside.settings import Settings

SIDE = 32
LIMIT = 20.0  # of a weight

KERNELS: dict[str, tuple[str, tuple[float, ...]]] = {
    "upright": ("Upright edges (Sobel)", (-1, 0, 1, -2, 0, 2, -1, 0, 1)),
    "level": ("Level edges (Sobel)", (-1, -2, -1, 0, 0, 0, 1, 2, 1)),
    "edges": ("All edges", (-1, -1, -1, -1, 8, -1, -1, -1, -1)),
    "blur": ("Blur: the mean of nine", (1 / 9,) * 9),
    "sharpen": ("Sharpen", (0, -1, 0, -1, 5, -1, 0, -1, 0)),
    "same": ("Change nothing", (0, 0, 0, 0, 1, 0, 0, 0, 0)),
    "move": ("Move by one pixel", (0, 0, 0, 1, 0, 0, 0, 0, 0)),
}

Weight = Annotated[float, Field(ge=-LIMIT, le=LIMIT)]


class Filtered(Picture):
    """An image and the nine weights, row by row."""

    kernel: Annotated[tuple[Weight, ...], Field(min_length=9, max_length=9)] = KERNELS["upright"][1]


def begin(_: Settings) -> dict[str, Any]:
    """The kernels and images that may be chosen."""
    return {"kernels": [{"key": key, "words": text, "kernel": kernel} for key, (text, kernel) in KERNELS.items()], "images": words()}  # fmt: skip


def convolve(asked: Filtered) -> dict[str, Any]:
    """The image (32, 32) in 0..1, each place's nine pixels and nine products (1024, 9), and their sums (32, 32)."""
    grey = grey_of(asked, SIDE)
    x = torch.from_numpy(grey)[None, None]
    layer = layer_with(asked.kernel)
    with torch.no_grad():
        sums = layer(x)[0, 0].numpy()
    pixels = F.unfold(x, 3, padding=1)[0].T
    products = pixels * layer.weight.detach().flatten()
    drawn, low, high = _drawn(sums, np.array(asked.kernel))
    return {
        "image": png(shades(grey)),
        "pixels": pixels.numpy().round(4),
        "products": products.numpy().round(4),
        "sums": sums.round(4),
        "output": png(drawn),
        "low": low,
        "high": high,
    }


def layer_with(kernel: tuple[float, ...]) -> nn.Conv2d:
    """The convolution of the family, of one channel to one, with these weights."""
    layer: nn.Conv2d = convolution(1, 1)[0].double()  # type: ignore[index]
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(kernel, dtype=torch.float64).view(1, 1, 3, 3))
    return layer


def _drawn(sums: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Grey if the weights add up to something, so that white stays white; else blue and orange around zero."""
    total = float(kernel.sum())
    if total > 0.05 * np.abs(kernel).sum():
        return shades(sums, 0, total), 0.0, total
    limit = float(np.abs(sums[1:-1, 1:-1]).max()) or 1.0  # beyond the border everything is 0, which is an edge too
    return signed(sums, limit), -limit, limit


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "convolve": convolve, "take": take}
