"""What an assistant may ask of a model, as plain functions: describe, predict, explain.

Answers are plain values for JSON. Errors are those of bedside, in words. An assistant waits for a server that begins, but not
long, so the model is loaded when it is asked for, and its modules are imported then.
"""

import math
import os
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bedside.assistant.about import limits
from bedside.data.description import refuse_unsent
from bedside.data.sent import table_of
from bedside.errors import DataError, SettingError
from bedside.folder import Run, open_run
from bedside.web.uploads import safe_name

if TYPE_CHECKING:
    from bedside.data.align import Aligned
    from bedside.scoring import Prediction, Scorer

MOST = 200  # samples of one question; an assistant cannot read more
EXPLAINED, MAPPED = 20, 8  # of them to explain: rows, images
MOST_PIXELS = 256_000_000  # of all images of one question
READING_MAPS = (
    "Each image that follows is a sample as the network saw it; where colour lies over it is the evidence for 'of', the brighter "
    "the more. A map shows where the network looked, not why, and does not say that it was right."
)

Cell = str | float | int | bool | None


class Assistant:
    """A run's model as an assistant asks it.

    Args:
        run: a finished run, or its path.
        images: the only folder whose images may be read, for a model of images.
        data: where the data of training lie now, for families that are explained by comparing with them.

    Raises:
        RunError: if the run is not finished or its model's files are not what was saved.
        SettingError: if `images` has no effect on this model.
    """

    def __init__(self, run: Run | str | Path, *, images: Path | None = None, data: str | None = None) -> None:
        # The run itself and not a link to it, which may lead to another run before the last answer.
        self.run = open_run(os.path.realpath(run.path if isinstance(run, Run) else run))
        self.run.require_finished()
        refuse_unsent(self.run.description, "mcp")
        if images is not None and not self.reads_images:
            raise SettingError("--images has no effect: this model reads rows of a table. Leave it away.")
        self.images, self.data, self._one = images, data, threading.RLock()

    @property
    def reads_images(self) -> bool:
        return "images" in self.run.description

    @cached_property
    def scorer(self) -> "Scorer":
        from bedside.scoring import Scorer

        with self._one:  # whoever waited here finds what the other one loaded
            return self.__dict__.get("scorer") or Scorer(self.run)

    @cached_property
    def explainer(self) -> Any:
        """What says why; see `bedside.reasons`."""
        from bedside.reasons import explainer

        return explainer(self.scorer, self.data)

    @cached_property
    def limits(self) -> dict[str, Any]:
        with self._one:
            return limits(self.run, flags=bool(self.scorer.model.novelties))

    def describe(self) -> dict[str, Any]:
        """What the model predicts, from which columns, and what it is worth."""
        known, model = self.run.description, self.scorer.model
        return {
            "limits": self.limits,
            "run": self.run.path.resolve().name,
            "family": model.family,
            "task": model.task.kind,
            "predicts": known["roles"]["target"],
            "classes": list(model.task.classes),
            "positive": model.task.positive if model.task.kind == "binary" else None,
            "threshold": self.scorer.threshold,
            "reads": "images" if self.reads_images else "rows of a table",
            "features": [] if self.reads_images else [_feature(one.to_dict()) for one in model.features],
            "model_sha256": self.run.environment.get("model_sha256"),
        }

    def predict(self, rows: Sequence[dict[str, Cell]]) -> dict[str, Any]:
        """Scores of samples of a table, the same as `bedside predict`.

        Raises:
            DataError: if columns are missing or hold something else than in training.
            SettingError: if the model reads images.
        """
        frame = self._table(rows, MOST)
        return self._said(lambda: self.scorer.predict(frame))

    def predict_images(self, names: Sequence[str]) -> dict[str, Any]:
        """Scores of images in the folder that was allowed.

        Raises:
            DataError: if an image is not in that folder, or cannot be read.
            SettingError: if the model reads tables, or no folder was allowed.
        """
        new = self._pictures(names, MOST)

        def scored() -> "Prediction":
            return self.scorer.judge(new, *self.scorer.model.scores_and_distances(new.inputs))

        return self._said(scored)

    def explain_images(self, names: Sequence[str]) -> tuple[dict[str, Any], list[bytes]]:
        """Where in images of the folder the evidence for their scores lies: in words, and each image with its map (WebP).

        Raises:
            DataError, SettingError: as `predict_images`.
            RunError: if this model looks at no places of an image.
        """
        from bedside.explain.images import draw
        from bedside.reasons import where

        new = self._pictures(names, MAPPED)
        with self._one:
            found = self.explainer(new.inputs)
        samples, pictures = [], []
        for name, of, pixels, one in zip(new.samples.index, found.of, found.pixels, found.maps, strict=True):
            places = [{"place": place, "share": share} for place, share in where(one)]
            samples.append({"sample": str(name), "of": of, "most_evidence": places})
            file = BytesIO()
            draw(file, pixels, one)
            pictures.append(file.getvalue())
        sanity = self.run.sanity or {}
        facts = {"method": found.method, "members": found.members, "checks": list(sanity.get("sentences", []))}
        return {"limits": self.limits, **facts, "reading": READING_MAPS, "samples": samples}, pictures

    def explain(self, rows: Sequence[dict[str, Cell]]) -> dict[str, Any]:
        """What each column contributed to the scores of samples of a table.

        Raises:
            DataError: as `predict`.
            RunError: if this model cannot be explained, or its data of training are not there.
        """
        frame = self._table(rows, EXPLAINED)
        from bedside.scoring import read_new

        with self._one:
            new = read_new(self.scorer.model, frame, None)
            explained = self.explainer(new.inputs)
        samples = [
            {
                "sample": str(name),
                "of": one.of or None,
                "start": one.start,
                "score": one.score,
                "contributions": [vars(reason) for reason in one.columns],
                "others": one.others,
                "left": one.left,
            }
            for name, one in zip(new.samples.index, explained, strict=True)
        ]
        reading = "Contributions and 'others', the columns that are not listed, add up from 'start', an average of training, to 'score', but for 'left'. They say what the model used, not what causes what."
        return {"limits": self.limits, "how": self.explainer.how, "reading": reading, "samples": samples}

    def _said(self, predict: "Callable[[], Prediction]") -> dict[str, Any]:
        with self._one:
            found = predict()
        samples = [{str(name): plain(cell) for name, cell in row.items()} for row in found.table.to_dict("records")]
        findings = [" ".join(filter(None, (one.message, one.remedy))) for one in found.findings]
        return {"limits": self.limits, "threshold": self.scorer.threshold, "samples": samples, "findings": findings}

    def _table(self, rows: Sequence[dict[str, Cell]], most: int) -> pd.DataFrame:
        if self.reads_images:
            raise SettingError("This model reads images, not rows; use predict_images.")
        return table_of(_few(rows, most, "row"), self.scorer.model.features)

    def _pictures(self, names: Sequence[str], most: int) -> "Aligned":
        """Images as the model reads them, called what they were asked for by."""
        from bedside.data.held_images import sent_images

        paths = [self._image(name) for name in _few(names, most, "image")]
        if len(set(names)) < len(names):
            raise DataError("An image is named twice; name each once.")
        files = [(name, path.read_bytes()) for name, path in zip(names, paths, strict=True)]
        return sent_images(files, self.scorer.model.images or {}, most_pixels=MOST_PIXELS)

    def _image(self, name: str) -> Path:
        """The path of an image, which must lie in the folder that was allowed, links followed."""
        if not self.reads_images:
            raise SettingError("This model reads rows of a table, not images; use predict.")
        if self.images is None:
            raise SettingError("No folder of images was allowed; start `bedside mcp` with --images FOLDER.")
        root = self.images.resolve()
        try:
            path = (root / name).resolve()
        except (OSError, ValueError):
            path = root
        if not path.is_relative_to(root) or not path.is_file():
            raise DataError(f"There is no image '{safe_name(name)}' in the folder that was allowed; name a file in it.")
        return path


def _few(items: Sequence[Any], most: int, what: str) -> Sequence[Any]:
    if not 0 < len(items) <= most:
        raise DataError(f"{len(items):,} {what}s were given; between 1 and {most} are answered at once.")
    return items


def _feature(record: dict[str, Any]) -> dict[str, Any]:
    """A column as describe names it: what may stand in it."""
    shown = {"name": record["name"], "kind": record["kind"]}
    if record["low"] is not None:
        shown["range_in_training"] = [record["low"], record["high"]]
    if record["levels"]:
        shown["values_in_training"] = record["levels"][:100]
    return shown


def plain(cell: Any) -> Any:
    """A cell as JSON knows it; what is no number is null."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    return cell if isinstance(cell, str | int | bool) or cell is None else str(cell)
