"""Runs that pages work with: their model and their data, read once and kept in memory until others are needed."""

import threading
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.begin import read_again
from bedside.cohort import Cohort
from bedside.data.description import kind_of
from bedside.explain.choose import learned_from
from bedside.folder import Run, open_run
from bedside.models import family_named
from bedside.reasons import Explainer, explainer
from bedside.scoring import Scorer
from bedside.seeds import derive
from bedside.settings import RunSettings, build
from bedside.training.fitted import each

MOST_OPEN = 4
NEIGHBOURS = {
    "image": 500,
    "table": 5000,
    "signal": 2000,
    "graph": 2000,
}  # training samples that neighbours are looked for among
_PLACE = 0xA9  # of the seeds of what the app draws by chance


class Opened:
    """A finished run with its model and, where they still are, its data."""

    def __init__(self, run: Run) -> None:
        self.run, self.lock = run, threading.RLock()

    @cached_property
    def scorer(self) -> Scorer:
        """The model; see `Scorer`.

        Raises:
            RunError: if its files are not what was saved.
        """
        with self.lock:
            return Scorer(self.run)

    @cached_property
    def settings(self) -> RunSettings:
        known = {name: value for name, value in self.run.settings.items() if name != "bedside"}
        settings: RunSettings = build(RunSettings, known)
        return settings

    @cached_property
    def cohort(self) -> Cohort:
        """The data that the run was made from.

        Raises:
            RunError: if they are no longer where they were.
        """
        with self.lock:
            return read_again(self.run, self.settings, None, verb="explain")

    @property
    def kind(self) -> str:
        """What samples are: "table", "image", "signal" or "graph"."""
        return kind_of(self.run.description)

    @property
    def images(self) -> bool:
        """Whether samples are images."""
        return self.kind == "image"

    @property
    def pictured(self) -> bool:
        """Whether samples are looked at as pictures, recordings or drawings, and not read as columns."""
        return self.kind != "table"

    @property
    def molecules(self) -> bool:
        """Whether samples are molecules, which are written in a column of a table."""
        return self.kind == "graph"

    @property
    def explainable(self) -> bool:
        """Whether it can be said what the model uses of a sample."""
        return family_named(str(self.settings.family)).explains(self.kind)

    @cached_property
    def explainer(self) -> Explainer:
        """What says why; see `bedside.reasons`.

        Raises:
            RunError: if nothing can be said.
        """
        return explainer(self.scorer, lambda: self.cohort)

    @property
    def seed(self) -> int:
        return derive(self.settings.seed, _PLACE)

    def rows(self, samples: list[str]) -> np.ndarray:
        """Rows of samples in the cohort, -1 for those it has not, (n,)."""
        return np.asarray(self.cohort.samples.index.get_indexer(pd.Index(samples)))

    def learned(self, member: int, most: int) -> np.ndarray:
        """Rows of the cohort that a member learned from, at most so many, drawn by chance."""
        rows = learned_from(self.run, self.cohort, self.scorer.model.names[member])
        if len(rows) > most:
            rows = np.sort(np.random.default_rng([self.seed, member]).permutation(rows)[:most])
        return rows

    @cached_property
    def neighbours(self) -> tuple[np.ndarray, np.ndarray]:
        """Training rows of the first member, (m,), and where they lie in its last hidden layer, (m, d)."""
        with self.lock:
            rows = self.learned(0, NEIGHBOURS[self.kind])
            return rows, self.vectors(self.cohort.inputs.take(rows))

    def vectors(self, inputs: Any) -> np.ndarray:
        """Samples in the last hidden layer of the first member, or as they are prepared where it has none, (n, d)."""

        def look(_: int, fitted: Any, prepared: np.ndarray) -> np.ndarray:
            found = fitted.latent(prepared)
            return np.asarray(fitted.place(prepared) if found is None else found, dtype=np.float64)

        return np.asarray(each([self.scorer.model.members[0]], inputs, look)[0][0])


_kept: "OrderedDict[tuple[str, str], Opened]" = OrderedDict()
_choosing = threading.Lock()


def opened(path: Path) -> Opened:
    """A finished run by its folder; the last few stay in memory, and a run that was made anew is read anew.

    Raises:
        RunError: if it is no run, or not finished.
    """
    run = open_run(path)
    run.require_finished()
    key = (str(run.path), str(run.environment.get("model_sha256")))
    with _choosing:
        found = _kept.pop(key, None) or Opened(run)
        _kept[key] = found
        while len(_kept) > MOST_OPEN:
            _kept.popitem(last=False)
    return found
