"""An exported model in memory: ONNX Runtime on one thread, fed with arrays or with data as bedside reads them."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Task
from bedside.data.align import Aligned, align
from bedside.data.table import Feature, TableInputs
from bedside.errors import DataError, ExportError

ABOUT = "bedside"  # name of the metadata in the file, as JSON
FORMAT = 1  # of the metadata and of the names of inputs and outputs


class Session:
    """An exported model, ready to score; safe to be used from several threads.

    Args:
        model: an exported file, or its bytes.
        threads: that ONNX Runtime may use for one call.
        spinning: threads that wait for work keep their cores busy, which is faster where nobody else needs these.

    Raises:
        ExportError: if this is no model that bedside exported, or one of a format that this version does not know.
    """

    def __init__(self, model: str | Path | bytes, *, threads: int = 1, spinning: bool = True) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        try:
            content = model if isinstance(model, bytes) else Path(model).read_bytes()
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ExportError(
                f"Cannot read {error.filename}: {error.strerror}. `bedside export RUN` makes such a file."
            ) from None
        except Exception as error:  # each kind of damage is an error of its own
            reason = str(error).strip().splitlines()[0][:200]
            raise ExportError(f"ONNX Runtime cannot read the model ({reason}); export it anew.") from None
        self.about = _about(self._session.get_modelmeta().custom_metadata_map)
        self.outputs = [one.name for one in self._session.get_outputs()]

    @property
    def inputs(self) -> dict[str, dict[str, Any]]:
        """What goes in, by name: `type`, `shape`, and the `columns` of a table or the `size` of an image."""
        found: dict[str, dict[str, Any]] = self.about["inputs"]
        return found

    @cached_property
    def task(self) -> Task:
        return Task(self.about["task"], tuple(self.about["classes"]))

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Columns of a table, as in training; none for images."""
        return tuple(Feature.from_dict(one) for one in self.about["features"])

    def run(self, **arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores of samples, as fast as can be.

        Args:
            arrays: by the names in `inputs`: `numbers` (n, k) float64 with NaN where missing and `words` (n, c) text with ""
                where missing, or `pixels` (n, channels, size, size) uint8.

        Returns:
            Recalibrated probabilities (n, classes), or numbers (n,), the mean over members; and the scores of each member
            before recalibration, (members, n, classes) or (members, n). 64-bit numbers.
        """
        scores, members = self._session.run(self.outputs[:2], arrays)
        return scores, members

    def results(self, *names: str, **arrays: np.ndarray) -> list[np.ndarray]:
        """Results by their names in `outputs`; see `run`."""
        found: list[np.ndarray] = self._session.run(list(names), arrays)
        return found

    def probabilities(self, **arrays: np.ndarray) -> np.ndarray:
        """The first result of `run` alone."""
        found: np.ndarray = self._session.run(self.outputs[:1], arrays)[0]
        return found

    def scores(self, source: Any) -> np.ndarray:
        """Recalibrated probabilities (n, classes), or numbers (n,).

        Args:
            source: a data frame with the columns that the model learned from, inputs as bedside reads them (`TableInputs`,
                `Aligned`), or prepared pixels (n, size, size, channels) or (n, channels, size, size).

        Raises:
            DataError: if columns are missing or of another type than in training, or a number is too large.
        """
        return self._checked(self.run(**self.arrays(source)))[0]

    def raw(self, source: Any) -> np.ndarray:
        """What each member says before recalibration, (members, n, classes) or (members, n); see `scores`.

        This is what `scoring.Scorer.judge` takes.
        """
        return self._checked(self.run(**self.arrays(source)))[1]

    def scores_of_rows(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The same as `scores` for samples {column: value} in the words of a table; None is missing."""
        return self.scores(pd.DataFrame(list(rows), columns=[one.name for one in self.features], dtype=object))

    def arrays(self, source: Any) -> dict[str, np.ndarray]:
        """What `run` takes, from the `source` of `scores`."""
        if isinstance(source, np.ndarray):
            return {"pixels": self._pixels(source)}
        if isinstance(source, pd.DataFrame):
            source = align(source, self.features)
        inputs = source.inputs if isinstance(source, Aligned) else source
        if not isinstance(inputs, TableInputs):
            raise ExportError(
                "An exported model of images takes pixels that were resized as in training; `bedside predict` does both."
            )
        return self._table(inputs.frame)

    def _table(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        found = {}
        if "numbers" in self.inputs:
            found["numbers"] = np.ascontiguousarray(frame[self.inputs["numbers"]["columns"]].to_numpy(np.float64))
        if "words" in self.inputs:
            words = frame[self.inputs["words"]["columns"]].to_numpy(dtype=object, copy=True)
            words[pd.isna(words)] = ""
            found["words"] = words
        return found

    def _pixels(self, pixels: np.ndarray) -> np.ndarray:
        channels, height, width = self.inputs["pixels"]["shape"][1:]
        if pixels.dtype == np.uint8 and pixels.ndim == 4:
            if pixels.shape[1:] == (channels, height, width):
                return pixels
            if pixels.shape[1:] == (height, width, channels):
                return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
        raise DataError(
            f"Pixels have the shape {pixels.shape} and the type {pixels.dtype}; the model takes uint8 of the shape "
            f"(n, {channels}, {height}, {width}), {self.inputs['pixels']['meaning']}."
        )

    def _checked(self, found: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        bad = np.flatnonzero(np.isnan(found[0].reshape(len(found[0]), -1)).any(axis=1))
        if len(bad):
            raise DataError(
                f"Row {bad[0] + 1} holds a number beyond 32 bits after scaling, so it has no score; check its units."
            )
        return found


def _about(metadata: dict[str, str]) -> dict[str, Any]:
    """What bedside wrote into the file."""
    try:
        about: dict[str, Any] = json.loads(metadata[ABOUT])
        found = about["format"]
    except (KeyError, ValueError, TypeError):
        raise ExportError(
            "This ONNX file was not made by `bedside export`; it says nothing of a model of bedside."
        ) from None
    if found != FORMAT:
        raise ExportError(
            f"This model was exported in format {found}; this version reads format {FORMAT}. Export it anew."
        )
    return about
