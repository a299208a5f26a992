"""What is wrong with a set of images is said before training, and nothing where nothing is wrong."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bedside.cohort import Cohort, Roles, Task
from bedside.data.arrays import array_inputs
from bedside.data.checks import check, refuse_leaks
from bedside.data.duplicates import link_images
from bedside.errors import SettingError

N = 60


def pictures(n=N, side=48, seed=0):
    rng = np.random.default_rng(seed)
    return [
        np.asarray(Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).resize((side, side), 2))
        for _ in range(n)
    ]


def make(images, target=None, *, split=None, patients=None, site=None, **records):
    """A cohort in which every other image is of class b, unless said otherwise."""
    inputs = array_inputs(images)
    inputs.records[list(records)] = pd.DataFrame(records)
    n = len(images)
    samples = pd.DataFrame(
        {
            "patient": np.arange(n).astype(str) if patients is None else patients,
            "target": np.tile(["a", "b"], n)[:n] if target is None else target,
        },
        index=pd.Index([f"{k}.png" for k in range(n)], name="sample"),
    )
    if site is not None:
        samples["site"] = site
    regression = not isinstance(samples["target"].iloc[0], str)
    task = Task("regression") if regression else Task("binary", ("a", "b"))
    split = None if split is None else np.asarray(split, dtype=object)
    return Cohort("made", samples, Roles("class"), task, inputs, link_images(inputs)[0], split=split)


def found(cohort):
    return {finding.code: finding for finding in check(cohort)}


@pytest.mark.parametrize("target", [None, np.random.default_rng(0).normal(size=N)])
def test_no_alarm_without_a_reason(target):
    assert found(make(pictures(), target)) == {}


def test_no_leak_to_refuse_and_none_to_allow():
    cohort = make(pictures())
    assert refuse_leaks(cohort) == []
    with pytest.raises(SettingError, match="--allow-leak age has no effect"):
        refuse_leaks(cohort, ("age",))


def test_duplicates_are_counted_by_kind_and_contradictions_named():
    images = pictures()
    cohort = make([*images, images[0], images[1][:, ::-1], images[3]], [*["a", "b"] * 30, "a", "b", "a"])
    everything = found(cohort)
    message = everything["duplicates"].message
    assert message.startswith("6 samples in 3 groups have the same image, 4 of them pixel by pixel and 2 nearly")
    assert "3 of the groups across patients" in message
    assert "1 group of duplicates has different targets" in everything["duplicates-disagree"].message
    assert "'3.png' and '62.png'" in everything["duplicates-disagree"].message


def test_what_the_own_split_leaks_is_counted_exactly():
    images = pictures()
    split = ["train"] * 30 + ["valid"] * 15 + ["test"] * 15
    copies = [images[0], images[1][::-1], images[50], images[40], images[59]]
    cohort = make([*images, *copies], split=[*split, "test", "test", "train", "train", "test"])
    leak = found(cohort)["split-duplicates"]
    assert leak.level == "warning"
    assert (
        "separates 4 groups of duplicates: 3 samples of test are also in train, 1 sample of valid is also in train."
        in leak.message
    )


def test_patients_in_two_parts_of_the_own_split():
    patients = [f"p{k // 2}" for k in range(N)]
    split = ["train"] * 31 + ["test"] * 29
    leak = found(make(pictures(), split=split, patients=patients))["split-patients"]
    assert "has 1 patient in more than one part: 1 sample of test is also in train." in leak.message


def test_a_clean_split_is_no_news():
    assert found(make(pictures(), split=["train"] * 30 + ["valid"] * 15 + ["test"] * 15)) == {}


of_b = np.arange(N) % 2 == 1


@pytest.mark.parametrize(
    ("records", "code", "words"),
    [
        ({"width": np.where(of_b, 100, 48)}, "shortcut-size", "The number of pixels alone gives the target away"),
        (
            {"width": np.where(of_b, 96, 48), "height": np.where(of_b, 48, 96)},
            "shortcut-size",
            "The ratio of width to height alone gives the target away",
        ),
        ({"format": np.where(of_b, "PNG", "JPEG").astype(object)}, "shortcut-format", "The file format alone gives"),
        ({"bits": np.where(of_b, 16, 8)}, "shortcut-format", "The number of bits alone gives"),
        ({"channels": np.where(of_b, 1, 3)}, "shortcut-colour", "Whether an image is grey or in colour alone gives"),
    ],
)
def test_files_that_tell_the_target(records, code, words):
    shortcut = found(make(pictures(), **records))[code]
    assert (shortcut.level, shortcut.message[: len(words)]) == ("warning", words)
    assert shortcut.remedy


def test_one_size_that_nearly_tells_the_target():
    width = np.where(of_b, 100, 48)
    width[:3] = 100
    assert "nearly gives the target away: AUC 0.9" in found(make(pictures(), width=width))["shortcut-size"].message


def test_sizes_that_tell_nothing_are_no_news():
    rng = np.random.default_rng(3)
    records = {"width": rng.integers(40, 90, N), "format": rng.choice(["PNG", "JPEG"], N).astype(object)}
    assert found(make(pictures(), **records)) == {}


def test_brightness_that_tells_the_target():
    images = [image // 4 if dark else image for image, dark in zip(pictures(), of_b, strict=True)]
    assert "always 'b', from" in found(make(images))["shortcut-brightness"].message


def test_a_number_that_the_size_tells():
    side = np.random.default_rng(0).integers(40, 400, N)
    assert "correlation" in found(make(pictures(), side / 10.0, width=side, height=side))["shortcut-size"].message


def test_a_site_that_tells_the_target():
    site = np.where(of_b, "north", "south")
    assert "shortcut-site" in found(make(pictures(), site=site))


def test_grey_and_coloured_images():
    few = np.where(np.arange(N) < 8, 1, 3)
    note = found(make(pictures(), channels=few))["mixed-colour"]
    assert (note.level, note.message) == ("note", "8 images of 60 are grey, the others in colour.")
    unequal = np.where(of_b & (np.arange(N) < 45), 1, 3)
    warning = found(make(pictures(), channels=unequal))["mixed-colour"]
    assert warning.level == "warning"
    assert "Grey are 73\u00a0% of class 'b' but 0\u00a0% of class 'a'." in warning.message


def test_tiny_images():
    assert found(make(pictures(side=28)))["tiny-images"].message.startswith("60 images of 60 have a side of at most 32")
