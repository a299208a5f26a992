"""Batches of images: same seed same batches, nothing augmented that judges, pixels decoded once."""

import os
import time

import numpy as np
import pytest
import torch

from bedside.splits.images import ImagePreparation
from bedside.training import pixels as store
from bedside.training.augment import Augmentation
from bedside.training.image_batches import ImageBatches
from bedside.training.order import epoch_order
from bedside.training.pixels import decoded
from small_images import image_inputs, noise

CPU = torch.device("cpu")
STRONG = Augmentation(True, True, rotation=180.0, zoom=0.2, brightness=0.3, contrast=0.3)
PREPARATION = ImagePreparation(12, "crop", "bilinear", 1.0, 3, 255, (0.5,) * 3, (0.25,) * 3)


def batches(count: int = 23, size: int = 5, *, seed: int | None = None, **options: object) -> ImageBatches:
    """Images whose pixels are all their own number, so that each can be recognised; target and weight follow it."""
    held = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 8, 8, 3))
    rows = np.arange(count) * 2 + 7
    given = {"mean": (0.0,) * 3, "std": (1 / 255,) * 3, "device": CPU}
    if seed is not None:
        given["generator"] = torch.Generator().manual_seed(seed)
    target = torch.from_numpy(rows)
    return ImageBatches(held, rows, target, target.float() / 100, size, **{**given, **options})


def test_in_order_every_row_comes_once_with_its_target_and_weight():
    found = batches()
    inputs, target, weight = (torch.cat(part) for part in zip(*found, strict=True))
    assert target.tolist() == [2 * k + 7 for k in range(23)]
    assert torch.allclose(inputs, target.float().view(-1, 1, 1, 1).expand(-1, 3, 8, 8), atol=1e-4)
    assert torch.allclose(weight, target / 100)
    assert len(found) == found.n_batches == 5
    assert found.counts == [23]


def test_shuffled_every_row_still_comes_once_with_its_own_image():
    found = batches(seed=0)
    first, second = ([(batch[0][:, 0, 0, 0], batch[1]) for batch in found] for _ in range(2))
    for epoch in (first, second):
        images, target = (torch.cat(part) for part in zip(*epoch, strict=True))
        assert sorted(target.tolist()) == found.target.tolist()
        assert torch.allclose(images, target.float(), atol=1e-4)
    assert [batch[1].tolist() for batch in first] != [batch[1].tolist() for batch in second]


@pytest.mark.parametrize(("count", "sizes"), [(11, [5, 6]), (12, [5, 5, 2]), (1, [1]), (10, [5, 5])])
def test_a_single_row_left_over_joins_the_batch_before(count, sizes):
    assert [len(batch[1]) for batch in batches(count)] == sizes


def test_batches_are_normalised_and_stored_channels_last():
    images = next(iter(batches(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.2))))[0]
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert images.dtype == torch.float32
    wanted = (7 / 255 - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.5, 0.25, 0.2])
    assert torch.allclose(images[0, :, 0, 0], wanted)


def noisy(seed: int | None, augmentation: Augmentation | None = STRONG) -> ImageBatches:
    held = np.stack(noise(20, shape=(12, 12, 3)))
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    given = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "device": CPU, "generator": generator}
    return ImageBatches(
        held, np.arange(20), torch.arange(20) % 2, torch.ones(20), 6, augmentation=augmentation, **given
    )


def epoch(found: ImageBatches) -> torch.Tensor:
    return torch.cat([images for images, _, _ in found])


def test_same_seed_same_batches_epoch_by_epoch():
    one, other = noisy(4), noisy(4)
    for _ in range(2):
        assert torch.equal(epoch(one), epoch(other))
    assert not torch.equal(epoch(noisy(4)), epoch(noisy(5)))
    assert not torch.equal(epoch(one), epoch(noisy(4)))  # a third epoch is not the first


def test_the_random_numbers_of_the_program_around_do_not_count():
    torch.manual_seed(1)
    first = epoch(noisy(4))
    torch.manual_seed(2)
    assert torch.equal(epoch(noisy(4)), first)


def test_augmentation_that_changes_nothing_leaves_the_first_order_alone():
    assert torch.equal(epoch(noisy(4, Augmentation())), epoch(noisy(4, None)))


def test_without_a_generator_nothing_is_augmented():
    assert torch.equal(epoch(noisy(None)), epoch(noisy(None, None)))


def test_some_rows_are_evenly_spaced_in_order_and_as_they_are():
    found = noisy(4)
    few = found.some(4)
    assert few.rows.tolist() == [0, 6, 12, 19]
    assert torch.equal(epoch(few), epoch(noisy(None))[[0, 6, 12, 19]])
    assert few.target.tolist() == [0, 0, 0, 1]
    assert found.some(99).rows.tolist() == list(range(20))
    assert torch.equal(epoch(found), epoch(noisy(4)))  # looking at some uses up no random numbers


def test_the_finder_and_the_sampler_see_the_same_target():
    target = torch.tensor([0] * 18 + [1] * 2)
    held = np.zeros((20, 4, 4, 1), dtype=np.uint8)
    given = {"mean": (0.0,), "std": (1.0,), "device": CPU, "generator": torch.Generator().manual_seed(0)}
    found = ImageBatches(held, np.arange(20), target, torch.ones(20), 20, sampling="balanced", **given)
    shares = torch.stack([next(iter(found))[1].float().mean() for _ in range(100)])
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def test_balanced_order_draws_every_class_equally_often():
    target = torch.tensor([0] * 900 + [2] * 90 + [3] * 10)
    order = epoch_order(torch.Generator().manual_seed(0), 1000, target, "balanced")
    share = torch.bincount(target[order], minlength=4) / 1000
    assert len(order) == 1000
    assert share[1] == 0
    assert np.allclose(share[[0, 2, 3]], 1 / 3, atol=0.05)


def test_shuffled_order_is_a_permutation_and_ignores_rows_that_fill_up():
    order = epoch_order(torch.Generator().manual_seed(0), 50, torch.zeros(80))
    assert sorted(order.tolist()) == list(range(50))
    balanced = epoch_order(torch.Generator().manual_seed(0), 50, torch.tensor([0, 1] * 25 + [7] * 30), "balanced")
    assert balanced.max() < 50


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder; every pixel array is large enough to be kept there."""
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "SMALL", 0)
    monkeypatch.setattr(store, "SPARE", 0)
    return tmp_path / "cache" / "pixels"


def test_small_pixels_stay_in_memory_without_a_file(cache, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("BEDSIDE_CACHE", str(cache.parent))
    inputs = image_inputs(noise(3))
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))
    assert not cache.exists()


def test_pixels_are_decoded_once_and_mapped_from_a_file(cache):
    inputs = image_inputs(noise(70))
    first = decoded(inputs, PREPARATION)
    assert isinstance(first, np.memmap)
    assert np.array_equal(first, PREPARATION(inputs))
    before = inputs.pictures.reads.sum()
    assert np.array_equal(decoded(inputs, PREPARATION), first)
    assert inputs.pictures.reads.sum() == before
    assert len(list(cache.iterdir())) == 1


def test_other_pixels_another_order_and_another_preparation_are_other_files(cache):
    inputs = image_inputs(noise(5))
    for given in (inputs, inputs.take(np.array([1, 0, 2, 3, 4])), image_inputs(noise(5, seed=9))):
        assert np.array_equal(decoded(given, PREPARATION), PREPARATION(given))
    whole = ImagePreparation(12, "whole", "bilinear", 1.0, 3, 255, (0.5,) * 3, (0.25,) * 3)
    assert np.array_equal(decoded(inputs, whole), whole(inputs))
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize("damage", ["short", "empty", "another shape", "another type", "no array"])
def test_a_damaged_file_is_replaced(cache, damage):
    inputs = image_inputs(noise(5))
    good = np.array(decoded(inputs, PREPARATION))
    (path,) = cache.iterdir()
    match damage:
        case "short":
            path.write_bytes(path.read_bytes()[:-1])
        case "empty":
            path.write_bytes(b"")
        case "another shape":
            np.save(path, good[:3])
        case "another type":
            np.save(path, good.astype(np.int8))
        case "no array":
            path.write_bytes(b"hello" * 1000)
    assert np.array_equal(decoded(inputs, PREPARATION), good)
    assert np.array_equal(np.load(path), good)


def test_a_writer_that_dies_leaves_nothing_that_is_taken_for_whole(cache, monkeypatch):
    class Killed(BaseException):
        """As a signal would end it."""

    def dies(*_: object) -> None:
        raise Killed

    inputs = image_inputs(noise(5))
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dies)
        with pytest.raises(Killed):
            decoded(inputs, PREPARATION)
    assert list(cache.glob("*.npy")) == []
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))


def test_leftovers_of_killed_writers_are_swept_and_those_of_living_ones_stay(cache):
    cache.mkdir(parents=True)
    old, young = cache / ".a.npy.1.part", cache / ".b.npy.2.part"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * store.ABANDONED,) * 2)
    decoded(image_inputs(noise(2)), PREPARATION)
    assert not old.exists()
    assert young.exists()


def test_a_full_disk_is_done_without(cache, monkeypatch):
    monkeypatch.setattr(store, "SPARE", 2**62)
    inputs = image_inputs(noise(3))
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_made_is_done_without(cache, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "file"))
    inputs = image_inputs(noise(3))
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))


def test_a_disk_that_fills_up_while_writing_is_done_without(cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    inputs = image_inputs(noise(3))
    monkeypatch.setattr(os, "fsync", full)
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))
    assert list(cache.iterdir()) == []


def test_images_without_checksums_get_no_file(cache):
    inputs = image_inputs(noise(3))
    inputs.records["sha256"] = ""
    assert np.array_equal(decoded(inputs, PREPARATION), PREPARATION(inputs))
    assert not cache.exists()


def test_worker_processes_give_the_same_pixels_in_order(cache, monkeypatch):
    monkeypatch.setattr(store, "MANY", 1000)
    monkeypatch.setattr(store, "CHUNK", 4)
    inputs = image_inputs(noise(15))
    assert np.array_equal(decoded(inputs, PREPARATION, workers=2), PREPARATION(inputs))
