"""Pooling: one number for each window of an image, and what becomes of it when the image moves by a pixel.

Source: Zhang 2019, arXiv:1904.11486 (networks that pool with a stride do not keep still when the image moves).
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from bedside.learn.explorables.pictures import Picture, grey_of, png, shades, signed, take, words
from bedside.settings import Settings

SIDE, FARTHEST = 32, 8  # pixels of the image that is pooled, and how far it can move
LIMIT = 0.3  # change that has the full colour; white minus black is 1


class Pooled(Picture):
    """How to pool, and how many pixels the image moves to the left."""

    kind: Literal["max", "mean"] = "max"
    size: int = Field(default=4, ge=1, le=8)
    stride: int = Field(default=4, ge=1, le=8)
    shift: int = Field(default=0, ge=0, le=FARTHEST)


def begin(_: Settings) -> dict[str, Any]:
    """The images that may be chosen."""
    return {"images": words()}


def pool(asked: Pooled) -> dict[str, Any]:
    """The moved image (32, 32), its pooled values (n, n), and how far both differ from before the move, in the mean."""
    wide = grey_of(asked, SIDE + FARTHEST)[FARTHEST // 2 : FARTHEST // 2 + SIDE]
    before, after = (wide[:, start : start + SIDE] for start in (0, asked.shift))
    first, now = (pooled(image, asked.kind, asked.size, asked.stride) for image in (before, after))
    cells = round(asked.shift / asked.stride)
    back = np.abs(now[:, : now.shape[1] - cells] - first[:, cells:])
    return {
        "image": png(shades(after)),
        "output": png(shades(now)),
        "change": png(signed(now - first, LIMIT)),
        "values": now.round(4),
        "rows": len(now),
        "pixels_change": np.abs(after - before).mean(),
        "output_change": np.abs(now - first).mean(),
        "cells": cells,
        "left": back.mean() if back.size else None,
        "limit": LIMIT,
    }


def pooled(image: np.ndarray, kind: str, size: int, stride: int) -> np.ndarray:
    """Maximum or mean of each window of an image (h, w); windows that do not fit are left out."""
    layer = nn.MaxPool2d(size, stride) if kind == "max" else nn.AvgPool2d(size, stride)
    result: np.ndarray = layer(torch.from_numpy(image)[None, None])[0, 0].numpy()
    return result


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "pool": pool, "take": take}
