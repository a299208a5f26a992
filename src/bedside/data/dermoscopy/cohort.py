"""The generated images with their truth, and the cohort made from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, KnownTruth
from bedside.data.arrays import array_inputs
from bedside.data.dermoscopy import camera, copies, lesion
from bedside.data.dermoscopy.settings import DermoscopySettings
from bedside.data.dermoscopy.truth import ALTER, HAIR, LESION, RULER, SITES, VIEW, stream, truth_table
from bedside.data.images import make_image_cohort
from bedside.settings import DataSettings, build


@dataclass(frozen=True)
class Generated:
    """Synthetic dermoscopy with its truth: images (n, size, size, 3) uint8, where the lesion and where the ruler is,
    both (n, size, size) bool, and one row per image of `truth.truth_table`."""

    images: np.ndarray
    lesions: np.ndarray
    rulers: np.ndarray
    truth: pd.DataFrame


def generate(settings: DermoscopySettings | None = None) -> Generated:
    """Paint a cohort of synthetic dermoscopy; the same settings give the same bytes.

    Image k does not depend on how many images there are, nor, apart from the ruler itself, on who has a ruler.
    """
    settings = settings or DermoscopySettings()
    truth = truth_table(settings)
    shape = (len(truth), settings.size, settings.size)
    images = np.empty((*shape, 3), dtype=np.uint8)
    generated = Generated(images, np.empty(shape, dtype=bool), np.empty(shape, dtype=bool), truth)
    _paint(settings, generated, range(len(truth)))
    return generated


def without_rulers(settings: DermoscopySettings, generated: Generated) -> np.ndarray:
    """The generated images as they would be without any ruler, (n, size, size, 3) uint8; nothing else differs.

    Only images that have a ruler are painted again.
    """
    table = generated.truth
    bare = Generated(generated.images.copy(), generated.lesions.copy(), generated.rulers.copy(), table.assign(ruler=0))
    _paint(settings, bare, np.flatnonzero(table["ruler"] == 1).tolist())
    return bare.images


def _paint(settings: DermoscopySettings, generated: Generated, rows: Iterable[int]) -> None:
    """Fill the given rows, in ascending order; the original of a copy is among them or is there already."""
    truth = generated.truth
    row_of = {sample: row for row, sample in enumerate(truth.index)}
    for row, picture in _pictures(settings, truth, rows):
        if picture is None:
            source = row_of[truth["duplicate_of"].iloc[row]]
            picture = camera.Picture(generated.images[source], generated.lesions[source], generated.rulers[source])
            picture = copies.alter(stream(settings, ALTER, row), picture, truth["copy"].iloc[row])
        generated.images[row], generated.lesions[row], generated.rulers[row] = (
            picture.image,
            picture.lesion,
            picture.ruler,
        )


def _pictures(
    settings: DermoscopySettings, truth: pd.DataFrame, rows: Iterable[int]
) -> Iterator[tuple[int, camera.Picture | None]]:
    """A picture for each of the rows, None where the row is a copy; each patient's lesion is painted once."""
    painted: lesion.Lesion | None = None
    whose = -1
    samples = truth.to_dict("records")
    for row in rows:
        sample, patient = samples[row], row // settings.images_per_patient
        if sample["duplicate_of"]:
            yield row, None
            continue
        if painted is None or patient != whose:
            traits = lesion.Traits(sample["asymmetry"], sample["border"], sample["colours"], sample["diameter_mm"])
            painted, whose = lesion.paint(stream(settings, LESION, patient), traits, settings.size), patient
        picture = camera.photograph(
            camera.Streams(*(stream(settings, kind, row) for kind in (VIEW, HAIR, RULER))),
            painted,
            size=settings.size,
            tone=sample["skin_tone"],
            with_hair=bool(sample["hair"]),
            with_ruler=bool(sample["ruler"]),
            site=SITES.index(sample["site"]),
            site_shift=settings.site_shift,
        )
        yield row, picture


def make_cohort(settings: DataSettings, *, name: str, about: dict[str, str]) -> Cohort:
    """The generated images as a cohort. Its samples keep only columns with a role, and the network sees pixels; the
    truth lies beside them, for explanations to be held against.

    Raises:
        SettingError: if a setting under `data.synthetic` is unknown, out of range, or cannot act.
    """
    asked = build(DermoscopySettings, settings.synthetic, prefix="data.synthetic.")
    generated = generate(asked)
    columns = generated.truth[["patient", "site", "sex", "age"]]
    frame = columns.assign(diagnosis=generated.truth["target"])
    inputs = array_inputs(generated.images)
    cohort = make_image_cohort(inputs, frame, settings, name=name, about=about, modality="dermoscopy")
    return replace(cohort, truth=partial(known_truth, asked, generated))


def known_truth(settings: DermoscopySettings, generated: Generated) -> KnownTruth:
    """Where lesions and rulers are, and the same images without rulers."""
    bare = array_inputs(without_rulers(settings, generated))
    return KnownTruth({"lesion": generated.lesions, "ruler": generated.rulers}, {"ruler": bare})
