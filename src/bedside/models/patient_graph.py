"""A graph of patients: those who are alike are linked, and what a network makes of one reaches the others as a message.

Only training patients are in the graph. A new patient is linked to those of them who are most alike, and nobody is ever linked
to him, so his score does not depend on who else is scored. In training nobody is linked to himself, to another sample of
himself, or to a copy. Messages say what neighbours are like, never what became of them: no target goes through the graph.

The usual way puts the test patients into the graph too (Parisot et al. 2018, doi:10.1016/j.media.2018.06.001); it cannot score
anybody who was not there in training. Means of neighbours that generalise to new ones: Hamilton et al. 2017, arXiv:1706.02216.
"""

from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from bedside.errors import SettingError, nearest
from bedside.models.told import FoldSamples
from bedside.settings import Settings

ROOM = (
    64  # rows of the graph are filled up to a multiple while it trains, so that folds of nearly one size make one stack
)
_APART = 1e-6  # weight of other columns beside `link_by`: they only decide between patients who are equal in these
_FEW = 0.1  # of a whole neighbour: where links are weaker than that, messages fade
_PAIRS, _NUMBERS = 4_000_000, 8_000_000  # distances, and numbers of neighbours, in memory at once


class PatientGraphSettings(Settings):
    """The graph, and the network that reads it."""

    neighbours: int = Field(default=10, ge=0, le=100)
    """Training samples of others that each patient is linked to; 0 is the same network without a graph."""
    rounds: int = Field(default=1, ge=1, le=2)
    """How often messages are passed: once brings what neighbours are like, twice what their neighbours are like too."""
    link_by: tuple[str, ...] = ()
    """Columns that say who is alike, such as age and sex; by default all."""
    width: int = Field(default=64, ge=2, le=4096)
    """Numbers that the network makes of a patient, and that a message holds."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of neurons, and of links, switched off at random in each training step."""

    @model_validator(mode="after")
    def _links_can_act(self) -> Self:
        if self.link_by and not self.neighbours:
            raise ValueError("link_by has no effect without links (neighbours=0)")
        return self


class Exchange(nn.Module):
    """A round of messages: what a patient is like beside the mean of the neighbours."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.others = nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, own: Tensor, message: Tensor) -> Tensor:
        """(..., width) and (..., width) -> (..., width)."""
        kept: Tensor = self.dropout(torch.relu(self.own(own) + self.others(message)))
        return kept


class PatientGraph(nn.Module):
    """`known` (n, columns) are the prepared training samples, `near` (n, k) whom each is linked to, `weight` (n, k) how strongly.

    While it trains, samples bear one column more than later: their place among `known`, or behind it for samples that stop the
    training. Their links are looked up by it, and `unit` says who is the same patient.
    """

    known: Tensor
    near: Tensor
    weight: Tensor
    unit: Tensor
    measure: Tensor

    def __init__(self, columns: int, n_outputs: int, settings: PatientGraphSettings) -> None:
        super().__init__()
        width, self.links, self.link_by = settings.width, settings.neighbours, settings.link_by
        self.encoder = nn.Sequential(nn.Linear(columns, width), nn.ReLU(), nn.Dropout(settings.dropout))
        self.exchanges = nn.ModuleList(Exchange(width, settings.dropout) for _ in range(settings.rounds))
        self.output = nn.Linear(width, n_outputs)
        self.missed = nn.Dropout(settings.dropout)
        self.silent = False  # links as they are, but nothing is said: what a score would be without the others
        self.register_buffer("measure", torch.ones(columns))  # weight of each column in distances
        self.register_buffer("known", torch.zeros(0, columns))
        self.register_buffer("near", torch.zeros(0, self.links, dtype=torch.long))
        self.register_buffer("weight", torch.zeros(0, self.links))
        self.register_buffer("unit", torch.zeros(0, dtype=torch.long), persistent=False)

    @property
    def at_once(self) -> int:
        """Samples to be scored together."""
        return max(16, _NUMBERS // ((self.links + 1) * max(self.known.shape[1], self.output.in_features)))

    def side_by_side(self, columns: int) -> int:
        """Patients whose numbers are computed for one."""
        return int(sum(self.links**depth for depth in range(len(self.exchanges) + 1)))

    # The graph

    def meet(self, samples: FoldSamples) -> tuple[Tensor, Tensor]:
        """Link training samples, and those that stop the training, to training samples of other patients.

        Returns:
            Both with their place in the graph as one more column.

        Raises:
            SettingError: if there are too few others, or `link_by` names a column that is not there.
        """
        self._measure_by(samples.preparation.sources())
        train, valid = samples.train, samples.valid
        if not self.links:
            return train, valid
        units = torch.from_numpy(np.concatenate([samples.train_units, samples.valid_units]))
        n, (room, more) = len(train), (_room(len(train)), _room(len(valid)))
        fewest = n - int(torch.bincount(units[:n]).max())
        if fewest <= self.links:
            raise SettingError(
                f"model.neighbours={self.links}, but in a fold there are only {fewest} training samples of other "
                f"patients, and one more than neighbours is needed; choose {max(0, fewest - 1)} or fewer."
            )
        rows = torch.cat([train, valid]).double()
        near, weight = self._nearest(rows, train.double(), units, units[:n])
        places = torch.cat([torch.arange(n), room + torch.arange(len(valid))])
        self.known = torch.zeros(room, train.shape[1], dtype=train.dtype).index_copy(0, places[:n], train)
        self.near = torch.zeros(room + more, self.links, dtype=torch.long).index_copy(0, places, near)
        self.weight = torch.zeros(room + more, self.links, dtype=train.dtype).index_copy(
            0, places, weight.to(train.dtype)
        )
        self.unit = torch.full((room + more,), -1).index_copy(0, places, units)
        self.real = n
        numbered = torch.cat([torch.cat([train, valid]), places[:, None].to(train.dtype)], dim=1)
        return numbered[:n], numbered[n:]

    def settle(self) -> None:
        """Let go of filling rows and of samples that only stopped the training."""
        if self.links:
            self.known, self.near, self.weight = (part[: self.real] for part in (self.known, self.near, self.weight))
            self.unit = self.unit[:0]

    def remember(self, other: "PatientGraph") -> None:
        """Take the graph of another such network, and none of its weights."""
        self.known, self.near, self.weight = other.known, other.near, other.weight
        self.measure = other.measure

    def linked(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of `known` that new samples (n, columns) are linked to, and how strongly, both (n, k)."""
        return self._nearest(x, self.known)

    def _measure_by(self, names: Any) -> None:
        unknown = [name for name in self.link_by if name not in names]
        if unknown:
            raise SettingError(
                f"model.link_by names '{unknown[0]}', which is no feature.{nearest(unknown[0], names)} "
                f"Features: {', '.join(dict.fromkeys(names))}."
            )
        if self.link_by:
            chosen = [1.0 if name in self.link_by else _APART for name in names]
            self.measure.copy_(torch.tensor(chosen))

    def _nearest(
        self, x: Tensor, known: Tensor, units: Tensor | None = None, known_units: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `linked`, but no sample to one of its own unit, where they are given.

        A link is 1 where two are equal and 0 where somebody is as far as the first who is no neighbour any more
        (Epanechnikov's kernel of that width). So a score has no jumps where neighbours change, and rounding moves nothing.
        """
        k = min(self.links, len(known) - 1)
        if k < 1:
            return torch.zeros(len(x), 0, dtype=torch.long, device=x.device), x.new_zeros(len(x), 0)
        scale, found = self.measure.to(x).sqrt(), []
        with torch.no_grad():
            step = max(1, _PAIRS // len(known))
            for start in range(0, len(x), step):
                rows = slice(start, start + step)
                apart = torch.cdist(
                    x[rows] * scale, known * scale, compute_mode="donot_use_mm_for_euclid_dist"
                )  # a product of matrices would round by who else is there
                if units is not None and known_units is not None:
                    apart[units[rows, None] == known_units] = torch.inf
                found.append(apart.topk(k + 1, largest=False).indices)
        near = torch.cat(found)
        squared = torch.cat(
            [
                (self.measure.to(x) * (some[:, None] - known[index]) ** 2).sum(-1)
                for some, index in zip(x.split(step), near.split(step), strict=True)
            ]
        )
        strength = 1 - squared[:, :k] / squared[:, k:].clamp(min=1e-12)
        return near[:, :k], strength.clamp(min=0)

    # The network

    def forward(self, x: Tensor) -> Tensor:
        """Prepared samples (n, columns) -> logits (n, n_outputs)."""
        logits: Tensor = self.output(self.embed(x))
        return logits

    def embed(self, x: Tensor) -> Tensor:
        """Prepared samples (n, columns) -> what the last round makes of them, (n, width)."""
        columns = self.known.shape[1]
        if x.shape[-1] > columns:
            place = x[:, -1].long()
            x, near, weight = x[:, :columns], self.near[place], self.weight[place]
        else:
            place = None
            near, weight = self.linked(x)
        if self.training:
            return self._told(x, near, weight, place, len(self.exchanges))[-1]
        states, others = self.encoder(x), self._everybody()
        for exchange, theirs in zip(self.exchanges, others, strict=True):
            states = exchange(states, self._mean(theirs[near], weight))
        return states

    def _everybody(self) -> list[Tensor]:
        """What is known of all training samples before each round, (n, width)."""
        states = [self.encoder(self.known)]
        for exchange in self.exchanges[:-1]:
            states.append(
                exchange(
                    states[-1], self._mean(states[-1][self.near[: len(self.known)]], self.weight[: len(self.known)])
                )
            )
        return states

    def _told(self, x: Tensor, near: Tensor, weight: Tensor, place: Tensor | None, rounds: int) -> list[Tensor]:
        """Samples before the first round and after each, asking no more than those who are reached: (..., width) each."""
        states = [self.encoder(x)]
        theirs = [self.encoder(self.known[near])]
        if rounds > 1:
            beyond, strength = self.near[near], self.weight[near]
            if place is not None:  # nobody hears of himself by way of a neighbour
                strength = strength * (self.unit[beyond] != self.unit[place][:, None, None])
            theirs = self._told(self.known[near], beyond, strength, None, rounds - 1)
        for exchange, others in zip(self.exchanges, theirs, strict=False):
            states.append(exchange(states[-1], self._mean(others, weight)))
        return states

    def _mean(self, states: Tensor, weight: Tensor) -> Tensor:
        """Mean of neighbours (..., k, width) by the strength of their links (..., k), which fades where all are weak."""
        weight = weight * 0 if self.silent else self.missed(weight)
        told = (weight[..., None] * states).sum(-2)
        return told / (weight.sum(-1, keepdim=True) + _FEW)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *more: Any) -> None:
        """A file says how many patients a graph holds."""
        for name in ("known", "near", "weight"):
            if prefix + name in state:
                setattr(self, name, torch.empty_like(state[prefix + name]))
        super()._load_from_state_dict(state, prefix, *more)


def _room(rows: int) -> int:
    return -(-rows // ROOM) * ROOM


def build(shape: tuple[int, ...], n_outputs: int, settings: PatientGraphSettings) -> nn.Module:
    return PatientGraph(shape[0], n_outputs, settings)
