"""A fitted preparation of a table as a few arrays: the same numbers, without scikit-learn's checks of every call.

A server prepares one patient at a time, and then those checks are nearly all of the work. The arrays are read out of the
fitted transformers once; `same_as` compares both on made-up samples before they are used, and whoever loads a model takes
the transformers where they differ.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bedside.data.table import Feature
from bedside.serve.rows import Cells, Layout
from bedside.splits.preparation import TablePreparation

PROBES = 64  # made-up samples on which both are compared


@dataclass(frozen=True)
class _Encoder:
    """One category: the level that fills a gap, and the prepared columns of each level; the last row is for unknown ones."""

    usual: str
    rows: dict[str, int]
    columns: np.ndarray  # (levels + 1, width) float32

    def __call__(self, words: np.ndarray) -> np.ndarray:
        """Words (n,) with None -> (n, width)."""
        unknown = len(self.rows)
        return self.columns[[self.rows.get(self.usual if word is None else word, unknown) for word in words]]


@dataclass(frozen=True)
class PlainPreparation:
    """What `TablePreparation` learned: for numbers `fill`, `mean` and `scale` (k,), the columns whose gaps are marked, and
    the encoders of categories (c)."""

    fill: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    number_gaps: np.ndarray
    encoders: tuple[_Encoder, ...]
    word_gaps: np.ndarray

    @classmethod
    def of(cls, preparation: TablePreparation) -> "PlainPreparation":
        """Read the arrays out of the transformers."""
        steps, k = preparation.steps, len(preparation.numbers)
        none = np.zeros(0, dtype=np.int64)
        scaler = dict(steps["numbers"].steps).get("scale") if k else None
        return cls(
            fill=steps["numbers"]["gaps"].statistics_.astype(np.float64) if k else np.zeros(0),
            mean=scaler.mean_ if scaler is not None else np.zeros(k),
            scale=scaler.scale_ if scaler is not None else np.ones(k),
            number_gaps=steps["number gaps"].features_ if "number gaps" in steps else none,
            encoders=tuple(_encoders(steps["levels"])) if preparation.levels else (),
            word_gaps=steps["level gaps"].features_ if "level gaps" in steps else none,
        )

    def __call__(self, cells: Cells) -> np.ndarray:
        """Samples -> prepared numbers (n, d), 32-bit floats; infinite where a number is too large for 32 bits."""
        numbers, gaps = cells.numbers, np.isnan(cells.numbers)
        with np.errstate(over="ignore", invalid="ignore"):
            filled = np.where(gaps, self.fill, numbers) if gaps.any() else numbers
            blocks = [((filled - self.mean) / self.scale).astype(np.float32)] if self.fill.size else []
        if self.number_gaps.size:
            blocks.append(gaps[:, self.number_gaps].astype(np.float32))
        blocks += [encoder(cells.words[:, k]) for k, encoder in enumerate(self.encoders)]
        if self.word_gaps.size:
            blocks.append(pd.isna(cells.words[:, self.word_gaps]).astype(np.float32))
        return np.concatenate(blocks, axis=1)

    def same_as(self, preparation: TablePreparation, features: tuple[Feature, ...]) -> bool:
        """Whether both give the same bytes for made-up samples: usual ones, gaps, far values, unknown levels."""
        cells = probes(Layout(features))
        return np.array_equal(self(cells), preparation(cells.inputs))


def _encoders(pipeline: Any) -> Any:
    """The encoders of the columns of categories, each asked for all of its levels and an unknown one."""
    encoder, usual = pipeline["encode"], pipeline["gaps"].statistics_
    levels = [list(found) for found in encoder.categories_]
    first = [found[0] for found in levels]
    widths = [
        len(found) - (0 if rare is None else len(rare) - 1)
        for found, rare in zip(levels, encoder.infrequent_categories_, strict=True)
    ]
    for place, known in enumerate(levels):
        asked = np.array([first] * (len(known) + 1), dtype=object)
        asked[:, place] = [*known, _unknown(known)]
        start = sum(widths[:place])
        block = _quietly(encoder.transform, asked)[:, start : start + widths[place]]
        yield _Encoder(usual[place], {level: row for row, level in enumerate(known)}, block.astype(np.float32))


def _unknown(known: list[str]) -> str:
    return "?" * (1 + max(map(len, map(str, known))))


def _quietly(function: Any, *given: Any) -> Any:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of categories that are unknown on purpose
        return np.asarray(function(*given))


def probes(layout: Layout, n: int = PROBES, seed: int = 0) -> Cells:
    """Made-up samples over and beyond the range of training, a fifth of the cells empty, some levels unknown."""
    rng = np.random.default_rng(seed)
    low, high = (np.nan_to_num(ends, neginf=0.0, posinf=1.0) for ends in (layout.low, layout.high))
    numbers = low + (high - low) * rng.uniform(-0.5, 1.5, (n, len(low)))
    for place, feature in enumerate(layout.numeric):
        if feature.kind == "boolean":
            numbers[:, place] = rng.integers(2, size=n)
    numbers[rng.random(numbers.shape) < 0.2] = np.nan
    words = np.empty((n, len(layout.verbal)), dtype=object)
    for place, feature in enumerate(layout.verbal):
        choice = [*feature.levels, None, _unknown(list(feature.levels))]
        words[:, place] = [choice[k] for k in rng.integers(len(choice), size=n)]
    return Cells(layout, numbers, words, [str(k + 1) for k in range(n)])
