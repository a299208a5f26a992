"""Transformer for recordings: time is cut into patches, and each patch looks at all others at once.

Sources: Vaswani et al. 2017, arXiv:1706.03762 (attention, positions as sines); Nie et al. 2023, arXiv:2211.14730 (patches of
time that overlap); Xiong et al. 2020, arXiv:2002.04745 (normalisation before each layer, which trains without a warm-up).
"""

import math
from typing import Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from bedside.models.sequence import SequenceClassifier, at_steps, front, traces_of
from bedside.settings import Settings

_SLOWEST = 10_000.0  # steps, over 2 pi, of the longest wave that tells where a step stands


class TransformerSettings(Settings):
    """The architecture: how time is cut, how often and in how many ways patches look at each other."""

    patch: int = Field(default=8, ge=1, le=4096)
    """Time points that a patch stands for; it sees half of its neighbours' points as well."""
    width: int = Field(default=64, ge=2, le=4096)
    """Numbers that describe a patch; a multiple of `heads`, and even."""
    layers: int = Field(default=2, ge=1, le=24)
    """Times that the patches look at each other."""
    heads: int = Field(default=4, ge=1, le=64)
    """Ways of looking in each layer."""
    dropout: float = Field(default=0.2, ge=0, lt=1)
    """Share of what a layer adds, and of the last features, switched off at random in each training step."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width={self.width} is not even and a multiple of heads={self.heads}; change one of them")
        return self


class Layer(nn.Module):
    """Attention, then two dense layers; each adds to what it was given."""

    def __init__(self, settings: TransformerSettings) -> None:
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.before_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.before_dense = nn.LayerNorm(width)
        self.dense = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """(n, steps, width), and (n, 1, 1, steps) of which steps may be looked at -> (n, steps, width)."""
        query, key, value = self._heads(x)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=there)
        x = x + self.dropout(self.mix(found.transpose(1, 2).flatten(2)))
        added: Tensor = x + self.dropout(self.dense(self.before_dense(x)))
        return added

    def attention(self, x: Tensor, there: Tensor) -> Tensor:
        """How much each step looks at each other one, (n, heads, steps, steps); a row of them adds up to 1."""
        query, key, _ = self._heads(x)
        alike = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        return alike.masked_fill(~there, -torch.inf).softmax(dim=-1)

    def _heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (n, heads, steps, width / heads)."""
        together = self.queries_keys_values(self.before_attention(x))
        query, key, value = together.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return query, key, value


class SignalTransformer(SequenceClassifier):
    """Patches and their positions, layers of attention, the mean over what was recorded, the last layer."""

    def __init__(self, shape: tuple[int, ...], n_outputs: int, settings: TransformerSettings) -> None:
        super().__init__(settings.width, n_outputs, settings.dropout, stride=settings.patch)
        self.patches = front(shape[0] - 1, settings.width, settings.patch)
        self.layers = nn.ModuleList(Layer(settings) for _ in range(settings.layers))
        self.last = nn.LayerNorm(settings.width)

    def steps(self, x: Tensor, recorded: Tensor) -> Tensor:
        """(n, channels + 1, time) -> (n, width, steps)."""
        features, there = self._patches(x, recorded)
        for layer in self.layers:
            features = layer(features, there)
        result: Tensor = self.last(features)
        return result.transpose(1, 2)

    def attention(self, x: Tensor) -> Tensor:
        """How much each step looks at each other one: recordings -> (n, layers, heads, steps, steps), rows adding up to 1."""
        features, there = self._patches(x, x[:, -1])
        found = []
        for layer in self.layers:
            assert isinstance(layer, Layer)
            found.append(layer.attention(features, there))
            features = layer(features, there)
        return torch.stack(found, dim=1)

    def _patches(self, x: Tensor, recorded: Tensor) -> tuple[Tensor, Tensor]:
        """Patches that know their place, (n, steps, width), and which of them were recorded, (n, 1, 1, steps)."""
        patches = self.patches(traces_of(x)).transpose(1, 2)
        there = at_steps(recorded, self.stride) > 0
        there = there | ~there.any(dim=-1, keepdim=True)  # where nothing was recorded there is nothing to look at
        return patches + positions(patches), there[:, None, None]


def positions(patches: Tensor) -> Tensor:
    """Waves from fast to slow, whose heights tell each step its place: (steps, width)."""
    steps, width = patches.shape[-2:]
    place = torch.arange(steps, device=patches.device, dtype=patches.dtype)[:, None]
    speed = torch.arange(width // 2, device=patches.device, dtype=patches.dtype) * (-2 * math.log(_SLOWEST) / width)
    angle = place * speed.exp()
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def build(shape: tuple[int, ...], n_outputs: int, settings: TransformerSettings) -> nn.Module:
    return SignalTransformer(shape, n_outputs, settings)
