"""From raw columns to numbers a model can learn from, fitted on training samples only.

Medians, modes, means, standard deviations and the levels of categories are all learned. Learning them from
validation or test samples would let those samples speak before they are asked, so `fit_preparation` takes the
training rows of one fold and nothing else.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from bedside.errors import DataError, RunError
from bedside.settings import PreparationSettings

_TRUSTED = ("numpy.dtype",)  # scikit-learn's encoder keeps the type of its columns


class TablePreparation:
    """Imputation, scaling and encoding of a table, as scikit-learn transformers behind one small door.

    numbers:     median for gaps, then mean 0 and standard deviation 1 (scikit-learn's StandardScaler)
    categories:  mode for gaps, one column per level; rare levels share one, and so do levels never seen
    gaps:        one 0/1 column for each feature that had gaps in training
    """

    def __init__(self, transformer: ColumnTransformer) -> None:
        self.transformer = transformer

    @classmethod
    def fit(cls, inputs: Any, settings: PreparationSettings) -> "TablePreparation":
        """Learn everything from training samples.

        Args:
            inputs: `TableInputs` of the training samples of one fold, and of nobody else.
            settings: scaling, missing indicators, rare levels.
        """
        kinds = {feature.name: feature.kind for feature in inputs.features}
        numbers = [name for name, kind in kinds.items() if kind != "category"]
        levels = [name for name, kind in kinds.items() if kind == "category"]
        frame = _plain(inputs.frame)
        parts: list[tuple[str, Any, list[str]]] = []
        if numbers:
            steps: list[tuple[str, Any]] = [("gaps", SimpleImputer(strategy="median", keep_empty_features=True))]
            if settings.scale == "standard":
                steps.append(("scale", StandardScaler()))
            parts.append(("numbers", Pipeline(steps), numbers))
        if levels:
            encode = OneHotEncoder(
                handle_unknown="infrequent_if_exist", min_frequency=settings.rare_level, sparse_output=False
            )
            mode = SimpleImputer(strategy="most_frequent", missing_values=None, keep_empty_features=True)
            parts.append(("levels", Pipeline([("gaps", mode), ("encode", encode)]), levels))
        if settings.missing_indicators:
            with_gaps = [name for name in kinds if frame[name].isna().any()]
            gaps_in_numbers = [name for name in with_gaps if kinds[name] != "category"]
            gaps_in_levels = [name for name in with_gaps if kinds[name] == "category"]
            if gaps_in_numbers:
                parts.append(("number gaps", MissingIndicator(features="all"), gaps_in_numbers))
            if gaps_in_levels:
                parts.append(("level gaps", MissingIndicator(missing_values=None, features="all"), gaps_in_levels))
        transformer = ColumnTransformer(parts, sparse_threshold=0, verbose_feature_names_out=False)
        transformer.set_output(transform="default")
        return cls(transformer.fit(frame))

    def __call__(self, inputs: Any) -> np.ndarray:
        """Samples -> numbers, shape (n_samples, n_columns), 32-bit floats.

        Raises:
            DataError: if a value is too large for 32 bits.
        """
        with warnings.catch_warnings():  # levels never seen in training have their own, intended way
            warnings.filterwarnings("ignore", message="Found unknown categories", category=UserWarning)
            values = np.asarray(self.transformer.transform(_plain(inputs.frame)))
        with np.errstate(over="ignore"):
            prepared = values.astype(np.float32)
        if not np.isfinite(prepared).all():
            row = int(np.flatnonzero(~np.isfinite(prepared).all(axis=1))[0])
            raise DataError(f"Sample in row {row + 1} has a value beyond 32-bit numbers after scaling; check its units.")
        return prepared

    def save(self, path: Path) -> None:
        import skops.io

        skops.io.dump(self.transformer, path)

    @classmethod
    def load(cls, path: Path) -> "TablePreparation":
        return cls(load_skops(path))


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


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers as 64-bit floats with NaN, categories as Python text with None: what scikit-learn imputes."""
    text = [name for name in frame if frame[name].dtype == object]
    plain = frame.copy(deep=False)
    for name in text:
        column = frame[name]
        plain[name] = column.where(column.notna(), None)
    return plain
