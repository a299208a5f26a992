"""New images are read for a trained model as in training; what differs from training is said."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bedside.data.new_images import read_new_images
from bedside.errors import DataError
from bedside.settings import DataSettings

KNOWN = {"channels": {"3": 9}, "bits": {"8": 5, "16": 4}, "smallest": [10, 10], "largest": [40, 30]}
SETTINGS = DataSettings()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "new"
    for number, name in enumerate(["a.png", "deep/b.png", "deep/er/c.jpg", "cat/d.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)
    (root / "notes.txt").write_text("text")
    return root


def codes(aligned):
    return [found.code for found in aligned.findings]


def test_a_folder_of_any_depth_and_a_single_image(folder):
    aligned = read_new_images(folder, KNOWN, SETTINGS)
    assert aligned.samples.index.tolist() == ["a.png", "cat/d.png", "deep/b.png", "deep/er/c.jpg"]
    assert codes(aligned) == ["not-images"]
    one = read_new_images(str(folder / "a.png"), KNOWN, SETTINGS)
    assert one.samples.index.tolist() == ["a.png"]
    assert np.array_equal(one.inputs.read(0), np.asarray(Image.open(folder / "a.png")))
    assert one.findings == ()


def test_settings_of_training_and_the_target_do_not_matter(folder):
    trained = DataSettings(target="dx", image="file", patient="who", label_pattern=r"(?P<target>.)", positive="x")
    assert len(read_new_images(folder, KNOWN, trained).inputs) == 4


def test_a_table_lists_images_without_a_target(folder):
    frame = pd.DataFrame({"file": ["new/a.png", "new/deep/b.png"], "who": [7, 8]})
    frame.to_csv(folder.parent / "list.csv", index=False)
    aligned = read_new_images(folder.parent / "list.csv", KNOWN, DataSettings(image="file", target="dx", patient="who"))
    assert aligned.samples["patient"].tolist() == ["7", "8"]
    assert aligned.samples.index.tolist() == ["new/a.png", "new/deep/b.png"]
    with pytest.raises(DataError, match=r"is a table, but the model was trained on images.*--image COLUMN"):
        read_new_images(folder.parent / "list.csv", KNOWN, SETTINGS)


def test_what_training_never_saw_is_said(folder):
    Image.fromarray(np.zeros((9, 50), np.uint8)).save(folder / "z.png")
    found = {one.code: one for one in read_new_images(folder, KNOWN, SETTINGS).findings}
    assert found["new-range"].message == (
        "1 of 5 images has a size that training did not see, such as 'z.png' (50 x 9 px); in training 10 x 10 to 40 x 30 px."
    )
    assert found["new-channels"].message == "1 of 5 images is grey, but the model learned from colour."
    grey = read_new_images(folder, {**KNOWN, "channels": {"1": 9}}, SETTINGS)
    assert "4 of 5 images are in colour, but the model learned from grey images." in [
        one.message for one in grey.findings
    ]


def test_unreadable_images_are_refused_or_left_out(folder):
    (folder / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of 4 images cannot be read:\n  a.png is empty(.|\n)*--skip-unreadable"):
        read_new_images(folder, KNOWN, SETTINGS)
    aligned = read_new_images(folder, KNOWN, DataSettings(skip_unreadable=True))
    assert aligned.samples.index.tolist() == ["cat/d.png", "deep/b.png", "deep/er/c.jpg"]
    assert "unreadable" in codes(aligned)


def test_array_files_are_read_and_npy_stays_on_the_disk(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (50, 20, 20, 3), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    aligned = read_new_images(tmp_path / "a.npy", KNOWN, SETTINGS)
    assert aligned.samples.index.tolist() == [str(number) for number in range(1, 51)]
    assert set(aligned.inputs.records["sha256"]) == {""}
    assert all(np.array_equal(aligned.inputs.read(row), images[row]) for row in (0, 17, 49))
    assert len(pickle.dumps(aligned.inputs.pictures)) < 1000
    np.savez_compressed(tmp_path / "a.npz", test_images=images[:5], images=images[5:9])
    stored = read_new_images(tmp_path / "a.npz", KNOWN, SETTINGS)
    assert len(stored.inputs) == 9
    assert stored.inputs.records["sha256"].nunique() == 9
    np.save(tmp_path / "grey.npy", np.asfortranarray(images[..., 0]))
    turned = read_new_images(tmp_path / "grey.npy", KNOWN, SETTINGS)
    assert np.array_equal(turned.inputs.read(4), images[4, ..., 0])
    np.save(tmp_path / "one.npy", images[..., :1])
    assert read_new_images(tmp_path / "one.npy", KNOWN, SETTINGS).inputs.read(3).shape == (20, 20)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.png", r"There is no file or folder .*missing.png"),
        ("nowhere/a.png", r"the folder .*nowhere does not exist"),
        ("text.doc", r"text.doc is not an image. Name an image, a folder of images"),
        ("void", r"The folder .*void holds no images"),
        ("cut.npy", r"cut.npy cannot be read: the file is cut off"),
        ("flat.npy", r"Array 'flat' of flat.npy has shape \(9, 9\)"),
        ("other.npz", r"holds no array 'images' or 'test_images'. Its arrays: 'x'"),
    ],
)
def test_what_holds_no_images_is_refused(tmp_path, name, message):
    (tmp_path / "void").mkdir()
    (tmp_path / "text.doc").write_text("text")
    np.save(tmp_path / "whole.npy", np.zeros((9, 9, 9), np.uint8))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:300])
    np.save(tmp_path / "flat.npy", np.zeros((9, 9), np.uint8))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DataError, match=message):
        read_new_images(tmp_path / name, KNOWN, SETTINGS)


def test_sixteen_bits_are_refused_by_a_model_of_eight(tmp_path):
    Image.fromarray(np.full((20, 20), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"1 image of 1 has 16 bits, such as 'deep\.png'"):
        read_new_images(tmp_path, {**KNOWN, "channels": {"1": 9}, "bits": {"8": 9}}, SETTINGS)
