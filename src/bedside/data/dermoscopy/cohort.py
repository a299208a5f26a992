"""The generated images with their truth, and the cohort made from them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bedside.cohort import Cohort
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
    lesions, rulers = np.empty(shape, dtype=bool), np.empty(shape, dtype=bool)
    row_of = {sample: row for row, sample in enumerate(truth.index)}
    for row, original in enumerate(_originals(settings, truth)):
        if original is None:
            source = row_of[truth["duplicate_of"].iloc[row]]
            original = camera.Picture(images[source], lesions[source], rulers[source])
            original = copies.alter(stream(settings, ALTER, row), original, truth["copy"].iloc[row])
        images[row], lesions[row], rulers[row] = original.image, original.lesion, original.ruler
    return Generated(images, lesions, rulers, truth)


def _originals(settings: DermoscopySettings, truth: pd.DataFrame) -> Iterator[camera.Picture | None]:
    """A picture for each row, None where the row is a copy; each patient's lesion is painted once."""
    painted: lesion.Lesion | None = None
    for row, sample in enumerate(truth.to_dict("records")):
        if row % settings.images_per_patient == 0:
            painted = None
        if sample["duplicate_of"]:
            yield None
            continue
        patient = row // settings.images_per_patient
        if painted is None:
            traits = lesion.Traits(sample["asymmetry"], sample["border"], sample["colours"], sample["diameter_mm"])
            painted = lesion.paint(stream(settings, LESION, patient), traits, settings.size)
        yield camera.photograph(
            camera.Streams(*(stream(settings, kind, row) for kind in (VIEW, HAIR, RULER))),
            painted,
            size=settings.size,
            tone=sample["skin_tone"],
            with_hair=bool(sample["hair"]),
            with_ruler=bool(sample["ruler"]),
            site=SITES.index(sample["site"]),
            site_shift=settings.site_shift,
        )


def make_cohort(settings: DataSettings, *, name: str, about: dict[str, str]) -> Cohort:
    """The generated images as a cohort. Of the truth it keeps only columns with a role; the network sees pixels.

    Raises:
        SettingError: if a setting under `data.synthetic` is unknown, out of range, or cannot act.
    """
    generated = generate(build(DermoscopySettings, settings.synthetic, prefix="data.synthetic."))
    columns = generated.truth[["patient", "site", "sex", "age"]]
    frame = columns.assign(diagnosis=generated.truth["target"])
    inputs = array_inputs(generated.images)
    return make_image_cohort(inputs, frame, settings, name=name, about=about, modality="dermoscopy")
