"""What each raw column contributed to the score of one sample, in units of the score; contributions add up to it.

Networks: integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365, by captum) of the score along the straight line
from an average sample of training (mean of each number, share of each level) to the sample. What belongs to one raw column
(its levels, the mark of a gap) is summed. The sum over columns is the score of the sample minus that of the average one.

Other families have no gradients, or a score with steps. They get Shapley values by sampling (Strumbelj & Kononenko 2014,
doi:10.1007/s10115-013-0679-x): in random orders, columns of a training sample are replaced one by one by those of the
sample, and each gets the change of score that it brings. The sum over columns is the score of the sample minus the mean
score of the training samples drawn, exactly.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bedside.explain.columns import CELLS, Part
from bedside.models.losses import Supervised

STEPS = (
    32,
    128,
    512,
)  # points on the line of integration: more for samples whose sum is not yet the difference of scores
CLOSE = 5e-4  # of the spread of the scores, 1 for probabilities: the gap that is left
ORDERS = 40  # training samples, each with an order of columns and its reverse
MOST = 60  # columns that get values of their own by sampling; the others share one
METHODS = {
    "integrated gradients": "integrated gradients of the score, from an average sample of training",
    "sampled Shapley values": "Shapley values by sampling, against samples of training",
}


@dataclass(frozen=True)
class Contributions:
    """`values` (n, columns), which are summed from `start` (n,) to the scores `end` (n,), all in units of the score."""

    values: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @property
    def gap(self) -> float:
        """Largest difference between the sum of contributions and the difference of scores."""
        return float(np.abs(self.end - self.start - self.values.sum(axis=1)).max(initial=0.0))


def method_of(part: Part) -> str:
    """Name of the method that suits the family; see `METHODS`."""
    network = getattr(part.fitted, "network", None)
    smooth = network is not None and not getattr(network, "has_steps", False)
    return "integrated gradients" if smooth else "sampled Shapley values"


def contributions(
    part: Part, x: np.ndarray, output: np.ndarray, columns: np.ndarray, seed: int, *, orders: int = ORDERS
) -> Contributions:
    """Contributions of the raw columns to one score of each sample.

    Args:
        part: the member and the training samples it is compared with.
        x: prepared samples, (n, d).
        output: column of the scores that is explained, (n,).
        columns: by sampling, the columns that get values of their own; the others share what they bring equally.
        seed: drives the sampling; integrated gradients draw nothing.
        orders: by sampling, training samples that each sample is compared with.
    """
    if method_of(part) == "integrated gradients":
        return _integrated(part, x, output)
    return _sampled(part, x, output, columns, seed, orders)


def moves(part: Part, sample: np.ndarray, output: int) -> np.ndarray:
    """How far each raw column by itself moves the score of a training sample when it is put there, (columns,).

    The training sample is the one nearest to the mean of those that the member is compared with, so nothing is drawn.

    Args:
        sample: prepared, (d,).
        output: column of the scores.
    """
    centre = part.reference.mean(axis=0)
    usual = part.reference[np.argmin(np.square(part.reference - centre).sum(axis=1))]
    found, step = np.empty(part.n_columns), max(1, CELLS // max(1, len(sample)))
    for start in range(0, part.n_columns, step):
        some = np.arange(start, min(start + step, part.n_columns))
        found[some] = part.scores(np.where(part.owners == some[:, None], sample, usual))[:, output]
    return found - part.scores(usual[None])[0, output]


class _Score(nn.Module):
    """Prepared samples -> scores (n, k), in 64 bits, as the member gives them."""

    def __init__(self, fitted: Any, part: Part) -> None:
        super().__init__()
        self.network = copy.deepcopy(fitted.network).cpu().double().eval()
        self.centre, self.scale, self.task = fitted.centre, fitted.scale, part.task

    def forward(self, x: Tensor) -> Tensor:
        scores = Supervised(self.task).scores(self.network(x))
        return scores[:, None] * self.scale + self.centre if self.task.kind == "regression" else scores


class _Sum(nn.Module):
    """The chosen scores of all samples in one sum: its gradients are those of each, in one go instead of one by one."""

    def __init__(self, score: _Score) -> None:
        super().__init__()
        self.score = score

    def forward(self, x: Tensor, output: Tensor) -> Tensor:
        return self.score(x).gather(1, output[:, None]).sum()[None]


def _integrated(part: Part, x: np.ndarray, output: np.ndarray) -> Contributions:
    score = _Score(part.fitted, part)
    centre = torch.from_numpy(part.reference.mean(axis=0, dtype=np.float64))[None]
    with torch.no_grad():
        begin = score(centre).numpy()[0][output]
    end, values = part.shown(x, output), np.zeros((len(x), part.n_columns))
    todo = np.arange(len(x))
    for steps in STEPS:
        values[todo] = part.summed(_along_the_line(score, centre, x[todo], output[todo], steps))
        gap = np.abs(end - begin - values.sum(axis=1))
        todo = np.flatnonzero(gap > CLOSE * (part.fitted.scale if part.task.kind == "regression" else 1.0))
    return Contributions(values, begin, end)


def _along_the_line(score: _Score, centre: Tensor, x: np.ndarray, output: np.ndarray, steps: int) -> np.ndarray:
    """Integrated gradients of prepared samples (n, d), from the middles of so many pieces, (n, d)."""
    from captum.attr import IntegratedGradients

    method, found = IntegratedGradients(_Sum(score)), np.zeros(x.shape)
    size = min(2_000_000 // max(1, x.shape[1]), getattr(score.network, "at_once", 2_000_000)) // steps
    size = max(1, size)
    for start in range(0, len(x), size):
        some, chosen = x[start : start + size].astype(np.float64), torch.from_numpy(output[start : start + size].copy())
        given = {"baselines": centre, "additional_forward_args": chosen, "n_steps": steps, "method": "riemann_middle"}
        found[start : start + size] = method.attribute(torch.from_numpy(some), **given).detach().numpy()
    return found


def _sampled(
    part: Part, x: np.ndarray, output: np.ndarray, columns: np.ndarray, seed: int, orders: int
) -> Contributions:
    """Orders come in pairs, each with its reverse, which cancels much of the chance."""
    chance = np.random.default_rng(seed)
    alone = columns[:MOST]
    rest = np.setdiff1d(np.arange(part.n_columns), alone)
    players = [np.array([k]) for k in alone] + ([rest] if len(rest) else [])
    masks = np.stack([part.of(player) for player in players])
    values, start = np.zeros((len(x), part.n_columns)), np.zeros(len(x))
    for row, sample in enumerate(x):
        others = part.reference[chance.integers(len(part.reference), size=orders)]
        gained, begun = _one(part, sample, int(output[row]), others, masks, chance)
        for player, gain in zip(players, gained, strict=True):
            values[row, player] = gain / len(player)
        start[row] = begun
    return Contributions(values, start, part.shown(x, output))


def _one(
    part: Part, sample: np.ndarray, output: int, others: np.ndarray, masks: np.ndarray, chance: np.random.Generator
) -> tuple[np.ndarray, float]:
    """What each player brings to one sample, (players,), and the mean score of the others."""
    orders = [chance.permutation(len(masks)) for _ in others]
    walks, steps = [], []
    for other, order in zip(others, orders, strict=True):
        for way in (order, order[::-1]):
            taken = np.concatenate([np.zeros((1, len(sample)), dtype=bool), np.logical_or.accumulate(masks[way], 0)])
            walks.append(np.where(taken, sample, other))
            steps.append(way)
    scores = part.scores(np.concatenate(walks))[:, output].reshape(len(walks), -1)
    gains = np.zeros((len(walks), len(masks)))
    np.put_along_axis(gains, np.array(steps), np.diff(scores, axis=1), axis=1)
    return gains.mean(axis=0), float(scores[:, 0].mean())
