"""What computes scores: one call for all samples that wait, through ONNX Runtime where the family can be expressed."""

import timeit
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bedside.errors import BedsideError
from bedside.scoring import Scorer
from bedside.serve.pictures import Pictures, prepared
from bedside.serve.prepared import PlainPreparation, probes
from bedside.serve.rows import Cells, Layout
from bedside.splits.images import ImagePreparation
from bedside.splits.preparation import TablePreparation
from bedside.training.engine import BATCH
from bedside.training.hardware import available_cores, limited_threads
from bedside.training.model import Model

CLOSE = 1e-5  # between the exported model and the run's own members
SHORT = 0.004  # seconds for one image, about what decoding a photograph takes


class Engine(Protocol):
    """Samples -> scores by each member before recalibration, (members, n, classes) or (members, n), and distances
    (novelties, n), as `Scorer.score` takes them. NaN where a sample has no score; `why_not` then says why."""

    name: str

    @property
    def preparation(self) -> ImagePreparation | None:
        """What images must have gone through before; None if the engine does that itself, and for tables."""
        ...

    def __call__(self, samples: Any) -> tuple[np.ndarray, np.ndarray]: ...

    def why_not(self, samples: Any) -> None:
        """Raises what the run itself would say of samples without a score."""
        ...


class Members:
    """The run's own members: every family."""

    name = "members"
    preparation = None

    def __init__(self, model: Model) -> None:
        self.model = model

    def __call__(self, samples: Any) -> tuple[np.ndarray, np.ndarray]:
        return self.model.scores_and_distances(samples.inputs)

    def why_not(self, samples: Any) -> None:
        """Members raise at once."""


class Exported:
    """A model of tables as `bedside export` writes it; distances are taken beside it, from plain arrays."""

    name = "onnx"
    preparation = None

    def __init__(self, model: Model, session: Any, layout: Layout) -> None:
        self.model, self.session, self.layout = model, session, layout
        self.asks = [name for name in ("numbers", "words") if name in session.inputs]
        self.preparations = _plain(model)

    def __call__(self, samples: Cells) -> tuple[np.ndarray, np.ndarray]:
        given = {"numbers": np.ascontiguousarray(samples.numbers)} if "numbers" in self.asks else {}
        if "words" in self.asks:
            given["words"] = np.where(pd.isna(samples.words), "", samples.words)
        _, raw = self.session.run(**given)
        return raw, self._distances(samples)

    def _distances(self, samples: Cells) -> np.ndarray:
        """Of samples in the space of each novelty, (novelties, n)."""
        found = np.empty((len(self.model.novelties), len(samples)))
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # of numbers too large for 32 bits, which have no score either
            for row, (novelty, preparation) in enumerate(zip(self.model.novelties, self.preparations, strict=True)):
                found[row] = novelty.space.distances(preparation(samples))
        return found

    def why_not(self, samples: Cells) -> None:
        """Raises DataError, naming the column whose number is too large."""
        self.model.scores_and_distances(samples.inputs)


class ExportedImages:
    """A model of images as `bedside export` writes it, which also gives out what distances are taken in: one pass of the
    backbone for both. Images come prepared, by the threads that read the next ones meanwhile."""

    name = "onnx"

    def __init__(self, model: Model, session: Any) -> None:
        self.model, self.session = model, session
        self.preparation: ImagePreparation = model.members[0].preparation  # type: ignore[attr-defined]
        self.owners = [model.names.index(novelty.member) for novelty in model.novelties]

    def __call__(self, samples: Pictures) -> tuple[np.ndarray, np.ndarray]:
        pixels = samples.prepared
        assert pixels is not None, "prepare them first"
        parts = [self._run(pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
        raw, places = (np.concatenate(one, axis=1) for one in zip(*parts, strict=True))
        found = np.empty((len(self.owners), len(samples)))
        for row, (owner, novelty) in enumerate(zip(self.owners, self.model.novelties, strict=True)):
            found[row] = novelty.space.distances(places[owner])
        return raw, found

    def _run(self, pixels: np.ndarray) -> list[np.ndarray]:
        return self.session.results("members", "places", pixels=pixels)

    def why_not(self, samples: Pictures) -> None:
        """Raises what the members raise; pixels always have a score."""
        self.model.scores_and_distances(samples.inputs)


def _plain(model: Model) -> list[Any]:
    """Of each novelty the preparation of its member, as plain arrays where they give the same.

    A member that looks at no column has none, and its own reader is asked."""
    members = dict(zip(model.names, model.members, strict=True))
    found: list[Any] = []
    for novelty in model.novelties:
        own: Any = members[novelty.member].reader
        plain = PlainPreparation.of(own) if isinstance(own, TablePreparation) else None
        same = plain is not None and plain.same_as(own, model.features)
        found.append(plain if same else _reading(own))
    return found


def _reading(preparation: Any) -> Any:
    return lambda samples: preparation(samples.inputs)


def make_engine(scorer: Scorer, layout: Layout | None) -> Engine:
    """The fastest engine that gives the run's own scores.

    Args:
        layout: of a table; None for images.
    """
    members = Members(scorer.model)
    try:
        from bedside.export import export_scorer
        from bedside.export.session import Session

        content = export_scorer(scorer, places=layout is None).content
        if layout is None:
            return _of_images(scorer.model, lambda threads: Session(content, threads=threads, spinning=False), members)
        table = Exported(scorer.model, Session(content), layout)
    except BedsideError:  # this family cannot be expressed
        return members
    return table if agree(table, members, probes(layout)) else members


def _of_images(model: Model, session: Callable[[int], Any], members: Members) -> Engine:
    """An engine with as many threads as the network keeps busy: a small one leaves the other cores to those that decode."""
    images = ExportedImages(model, session(1))
    probe = noise(images.preparation)
    same = agree(images, members, probe)
    if not same:
        return members
    for member in model.members:
        member.rest()  # type: ignore[attr-defined]  # the graph scores from now on
    return images if _seconds(images, probe) < len(probe) * SHORT else ExportedImages(model, session(available_cores()))


def _seconds(engine: Engine, samples: Any) -> float:
    """What scoring takes at least."""
    return min(timeit.repeat(lambda: engine(samples), number=1, repeat=3))


def noise(preparation: ImagePreparation) -> Pictures:
    """Made-up images for a model, more than are computed at once."""
    shape = (BATCH + 3, preparation.size + 5, preparation.size, 3)
    images = tuple((one, "array") for one in np.random.default_rng(0).integers(256, size=shape).astype(np.uint8))
    return Pictures(images, [str(k) for k in range(len(images))], prepared=prepared(images, preparation))


def agree(one: Engine, other: Engine, samples: Any) -> bool:
    """Whether two engines give the same scores and distances of samples."""
    with limited_threads(1):
        pairs = zip(one(samples), other(samples), strict=True)
        return all(np.allclose(mine, theirs, rtol=CLOSE, atol=CLOSE, equal_nan=True) for mine, theirs in pairs)


def finite(raw: np.ndarray) -> np.ndarray:
    """True for samples that every member scored, (n,)."""
    axes = tuple(axis for axis in range(raw.ndim) if axis != 1)
    return np.asarray(np.isfinite(raw).all(axis=axes))


def slices(parts: Sequence[Any]) -> list[slice]:
    """Where each part lies among the samples of all."""
    ends = np.cumsum([len(part) for part in parts]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
