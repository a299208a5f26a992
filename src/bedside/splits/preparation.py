"""From raw columns to numbers a model can learn from, fitted on training samples only.

Medians, modes, means, standard deviations and the levels of categories are all learned. Learning them from
validation or test samples would let those samples speak before they are asked, so `fit_preparation` takes the
training rows of one fold and nothing else.
"""

import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bedside.errors import DataError, RunError
from bedside.settings import PreparationSettings
from bedside.splits.normal_scores import NormalScores

# Cells are checked for infinite numbers when they are read, and the parameters are written below.
_CHECKED = {"assume_finite": True, "skip_parameter_validation": True}
_TRUSTED = ("numpy.dtype",)  # scikit-learn's encoder keeps the type of its columns


class TablePreparation:
    """Imputation, scaling and encoding of a table, as scikit-learn transformers of its two kinds of columns.

    numbers:     median for gaps, then mean 0 and standard deviation 1 (scikit-learn's StandardScaler), or normal scores
    levels:      mode for gaps, one column per level; rare levels share one, and so do levels never seen
    gaps:        one 0/1 column for each feature that had gaps in training
    """

    def __init__(
        self, numbers: list[str], levels: list[str], steps: dict[str, Any], normal: list[dict[str, Any]] | None = None
    ) -> None:
        self.numbers, self.levels = numbers, levels
        self.steps = steps  # "numbers", "number gaps", "levels", "level gaps"; absent if there is nothing to do
        self.normal = None if normal is None else [NormalScores(**one) for one in normal]  # of each number

    @classmethod
    def fit(
        cls, inputs: Any, settings: PreparationSettings, *, every_gap: bool = False, normal: bool = False
    ) -> "TablePreparation":
        """Learn everything from training samples.

        Args:
            inputs: `TableInputs` of the training samples of one fold, and of nobody else.
            settings: scaling, missing indicators, rare levels.
            every_gap: mark the gaps of every feature, whether training had any or not, for a model that must know which
                cells are real.
            normal: bring numbers to the standard normal distribution instead of scaling them, whatever the settings say; see
                `NormalScores`.
        """
        numbers = [feature.name for feature in inputs.features if feature.kind != "category"]
        levels = [feature.name for feature in inputs.features if feature.kind == "category"]
        columns = _columns(inputs.frame, numbers, levels)
        steps: dict[str, Any] = {}
        with config_context(**_CHECKED):
            if numbers:
                gaps = SimpleImputer(strategy="median", keep_empty_features=True)
                scaled = settings.scale == "standard" and not normal
                scale = [("scale", StandardScaler())] if scaled else []
                steps["numbers"] = _fitted([("gaps", gaps), *scale], columns["number"])
                steps |= _gaps("number gaps", columns["number"], settings, every_gap)
            if levels:
                mode = SimpleImputer(strategy="most_frequent", missing_values=None, keep_empty_features=True)
                encode = OneHotEncoder(
                    handle_unknown="infrequent_if_exist", min_frequency=settings.rare_level, sparse_output=False
                )
                steps["levels"] = _fitted([("gaps", mode), ("encode", encode)], columns["level"])
                steps |= _gaps("level gaps", columns["level"], settings, every_gap)
        if numbers and settings.scale == "standard" and not normal:
            scaler = steps["numbers"]["scale"]
            # A feature that never varied in training teaches nothing; another value later must not act unscaled.
            scaler.scale_[scaler.var_ == 0] = np.inf
        scores = [NormalScores.fit(column).to_dict() for column in columns["number"].T] if normal and numbers else None
        return cls(numbers, levels, steps, scores)

    def __call__(self, inputs: Any) -> np.ndarray:
        """Samples -> numbers, shape (n_samples, n_columns), 32-bit floats.

        Raises:
            DataError: if a value is too large for 32 bits.
        """
        with warnings.catch_warnings(), np.errstate(over="ignore"), config_context(**_CHECKED):
            # Levels never seen in training have their own, intended way.
            warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
            columns = _columns(inputs.frame, self.numbers, self.levels)
            blocks = [
                np.asarray(self._scored(name, step.transform(columns[_kind(name)])), dtype=np.float32)
                for name, step in self.steps.items()
            ]
        prepared = np.ascontiguousarray(np.concatenate(blocks, axis=1))  # a sample's numbers lie side by side
        if not np.isfinite(prepared).all():
            largest = inputs.frame[self.numbers].abs().max()
            raise DataError(
                f"Column '{largest.idxmax()}' holds {largest.max():g}, beyond 32-bit numbers after scaling; "
                "check its units."
            )
        return prepared

    def _scored(self, step: str, block: np.ndarray) -> np.ndarray:
        """What a step made of its columns, numbers as normal scores where these are asked for."""
        if step != "numbers" or self.normal is None:
            return block
        return np.column_stack([scores(column) for scores, column in zip(self.normal, block.T, strict=True)])

    def sources(self) -> list[str]:
        """Name of the raw column behind each prepared column, in their order: one number, all of its levels, its gaps."""
        return [source for found in self._made().values() for source in found]

    def kinds(self) -> list[str]:
        """The step that made each prepared column, in their order: "numbers", "levels", "number gaps" or "level gaps"."""
        return [step for step, found in self._made().items() for _ in found]

    def of_gaps(self) -> np.ndarray:
        """A sample of which nothing is known, prepared, (n_columns,)."""
        unknown = {name: [np.nan] for name in self.numbers} | {name: [None] for name in self.levels}
        return np.asarray(self(SimpleNamespace(frame=pd.DataFrame(unknown)))[0])

    def _made(self) -> dict[str, list[str]]:
        """By step, the raw column behind each prepared column."""
        made: dict[str, list[str]] = {}
        for name, step in self.steps.items():
            columns = self.numbers if _kind(name) == "number" else self.levels
            if name.endswith("gaps"):
                made[name] = [columns[k] for k in step.features_]
            elif name == "numbers":
                made[name] = columns
            else:
                encoder = step["encode"]
                rare = encoder.infrequent_categories_
                widths = [
                    len(levels) - (0 if few is None else len(few) - 1)
                    for levels, few in zip(encoder.categories_, rare, strict=True)
                ]
                made[name] = [column for column, width in zip(columns, widths, strict=True) for _ in range(width)]
        return made

    def save(self, path: Path) -> None:
        import skops.io

        facts: dict[str, Any] = {"numbers": self.numbers, "levels": self.levels, "steps": self.steps}
        if self.normal is not None:
            facts["normal"] = [scores.to_dict() for scores in self.normal]
        skops.io.dump(facts, path)

    @classmethod
    def load(cls, path: Path) -> "TablePreparation":
        return cls(**load_skops(path))


def _fitted(steps: list[tuple[str, Any]], columns: np.ndarray) -> Pipeline:
    """A pipeline that is fitted step by step, without the copies of each step that `Pipeline.fit` makes."""
    for name, step in steps:
        last = name == steps[-1][0]
        columns = step.fit(columns) if last else step.fit_transform(columns)
    return Pipeline(steps)


def _gaps(
    name: str, columns: np.ndarray, settings: PreparationSettings, every_gap: bool
) -> dict[str, MissingIndicator]:
    """The step that marks gaps, if there are any and they are to be marked."""
    missing = None if columns.dtype == object else np.nan
    if every_gap:
        return {name: MissingIndicator(missing_values=missing, features="all").fit(columns)}
    if not settings.missing_indicators or not pd.isna(columns).any():
        return {}
    return {name: MissingIndicator(missing_values=missing, error_on_new=False).fit(columns)}


def _kind(step: str) -> str:
    """Which columns a step reads."""
    return "number" if step.startswith("number") else "level"


def _columns(frame: pd.DataFrame, numbers: list[str], levels: list[str]) -> dict[str, np.ndarray]:
    """What steps read: 64-bit numbers with NaN, and text with None; each of shape (n, columns), if there are any."""
    found: dict[str, np.ndarray] = {}
    if numbers:
        found["number"] = (frame if list(frame.columns) == numbers else frame[numbers]).to_numpy(dtype=np.float64)
    if levels:
        found["level"] = text = frame[levels].to_numpy(dtype=object, copy=True)
        text[pd.isna(text)] = None
    return found


class NoPreparation:
    """For a family that looks at no sample: one column of zeros, so that it is told how many there are."""

    @classmethod
    def fit(cls, inputs: Any, settings: PreparationSettings) -> "NoPreparation":
        return cls()

    def __call__(self, inputs: Any) -> np.ndarray:
        return np.zeros((len(inputs), 1), dtype=np.float32)

    def save(self, path: Path) -> None:
        """There is nothing to keep."""

    @classmethod
    def load(cls, path: Path) -> "NoPreparation":
        return cls()


def load_skops(path: Path, trusted: tuple[str, ...] = ()) -> Any:
    """Read a skops file; unlike a pickle it cannot run code, and types outside the list are refused.

    Raises:
        RunError: if the file is damaged or holds a type that bedside does not write.
    """
    import skops.io

    try:
        foreign = sorted(set(skops.io.get_untrusted_types(file=path)) - {*trusted, *_TRUSTED})
        if foreign:
            raise RunError(f"{path} holds types that bedside never writes: {', '.join(foreign)}. Do not use this file.")
        return skops.io.load(path, trusted=[*trusted, *_TRUSTED])
    except RunError:
        raise
    except Exception as error:
        raise RunError(f"{path} cannot be read ({type(error).__name__}: {error}); the file is damaged.") from error
