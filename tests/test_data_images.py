"""Folders, tables and array files become cohorts of images, or are refused with the way out."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bedside.data import read_cohort, scan
from bedside.data.arrays import ArrayPictures, array_inputs
from bedside.data.description import describe
from bedside.data.images import make_image_cohort, read_images
from bedside.data.pixels import RECORD, pixel_sha256
from bedside.errors import DataError, SettingError
from bedside.settings import DataSettings

DATA = Path(os.environ.get("BEDSIDE_DATA", "nowhere"))
needs_data = [pytest.mark.data, pytest.mark.skipif(not DATA.is_dir(), reason="BEDSIDE_DATA is not set")]


def draw(path, number=0, size=(16, 12), **options):
    """An image of noise that no other number has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return pixels


@pytest.fixture
def folder(tmp_path):
    for number in range(8):
        draw(tmp_path / "scans" / ("benign" if number % 2 else "malignant") / f"{number}.png", number)
    return tmp_path / "scans"


@pytest.fixture
def table(folder):
    rows = [
        {"file": f"scans/{name}/{n}.png", "dx": name, "who": f"p{n // 2}", "age": 40 + n, "part": part}
        for n, part in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2)
        for name in ["benign" if n % 2 else "malignant"]
    ]
    pd.DataFrame(rows).to_csv(folder.parent / "list.csv", index=False)
    return folder.parent / "list.csv"


LISTED = DataSettings(image="file", target="dx", patient="who")


def read(source, **options):
    return read_images(source, DataSettings(**options))


def codes(cohort):
    return [found.code for found in cohort.findings]


def test_a_folder_per_class_is_a_cohort(folder):
    cohort = read(folder)
    assert cohort.name == "scans"
    assert cohort.samples.index.tolist()[:2] == ["benign/1.png", "benign/3.png"]
    assert cohort.samples["target"].tolist() == ["benign"] * 4 + ["malignant"] * 4
    assert cohort.task.positive == "malignant"
    assert cohort.roles.target == "class"
    assert cohort.split is None
    assert codes(cohort) == ["no-patient"]
    assert cohort.samples["patient"].tolist() == cohort.samples.index.tolist()


def test_records_say_what_is_in_the_files(folder):
    cohort = read(folder)
    records = cohort.inputs.records
    assert tuple(records.columns) == RECORD
    for row in range(8):
        pixels = cohort.inputs.read(row)
        seen = records.iloc[row]
        assert seen["sha256"] == pixel_sha256(pixels)
        assert (seen["width"], seen["height"], seen["channels"], seen["bits"], seen["format"]) == (16, 12, 3, 8, "PNG")
        assert seen["largest"] == pixels.max()
    assert np.array_equal(cohort.inputs.read(0), np.asarray(Image.open(folder / "benign" / "1.png")))
    assert cohort.fingerprint() == read(folder).fingerprint()
    assert len(pickle.dumps(cohort.inputs.pictures)) < 2000


def test_deeper_folders_belong_to_the_class_and_other_files_are_noted(folder):
    draw(folder / "benign" / "camera" / "old" / "x.jpg", 50)
    (folder / "empty").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png", "notes.txt", "list.csv", "README"):
        (folder / "benign" / name).write_text("text")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "a.png").write_text("text")
    cohort = read(folder)
    assert cohort.samples.loc["benign/camera/old/x.jpg", "target"] == "benign"
    assert len(cohort) == 9
    found = {one.code: one for one in cohort.findings}
    assert "3 files beside the images were not used" in found["not-images"].message
    assert ".txt (1)" in found["not-images"].message
    assert "1 folder holds no images: 'empty'" in found["empty-class"].message


def test_numbers_as_folder_names_are_classes_and_links_to_folders_are_followed(tmp_path):
    for number in range(24):
        draw(tmp_path / "store" / str(number % 12) / f"{number}.png", number)
    (tmp_path / "linked").mkdir()
    for name in range(12):
        (tmp_path / "linked" / str(name)).symlink_to(tmp_path / "store" / str(name), target_is_directory=True)
    (tmp_path / "linked" / "0" / "loop").symlink_to(tmp_path / "store", target_is_directory=True)
    cohort = read(tmp_path / "linked")
    assert cohort.task.kind == "multiclass"
    assert cohort.task.classes == tuple(map(str, range(12)))


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "VAL", "testing"), ("train", "validation", "Test")]
)
def test_folders_named_after_splits_are_the_split(tmp_path, names):
    for n, (name, label) in enumerate((name, label) for name in names for label in ("cat", "dog")):
        draw(tmp_path / name / label / "1.png", n)
    cohort = read(tmp_path, positive="dog")
    parts = dict(zip(cohort.samples.index, cohort.split, strict=True))
    assert {parts[f"{name}/{label}/1.png"] for name in names[:1] for label in ("cat", "dog")} == {"train"}
    assert [parts[f"{name}/dog/1.png"] for name in names] == ["train", "valid", "test"]
    assert cohort.task.classes == ("cat", "dog")
    assert describe(cohort)["linked"]["across_split"] == 0


def test_split_folders_beside_others_are_refused(tmp_path):
    for n, name in enumerate(["train/a", "train/b", "test/a", "spare"]):
        draw(tmp_path / name / "1.png", n)
    with pytest.raises(DataError, match=r"holds 'test' and 'train' and also 'spare', so it is not clear"):
        read(tmp_path)


def test_images_without_a_class_are_refused_with_the_three_ways(tmp_path):
    draw(tmp_path / "flat" / "a.png")
    with pytest.raises(DataError, match=r"1 image in .*flat lies in no class folder: 'a.png'") as caught:
        read(tmp_path / "flat")
    for way in ("a folder per class", "--image COLUMN --target COLUMN", "--label-pattern '(?P<target>.+)_"):
        assert way in str(caught.value)


def test_the_folder_above_the_classes_names_the_one_to_take(folder):
    with pytest.raises(
        DataError,
        match=r"lie in one folder, 'scans'. If the classes are 'benign' and 'malignant', name the folder scans in it",
    ):
        read(folder.parent)


def test_a_label_pattern_reads_target_patient_and_site_from_names(tmp_path):
    for n in range(8):
        draw(tmp_path / f"{'ab'[n % 2]}_{n // 2}_{'north' if n < 4 else 'south'}.png", n)
    cohort = read(tmp_path, label_pattern=r"(?P<target>[ab])_(?P<patient>\d)_(?P<site>\w+)\.png", positive="b")
    assert cohort.samples.loc["b_3_south.png"].tolist() == ["3", "b", "south"]
    assert cohort.roles.patient == "patient"
    assert cohort.n_patients == 4
    assert codes(cohort) == []
    with pytest.raises(
        DataError, match=r"does not fit 4 of 8 file names: 'a_2_south.png', .*It must match the whole name"
    ):
        read(tmp_path, label_pattern=r"(?P<target>[ab])_\d_north\.png")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?P<target>.+", r"is no regular expression: missing \), unterminated subpattern at character 1"),
        (r"(.+)\.png", r"has no group named target\. Write \(\?P<target>"),
        (r"(?P<target>.+)(?P<patien>.)\.png", r"has a group 'patien'\. Did you mean 'patient'\?"),
    ],
)
def test_a_label_pattern_that_cannot_act_is_refused(folder, pattern, message):
    with pytest.raises(SettingError, match=message):
        read(folder, label_pattern=pattern)


def test_a_table_names_the_images(table):
    cohort = read_images(table, LISTED.model_copy(update={"subgroups": ("age",), "split": "part"}))
    assert cohort.name == "list"
    assert cohort.samples.index[0] == "scans/malignant/0.png"
    assert cohort.samples["patient"].tolist() == ["p0", "p0", "p1", "p1", "p2", "p2", "p3", "p3"]
    assert cohort.samples["age"].tolist() == list(range(40, 48))
    assert list(cohort.split) == ["train"] * 4 + ["valid"] * 2 + ["test"] * 2
    assert cohort.about["source"] == "list.csv"
    assert describe(cohort)["features"] == []


def test_absolute_paths_and_paths_elsewhere_work(table, tmp_path):
    frame = pd.read_csv(table)
    frame.loc[0, "file"] = str(table.parent / frame.loc[0, "file"])
    (tmp_path / "lists").mkdir()
    frame.loc[1:, "file"] = "../" + frame.loc[1:, "file"]
    frame.to_csv(tmp_path / "lists" / "moved.csv", index=False)
    assert (
        read_images(tmp_path / "lists" / "moved.csv", LISTED).inputs.fingerprint()
        == read_images(table, LISTED).inputs.fingerprint()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {0: "scans/malignant/0"},
            r"1 of 8 images in column 'file' of list.csv does not exist: 'scans/malignant/0'. The ending is lacking: there is '0.png'",
        ),
        ({0: "scans/malignant/00.png"}, r"Did you mean '0.png'"),
        ({0: "scans\\malignant\\0.png"}, r"Write paths with / instead of"),
        (
            {0: "elsewhere/0.png", 1: "elsewhere/1.png"},
            r"2 of 8 images .* do not exist: .*The folder .*elsewhere does not exist",
        ),
        ({0: "scans/malignant"}, r"'scans/malignant' is a folder"),
        ({0: ""}, r"Column 'file' \(image\) is empty in 1 row, the first is row 1"),
        ({0: "scans/benign/1.png"}, r"names 'scans/benign/1.png' more than once"),
    ],
)
def test_images_that_are_not_there_are_named_with_a_hint(table, change, message):
    frame = pd.read_csv(table)
    for row, name in change.items():
        frame.loc[row, "file"] = name
    frame.to_csv(table, index=False)
    with pytest.raises(DataError, match=message):
        read_images(table, LISTED)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "fil"}, r"There is no column 'fil' \(image\)\. Did you mean 'file'"),
        ({"target": "dxx"}, r"There is no column 'dxx' \(target\)\. Did you mean 'dx'"),
        ({"target": None}, r"No target was named\. Add --target COLUMN"),
        ({"target": "file"}, r"Column 'file' holds the paths of the images, so it cannot have another role"),
    ],
)
def test_columns_that_are_not_there_are_refused_before_any_image_is_read(table, monkeypatch, options, message):
    monkeypatch.setattr(scan, "look", lambda *_: pytest.fail("images were read"))
    with pytest.raises(DataError, match=message):
        read_images(table, LISTED.model_copy(update=options))


def test_unreadable_files_are_all_listed_then_left_out_on_request(table, folder):
    (folder / "benign" / "1.png").write_bytes(b"")
    (folder / "benign" / "3.png").write_bytes((folder / "benign" / "3.png").read_bytes()[:200])
    draw(folder / "malignant" / "0.png", format="JPEG")
    (folder / "malignant" / "2.png").unlink()
    with pytest.raises(DataError) as caught:
        read(folder)
    lines = str(caught.value).splitlines()
    assert lines[0] == "3 of 7 images cannot be read:"
    assert lines[1] == "  benign/1.png is empty (0 bytes)"
    assert lines[2].startswith("  benign/3.png is damaged (")
    assert lines[3] == "  malignant/0.png ends in '.png' but its content is that of a JPEG file; rename it"
    assert lines[4] == "Repair or remove them, or leave them out: --skip-unreadable."
    cohort = read_images(table, LISTED.model_copy(update={"skip_unreadable": True}))
    assert cohort.samples.index.tolist() == [
        f"scans/{name}.png" for name in ("malignant/4", "benign/5", "malignant/6", "benign/7")
    ]
    (found,) = [one for one in cohort.findings if one.code == "unreadable"]
    assert found.level == "warning"
    assert found.message.startswith(
        "4 of 8 images could not be read and were left out: 'scans/malignant/0.png' ends in"
    )
    listed = describe(cohort)["images"]["unreadable"]
    assert {"name": "scans/malignant/2.png", "reason": "does not exist"} in listed
    assert len(listed) == 4
    flow = describe(cohort)["flow"]
    assert flow["read"] == {"samples": 8, "patients": 4}
    reason = "the image could not be read"
    assert flow["excluded"] == [{"code": "unreadable", "reason": reason, "samples": 4, "patients": 2}]
    assert np.array_equal(cohort.inputs.read(1), np.asarray(Image.open(folder / "benign" / "5.png")))


def test_more_than_twenty_unreadable_files_are_counted_and_none_readable_is_an_error(folder):
    for number in range(30):
        (folder / "benign" / f"z{number:02d}.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"30 of 38 images(.|\n)*and 10 more"):
        read(folder)
    for file in folder.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="None of 38 images can be read"):
        read(folder, skip_unreadable=True)


def test_worker_processes_see_the_same(folder, monkeypatch):
    alone = read(folder).inputs
    monkeypatch.setattr(scan, "LONG", 0.0)
    monkeypatch.setattr(scan, "_BATCH", 3)
    assert read(folder).inputs.records.equals(alone.records)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "dx"}, r"Setting target='dx' has no effect on a folder of images"),
        ({"patient": "p"}, r"--label-pattern with a group 'patient'"),
        ({"features": ("a",)}, r"features=\('a',\) has no effect on a folder of images"),
        ({"exclude": ("a",)}, "exclude"),
        ({"categories": ("a",)}, "categories"),
        ({"allow_leak": ("a",)}, "allow_leak"),
        ({"separator": ";"}, "separator"),
        ({"image": "file"}, "image"),
        ({"split": "part"}, "split"),
        ({"synthetic": {"n": 3}}, "synthetic"),
    ],
)
def test_settings_that_cannot_act_on_a_folder_are_refused(folder, options, message):
    with pytest.raises(SettingError, match=message):
        read(folder, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_pattern": "(?P<target>.)"}, "label_pattern.* has no effect on a table"),
        ({"features": ("age",)}, "features.* has no effect on images, which have no columns to learn from"),
        ({"exclude": ("age",)}, "exclude"),
        ({"categories": ("age",)}, r"--category age has no effect: 'age' is no subgroup or target"),
    ],
)
def test_settings_that_cannot_act_on_listed_images_are_refused(table, options, message):
    with pytest.raises(SettingError, match=message):
        read_images(table, LISTED.model_copy(update=options))


def test_sources_are_told_apart(folder, table):
    assert read_cohort(str(folder)).inputs.kind == "image"
    assert read_cohort(str(table), LISTED).inputs.kind == "image"
    for option, value in {"modality": "xray", "skip_unreadable": True, "label_pattern": "x"}.items():
        with pytest.raises(SettingError, match=f"{option}.* has no effect on a table without --image"):
            read_cohort(str(table), DataSettings(target="dx", **{option: value}))
    with pytest.raises(DataError, match=r"is one image; training needs many"):
        read_cohort(str(folder / "benign" / "1.png"))
    with pytest.raises(DataError, match=r"no file or folder '.*scan'. Did you mean '.*scans'"):
        read_cohort(str(folder.parent / "scan"))
    (folder.parent / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no images\. It is empty\."):
        read_cohort(str(folder.parent / "empty"))
    (folder.parent / "empty" / "list.csv").write_text("a")
    with pytest.raises(DataError, match=r"It holds other files: .csv \(1\). To train on a table in it \('list.csv'\)"):
        read_cohort(str(folder.parent / "empty"))


def test_a_folder_that_may_not_be_read_is_named(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError, match=r"Cannot read the folder .*scans: Permission denied"):
        read(folder)


def test_the_modality_that_is_named_is_kept(folder):
    assert read(folder, modality="dermoscopy").about["modality"] == "dermoscopy"
    assert describe(read(folder))["images"]["modality"] is None


def test_the_description_counts_formats_sizes_and_duplicates(folder):
    draw(folder / "benign" / "wide.jpg", 60, size=(40, 20))
    (folder / "benign" / "copy.png").write_bytes((folder / "malignant" / "0.png").read_bytes())
    record = describe(read(folder))
    assert record["images"]["formats"] == {"PNG": 9, "JPEG": 1}
    assert record["images"]["sizes"] == [
        {"width": 16, "height": 12, "samples": 9},
        {"width": 40, "height": 20, "samples": 1},
    ]
    assert (record["images"]["smallest"], record["images"]["largest"]) == ([16, 12], [40, 20])
    assert record["images"]["channels"] == {"3": 10}
    assert (record["linked"]["exact"], record["linked"]["across_split"]) == (2, None)
    json.dumps(record)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(3)
    sizes = {"train": 12, "val": 4, "test": 6}
    made = {f"{part}_images": rng.integers(0, 256, (n, 10, 9, 3), dtype=np.uint8) for part, n in sizes.items()}
    return made | {f"{part}_labels": (np.arange(n) % 2).reshape(-1, 1).astype(np.uint8) for part, n in sizes.items()}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_medmnist_files_keep_their_split(tmp_path, arrays, save):
    save(tmp_path / "set.npz", **arrays)
    cohort = read_cohort(str(tmp_path / "set.npz"))
    assert cohort.task.classes == ("0", "1")
    assert cohort.task.positive == "1"
    assert codes(cohort) == ["no-patient"]
    assert list(cohort.split) == ["train"] * 12 + ["valid"] * 4 + ["test"] * 6
    assert cohort.samples.index.tolist() == [str(number) for number in range(1, 23)]
    whole = np.concatenate([arrays[f"{part}_images"] for part in ("train", "val", "test")])
    assert all(np.array_equal(cohort.inputs.read(row), whole[row]) for row in range(22))
    assert np.array_equal(cohort.inputs.take(np.array([20, 3])).read(0), whole[20])


def test_uncompressed_arrays_stay_on_the_disk(tmp_path, arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    pictures = read(tmp_path / "set.npz").inputs.pictures
    assert len(pickle.dumps(pictures)) < 1500 < arrays["train_images"].nbytes
    assert pictures.read(3).flags.writeable


def test_class_names_in_the_file_are_used(tmp_path, arrays):
    np.savez(tmp_path / "set.npz", **arrays, class_names=np.array(["normal", "pneumonia"]), extra=np.zeros(2))
    cohort = read(tmp_path / "set.npz")
    assert cohort.task.classes == ("normal", "pneumonia")
    assert "Arrays that were not used: 'extra'." in [found.message for found in cohort.findings]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"train_labels": np.zeros((12, 14), np.uint8)},
            r"'train_labels' of set.npz has 14 labels per image; one is learned at a time",
        ),
        ({"val_labels": np.zeros(3, np.uint8)}, r"has shape \(3,\), but there are 4 images"),
        ({"train_images": np.zeros((12, 10, 9, 3), np.float32)}, r"holds float32; images are uint8"),
        ({"train_images": np.zeros((12, 3, 10, 9), np.uint8)}, r"Move the colours to the end"),
        ({"train_images": np.zeros((12, 28, 28, 28), np.uint8)}, r"Volumes are not read"),
        ({"train_images": np.zeros((12, 7, 9), np.uint8)}, r"at least one image with 8 px a side"),
        ({"train_images": np.array([{}] * 12)}, r"Array 'train_images' of set.npz cannot be read: Object arrays"),
        ({"class_names": np.array(["one"])}, r"labels go from 0 to 1"),
        ({"train_labels": np.array([{}] * 12)}, r"set.npz cannot be read: Object arrays"),
        ({"train_labels": None}, r"holds no array 'train_labels'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, arrays, change, message):
    kept = {name: array for name, array in (arrays | change).items() if array is not None}
    np.savez(tmp_path / "set.npz", **kept)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "set.npz")


def test_array_files_that_are_damaged_or_missing_are_refused(tmp_path, arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "set.npz").read_bytes()[:2000])
    with pytest.raises(DataError, match=r"cut.npz cannot be read"):
        read(tmp_path / "cut.npz")
    with pytest.raises(DataError, match=r"no file or folder .*sett.npz. Did you mean 'set.npz'"):
        read(tmp_path / "sett.npz")
    with pytest.raises(SettingError, match=r"target='x' has no effect on an array file"):
        read(tmp_path / "set.npz", target="x")


def test_images_in_memory_make_a_cohort_too():
    rng = np.random.default_rng(4)
    images = [rng.integers(0, 65536, (9, 10 + row), dtype=np.uint16) for row in range(6)]
    frame = pd.DataFrame({"dx": ["a", "b"] * 3, "who": list("xxyyzz")}, index=[f"s{row}" for row in range(6)])
    settings = DataSettings(target="dx", patient="who", positive="b")
    cohort = make_image_cohort(
        array_inputs(images), frame, settings, name="made", about={"synthetic": "yes"}, modality="photo"
    )
    assert cohort.samples.loc["s1"].tolist() == ["x", "b"]
    assert cohort.about == {"synthetic": "yes", "modality": "photo"}
    assert describe(cohort)["images"]["bits"] == {"16": 6}
    assert isinstance(cohort.inputs.pictures, ArrayPictures)
    assert np.array_equal(cohort.inputs.read(5), images[5])


class TestRealImages:
    pytestmark = needs_data

    def test_pets_by_file_name(self):
        cohort = read(DATA / "pets_by_filename", label_pattern=r"(?P<target>.+)_\d+\.jpg")
        assert len(cohort) == 40
        assert cohort.samples.loc["Great_pyrenees_05435.jpg", "target"] == "Great_pyrenees"

    def test_the_official_split_of_pneumoniamnist(self, monkeypatch):
        monkeypatch.setattr("bedside.data.duplicates.link_images", lambda inputs: (np.arange(len(inputs)), None))
        cohort = read(DATA / "pneumoniamnist.npz")
        assert [int((cohort.split == part).sum()) for part in ("train", "valid", "test")] == [4708, 524, 624]
        assert cohort.task.positive == "1"
        assert set(cohort.inputs.records["channels"]) == {1}
