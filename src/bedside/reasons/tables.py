"""What each column of a table contributed to the score of a sample, the mean over members of a model.

Contributions start from an average sample of training. Of networks the run keeps it; other families are compared with
samples of training, which a run does not hold, so they are read again from where they lie.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from bedside.begin import read_again
from bedside.cohort import Cohort
from bedside.data.codes import count
from bedside.data.table import TableInputs
from bedside.errors import BedsideError, RunError
from bedside.explain.choose import learned_from
from bedside.explain.columns import REFERENCE, Part, cell_text
from bedside.explain.contributions import METHODS, MOST, ORDERS, Contributions, contributions, method_of, moves
from bedside.reasons.decided import decided
from bedside.scoring import Scorer
from bedside.settings import RunSettings, build
from bedside.training.hardware import limited_threads

SCREENED = 5  # members that say which columns of many are looked at one by one
SHARED_ORDERS = 5  # members that take all orders of columns; more of them share as many, because theirs are averaged
FEWEST_ORDERS = 8
_PARTS = ("values", "start", "end")
Training = str | Callable[[], Cohort] | None


@dataclass(frozen=True)
class Reason:
    """What a column contributed, in units of the score; `value` is its cell in words, nothing for a gap."""

    column: str
    value: str
    contribution: float


@dataclass(frozen=True)
class Reasons:
    """Contributions that add up from `start`, an average of training, to `score`, that of this sample; the largest first."""

    of: str  # the class whose score is explained, nothing for a number
    start: float
    score: float
    columns: tuple[Reason, ...]
    others: float  # the sum of all columns that are not listed
    how: str  # the method in words
    raw: bool  # the score is that before recalibration

    @property
    def left(self) -> float:
        """What the sum misses of the score: next to nothing, but more for a sample far from everything in training."""
        return self.score - self.start - self.others - sum(one.contribution for one in self.columns)

    def largest(self, most: int) -> "Reasons":
        """With so many columns of their own, and all others summed."""
        rest = sum(one.contribution for one in self.columns[most:])
        return replace(self, columns=self.columns[:most], others=self.others + rest)


class TableExplainer:
    """Explains samples of a table; made by `reasons.explainer`.

    Args:
        scorer: the model; its scores before recalibration are explained.
        training: where the data of training lie now, if not where they were; or what reads them.
    """

    def __init__(self, scorer: Scorer, training: Training = None) -> None:
        self.scorer, self.model, self._source = scorer, scorer.model, training
        self._members: dict[str, Any] = dict(zip(self.model.names, self.model.members, strict=True))
        self._made: dict[str, Part] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Members that are asked where none are named: all, because the score that is given is the mean of theirs."""
        return tuple(self._members)

    @cached_property
    def _averages(self) -> dict[str, np.ndarray]:
        """Prepared average samples of training that the run keeps, (1, d), by member; networks need no more."""
        spaces = {one.member: one.space.mean for one in self.model.novelties}  # of older runs, which kept no others
        networks = {name: one for name, one in self._members.items() if hasattr(one, "network")}
        found = {name: spaces.get(name) if one.average is None else one.average for name, one in networks.items()}
        return {name: mean[None].astype(np.float64) for name, mean in found.items() if mean is not None}

    @property
    def parts(self) -> tuple[Part, ...]:
        """Those members with the training samples that they are compared with.

        Raises:
            RunError: if those are needed and are not there.
        """
        return tuple(map(self._part, self.names))

    @property
    def method(self) -> str:
        return method_of(self._part(self.names[0]))

    @property
    def raw(self) -> bool:
        """Whether the scores that are explained are recalibrated before they are given."""
        return bool(self.model.recalibration) or self.scorer.update is not None

    @property
    def how(self) -> str:
        before = "; the score is that before recalibration" if self.raw else ""
        of = f"; the mean over {count(len(self.names), 'member')}" if len(self.names) > 1 else ""
        n = len(self.model.features)
        few = self.method == "sampled Shapley values" and n > MOST
        own = f"; the {MOST} columns of {n:,} that move this score most by themselves, the others summed" if few else ""
        return f"{METHODS[self.method]}{of}{own}{before}"

    def __call__(
        self, inputs: TableInputs, *, members: Sequence[str] | None = None, decision: str = ""
    ) -> list[Reasons]:
        """What contributed to the score of each sample: all columns, or, by sampling, those of `own_columns`.

        Args:
            inputs: the samples.
            members: names of those that are asked; `names` by default.
            decision: the class that was decided for all samples, if that is known.

        Raises:
            RunError: if samples of training are needed and are not there.
        """
        parts = [self._part(name) for name in (self.names if members is None else members)]
        with limited_threads(1):  # on small layers more would only wait for each other
            output = self._output(inputs, decision)
            given = [part.fitted.reader(inputs) for part in parts]
            if self.method == "integrated gradients":
                columns = [np.arange(parts[0].n_columns)] * len(inputs)
                found = _mean(
                    [contributions(*one, output, columns[0], seed=0) for one in zip(parts, given, strict=True)]
                )
            else:  # one by one, so that what is drawn for a sample does not depend on the others
                rows = [slice(row, row + 1) for row in range(len(inputs))]
                each = [_sampled(parts, [x[row] for x in given], output[row]) for row in rows]
                columns = [own for own, _ in each]
                found = _joined([one for _, one in each])
        return [self._of(inputs, row, int(output[row]), columns[row], found) for row in range(len(inputs))]

    def _output(self, inputs: TableInputs, decision: str) -> np.ndarray:
        """Column of the scores that is explained, (n,): the positive class, the decided one, or the number."""
        if self.model.task.kind == "multiclass":
            return decided(self.scorer, inputs, decision)
        return np.full(len(inputs), int(self.model.task.kind == "binary"))

    def _of(self, inputs: TableInputs, row: int, output: int, columns: np.ndarray, found: Contributions) -> Reasons:
        """Of one sample; `columns` have contributions of their own."""
        values, features, frame = found.values[row], self.model.features, inputs.frame
        order = columns[np.argsort(-np.abs(values[columns]), kind="stable")]
        named = [
            Reason(one.name, cell_text(one, frame[one.name].iloc[row]), float(values[k]))
            for k, one in ((k, features[k]) for k in order)
        ]
        return Reasons(
            of=self.model.task.classes[output] if self.model.task.classes else "",
            start=float(found.start[row]),
            score=float(found.end[row]),
            columns=tuple(named),
            others=float(np.delete(values, columns).sum()),
            how=METHODS[self.method],
            raw=self.raw,
        )

    def _part(self, name: str) -> Part:
        """A member with the training samples that it is compared with, made once."""
        if name not in self._made:
            fitted, features, none = self._members[name], self.model.features, np.zeros(0, dtype=np.int64)
            place = {feature.name: k for k, feature in enumerate(features)}
            owners = np.array([place[column] for column in fitted.reader.sources()])
            reference = self._averages[name] if name in self._averages else self._samples(name)
            self._made[name] = Part(
                name, fitted, self.model.task, none, reference[:0], reference, owners, len(features)
            )
        return self._made[name]

    def _samples(self, name: str) -> np.ndarray:
        """Prepared samples that a member learned from, (m, d), drawn by chance if there are many."""
        learned = learned_from(self.scorer.run, self._training, name)
        chance = np.random.default_rng([0, list(self._members).index(name)])
        some = np.sort(chance.permutation(len(learned))[:REFERENCE])
        found: np.ndarray = self._members[name].reader(self._training.inputs.take(learned[some]))
        return found

    @cached_property
    def _training(self) -> Cohort:
        """The cohort that the run was made from."""
        try:
            return self._source() if callable(self._source) else self._read(self._source)
        except BedsideError as error:
            raise RunError(
                f"A model of the family {self.model.family} is explained by comparing with samples of training, which the run does not hold: {error}"
            ) from None

    def _read(self, place: str | None) -> Cohort:
        run = self.scorer.run
        settings = build(RunSettings, {name: value for name, value in run.settings.items() if name != "bedside"})
        return read_again(run, settings, place, verb="explain")


def _sampled(
    parts: Sequence[Part], given: Sequence[np.ndarray], output: np.ndarray
) -> tuple[np.ndarray, Contributions]:
    """Of one sample, as each member prepares it, (1, d): the columns of its own, and the mean over the members."""
    columns = own_columns(parts, given, output)
    orders = min(ORDERS, max(FEWEST_ORDERS, ORDERS * SHARED_ORDERS // len(parts)))
    pairs = zip(parts, given, strict=True)
    return columns, _mean([contributions(*one, output, columns, seed=0, orders=orders) for one in pairs])


def _mean(found: Sequence[Contributions]) -> Contributions:
    return Contributions(*(np.mean([getattr(one, name) for one in found], axis=0) for name in _PARTS))


def _joined(found: Sequence[Contributions]) -> Contributions:
    return Contributions(*(np.concatenate([getattr(one, name) for one in found]) for name in _PARTS))


def own_columns(parts: Sequence[Part], given: Sequence[np.ndarray], output: np.ndarray) -> np.ndarray:
    """Numbers of the columns that get contributions of their own by sampling, ascending; at most `MOST`.

    Of more, those that move the score most when each alone is put into a training sample: one sample of some members.

    Args:
        parts: the members that are asked.
        given: one sample as each prepares it, (1, d).
        output: column of the scores that is explained, (1,).
    """
    n = parts[0].n_columns
    if n <= MOST:
        return np.arange(n)
    moved = np.zeros(n)
    for part, x in list(zip(parts, given, strict=True))[:SCREENED]:
        moved += np.abs(moves(part, x[0], int(output[0])))
    return np.sort(np.argsort(-moved, kind="stable")[:MOST])
