"""The preparation of images knows its training images only, and its geometry is what the settings say."""

import numpy as np
import pytest
from PIL import Image

from bedside.errors import RunError
from bedside.settings import PreparationSettings
from bedside.splits import images
from bedside.splits.image_statistics import StatisticsPreparation
from bedside.splits.images import ImagePreparation, eight_bit, remembered
from small_images import image_inputs, noise


def fit(inputs, **changes) -> ImagePreparation:
    given = {"size": 16, "framing": "crop", "resample": "bilinear", "crop_share": 1.0, "channels": 3}
    return ImagePreparation.fit(inputs, **{**given, **changes})


def bars(height: int, width: int) -> np.ndarray:
    """Left third red, middle green, right blue; row and column can be told from the pixels."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    for channel, part in enumerate(np.array_split(np.arange(width), 3)):
        image[:, part, channel] = 255
    return image


def test_crop_keeps_the_centre_of_the_longer_side():
    prepared = fit(image_inputs([bars(16, 48)])).prepare_one(bars(16, 48))
    assert prepared.shape == (16, 16, 3)
    assert (prepared == (0, 255, 0)).all()  # only the middle third is left


def test_crop_share_cuts_the_border_off_after_resizing():
    image = noise(1, shape=(32, 32, 3))[0]
    whole = np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR))
    assert np.array_equal(fit(image_inputs([image]), crop_share=0.8).prepare_one(image), whole[2:18, 2:18])


def test_whole_adds_black_borders_and_loses_nothing():
    prepared = fit(image_inputs([bars(16, 48)]), framing="whole").prepare_one(bars(16, 48))
    assert (prepared[:6] == 0).all()  # 48 x 16 becomes 16 x 5
    assert (prepared[11:] == 0).all()
    assert prepared[6:11].any(axis=2).all()
    assert [row.argmax() for row in prepared[7, [2, 8, 13]]] == [0, 1, 2]
    narrow = fit(image_inputs([bars(48, 3)]), framing="whole").prepare_one(bars(48, 3))
    assert narrow.any(axis=(0, 2)).sum() == 1


def test_stretch_fills_the_square_with_everything():
    prepared = fit(image_inputs([bars(16, 48)]), framing="stretch").prepare_one(bars(16, 48))
    assert [row.argmax() for row in prepared[0, [1, 8, 14]]] == [0, 1, 2]


@pytest.mark.parametrize("framing", ["crop", "whole", "stretch"])
def test_an_image_that_fits_keeps_its_pixels(framing):
    image = noise(1, shape=(16, 16, 3))[0]
    assert np.array_equal(fit(image_inputs([image]), framing=framing).prepare_one(image), image)


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 255
    prepared = fit(image_inputs([stripes]), channels=1).prepare_one(stripes)
    assert prepared.min() > 110
    assert prepared.max() < 145


def test_grey_is_repeated_and_colour_becomes_luminance():
    grey = noise(1, shape=(16, 16))[0]
    prepared = fit(image_inputs([grey])).prepare_one(grey)
    assert all(np.array_equal(prepared[..., channel], grey) for channel in range(3))
    green = np.zeros((16, 16, 3), dtype=np.uint8)
    green[..., 1] = 100
    assert (fit(image_inputs([green]), channels=1).prepare_one(green) == 59).all()  # 0.587 of 100


@pytest.mark.parametrize(("largest", "white"), [(4095, 4095), (4096, 8191), (700, 1023), (65535, 65535), (0, 255)])
def test_sixteen_bit_white_is_the_next_whole_number_of_bits(largest, white):
    image = np.zeros((16, 16), dtype=np.uint16)
    image[0, 0] = largest
    assert fit(image_inputs([image]), channels=1).white == white


def test_sixteen_bits_become_eight_and_what_is_brighter_than_training_is_white():
    raw = np.array([[0, 4095, 2048, 65535]], dtype=np.uint16)
    assert eight_bit(raw, 4095).tolist() == [[0, 255, 128, 255]]
    every = np.arange(65536, dtype=np.uint16)
    assert np.array_equal(eight_bit(every, 65535), np.round(every / 65535 * 255).astype(np.uint8))
    eight = noise(1)[0]
    assert eight_bit(eight, 4095) is eight


def test_mean_and_standard_deviation_are_those_of_the_training_pixels():
    held = noise(7, shape=(16, 16, 3))
    preparation = fit(image_inputs(held))
    pixels = np.stack(held) / 255
    assert np.allclose(preparation.mean, pixels.mean(axis=(0, 1, 2)))
    assert np.allclose(preparation.std, pixels.std(axis=(0, 1, 2)))
    black = fit(image_inputs([np.zeros((16, 16), dtype=np.uint8)]), channels=1)
    assert (black.mean, black.std) == ((0.0,), (1.0,))


def test_at_most_the_sample_is_read_evenly(monkeypatch):
    monkeypatch.setattr(images, "SAMPLE", 5)
    inputs = image_inputs(noise(41, seed=1))
    fit(inputs)
    assert np.flatnonzero(inputs.pictures.reads).tolist() == [0, 10, 20, 30, 40]


def test_pretrained_weights_say_mean_and_std_and_no_pixel_is_read():
    inputs = image_inputs(noise(3, seed=2))
    preparation = fit(inputs, mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    assert (preparation.mean, preparation.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    assert inputs.pictures.reads.sum() == 0


@pytest.mark.parametrize("kind", ["network", "statistics"])
def test_no_other_image_changes_what_is_learned(kind):
    training, other, brighter = noise(6, top=1000), noise(2, seed=5, top=1000), noise(2, seed=6, top=60_000)

    def learned(held) -> list:
        inputs = image_inputs(training + held).take(np.arange(6))
        if kind == "network":
            return [fit(inputs)]
        scaler = StatisticsPreparation.fit(inputs, PreparationSettings()).scaler
        return [scaler.mean_.tolist(), scaler.scale_.tolist()]

    assert learned(other) == learned(brighter)


def test_key_names_what_changes_pixels_and_nothing_else():
    inputs = image_inputs(noise(2, shape=(16, 16, 3)))
    base = fit(inputs)
    others = [{"size": 17}, {"framing": "whole"}, {"resample": "bicubic"}, {"crop_share": 0.9}, {"channels": 1}]
    keys = [fit(inputs, **change).key() for change in others] + [fit(image_inputs(noise(2, top=900))).key()]
    assert len({base.key(), *keys}) == 7
    assert fit(inputs, mean=(0, 0, 0), std=(1, 1, 1)).key() == base.key()
    assert fit(inputs, framing="whole", crop_share=0.9).key() == fit(inputs, framing="whole").key()


def test_saved_and_loaded_is_the_same_and_damage_is_named(tmp_path):
    preparation = fit(image_inputs(noise(3, top=900)), crop_share=0.875, channels=1)
    preparation.save(tmp_path)
    assert ImagePreparation.load(tmp_path) == preparation
    assert preparation.shape == (1, 16, 16)
    (tmp_path / "preparation.json").write_text('{"size": 16}')
    with pytest.raises(RunError, match=r"preparation\.json cannot be read"):
        ImagePreparation.load(tmp_path)


def test_all_images_are_prepared_in_order():
    inputs = image_inputs(noise(4, shape=(18, 31, 3)))
    preparation = fit(inputs)
    together = preparation(inputs)
    assert (together.shape, together.dtype) == ((4, 16, 16, 3), np.uint8)
    assert all(np.array_equal(together[k], preparation.prepare_one(inputs.read(k))) for k in range(4))


def test_an_image_is_read_once_for_its_numbers_whatever_the_fold():
    inputs = image_inputs(noise(4, seed=11))
    for rows in ([0, 1, 2], [3, 2, 1], [2]):
        StatisticsPreparation.fit(inputs.take(np.array(rows)), PreparationSettings())(inputs)
    assert inputs.pictures.reads.tolist() == [1, 1, 1, 1]


def test_images_without_a_checksum_are_never_remembered():
    inputs = image_inputs(noise(2, seed=12))
    inputs.records["sha256"] = ""
    found = [remembered(inputs, row, "mean", lambda pixels: pixels.mean()) for row in (0, 1)]
    assert found[0] != found[1]


def test_statistics_say_what_they_are_called():
    dark, bright = np.full((30, 40, 3), 5, dtype=np.uint8), np.full((60, 40, 3), 255, dtype=np.uint8)
    striped = np.zeros((20, 20, 3), dtype=np.uint8)
    striped[:, ::2, 0] = 200
    inputs = image_inputs([dark, bright, striped])
    preparation = StatisticsPreparation.fit(inputs, PreparationSettings(scale="none"))
    found = dict(zip(preparation.names, preparation(inputs).T.tolist(), strict=True))
    assert found["mean red"] == [5, 255, 100]
    assert found["standard deviation red"] == [0, 0, 100]
    assert found["95th percentile red"] == [5, 255, 200]
    assert found["5th percentile red"] == [5, 255, 0]
    assert found["dark share"] == [1, 0, 0.5]
    assert found["saturated share"] == [0, 1, 0]
    assert found["entropy"] == [0, 0, 1]
    assert found["sharpness"][:2] == [0, 0]
    assert found["sharpness"][2] > 50
    assert (found["width"], found["height"]) == ([40, 40, 20], [30, 60, 20])
    assert np.allclose(found["aspect"], [4 / 3, 2 / 3, 1])


def test_statistics_are_standardised_on_training_and_survive_saving(tmp_path):
    inputs = image_inputs(noise(12, shape=(20, 20), top=3000))
    preparation = StatisticsPreparation.fit(inputs, PreparationSettings())
    numbers = preparation(inputs)
    assert (numbers.dtype, numbers.shape) == (np.float32, (12, len(preparation.names)))
    varied = numbers.std(axis=0) > 0
    assert np.allclose(numbers[:, varied].std(axis=0), 1, atol=1e-4)
    assert not varied[preparation.names.index("width")]
    wider = image_inputs(noise(1, shape=(20, 90), top=3000))
    assert preparation(wider)[0, preparation.names.index("width")] == 0  # never varied in training: it must not act
    preparation.save(tmp_path / "preparation.skops")
    assert np.array_equal(StatisticsPreparation.load(tmp_path / "preparation.skops")(inputs), numbers)


def test_a_single_pixel_has_statistics():
    inputs = image_inputs([np.zeros((1, 1), dtype=np.uint8), np.zeros((1, 9), dtype=np.uint8)])
    assert np.isfinite(StatisticsPreparation.fit(inputs, PreparationSettings())(inputs)).all()
