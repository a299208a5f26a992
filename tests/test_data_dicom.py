"""DICOM files look as in a viewer, and nobody's name leaves the reader."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bedside.data.decode import Unreadable, decode
from bedside.data.description import describe
from bedside.data.images import read_images
from bedside.errors import DataError
from bedside.settings import DataSettings

pydicom = pytest.importorskip("pydicom", reason="the extra bedside[dicom] is not installed")

RAMP = np.linspace(0, 4095, 16 * 16).reshape(16, 16).astype(np.uint16)
NAME, ID, BORN = "Planck^Wilhelmine", "PID-774411", "19170403"


def write(path, pixels=RAMP, *, stored=12, meaning="MONOCHROME2", **header):
    """A small DICOM file with an identified patient."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = NAME, ID, BORN
    dataset.Modality, dataset.BurnedInAnnotation = "CR", "NO"
    dataset.Rows, dataset.Columns = pixels.shape[-3:-1] if pixels.shape[-1] == 3 else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = meaning
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = stored, stored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for key, value in header.items():
        if value is None:
            delattr(dataset, key)
        else:
            setattr(dataset, key, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def shown(path):
    return decode(path).pixels


def test_without_a_window_the_range_of_the_stored_bits_is_shown(tmp_path):
    pixels = shown(write(tmp_path / "a.dcm"))
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, np.rint(RAMP / 4095 * 65535).astype(np.uint16))
    eight = (RAMP // 16).astype(np.uint8)
    assert np.array_equal(shown(write(tmp_path / "b.dcm", eight, stored=8)), eight)


def test_rescale_and_linear_window_follow_the_standard(tmp_path):
    """PS3.3 C.11.2.1.2: x <= c - 0.5 - (w-1)/2 is black, x > c - 0.5 + (w-1)/2 is white."""
    hounsfield = RAMP.astype(float) - 1024
    window = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": [40, 500], "WindowWidth": [400, 2000]}
    pixels = shown(write(tmp_path / "a.dcm", **window))
    expected = np.clip((hounsfield - 39.5) / 399 + 0.5, 0, 1)
    assert np.array_equal(pixels, np.rint(expected * 65535).astype(np.uint16))
    exact = shown(write(tmp_path / "b.dcm", **window, VOILUTFunction="LINEAR_EXACT"))
    assert np.array_equal(exact, np.rint(np.clip((hounsfield - 40) / 400 + 0.5, 0, 1) * 65535).astype(np.uint16))
    sigmoid = shown(write(tmp_path / "c.dcm", **window, VOILUTFunction="SIGMOID"))
    assert np.array_equal(sigmoid, np.rint(65535 / (1 + np.exp(-4 * (hounsfield - 40) / 400))).astype(np.uint16))


def test_the_window_agrees_with_pydicom_on_its_own_files():
    path = Path(pydicom.data.get_testdata_file("MR_small.dcm", download=False))
    dataset = pydicom.dcmread(path)
    theirs = pydicom.pixels.apply_voi_lut(pydicom.pixels.apply_modality_lut(dataset.pixel_array, dataset), dataset)
    low, high = -(2**15), 2**15 - 1
    assert np.abs(shown(path) / 65535 - (theirs - low) / (high - low)).max() < 1e-4


def test_monochrome1_is_inverted_and_signed_values_are_read(tmp_path):
    upright, inverted = shown(write(tmp_path / "a.dcm")), shown(write(tmp_path / "b.dcm", meaning="MONOCHROME1"))
    assert np.abs(upright.astype(int) + inverted - 65535).max() <= 1
    signed = (RAMP.astype(int) - 2048).astype(np.int16)
    assert np.array_equal(shown(write(tmp_path / "c.dcm", signed)), upright)


def test_a_lookup_table_of_the_header_is_applied(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, 16]
    table.add_new("LUTData", "OW", (65535 - 16 * np.arange(4096)).astype("<u2").tobytes())
    pixels = shown(write(tmp_path / "a.dcm", VOILUTSequence=[table], WindowCenter=5, WindowWidth=5))
    assert np.array_equal(pixels, 65535 - 16 * RAMP)


def test_colour_stays_colour(tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert np.array_equal(shown(write(tmp_path / "a.dcm", colour, stored=8, meaning="RGB")), colour)
    red = np.zeros((16, 16, 3), dtype=np.uint8)
    red[...] = (76, 85, 255)  # red in full-range YBR
    pixels = shown(write(tmp_path / "b.dcm", red, stored=8, meaning="YBR_FULL"))
    assert np.abs(pixels.astype(int) - (254, 0, 0)).max() <= 3


def test_every_file_that_comes_with_pydicom_is_read_or_has_a_reason():
    folder = Path(pydicom.data.__file__).parent / "test_files"
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix in (".dcm", "")]
    assert len(files) > 78
    read, reasons = {}, {}
    for file in files:
        try:
            read[file.name] = decode(file, file.name)
        except Unreadable as error:
            reasons[file.name] = str(error)
    assert len(read) > 60
    for decoded in read.values():
        assert decoded.pixels.dtype in (np.uint8, np.uint16)
        assert decoded.pixels.ndim == 2 or decoded.pixels.shape[2] == 3
        assert min(decoded.pixels.shape[:2]) >= 8
    assert reasons["examples_ybr_color.dcm"].startswith("holds 30 frames; only single images are read")
    assert "no image" in reasons["rtplan.dcm"]
    assert "32 bits" in reasons["SC_rgb_rle_32bit.dcm"]
    assert "JPEG-LS Lossless" in reasons["MR_small_jpeg_ls_lossless.dcm"] or "MR_small_jpeg_ls_lossless.dcm" in read
    assert "pip install pylibjpeg" in reasons.get("MR_small_jpeg_ls_lossless.dcm", "pip install pylibjpeg")
    assert "MR_small.dcm" in read
    same = [read[f"MR_small{form}.dcm"].pixels for form in ("_RLE", "_bigendian", "_implicit", "_jp2klossless")]
    assert all(np.array_equal(pixels, read["MR_small.dcm"].pixels) for pixels in same)


@pytest.fixture
def hospital(tmp_path):
    """Four patients, two images each, in folders named after the patients; some files are unreadable."""
    for number, (name, born) in enumerate(
        [(NAME, BORN), ("Curie^Maria", "18671107"), ("Meitner^Lise", "18781107"), ("Noether^E", "18820323")]
    ):
        for shot in range(2):
            folder = tmp_path / "scans" / ("sick" if number < 2 else "well") / name.replace("^", "_")
            folder.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(10 * number + shot).integers(0, 4096, (16, 16), dtype=np.uint16)
            names = {"PatientName": name, "PatientID": f"PID-77{number}", "PatientBirthDate": born}
            write(folder / f"PID-77{number}_{shot}.dcm", noise, **names)
    frames = np.zeros((3, 16, 16), np.uint16)
    write(tmp_path / "scans" / "sick" / "PID-770_stack.dcm", frames, NumberOfFrames=3, PatientID="PID-770")
    return tmp_path / "scans"


def test_no_identifier_leaves_the_reader(hospital):
    with pytest.raises(DataError, match=r"1 of 9 images cannot be read:\n  sick/PID-770_stack.dcm holds 3 frames"):
        read_images(hospital, DataSettings())
    cohort = read_images(hospital, DataSettings(skip_unreadable=True))
    assert cohort.samples.index.tolist() == [f"dicom-{number:04d}" for number in (1, 2, 4, 5, 6, 7, 8, 9)]
    assert cohort.n_patients == 4
    assert set(cohort.samples["patient"]) == {f"patient-{number:04d}" for number in range(1, 5)}
    assert cohort.samples.groupby("patient").size().tolist() == [2, 2, 2, 2]
    assert cohort.about["modality"] == "xray"
    kept = "\n".join(
        [
            cohort.samples.to_csv(),
            repr(cohort.findings),
            repr(cohort.about),
            repr(cohort.roles),
            json.dumps(describe(cohort)),
        ]
    ).casefold()
    for word in ("planck", "wilhelmine", "curie", "maria", "meitner", "lise", "noether", "77", "1917", "1867", "1878"):
        assert word not in kept.replace(cohort.inputs.fingerprint(), ""), word
    assert {"numbered-files", "header-patient", "unreadable", "no-window"} <= {found.code for found in cohort.findings}
    assert describe(cohort)["images"]["unreadable"] == [
        {"name": "dicom-0003", "reason": "holds 3 frames; only single images are read, export the frame that counts"}
    ]


def test_paths_without_identifiers_are_kept_and_one_patient_for_all_is_no_patient(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for shot in range(3):
            write(
                tmp_path / label / f"shot{shot}",
                RAMP + shot + 10 * (label == "a"),
                Modality="US",
                BurnedInAnnotation=None,
            )
    cohort = read_images(tmp_path, DataSettings(positive="a"))
    assert cohort.samples.index[0] == "a/shot0"
    assert cohort.n_patients == 6
    assert "modality" not in cohort.about
    found = {one.code: str(one) for one in cohort.findings}
    assert "no-patient" in found
    assert "6 DICOM files do not say whether text is burned into the picture" in found["burned-in"]
    assert "US (6)" in found["burned-in"]


def test_stated_burned_in_text_is_a_warning(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        write(tmp_path / label / "x.dcm", RAMP + (label == "a"), BurnedInAnnotation="YES")
    cohort = read_images(tmp_path, DataSettings(positive="a"))
    (found,) = [one for one in cohort.findings if one.code == "burned-in"]
    assert found.level == "warning"
    assert found.message.startswith("2 DICOM files say that text is burned into the picture")


def test_a_table_may_name_the_patient_and_then_the_header_does_not_count(tmp_path):
    rows = []
    for number in range(4):
        write(tmp_path / f"x{number}.dcm", RAMP + number, PatientID=f"hidden{number}")
        rows.append({"file": f"x{number}.dcm", "dx": "well" if number % 2 else "sick", "who": f"w{number // 2}"})
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    cohort = read_images(tmp_path / "t.csv", DataSettings(image="file", target="dx", patient="who", positive="sick"))
    assert cohort.samples["patient"].tolist() == ["w0", "w0", "w1", "w1"]
    cohort = read_images(tmp_path / "t.csv", DataSettings(image="file", target="dx", positive="sick"))
    assert cohort.roles.patient == "DICOM PatientID"
    assert cohort.n_patients == 4
    assert "hidden" not in cohort.samples.to_csv() + repr(cohort.findings)


def test_messages_of_pydicom_that_quote_the_header_are_not_shown(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(tmp_path / "a.dcm", PatientBirthDate="Wilhelmine", PixelData=b"\0" * 10)
    with pytest.raises(Unreadable) as caught:  # a warning would be an error here
        decode(path)
    assert str(caught.value) == "is a damaged DICOM file (ValueError)"


def test_without_pydicom_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(
        DataError, match=r"a\.dcm is a DICOM file, and reading those needs pydicom: pip install 'bedside\[dicom\]'"
    ):
        decode(path)
