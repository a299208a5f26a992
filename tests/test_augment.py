"""Augmentation moves pixels exactly as it says, harms no kind of image, and repeats."""

import numpy as np
import pytest
import torch

from bedside.settings import AugmentSettings
from bedside.training.augment import (
    Augmentation,
    _flipped,
    _tone,
    _warped,
    for_modality,
    image_seeds,
    normalised,
    resolve,
    unit_pixels,
)
from small_images import noise

STRONG = Augmentation(True, True, rotation=180.0, zoom=0.2, brightness=0.3, contrast=0.3)
STILL = torch.zeros(3, 2, dtype=torch.bool)


def pixels(count: int = 3, *, shape: tuple[int, ...] = (16, 16, 3), seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.stack(noise(count, shape=shape, seed=seed)))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def as_bytes(images: torch.Tensor) -> np.ndarray:
    """Back to (n, height, width, channels), uint8."""
    return (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("degrees", [90, 180, -90, 270])
def test_right_angles_are_those_of_numpy(degrees):
    given = pixels()
    turned = _warped(given, torch.full((3,), float(degrees)), torch.ones(3), STILL)
    assert np.array_equal(as_bytes(turned), np.rot90(given.numpy(), degrees // 90, axes=(1, 2)))


def test_half_a_turn_of_an_oblong_image_is_exact_too():
    given = pixels(shape=(10, 23, 1))
    turned = _warped(given, torch.full((3,), 180.0), torch.ones(3), STILL)
    assert np.array_equal(as_bytes(turned), np.rot90(given.numpy(), 2, axes=(1, 2)))


def test_a_turned_oblong_image_keeps_its_proportions():
    given = torch.zeros(1, 40, 80, 1, dtype=torch.uint8)
    given[:, 15:25, 35:45] = 255  # a square in the middle
    turned = as_bytes(_warped(given, torch.tensor([90.0]), torch.ones(1), STILL[:1]))
    assert np.array_equal(turned[:, :, 20:60], given.numpy()[:, :, 20:60])  # beyond them it is mirrored in again


def test_enlarging_shows_less_of_the_image():
    given = torch.zeros(2, 40, 40, 1, dtype=torch.uint8)
    given[:, 10:30, 10:30] = 255
    warped = _warped(given, torch.zeros(2), torch.tensor([1.5, 0.8]), STILL[:2])
    assert (warped > 0.5).double().mean(dim=(1, 2, 3)).tolist() == pytest.approx(
        [0.5 * 1.5 * 0.5 * 1.5, 0.4**2], rel=0.1
    )


def test_flips_move_whole_pixels():
    given = pixels(4)
    flips = torch.tensor([[False, False], [True, False], [False, True], [True, True]])
    held = given.numpy()
    wanted = np.stack([held[0], held[1][:, ::-1], held[2][::-1], held[3][::-1, ::-1]])
    assert torch.equal(_flipped(unit_pixels(given), flips), unit_pixels(torch.from_numpy(wanted)))
    assert np.array_equal(as_bytes(_warped(given, torch.zeros(4), torch.ones(4), flips)), wanted)


def test_nothing_switched_on_changes_no_pixel():
    given = pixels()
    images = Augmentation()(given, seeded())
    assert torch.equal(images, given.permute(0, 3, 1, 2).float() / 255)
    assert not Augmentation().changes
    assert STRONG.changes


def test_flips_alone_are_a_permutation_of_the_pixels():
    given = pixels(64)
    images = as_bytes(Augmentation(flip_horizontal=True)(given, seeded()))
    same = (images == given.numpy()).all(axis=(1, 2, 3))
    mirrored = (images == given.numpy()[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same ^ mirrored).all()
    assert 16 < mirrored.sum() < 48


def test_corners_are_mirrored_in_and_not_black():
    white = torch.full((32, 24, 24, 1), 255, dtype=torch.uint8)
    assert (as_bytes(Augmentation(rotation=180.0, zoom=0.5)(white, seeded())) == 255).all()


def test_brightness_and_contrast_are_their_formulas():
    given = pixels(3)
    images = unit_pixels(given)
    _tone(images, given, torch.tensor([1.0, 1.2, 1.0]), torch.tensor([1.0, 1.0, 0.5]))
    held = given.permute(0, 3, 1, 2).double() / 255
    mean = held[2].mean()
    wanted = torch.stack([held[0], held[1] * 1.2, mean + 0.5 * (held[2] - mean)]).clamp(0, 1)
    assert torch.allclose(images.double(), wanted, atol=1e-6)


def test_results_are_numbers_from_0_to_1_stored_channels_last():
    images = STRONG(pixels(8), seeded())
    assert images.dtype == torch.float32
    assert images.shape == (8, 3, 16, 16)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert 0 <= images.min() <= images.max() <= 1


def test_same_generator_same_bytes_and_the_next_batch_differs():
    given = pixels()
    one, other = seeded(), seeded()
    torch.manual_seed(1)  # the random numbers of the program around it do not count
    first = STRONG(given, one)
    torch.manual_seed(2)
    assert torch.equal(first, STRONG(given, other))
    assert torch.equal(STRONG(given, one), STRONG(given, other))
    assert not torch.equal(STRONG(given, one), first)


def test_switching_one_change_off_leaves_the_others_as_they_were():
    given = pixels(16)
    plain = Augmentation(flip_horizontal=True)(given, seeded())
    assert torch.equal(plain, Augmentation(flip_horizontal=True, flip_vertical=False)(given, seeded()))
    mirrored = (plain != unit_pixels(given)).flatten(1).any(1)
    both = Augmentation(flip_horizontal=True, flip_vertical=True)(given, seeded())
    upside_down = torch.stack([image.flip(1) for image in both])
    assert all(torch.equal(both[k], plain[k]) or torch.equal(upside_down[k], plain[k]) for k in range(16))
    assert 0 < mirrored.sum() < 16


def test_draws_stay_within_their_ranges():
    flat = torch.full((400, 2, 2, 1), 100, dtype=torch.uint8)
    levels = as_bytes(Augmentation(brightness=0.2)(flat, seeded()))[:, 0, 0, 0]
    assert levels.min() in (80, 81)
    assert levels.max() in (119, 120)
    dot = torch.zeros(200, 101, 101, 1, dtype=torch.uint8)
    dot[:, 50, 90:] = 255
    turned = Augmentation(rotation=10.0)(dot, seeded())
    row = turned[:, 0, :, 95].argmax(dim=1) - 50
    assert 6 <= row.max() <= 9  # 45 pixels from the centre, 10 degrees are 8 pixels
    assert -9 <= row.min() <= -6


def test_the_first_view_is_the_original_and_a_view_depends_on_its_image_alone():
    given = pixels(5)
    seeds = image_seeds([f"{k * 7919:016x}" for k in range(5)], 3)
    together = list(STRONG.views(given, 4, seeds))
    assert len(together) == 4
    assert torch.equal(together[0], unit_pixels(given))
    for k in range(5):
        alone = list(STRONG.views(given[k : k + 1], 4, seeds[k : k + 1]))
        assert all(torch.equal(view[k : k + 1], one) for view, one in zip(together, alone, strict=True))
    assert not torch.equal(together[1], together[2])


def test_seeds_follow_from_pixels_and_the_seed_of_the_run():
    digests = ["ab" * 32, "cd" * 32, "ab" * 32]
    seeds = image_seeds(digests, 0)
    assert seeds[0] == seeds[2] != seeds[1]
    assert set(image_seeds(digests, 1)).isdisjoint(seeds)


@pytest.mark.parametrize("modality", ["dermoscopy", "histology", "xray", "photo", None])
def test_the_settings_show_every_number(modality):
    resolved = resolve(AugmentSettings(views=4), modality)
    assert resolved.views == 4
    assert resolved.test_time == 1
    assert Augmentation.from_settings(resolved) == Augmentation(**for_modality(modality))
    assert set(resolved.acting()) == set(AugmentSettings.model_fields) - {"noise", "scaling", "shift"}  # of recordings


@pytest.mark.parametrize(
    ("modality", "across", "down", "turn"),
    [
        ("dermoscopy", True, True, 180),
        ("histology", True, True, 180),
        ("xray", False, False, 10),  # mirrored, the heart is on the wrong side
        ("photo", True, False, 10),
        (None, False, False, 5),
    ],
)
def test_only_what_is_harmless_is_on(modality, across, down, turn):
    found = Augmentation(**for_modality(modality))
    assert (found.flip_horizontal, found.flip_vertical, found.rotation) == (across, down, turn)


def test_an_unknown_kind_of_image_is_never_mirrored():
    """An arrow to the right stays one."""
    arrow = torch.zeros(200, 32, 32, 1, dtype=torch.uint8)
    arrow[:, :16, 16:] = 255
    images = Augmentation(**for_modality(None))(arrow, seeded())
    quarters = images[:, 0].unfold(1, 16, 16).unfold(2, 16, 16).mean(dim=(3, 4)).flatten(1)
    assert (quarters.argmax(dim=1) == 1).all()


def test_a_given_setting_wins_over_the_modality():
    resolved = resolve(AugmentSettings(flip_horizontal=False, rotation=0, zoom=None), "dermoscopy")
    assert (resolved.flip_horizontal, resolved.rotation, resolved.zoom) == (False, 0, 0.1)
    assert resolve(resolved, "photo") == resolved


def test_normalised_is_what_the_preparation_promises():
    given = pixels()
    mean, std = torch.tensor([0.1, 0.2, 0.3]).view(-1, 1, 1), torch.tensor([0.5, 0.6, 0.7]).view(-1, 1, 1)
    found = normalised(unit_pixels(given), mean, std)
    assert torch.allclose(found, (given.permute(0, 3, 1, 2) / 255 - mean) / std, atol=1e-6)
