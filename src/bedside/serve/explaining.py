"""Why a score is what it is, as an answer in JSON: contributions of the columns of a table, places in an image."""

import base64
from io import BytesIO
from typing import Any

import numpy as np

from bedside.cohort import Task
from bedside.errors import RunError
from bedside.explain import attribution
from bedside.explain.images import draw
from bedside.reasons import ImageExplainer, TableExplainer, explainer
from bedside.serve.answers import number
from bedside.serve.errors import Refused
from bedside.serve.served import Served

CELLS = 8  # a side of the small map in numbers


def answering(served: Served) -> "TableReasons | ImageReasons":
    """What explains the answers of a model.

    Raises:
        Refused: if it cannot be explained, or the data that it must be compared with are not there.
    """
    try:
        found = explainer(served.scorer, served.data)
    except RunError as error:
        raise Refused("not-explained", str(error)) from None
    if isinstance(found, TableExplainer):
        return TableReasons(served, found)
    assert isinstance(found, ImageExplainer)  # recordings and molecules are not served
    return ImageReasons(served, found)


class TableReasons:
    """Contributions of the raw columns to the score."""

    def __init__(self, served: Served, explainer: TableExplainer) -> None:
        self.explainer, task = explainer, served.model.task
        try:
            self.members = len(explainer.parts)
        except RunError as error:
            raise Refused("not-explained", f"{error} If the data have moved, start the server with --data.") from None
        self.what = f"{_named(task)}; contributions, and 'others', the sum of the columns that are not listed, add up from 'start', an average of training, to 'score'"

    def __call__(self, samples: Any) -> dict[str, Any]:
        """Samples (`Cells`) -> the answer."""
        found = self.explainer(samples.inputs)
        return {
            "method": self.explainer.method,
            "how": self.explainer.how,
            "what": self.what,
            "members": self.members,
            "samples": [
                {
                    "sample": name,
                    "of": reasons.of or None,
                    "start": number(reasons.start),
                    "score": number(reasons.score),
                    "contributions": [
                        {**vars(one), "contribution": number(one.contribution)} for one in reasons.columns
                    ],
                    "others": number(reasons.others),
                }
                for name, reasons in zip(samples.ids, found, strict=True)
            ],
        }


class ImageReasons:
    """Where in an image the evidence lies."""

    def __init__(self, served: Served, explainer: ImageExplainer) -> None:
        self.explainer = explainer
        sanity = served.run.sanity or {}
        self.what, self.checks = sanity.get("what", _named(served.model.task)), list(sanity.get("sentences", []))

    def __call__(self, samples: Any) -> dict[str, Any]:
        """Images (`Pictures`) -> the answer."""
        found = self.explainer(samples.inputs)
        cells = attribution.pooled(found.maps, CELLS)
        return {
            "method": found.method,
            "what": self.what,
            "checks": self.checks,
            "members": found.members,
            "samples": [
                {
                    "sample": samples.ids[row],
                    "of": found.of[row],
                    "map": drawn(found.pixels[row], found.maps[row]),
                    "cells": [[round(float(cell), 4) for cell in line] for line in cells[row]],
                }
                for row in range(len(samples))
            ],
        }


def drawn(pixels: np.ndarray, found: np.ndarray) -> str:
    """The image as the network saw it with its evidence over it, as WebP in base64."""
    file = BytesIO()
    draw(file, pixels, found)
    return base64.b64encode(file.getvalue()).decode()


def _named(task: Task) -> str:
    return {
        "binary": f"the score of '{task.positive}'",
        "multiclass": "the score of the decided class",
        "regression": "the predicted number",
    }[task.kind]
