"""Encoders and decoders of tables and recordings, and the error of what they give back, cell by cell.

Only what is known counts: the mark of a gap takes a cell out of the error, and so does the row that says where a recording
has ended.
"""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bedside.models.columns import LEVEL, MARK, NUMBER, Columns
from bedside.models.reconstruction import Noise, Reconstructor

_STRIDE = 2  # of each convolution
_KERNEL = 7


class Settled(nn.Module):
    """Encoder, code and decoder between vectors or feature maps; with a `beta` the code is a distribution.

    Sources: Hinton & Salakhutdinov 2006, doi:10.1126/science.1127647; Kingma & Welling 2014, arXiv:1312.6114 (mean and
    variance, noise in training).
    """

    def __init__(self, encoder: nn.Module, width: int, code: int, decoder: nn.Module, beta: float | None) -> None:
        super().__init__()
        self.encoder, self.decoder, self.beta = encoder, decoder, beta
        self.mean = nn.Linear(width, code)
        self.spread = None if beta is None else nn.Linear(width, code)
        self.noise = Noise()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, ...) -> what is given back (n, ...), the code (n, code), and its divergence from the standard normal (n,)."""
        hidden = self.encoder(x)
        mean = code = self.mean(hidden)
        cost = torch.zeros_like(mean[:, 0])
        if self.spread is not None and self.beta is not None:
            log_variance = self.spread(hidden).clamp(-10, 10)
            code = mean + self.noise(mean) * (0.5 * log_variance).exp()
            cost = self.beta * divergence(mean, log_variance)
        return self.decoder(code), mean, cost


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions (n, k) from the standard one, summed over k, (n,).

    Source: Kingma & Welling 2014, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=-1)


class TableCoder(Columns, Reconstructor):
    """Layers that get the prepared columns of a table through a code.

    A cell is one raw column of one sample: a number, or all of its levels. The error of a number is half its squared
    distance, that of levels the cross-entropy; a level that training never saw counts as a little of each.
    """

    def __init__(
        self,
        columns: int,
        *,
        width: int,
        layers: int,
        code: int,
        hide: float,
        beta: float | None = None,
        encoder: nn.Module | None = None,
    ) -> None:
        """`encoder` is another network's layers, from `columns` to `width` numbers, instead of new ones."""
        super().__init__()
        there, back = [columns, *[width] * layers], [code, *[width] * layers]
        decoder = nn.Sequential(_layers(back), nn.Linear(width, columns))
        self.coder = Settled(_layers(there) if encoder is None else encoder, width, code, decoder, beta)
        self.hide = nn.Dropout(hide)
        self.has_columns(columns)

    def hidden_again(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Samples with some cells as if they were gaps.

        Args:
            hidden: 1 where a cell is to be hidden, (n, columns); the first column of each cell decides.
        """
        hidden = hidden[:, self.first]
        values = torch.where(hidden > 0, self.fill.to(x.dtype), x)
        return torch.where(self.kind == MARK, torch.maximum(x, hidden), values)

    def _coded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.training and self.hide.p > 0:
            x = self.hidden_again(x, (self.hide(torch.ones_like(x)) == 0).to(x.dtype))
        found: tuple[Tensor, Tensor, Tensor] = self.coder(x)
        return found

    def embed(self, x: Tensor) -> Tensor:
        return self._coded(x)[1]

    def reconstruct(self, x: Tensor) -> Tensor:
        """Numbers as they are given back, levels as probabilities, 0 for marks."""
        given = self._coded(x)[0]
        return torch.where(self.kind == NUMBER, given, self.log_shares(given).exp() * (self.kind == LEVEL))

    def errors(self, x: Tensor) -> Tensor:
        given, _, cost = self._coded(x)
        known = self.known(x)
        cells = (known * self.part()).sum(dim=1).clamp(min=1)
        wrong = (known * self.by_column(x, given)).sum(dim=1) / cells
        average = (known * self._of_average(x)).sum(dim=1) / cells
        return torch.stack([wrong, cost / cells, average], dim=1)

    def by_column(self, x: Tensor, given: Tensor) -> Tensor:
        """Error of each prepared column, (n, columns), whatever is known; those of a cell add up to its error."""
        number = 0.5 * (x - given) ** 2
        level = -self.truth(x) * self.log_shares(given)
        return torch.where(self.kind == NUMBER, number, torch.where(self.kind == LEVEL, level, 0.0))

    def _of_average(self, x: Tensor) -> Tensor:
        level = -self.truth(x) * self.average.clamp(min=1e-3).log()
        number = 0.5 * (x - self.average) ** 2
        return torch.where(self.kind == NUMBER, number, torch.where(self.kind == LEVEL, level, 0.0))


class SignalCoder(Reconstructor):
    """Convolutions that make a recording shorter, a code, and convolutions that make it long again.

    Of a sample (channels + 1, time) the last row says what was recorded. The network has the length of the recordings of
    training; what is longer loses its end, as the preparation does it.
    """

    average: Tensor

    def __init__(
        self, shape: tuple[int, ...], *, width: int, layers: int, code: int, hide: float, beta: float | None = None
    ) -> None:
        super().__init__()
        channels, self.length = shape[0] - 1, shape[1]
        steps = -(-self.length // _STRIDE**layers)
        there: list[nn.Module] = []
        back: list[nn.Module] = [nn.Linear(code, width * steps), nn.Unflatten(1, (width, steps)), nn.ReLU()]
        for number in range(layers):
            there += [nn.Conv1d(width if number else channels + 1, width, _KERNEL, _STRIDE, _KERNEL // 2), nn.ReLU()]
            last = number == layers - 1
            back += [
                nn.Upsample(scale_factor=_STRIDE, mode="linear"),
                nn.Conv1d(width, channels if last else width, _KERNEL, padding=_KERNEL // 2),
                *([] if last else [nn.ReLU()]),
            ]
        self.padded = steps * _STRIDE**layers
        self.coder = Settled(nn.Sequential(*there, nn.Flatten()), width * steps, code, nn.Sequential(*back), beta)
        self.hide = nn.Dropout(hide)
        self.register_buffer("average", torch.zeros(channels, self.length))

    def side_by_side(self, places: int) -> int:
        return places

    def learn_layout(self, preparation: Any, prepared: Tensor) -> None:
        """See `Reconstructor`; the average is that of the training recordings at each point of time."""
        recorded = prepared[:, -1:]
        self.average.copy_((prepared[:, :-1] * recorded).sum(dim=0) / recorded.sum(dim=0).clamp(min=1))

    def _fitted(self, x: Tensor) -> Tensor:
        x = x[..., : self.length]
        x = F.pad(x, (0, self.length - x.shape[-1]))
        return torch.cat([x[:, :-1] * x[:, -1:], x[:, -1:]], dim=1)

    def _coded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x` as `_fitted` gives it."""
        traces = x[:, :-1]
        if self.training and self.hide.p > 0:
            traces = traces * (self.hide(torch.ones_like(traces)) > 0)
        given, code, cost = self.coder(F.pad(torch.cat([traces, x[:, -1:]], dim=1), (0, self.padded - self.length)))
        return given[..., : self.length], code, cost

    def embed(self, x: Tensor) -> Tensor:
        return self._coded(self._fitted(x))[1]

    def reconstruct(self, x: Tensor) -> Tensor:
        """Traces (n, channels + 1, time); the last row is what was recorded, as in the sample."""
        x = self._fitted(x)
        return torch.cat([self._coded(x)[0] * x[:, -1:], x[:, -1:]], dim=1)

    def by_place(self, x: Tensor) -> Tensor:
        """Error at each recorded point, (n, channels, time), 0 elsewhere; what the network cuts off has none."""
        own = self._fitted(x)
        wrong = 0.5 * (own[:, :-1] - self._coded(own)[0]) ** 2 * own[:, -1:]
        return F.pad(wrong, (0, max(0, x.shape[-1] - self.length)))[..., : x.shape[-1]]

    def errors(self, x: Tensor) -> Tensor:
        x = self._fitted(x)
        given, _, cost = self._coded(x)
        recorded = x[:, -1:]
        points = (recorded.sum(dim=(1, 2)) * (x.shape[1] - 1)).clamp(min=1)
        wrong, average = (
            0.5 * (((x[:, :-1] - guess) ** 2) * recorded).sum(dim=(1, 2)) / points for guess in (given, self.average)
        )
        return torch.stack([wrong, cost / points, average], dim=1)


def _layers(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)
