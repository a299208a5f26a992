"""One version of a model in memory: it reads samples, scores those that wait together, and says what it is."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cached_property
from pathlib import Path
from typing import Any

from bedside.data.description import refuse_unsent
from bedside.environment import versions
from bedside.folder import Run, checksum
from bedside.models import family_named
from bedside.recalibration import RECALIBRATION
from bedside.scoring import Scorer
from bedside.serve.answers import NOTICE, answers
from bedside.serve.batching import Batches
from bedside.serve.engine import Engine, finite, make_engine
from bedside.serve.rows import Layout
from bedside.settings import DataSettings
from bedside.training.hardware import limited_threads

DIGITS = 12  # of a version
TOGETHER_IMAGES = 64  # megapixels and images that are computed at once
WAITING_IMAGES = 512


class Served:
    """A run's model as it is served.

    Args:
        folder: of a finished run.
        recalibration: what `bedside recalibrate` made of it for this hospital.
        data: where the data of training lie now, for explanations that compare with them.

    Raises:
        RunError: if the run is not finished, its files are not what was saved, or the recalibration is of another model.
    """

    def __init__(self, folder: Path, *, recalibration: Path | None = None, data: str | None = None) -> None:
        # The run itself and not a link to it: what is read later, for an explanation, must be of the same run.
        self.folder, self.data = Path(os.path.realpath(folder)), data
        self.scorer = Scorer(self.folder, recalibration=recalibration)
        self.scorer.run.require_finished()
        refuse_unsent(self.run.description, "serve")
        self.version = version_of(self.run, recalibration)
        self.layout = None if self.images else self._layout()
        with limited_threads(1):
            self.engine: Engine = make_engine(self.scorer, self.layout)
        self.batches: Batches | None = None
        self.about = self._about()

    @cached_property
    def name(self) -> str:
        """Of the run."""
        return self.folder.name

    @property
    def run(self) -> Run:
        return self.scorer.run

    @property
    def model(self) -> Any:
        return self.scorer.model

    @property
    def images(self) -> bool:
        """Whether it reads images; else rows of a table."""
        return self.model.images is not None

    def _layout(self) -> Layout:
        patient = self.run.description["roles"]["patient"]
        settings = DataSettings(patient=patient) if patient else DataSettings()
        return Layout(self.model.features, tuple(self.model.roles), patient, settings)

    def begin(self, thread: Executor, formed: Callable[[int], None]) -> None:
        """From now on it can be asked."""
        more = {"together": TOGETHER_IMAGES, "waiting": WAITING_IMAGES} if self.images else {}
        self.batches = Batches(self.compute, thread, formed=formed, **more)

    async def ask(self, samples: Any) -> dict[str, Any]:
        """Scores of the samples of a request and what is to be said of them."""
        assert self.batches is not None, "begin first"
        found: dict[str, Any] = await self.batches.ask(samples)
        return found

    def compute(self, parts: Sequence[Any]) -> list[Any]:
        """An answer, or an exception, for the samples of each request; what is wrong with one is no matter of the others."""
        try:
            return self._together(parts)
        except Exception as error:
            if len(parts) == 1:
                return [error]
            return [self.compute([part])[0] for part in parts]

    def _together(self, parts: Sequence[Any]) -> list[Any]:
        raw, distances = self.engine(type(parts[0]).joined(parts))
        scored = finite(raw)
        if scored.all():
            return answers(self.scorer, parts, self.scorer.score(raw, distances))
        if len(parts) > 1:
            return [self.compute([part])[0] for part in parts]
        self.engine.why_not(parts[0])
        return answers(self.scorer, parts, self.scorer.score(raw, distances))

    def _about(self) -> dict[str, Any]:
        """What `GET /v1/model` says: card, classes, threshold, features, version and checksum."""
        run, model, description = self.run, self.model, self.run.description
        return {
            "name": self.name,
            "version": self.version,
            "checksum": run.environment["model_sha256"],
            "family": model.family,
            "summary": family_named(model.family).summary,
            "task": model.task.kind,
            "target": description["roles"]["target"],
            "classes": list(model.task.classes),
            "positive": model.task.positive,
            "threshold": self.scorer.threshold,
            "reads": "images" if self.images else "table",
            "features": [feature.to_dict() for feature in model.features],
            "images": image_facts(model.images) if self.images else None,
            "members": len(model.members),
            "final": model.final,
            "set_level": model.conformal.level if model.conformal is not None else None,
            "unusual_rate": model.unusual if model.novelties else None,
            "recalibrated": bool(model.recalibration) or self.scorer.update is not None,
            "trained": {"samples": description["samples"], "patients": description["patients"]},
            "engine": self.engine.name,
            "bedside": versions()["bedside"],
            "card": card_text(run),
            "notice": NOTICE,
        }


def version_of(run: Run, recalibration: Path | None) -> str:
    """Names the scores that are given: another model or another recalibration has another version."""
    digest = hashlib.sha256(str(run.environment["model_sha256"]).encode())
    if recalibration is not None:
        digest.update(checksum(Path(recalibration) / RECALIBRATION).encode())
    return digest.hexdigest()[:DIGITS]


def card_text(run: Run) -> str | None:
    """The model card in Markdown, if the run has one."""
    card = run.path / "card.md"
    return card.read_text(encoding="utf-8") if card.is_file() else None


def image_facts(known: dict[str, Any]) -> dict[str, Any]:
    """What images of training were like, as far as a client needs it."""
    return {name: known[name] for name in ("channels", "bits", "smallest", "largest") if name in known}
