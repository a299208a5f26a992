"""Where in the image the evidence lies: Grad-CAM, attention rollout, and occlusion as the check that needs no model;
of a network that gives images back, where it fails to; of one that takes noise out, where it does that better as one class.

Every map has the size of the image and values from 0, no evidence, to 1, the most in this image.

Sources: Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74 (Grad-CAM, by the grad-cam library); Abnar & Zuidema 2020,
arXiv:2005.00928 (attention rollout); Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53 (occlusion, by captum);
Li et al. 2023, arXiv:2303.16203 (errors of a denoising network as evidence).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bedside.errors import SettingError
from bedside.explain.sight import BATCH, Sight
from bedside.models.classifier import Classifier
from bedside.models.generative import Generative

ERROR = "reconstruction error"
DENOISING = "denoising error"
SLOW = ("occlusion", DENOISING)  # methods that take many passes for each map
WINDOWS = 7  # places of the occluding window along a side; neighbours overlap by half


def method_for(asked: str, classifier: Any, example: Tensor) -> str:
    """The method that `auto` stands for, or the one that was asked for.

    Args:
        asked: `settings.explain.method`.
        classifier: the network.
        example: one normalised image, (1, channels, size, size).

    Raises:
        SettingError: if attention is asked of a network that has none, or none between places of the image; or
            Grad-CAM of one whose features have no places.
    """
    if asked == "occlusion":
        return asked
    if asked == "auto" and hasattr(classifier, "by_place"):
        return DENOISING if isinstance(classifier, Generative) else ERROR
    if asked == "integrated-gradients":
        raise SettingError("explain.method=integrated-gradients is for recordings; choose grad-cam or occlusion.")
    attends = bool(getattr(classifier, "transformer", False)) and _between_places(classifier, example)
    if asked == "attention" and not attends:
        raise SettingError(
            "explain.method=attention needs a transformer whose blocks attend between places of the image, such as "
            "vit_small_patch16_224; this network has none. Use explain.method=grad-cam, or auto."
        )
    if attends and asked != "grad-cam":
        return "attention"
    if _has_gradients(classifier, example):
        return "grad-cam"
    if asked == "grad-cam":
        raise SettingError(
            "explain.method=grad-cam needs features by place that the decision reads; this network has none. "
            "Use explain.method=occlusion, or auto."
        )
    return "occlusion"


def maps(method: str, classifier: Any, x: Tensor, shown: np.ndarray) -> np.ndarray:
    """Maps of images by a method that looks into the network.

    Args:
        method: "grad-cam", "attention", `ERROR`, or `DENOISING`.
        classifier: the network, in evaluation mode.
        x: normalised images, (n, channels, size, size).
        shown: number of the output whose evidence is mapped, (n,); attention and errors have no class and ignore it.

    Returns:
        Maps of shape (n, size, size), 32-bit floats in 0..1.
    """
    chunks = [slice(start, start + BATCH) for start in range(0, len(x), BATCH)]
    if method == ERROR:
        with torch.no_grad():
            return np.concatenate([_against_the_largest(classifier.by_place(x[chunk]).numpy()) for chunk in chunks])
    if method == DENOISING:
        return np.concatenate([_denoised(classifier, x[chunk], shown[chunk]) for chunk in chunks])
    if method == "attention":
        return np.concatenate([_rollout(classifier, x[chunk]) for chunk in chunks])
    return np.concatenate([_grad_cam(classifier, x[chunk], shown[chunk]) for chunk in chunks])


@torch.no_grad()
def _denoised(classifier: Any, x: Tensor, shown: np.ndarray) -> np.ndarray:
    """Where noise is taken out better as the class that is looked at than as the others.

    Over the whole image these differences are, but for what speaks for no place, the logit. What is shown no longer adds up to
    it: errors of single pixels are grainy, so each is averaged with its neighbours, and only what speaks for the class is kept.
    """
    found: Tensor = classifier.by_place(x)
    own = torch.as_tensor(shown) + (1 if found.shape[1] == 2 else 0)  # one output says the second of two classes
    mine = found[torch.arange(len(x)), own]
    others = (found.sum(dim=1) - mine) / (found.shape[1] - 1)
    window = 2 * max(1, round(x.shape[-1] / (4 * WINDOWS))) + 1
    smooth = nn.functional.avg_pool2d((mine - others)[:, None], window, 1, window // 2, count_include_pad=False)
    return _against_the_largest(smooth[:, 0].numpy())


class _Decision(nn.Module):
    """The network in two parts: gradients need to reach back to what the backbone saw, not further."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            levels = self.classifier.levels(x)
        heard = [
            listener(level.detach().requires_grad_())
            for listener, level in zip(self.classifier.seen, levels, strict=True)
        ]
        outputs: Tensor = self.classifier.head(self.classifier.read(heard))
        return outputs


class _Output:
    """The evidence that Grad-CAM asks for: one output of one image."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, outputs: Tensor) -> Tensor:
        return outputs[self.number]


def _grad_cam(classifier: Classifier, x: Tensor, shown: np.ndarray) -> np.ndarray:
    grad_cam = _load_grad_cam()
    targets: Any = [_Output(int(number)) for number in shown]
    network: nn.Module = _Decision(classifier)
    layers: list[Any] = list(classifier.seen)  # each level gives a map, and their mean is shown
    if getattr(classifier, "transformer", False) and _by_token(classifier):
        # The decision reads the class token alone: the other places last speak to it in the last block.
        network, layers, x = classifier, [classifier.backbone.blocks[-1].norm1], x.clone().requires_grad_()  # type: ignore[union-attr,index]
    with torch.enable_grad(), grad_cam(network, layers, classifier.grid) as cam:
        found = cam(x, targets)
    classifier.zero_grad(set_to_none=True)
    return np.nan_to_num(np.asarray(found, dtype=np.float32))


def _by_token(classifier: Classifier) -> bool:
    """Whether a transformer decides by a token of its own instead of the mean of all places."""
    prefix = int(getattr(classifier.backbone, "num_prefix_tokens", 0))
    return getattr(classifier.backbone, "global_pool", "token") == "token" and prefix > 0


def _has_gradients(classifier: Classifier, example: Tensor) -> bool:
    """Whether Grad-CAM can read this network's features as places."""
    try:
        return _grad_cam(classifier, example[:1], np.zeros(1, dtype=int)).shape[1:] == example.shape[2:]
    except (RuntimeError, ValueError, IndexError, AttributeError):
        return False


def _load_grad_cam() -> Any:
    """The library, after torchvision's missing operators have been declared if need be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports and we do not use
        import_module("bedside._torchvision")  # before grad-cam, whatever sorts the imports
        from pytorch_grad_cam import GradCAM
    return GradCAM


@contextmanager
def _listening(classifier: Classifier) -> Iterator[list[Tensor]]:
    """Collects what each block attends to, mean over its heads; the fast way of attending would not show it."""
    layers: Any = [block.attn for block in classifier.backbone.blocks]  # type: ignore[union-attr]
    fused = [getattr(layer, "fused_attn", None) for layer in layers]
    heard: list[Tensor] = []
    hooks = []
    try:
        for layer in layers:
            if hasattr(layer, "fused_attn"):
                layer.fused_attn = False
            if isinstance(getattr(layer, "attn_drop", None), nn.Module):
                hooks.append(layer.attn_drop.register_forward_hook(lambda _, __, found: heard.append(found.mean(1))))
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
        for layer, value in zip(layers, fused, strict=True):
            if value is not None:
                layer.fused_attn = value


@torch.no_grad()
def _between_places(classifier: Classifier, example: Tensor) -> bool:
    """Whether every block attends from each token to each token; some attend between channels, or in windows."""
    with _listening(classifier) as heard:
        seen = classifier.maps(example[:1])
    n_blocks = len(classifier.backbone.blocks)  # type: ignore[union-attr,arg-type]
    return seen.dim() == 3 and len(heard) == n_blocks and all(a.shape[1:] == (seen.shape[1],) * 2 for a in heard)


@torch.no_grad()
def reached(classifier: Classifier, x: Tensor) -> Tensor:
    """How much of each place reaches the token that decides: attention of all blocks multiplied, half of it kept.

    Args:
        classifier: a transformer that attends between places, in evaluation mode.
        x: normalised images, (n, channels, size, size).

    Returns:
        Shares by patch, (n, rows, columns); with those of tokens that have no place they add up to 1.
    """
    with _listening(classifier) as heard:
        seen = classifier.seen[-1](classifier.maps(x))
    identity = torch.eye(seen.shape[1])
    flow = identity.expand(len(x), -1, -1)
    for attention in heard:
        flow = (attention + identity) / (attention + identity).sum(-1, keepdim=True) @ flow
    prefix = int(getattr(classifier.backbone, "num_prefix_tokens", 0))
    share = flow[:, 0] if _by_token(classifier) else flow[:, prefix:].mean(1)
    places: Tensor = classifier.grid(share[:, :, None].expand(-1, -1, 1))
    return places[:, 0]


def _rollout(classifier: Classifier, x: Tensor) -> np.ndarray:
    places = reached(classifier, x)[:, None]
    large = nn.functional.interpolate(places, size=x.shape[-2:], mode="bilinear", align_corners=False)
    return _from_zero_to_one(large[:, 0].numpy())


def occlude(sight: Sight, pixels: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """How far the evidence falls when a window over each place is filled with the training images' mean colour.

    Args:
        sight: the member.
        pixels: (n, size, size, channels) uint8.
        shown: output whose evidence is measured, (n,).

    Returns:
        Maps of shape (n, size, size), 32-bit floats in 0..1; what speaks against the class is 0.
    """
    from captum.attr import Occlusion

    stride = max(1, round(pixels.shape[1] / (WINDOWS + 1)))
    window = (pixels.shape[-1], 2 * stride, 2 * stride)
    mean = torch.tensor(sight.preparation.mean, dtype=torch.float32).view(1, -1, 1, 1) * 255

    def evidence(batch: Tensor, numbers: Tensor) -> Tensor:
        plain = batch.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8).numpy()
        return torch.from_numpy(sight.evidence(plain, numbers.numpy()))

    found = []
    for start in range(0, len(pixels), BATCH):
        batch = torch.from_numpy(pixels[start : start + BATCH].copy()).permute(0, 3, 1, 2).float()
        with torch.no_grad():
            falls = Occlusion(evidence).attribute(
                batch,
                sliding_window_shapes=window,
                strides=(window[0], stride, stride),
                baselines=mean.expand_as(batch),
                additional_forward_args=(torch.tensor(shown[start : start + BATCH]),),
            )
        found.append(falls[:, :1].float())
    cells = nn.functional.adaptive_avg_pool2d(torch.cat(found), WINDOWS + 1)
    smooth = nn.functional.interpolate(cells, size=pixels.shape[1:3], mode="bilinear", align_corners=False)
    return _against_the_largest(smooth[:, 0].numpy())


def pooled(found: np.ndarray, cells: int) -> np.ndarray:
    """Maps (n, size, size) -> their means over a grid of (n, cells, cells)."""
    return nn.functional.adaptive_avg_pool2d(torch.tensor(found)[:, None], cells)[:, 0].numpy()


def _against_the_largest(found: np.ndarray) -> np.ndarray:
    positive = np.maximum(found, 0)
    largest = positive.max(axis=(1, 2), keepdims=True)
    return np.divide(positive, largest, out=np.zeros_like(positive), where=largest > 0)


def _from_zero_to_one(found: np.ndarray) -> np.ndarray:
    return _against_the_largest(found - found.min(axis=(1, 2), keepdims=True)).astype(np.float32)
