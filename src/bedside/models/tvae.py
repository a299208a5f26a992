"""Variational autoencoder of a table, by class: what the patients of each class are like, and new ones of the same kind.

Encoder and decoder are told the class. The decoder gives each number a logistic distribution with a learned spread, each category
the shares of its levels, and each column the probability that it is missing, so that drawn tables have gaps as well.
Numbers come as normal scores (see `splits.normal_scores`); a value that many patients share, such as a zero, counts as the
stretch of the scores that stands for it, so that it has a probability and not a density without bound.

In training one code is drawn for each sample; in use the bound is that of Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519, over
`POINTS` codes at fixed places of the encoder's distribution, so that a sample always has the same.

Sources: Kingma & Welling 2014, arXiv:1312.6114; Xu et al. 2019, arXiv:1907.00503 (TVAE, for tables);
Salimans et al. 2017, arXiv:1701.05517 (logistic distributions over stretches).
"""

from itertools import pairwise
from math import log
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.quasirandom import SobolEngine

from bedside.models.columns import LEVEL, MARK, NUMBER, Columns
from bedside.models.generative import Generator
from bedside.models.reconstruction import Noise
from bedside.settings import Settings

POINTS = 16  # codes over which a bound is taken
STEPS = 16  # values of one column that are steps, at most: each has a sixteenth of the samples or more
_NARROWEST = 0.05  # scale of a number around its mean, in standard deviations of its normal scores
_FAR = 30.0  # where a step without an end ends


class TVAESettings(Settings):
    """The architecture."""

    code: int = Field(default=8, ge=1, le=512)
    """Numbers of the code that each patient is drawn from; with more of them columns may depend on each other in more ways."""
    width: int = Field(default=64, ge=2, le=4096)
    """Neurons of each layer."""
    layers: int = Field(default=2, ge=1, le=6)
    """Layers before the code, and as many behind it."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of neurons before the code that are switched off at random in each training step."""


class TVAE(Columns, Generator):
    """Encoder, code and decoder of prepared columns, each told the class by as many columns more as there are classes."""

    has_steps = True  # in its score, so gradients do not add up to it
    at_once = 512  # samples that are scored together: each is decoded from `POINTS` codes
    steps: Tensor
    gaps: Tensor
    points: Tensor

    def __init__(self, columns: int, n_outputs: int, settings: TVAESettings) -> None:
        super().__init__(n_outputs)
        classes, widths = self.judge.classes, [settings.width] * settings.layers
        self.has_columns(columns)
        self.register_buffer("steps", torch.zeros(2, columns, STEPS))  # from where to where; nowhere for none
        self.register_buffer("gaps", torch.zeros(columns))  # share of ones among the marks of training
        points = torch.special.ndtri(
            SobolEngine(settings.code, scramble=True, seed=0).draw(POINTS // 2).clamp(1e-4, 1 - 1e-4)
        )
        self.register_buffer("points", torch.cat([points, -points]))
        self.encoder = nn.Sequential(*_layers([columns + classes, *widths], settings.dropout))
        self.code = nn.Linear(settings.width, 2 * settings.code)
        self.decoder = nn.Sequential(*_layers([settings.code + classes, *widths]), nn.Linear(settings.width, columns))
        self.spread = nn.Parameter(torch.zeros(classes, columns))  # logarithms, on the way to `_NARROWEST`
        self.noise = Noise()

    def learn_layout(self, preparation: Any, prepared: Tensor | None) -> None:
        """See `Generative`; the preparation is a `TablePreparation` with normal scores."""
        assert prepared is not None
        super().learn_layout(preparation, prepared)
        self.gaps.copy_(prepared.mean(dim=0) * (self.kind == MARK))
        places = (self.kind == NUMBER).nonzero().flatten().tolist()
        for place, scores in zip(places, preparation.normal or (), strict=True):
            for side, ends in zip(self.steps, scores.steps(), strict=True):
                side[place, : len(ends)] = torch.from_numpy(ends).clamp(-_FAR, _FAR).to(side)

    def bound(self, x: Tensor, label: Tensor) -> Tensor:
        own = self._of_class(x, label)
        mean, log_deviation = self._coded(x, own)
        if self.training:
            code = mean + log_deviation.exp() * self.noise(mean)
            divergence = 0.5 * (mean**2 + (2 * log_deviation).exp() - 1 - 2 * log_deviation).sum(dim=1)
            return self._likelihood(x, own, code[:, None])[:, 0] - divergence
        code = mean[:, None] + log_deviation.exp()[:, None] * self.points
        ratio = (log_deviation[:, None] + 0.5 * (self.points**2 - code**2)).sum(dim=2)  # log p(code) - log q(code | x)
        return (self._likelihood(x, own, code) + ratio).logsumexp(dim=1) - log(POINTS)

    def loss(self, x: Tensor, label: Tensor) -> Tensor:
        """The negative bound per cell, so that one learning rate suits small and large tables."""
        return -self.bound(x, label) / (self.part().sum() + (self.gaps > 0).sum()).clamp(min=1)

    @torch.no_grad()
    def draw(self, label: Tensor, random: torch.Generator) -> Tensor:
        """See `Generative`; levels are 0 or 1, and what is missing is filled as the preparation fills it."""
        n, kind = len(label), self.spread
        code = torch.randn(n, self.points.shape[1], generator=random, dtype=kind.dtype)
        own, given = self._of_class(kind, label), self.decoded(code, label)
        chance = torch.rand(given.shape, generator=random, dtype=kind.dtype).clamp(1e-7, 1 - 1e-7)
        number = given + self._deviation(own) * chance.logit()
        # The level with the largest sum of logarithm and Gumbel noise is drawn with its probability.
        ahead = torch.where(self.kind == LEVEL, self.log_shares(given) - (-chance.log()).log(), -torch.inf)
        rivals = torch.where(self.together(given) > 0, ahead[:, None, :], -torch.inf).amax(dim=2)
        level = ((ahead >= rivals) & (self.kind == LEVEL)).to(given.dtype)
        gone = (torch.rand(given.shape, generator=random, dtype=kind.dtype) < given.sigmoid()) & (self.gaps > 0)
        x = torch.where(self.kind == NUMBER, number, torch.where(self.kind == LEVEL, level, gone.to(given.dtype)))
        return torch.where(self.known(x) + (self.kind == MARK) > 0, x, self.fill.to(x.dtype))

    def decoded(self, code: Tensor, label: Tensor) -> Tensor:
        """What the decoder says of codes (n, code) of the given classes (n,), (n, columns): the middle of each number."""
        found: Tensor = self.decoder(torch.cat([code, self._of_class(code, label)], dim=1))
        return found

    def _of_class(self, x: Tensor, label: Tensor) -> Tensor:
        """1 in the column of the own class, (n, classes)."""
        return (label[:, None] == torch.arange(self.judge.classes, device=x.device)).to(x.dtype)

    def _coded(self, x: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation of the code, (n, code) each."""
        found = self.code(self.encoder(torch.cat([x, own], dim=1)))
        mean, log_deviation = found.chunk(2, dim=1)
        return mean, 0.5 * log_deviation.clamp(-10, 10)

    def _deviation(self, own: Tensor) -> Tensor:
        """Spread of each number around its mean, by class, (n, columns)."""
        return _NARROWEST + F.softplus(own @ self.spread)

    def _likelihood(self, x: Tensor, own: Tensor, code: Tensor) -> Tensor:
        """log p(x | class, code), (n, codes), of samples (n, columns) and codes (n, codes, k): the sum over known cells and
        over the marks of columns that had gaps in training."""
        beside = own[:, None].expand(-1, code.shape[1], -1)
        given = self.decoder(torch.cat([code, beside], dim=2))
        deviation = self._deviation(own)[:, None]
        number = self._numbers(x, given, deviation)
        level = self.truth(x)[:, None] * self.log_shares(given)
        mark = x[:, None] * F.logsigmoid(given) + (1 - x[:, None]) * F.logsigmoid(-given)
        counts = torch.where(self.kind == MARK, (self.gaps > 0).to(x.dtype), self.known(x))[:, None]
        each = torch.where(self.kind == NUMBER, number, torch.where(self.kind == LEVEL, level, mark))
        return (counts * each).sum(dim=2)

    def _numbers(self, x: Tensor, given: Tensor, deviation: Tensor) -> Tensor:
        """Logarithm of the density of numbers, or of the probability of the step that a number lies on."""
        low, high = self.steps.to(x.dtype)
        on = (x[:, :, None] > low) & (x[:, :, None] < high)  # (n, columns, STEPS)
        step = on.any(dim=2)[:, None]
        start, end = (torch.where(on, side, 0.0).sum(dim=2)[:, None] for side in (low, high))
        standard = (x[:, None] - given) / deviation
        density = F.logsigmoid(standard) + F.logsigmoid(-standard) - deviation.log()
        start, end = torch.where(step, start, -1.0), torch.where(step, end, 1.0)
        return torch.where(step, _log_between((start - given) / deviation, (end - given) / deviation), density)


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """Logarithm of the probability of the standard logistic distribution between two places; exact in both tails."""
    return F.logsigmoid(high) + F.logsigmoid(-low) + (-torch.expm1((low - high).clamp(max=-1e-6))).log()


def _layers(widths: list[int], dropout: float = 0.0) -> list[nn.Module]:
    made: list[nn.Module] = []
    for before, after in pairwise(widths):
        made += [nn.Linear(before, after), nn.SiLU(), *([nn.Dropout(dropout)] if dropout else [])]
    return made


def build(shape: tuple[int, ...], n_outputs: int, settings: TVAESettings) -> nn.Module:
    return TVAE(shape[0], n_outputs, settings)
