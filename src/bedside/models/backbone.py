"""Backbones from timm: networks that have seen a million photos, with a new last layer for the task at hand.

Source: Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861; gradual unfreezing after Howard & Ruder 2018,
doi:10.18653/v1/P18-1031, and Kumar et al. 2022, arXiv:2202.10054 (the head first, then the rest).
"""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from bedside.errors import SettingError
from bedside.models.classifier import Classifier
from bedside.models.pretrained import timm_arguments
from bedside.settings import Settings, only_when

Freeze = Literal["backbone", "none", "gradual"]

N_STAGES = 3  # that a frozen backbone's last layer reads beside its end
_TINY = 1e-4  # under roots, whose slope has no end at zero


class BackboneSettings(Settings):
    """Where the weights come from and which of them train."""

    weights: str = "pretrained"
    """Where the network learned before: `pretrained` takes the weights on this computer; or the path of a file; `download` fetches them from the internet; `none` starts from scratch."""
    freeze: Freeze | None = None
    """What of the pretrained network stays as it is. `backbone`: only a new last layer learns; `none`: everything learns; `gradual`: the last layer first, then the last stages. By default `backbone`, without pretrained weights `none`."""
    stages: int = Field(default=2, ge=1, le=50, json_schema_extra=only_when(freeze="gradual"))
    """How many of the last stages learn after the last layer."""
    rate_decay: float = Field(default=0.5, gt=0, le=1, json_schema_extra=only_when(freeze=("none", "gradual")))
    """How much slower each stage learns than the one after it, as a factor; what early stages know of edges and colours is good already."""
    reads: Literal["stages", "last"] | None = None
    """What the last layer reads: mean and spread of the last three stages too, or what comes last as in classic networks. By default `stages` for a frozen backbone that has such stages, else `last`."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the features switched off at random before the last layer in each training step, so that it relies on none of them alone."""

    @model_validator(mode="after")
    def _frozen_weights_mean_something(self) -> "BackboneSettings":
        if self.weights == "none" and self.freeze in ("backbone", "gradual"):
            raise ValueError(f"freeze={self.freeze} would freeze random weights, since weights=none; leave freeze out")
        if self.weights == "none" and "rate_decay" in self.model_fields_set:
            raise ValueError("rate_decay has no effect from scratch (weights=none): all stages start alike")
        return self

    @property
    def frozen(self) -> Freeze:
        """What is frozen, with the default resolved."""
        return self.freeze or ("none" if self.weights == "none" else "backbone")

    def acting(self) -> dict[str, Any]:
        """As for all settings, with the default of `freeze` written out; from scratch no rate decays."""
        record = {**super().acting(), "freeze": self.frozen}
        if self.weights == "none":
            record.pop("rate_decay", None)
        return record


def frozen_part(settings: Settings) -> Freeze | None:
    """What of a pretrained network stays as it is; None for families that have no pretrained weights."""
    return settings.frozen if isinstance(settings, BackboneSettings) else None


class Backbone(Classifier):
    """Any network of timm without its last layer, and a new last layer."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, settings: BackboneSettings, architecture: str) -> None:
        network = create(architecture, shape, download=settings.weights == "download")
        wanted = settings.reads or ("stages" if settings.frozen == "backbone" else "last")
        stages = stages_of(architecture, shape) if wanted == "stages" else ()
        if settings.reads == "stages" and not stages:
            raise SettingError(
                f"model.reads=stages has no effect: '{architecture}' gives no stages out; leave it away."
            )
        widths = [width for stage in stages for width in (stage, stage)] + [width_of(network)]
        super().__init__(sum(widths), n_outputs, settings.dropout, n_levels=len(stages) + 1)
        self._shapes = [(width,) for width in widths]  # of what the last layer reads; ONNX wants them as constants
        self.backbone: Any = network  # of timm, which has no types
        self.settings = settings
        if settings.frozen == "backbone":
            self.freeze_all()

    def maps(self, x: Tensor) -> Tensor:
        maps: Tensor = self.backbone.forward_features(x)
        return maps

    def levels(self, x: Tensor) -> tuple[Tensor, ...]:
        """The last stages and the end of the backbone, or its end alone."""
        if len(self.seen) == 1:
            return (self.maps(x),)
        end, stages = self.backbone.forward_intermediates(x, indices=len(self.seen) - 1, norm=False)
        return (*stages, end)

    def read(self, levels: Sequence[Tensor]) -> Tensor:
        """Mean and spread over the image of each stage, then the backbone's own vector, each on a scale of its own.

        Early stages see texture and colour, late ones objects as in photos; the root keeps a few strong features from
        drowning the others (Evci et al. 2022, arXiv:2201.03529; Arandjelovic & Zisserman 2012,
        doi:10.1109/CVPR.2012.6248018).
        """
        if len(levels) == 1:
            return self.pool(levels[0])
        parts = [part for stage in levels[:-1] for part in (stage.mean((-2, -1)), _spread(stage))]
        parts.append(self.pool(levels[-1]))
        rooted = [part * torch.rsqrt(part.abs() + _TINY) for part in parts]
        return torch.cat([F.layer_norm(*part) for part in zip(rooted, self._shapes, strict=True)], dim=1)

    def pool(self, maps: Tensor) -> Tensor:
        """The backbone's own way: the mean over the image, or a transformer's class token."""
        pooled: Tensor = self.backbone.forward_head(maps, pre_logits=True)
        return pooled

    def grid(self, maps: Tensor) -> Tensor:
        """Tokens (n, tokens, width) and channels-last maps become (n, width, rows, columns)."""
        if maps.dim() == 3:
            patches = maps[:, getattr(self.backbone, "num_prefix_tokens", 0) :]
            side = int(patches.shape[1] ** 0.5)
            return patches.transpose(1, 2).unflatten(2, (side, -1))
        if getattr(self.backbone, "output_fmt", "NCHW") == "NHWC":
            return maps.permute(0, 3, 1, 2)
        return maps

    @property
    def transformer(self) -> bool:
        """Whether it attends: its blocks have attention with heads."""
        blocks = getattr(self.backbone, "blocks", None)
        return blocks is not None and all(hasattr(getattr(block, "attn", None), "num_heads") for block in blocks)

    def freeze_all(self) -> None:
        """Only the last layer trains."""
        for weight in self.backbone.parameters():
            weight.requires_grad_(False)

    def unfreeze(self, stages: int) -> None:
        """The last `stages` stages train, and the last layer; earlier ones keep what they know."""
        self.freeze_all()
        for stage in self.stages()[:-1][-stages:]:
            for weight in stage:
                weight.requires_grad_(True)

    def stages(self) -> list[list[nn.Parameter]]:
        """timm's own grouping, from the stem to what stands before the last layer; then the last layer."""
        from timm.models import group_parameters

        named = dict(self.backbone.named_parameters())
        groups = group_parameters(self.backbone, self.backbone.group_matcher(coarse=True))
        order: dict[Any, list[nn.Parameter]] = {}
        for group, names in sorted(groups.items()):
            order[group] = [named[name] for name in names]
        return [*order.values(), list(self.head.parameters())]

    def rates(self) -> Iterator[tuple[list[nn.Parameter], float]]:
        decay = 1.0 if self.settings.weights == "none" else self.settings.rate_decay
        for distance, stage in enumerate(reversed(self.stages())):
            weights = [weight for weight in stage if weight.requires_grad]
            if weights:
                yield weights, decay**distance


def build(shape: tuple[int, ...], n_outputs: int, settings: BackboneSettings, *, architecture: str) -> nn.Module:
    """The network with random weights; pretrained ones are put in by `models.pretrained`."""
    return Backbone(shape, n_outputs, settings, architecture)


def create(architecture: str, shape: tuple[int, ...], *, download: bool = False) -> Any:
    """A timm network without its last layer, for images of `shape` (channels, size, size), with random weights.

    Args:
        download: whether the network may be asked what a hub's name stands for.

    Raises:
        SettingError: if the architecture cannot read images of this size, or gives no features.
    """
    timm, options = load_timm(), timm_arguments(architecture, download=download)
    if fixed_size(architecture):
        options["img_size"] = shape[-1]
    try:
        network: Any = timm.create_model(**options, pretrained=False, in_chans=shape[0])
        network.reset_classifier(0)
        grouped = callable(network.group_matcher) and callable(network.forward_head)
    except (RuntimeError, AssertionError, ValueError, AttributeError, TypeError, NotImplementedError) as error:
        raise SettingError(f"'{architecture}' cannot classify images of {shape[-1]} pixels: {error}.") from error
    if not grouped:
        raise SettingError(f"'{architecture}' is no classifier of timm; choose another architecture.")
    return network


def _spread(maps: Tensor) -> Tensor:
    """Standard deviation over the image of each feature, (n, channels, rows, columns) -> (n, channels)."""
    centred = maps - maps.mean((-2, -1), keepdim=True)
    return (centred.square().mean((-2, -1)) + _TINY**2).sqrt()


@cache
def stages_of(architecture: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Features of each of the last stages; empty for backbones that are not convolutional or do not give them out."""
    with torch.device("meta"):
        sketch = create(architecture, shape).eval()
        image = torch.empty(1, *shape)
    if not hasattr(sketch, "forward_intermediates"):
        return ()
    try:
        with torch.no_grad():
            end, stages = sketch.forward_intermediates(image, indices=N_STAGES, norm=False)
    except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError):
        return ()
    convolutional = end.dim() == 4 and getattr(sketch, "output_fmt", "NCHW") == "NCHW"
    return tuple(int(stage.shape[1]) for stage in stages) if convolutional else ()


def width_of(network: Any) -> int:
    """Length of the vector that the last layer reads."""
    return int(getattr(network, "head_hidden_size", None) or network.num_features)


def fixed_size(architecture: str) -> bool:
    """Whether the network is made for one image size, as transformers are."""
    return bool(_sketch(architecture).pretrained_cfg.get("fixed_input_size"))


def expected(architecture: str) -> dict[str, Any]:
    """Image size, mean, standard deviation, resampling and crop that the pretrained weights were made with."""
    config: dict[str, Any] = load_timm().data.resolve_model_data_config(_sketch(architecture))
    return config


@cache
def _sketch(architecture: str) -> Any:
    """The network without memory for its weights, to ask it about itself."""
    with torch.device("meta"):
        return load_timm().create_model(**timm_arguments(architecture), pretrained=False)


def load_timm() -> Any:
    """timm, after torchvision's missing operators have been declared if need be."""
    import_module("bedside._torchvision")
    return import_module("timm")


def known(architecture: str) -> bool:
    """Whether timm has an architecture of that name, or it is the name of a hub with its prefix."""
    return architecture.startswith(("hf-hub:", "hf_hub:")) or bool(load_timm().is_model(architecture))
