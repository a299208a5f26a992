"""Transformer for tables: every column becomes a token, and the tokens of a patient look at each other.

Source: Gorishniy et al. 2021, arXiv:2106.11959, section 3.3; their own network, from `rtdl_revisiting_models`. It knows numbers
and categories; prepared columns are all numbers, those of one-hot levels too, so each of them is a number with a token here.
"""

import math
from typing import Self

import numpy as np
import torch
from pydantic import Field, model_validator
from rtdl_revisiting_models import FTTransformer
from torch import Tensor, nn

from bedside.settings import Settings

_ROWS = 1024  # computed at once outside of training: tokens that look at each other need much memory


class FTTransformerSettings(Settings):
    """The architecture: how a column is described, how often columns look at each other."""

    blocks: int = Field(default=2, ge=1, le=24)
    """Times that the columns look at each other."""
    width: int = Field(default=64, ge=1, le=4096)
    """Numbers that describe a column; a multiple of `heads`."""
    heads: int = Field(default=8, ge=1, le=64)
    """Ways of looking in each block."""
    attention_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of looks that are switched off at random in each training step."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of hidden neurons of each block switched off at random in each training step."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is no multiple of heads={self.heads}; change one of them")
        return self


class TableTransformer(nn.Module):
    """Tokens of columns and one more that sums them up; the last layer reads that one."""

    def __init__(self, n_columns: int, n_outputs: int, settings: FTTransformerSettings) -> None:
        super().__init__()
        self.heads = settings.heads
        self.transformer = FTTransformer(
            n_cont_features=n_columns,
            cat_cardinalities=[],
            d_out=None,
            n_blocks=settings.blocks,
            d_block=settings.width,
            attention_n_heads=settings.heads,
            attention_dropout=settings.attention_dropout,
            ffn_d_hidden_multiplier=4 / 3,  # the authors' own; its gate doubles the weights
            ffn_dropout=settings.dropout,
            residual_dropout=0.0,
        )
        width = settings.width
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, n_outputs))

    def side_by_side(self, columns: int) -> int:
        """Tokens that are computed together."""
        return columns + 1

    def embed(self, x: Tensor) -> Tensor:
        """Prepared columns (n, columns) -> the token that sums them up, (n, width)."""
        if self.training or len(x) <= _ROWS:
            summary: Tensor = self.transformer(x, None)
            return summary
        return torch.cat([self.transformer(some, None) for some in x.split(_ROWS)])

    def forward(self, x: Tensor) -> Tensor:
        """Prepared columns (n, columns) -> logits (n, n_outputs)."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def attention(self, x: Tensor) -> Tensor:
        """How much the token that sums up looks at each token, itself first: (n, blocks, heads, 1 + columns), adding up to 1."""
        asked: list[Tensor] = []
        given: list[Tensor] = []
        parts = [block["attention"] for block in self.transformer.backbone.blocks]
        hooks = [part.W_q.register_forward_hook(lambda _, __, out: asked.append(out[:, :1])) for part in parts]
        hooks += [part.W_k.register_forward_hook(lambda _, __, out: given.append(out)) for part in parts]
        try:
            self.transformer(x, None)
        finally:
            for hook in hooks:
                hook.remove()
        found = []
        for query, key in zip(asked, given, strict=True):
            query, key = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (query, key))
            alike = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
            found.append(alike.softmax(dim=-1)[:, :, 0])
        return torch.stack(found, dim=1)


@torch.no_grad()
def column_attention(network: TableTransformer, prepared: np.ndarray) -> np.ndarray:
    """How much the network looks at each prepared column on average, (columns,): over samples, blocks and heads.

    The rest up to 1 is how much the token that sums up looks at itself. Attention says where the network looks, not
    what it makes of it: it is no measure of importance by itself. Source: arXiv:2106.11959, section 5.3.

    Args:
        network: trained; it is left as it is.
        prepared: samples as the network reads them, (n, columns).
    """
    weight = next(network.parameters())
    trained_on, was_training = torch.from_numpy(np.ascontiguousarray(prepared)).to(weight), network.training
    network.eval()
    try:
        sums = [network.attention(some).mean(dim=(1, 2)).double().sum(dim=0) for some in trained_on.split(_ROWS)]
    finally:
        network.train(was_training)
    mean: np.ndarray = (torch.stack(sums).sum(dim=0) / len(prepared)).cpu().numpy()
    return mean[1:]


def build(shape: tuple[int, ...], n_outputs: int, settings: FTTransformerSettings) -> nn.Module:
    return TableTransformer(shape[0], n_outputs, settings)
