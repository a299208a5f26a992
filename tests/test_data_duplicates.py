"""Copies of an image are found however they were made, and pictures that only look alike are not linked."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from bedside.cohort import Cohort, Roles, Task
from bedside.data.arrays import array_inputs
from bedside.data.duplicates import link_images
from bedside.data.pixels import RECORD, ImageInputs
from bedside.data.scan import FilePictures, scan
from bedside.settings import FoldSettings
from bedside.splits.folds import make_folds

N = 40


def blobs(n: int, seed: int = 0, side: int = 128) -> list[np.ndarray]:
    """Dark round blobs in the middle of bright skin: alike in the large, each with a texture of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    lesion = 1 / (1 + np.exp((np.hypot(x, y) - 0.5) * 12))
    images = []
    for _ in range(n):
        texture = sum(gaussian_filter(rng.normal(size=(side, side, 1)), (s, s, 0)) * s * 30 for s in (1.5, 3, 8, 16))
        skin = np.array([220, 180, 160]) - np.array([100, 110, 100]) * lesion[..., None]
        images.append(np.clip(skin + texture, 0, 255).astype(np.uint8))
    return images


def as_jpeg(image, quality):
    held = io.BytesIO()
    Image.fromarray(image).save(held, "JPEG", quality=quality)
    return np.asarray(Image.open(held))


def resized(image, factor):
    height, width = image.shape[:2]
    return np.asarray(Image.fromarray(image).resize((round(width * factor), round(height * factor))))


def cropped(image, share, seed=0):
    rng = np.random.default_rng([seed, int(image.sum())])
    cut = round(image.shape[0] * share)
    top, left = rng.integers(0, cut + 1, size=2)
    return image[top : image.shape[0] - cut + top, left : image.shape[1] - cut + left]


def brighter(image, factor):
    return np.clip(image * factor, 0, 255).astype(np.uint8)


CHANGES = {
    "jpeg": lambda image: as_jpeg(image, 30),
    "half": lambda image: resized(image, 0.5),
    "double": lambda image: resized(image, 2),
    "squeezed": lambda image: np.asarray(Image.fromarray(image).resize((100, 140))),
    "darker": lambda image: brighter(image, 0.85),
    "brighter": lambda image: brighter(image, 1.15),
    "cropped": lambda image: cropped(image, 0.05),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "turned": lambda image: np.rot90(image).copy(),
    "turned and mirrored": lambda image: np.ascontiguousarray(np.rot90(image, 3)[:, ::-1]),
    "grey": lambda image: np.asarray(Image.fromarray(image).convert("L")),
    "16 bits": lambda image: np.asarray(Image.fromarray(image).convert("L")).astype(np.uint16) * 257,
    "everything": lambda image: as_jpeg(brighter(np.rot90(resized(cropped(image, 0.04), 0.6), 2), 0.9), 40),
}


@pytest.fixture(scope="module")
def images():
    return blobs(N)


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_nothing_else(images, change):
    copies = [CHANGES[change](image) for image in images]
    linked, found = link_images(array_inputs(images + copies))
    assert (linked[:N] == linked[N:]).mean() >= 0.95
    assert len(np.unique(linked[:N])) == N
    assert set(np.unique(np.bincount(linked))) <= {1, 2}
    assert found.exact == 0
    assert found.near == 2 * found.groups == 2 * len(found.pairs)


def test_pictures_that_only_look_alike_are_not_linked():
    linked, found = link_images(array_inputs(blobs(300, seed=1, side=64)))
    assert linked.tolist() == list(range(300))
    assert (found.exact, found.near, found.groups, found.pairs) == (0, 0, 0, [])


def test_small_images_must_agree_better():
    small = blobs(300, seed=2, side=28)
    linked, _ = link_images(array_inputs([*small, small[4][:, ::-1], brighter(small[5], 0.9)]))
    assert linked.tolist() == [*range(300), 4, 5]


def test_a_ruler_that_all_images_share_links_nothing(images):
    ruled = [image.copy() for image in images]
    for image in ruled:
        image[-20:, ::4] = 0
        image[:12, :40] = 255
    assert link_images(array_inputs(ruled))[1].groups == 0


def test_exact_copies_are_counted_apart_from_near_ones(images):
    linked, found = link_images(array_inputs([*images[:10], images[3], images[3], as_jpeg(images[4], 50)]))
    assert linked.tolist() == [*range(10), 3, 3, 4]
    assert (found.exact, found.near, found.groups) == (3, 2, 2)
    assert sorted(found.pairs) == [(3, 10, "exact"), (3, 11, "exact"), (4, 12, "near")]


def test_a_near_copy_of_exact_copies_joins_their_group(images):
    copies = [images[0], images[0], as_jpeg(images[0], 50), images[1]]
    linked, found = link_images(array_inputs(copies))
    assert linked.tolist() == [0, 0, 0, 1]
    assert (found.exact, found.near, found.groups) == (2, 1, 1)


def test_images_without_detail_are_duplicates_only_if_equal():
    flat = [np.full((64, 64), value, np.uint8) for value in (0, 10, 200, 200, 255)]
    linked, found = link_images(array_inputs(flat))
    assert linked.tolist() == [0, 1, 2, 2, 3]
    assert (found.exact, found.near) == (2, 0)


def test_few_images():
    image = blobs(1)[0]
    assert link_images(array_inputs([image]))[0].tolist() == [0]
    assert link_images(array_inputs([image, image[::-1]]))[0].tolist() == [0, 0]
    assert link_images(array_inputs([image, image]))[0].tolist() == [0, 0]


def test_worker_processes_find_the_same(images, tmp_path, monkeypatch):
    paths = []
    for number, image in enumerate([*images, *images[:5]]):
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(image).resize((100 + number, 128)).save(paths[-1])
    records = [seen.record for seen in scan(paths, [path.name for path in paths])]
    inputs = ImageInputs(
        FilePictures(tuple(map(str, paths))), np.arange(len(paths)), pd.DataFrame(records, columns=list(RECORD))
    )
    alone = link_images(inputs)[0]
    monkeypatch.setattr("bedside.data.duplicates.LONG", 0)
    monkeypatch.setattr("bedside.data.duplicates._BATCH", 20)
    assert link_images(inputs)[0].tolist() == alone.tolist() == [*range(N), *range(5)]


def test_no_fold_separates_copies(images):
    copies = [change(image) for image, change in zip(images, [*CHANGES.values()] * 4, strict=False)]
    inputs = array_inputs(images + copies)
    linked, found = link_images(inputs)
    samples = pd.DataFrame({"patient": np.arange(2 * N).astype(str), "target": np.tile(["a", "b"], N)})
    cohort = Cohort("copies", samples, Roles("target"), Task("binary", ("a", "b")), inputs, linked)
    for fold in make_folds(cohort, FoldSettings(scheme="crossval", number=3), seed=0):
        side = np.empty(2 * N, dtype=object)
        for part in ("train", "valid", "test"):
            side[getattr(fold, part)] = part
        assert all(side[a] == side[b] for a, b, _ in found.pairs)


@pytest.mark.data
def test_no_false_links_among_lesions_and_all_turned_copies_found():
    """One image per lesion: no two show the same."""
    if "BEDSIDE_DATA" not in os.environ:
        pytest.skip("BEDSIDE_DATA is not set")
    files = sorted((Path(os.environ["BEDSIDE_DATA"]) / "ham10000" / "images").glob("*.jpg"))[:800]
    lesions = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    copies = [CHANGES["everything"](image) for image in lesions[:100]]
    linked, _ = link_images(array_inputs(lesions + copies))
    assert linked[: len(files)].tolist() == list(range(len(files)))
    assert (linked[len(files) :] == np.arange(100)).mean() >= 0.95
