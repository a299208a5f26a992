"""Files of strangers: hostile archives and tables are refused in words, and nothing of them stays."""

import io
import os
import subprocess
import sys
import unicodedata
import zipfile
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from bedside.data.arrays import read_new_arrays
from bedside.data.decode import Unreadable, decode
from bedside.data.files import read_file
from bedside.errors import DataError
from bedside.settings import DataSettings
from bedside.web import Limits
from bedside.web.archives import unpack
from bedside.web.uploads import Uploads, refuse_large, refuse_large_table, safe_name
from hostile_files import LAUGHS, excel, liar, link, locked, zipped
from own_loop import run_alone

SMALL = Limits(body=100_000, files=20, unpacked=1_000_000, ratio=50, small=10_000, rows=100, columns=10)


# Names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("scan.png", "scan.png"),
        ("Größe 1.csv", "Größe 1.csv"),
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\Users\\a\\b.csv", "b.csv"),
        ("gpj\u202eexe.png", "gpjexe.png"),
        ("a\x00b\nc\x1b[31m.csv", "abc[31m.csv"),
        ("CON.csv", "_CON.csv"),
        ("lpt1", "_lpt1"),
        ("com¹.txt", "_com¹.txt"),
        ("<img src=x>.png", "_img src=x_.png"),
        ("...", "file"),
        ("", "file"),
        (" .hidden ", "hidden"),
        ("e\u0301.csv", "é.csv"),
    ],
)
def test_names_are_made_safe_to_show(name, shown):
    assert safe_name(name) == shown


def test_any_name_becomes_one_that_every_system_takes(tmp_path):
    for code in [*range(0x250), 0x200B, 0x202E, 0x2066, 0xD800, 0xE000, 0xFEFF, 0x1F600]:
        name = safe_name(chr(code) * 300 + ".csv")
        assert 0 < len(name) <= 120
        assert len(name.encode()) <= 255
        (tmp_path / name).write_bytes(b"")
        assert (tmp_path / name).parent == tmp_path
        assert all(unicodedata.category(letter)[0] != "C" for letter in name)


# Uploads


def test_an_upload_lies_under_a_name_of_ours_where_only_this_user_reads(tmp_path):
    with Uploads(tmp_path / "uploads") as uploads:
        upload = uploads.save("../../Mrs Meier.csv", b"age\n1\n")
        assert upload.name == "Mrs Meier.csv"
        assert "Meier" not in str(upload.path)
        assert upload.path.is_relative_to(tmp_path / "uploads")
        assert upload.path.read_bytes() == b"age\n1\n"
        modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "uploads", *upload.path.parents[:2])]
        assert modes == [0o700] * 3
        assert upload.path.stat().st_mode & 0o777 == 0o600
        assert (
            upload.words(f"{upload.path} is empty. Rename {upload.path.name}.")
            == "Mrs Meier.csv is empty. Rename Mrs Meier.csv."
        )
        kept = uploads.save("b.csv", b"b").keep(tmp_path / "job")
    assert kept.read_bytes() == b"b"
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("name", ["a.svg", "a.xml", "a.html", "a.exe", "a", "a.pkl", "a.csv.svg", "a.gz"])
def test_kinds_that_are_not_read_are_not_kept(name, tmp_path):
    with Uploads(tmp_path) as uploads, pytest.raises(DataError, match="not read here"):
        uploads.save(name, b"x")


def test_nothing_stays_of_an_upload_that_is_too_large_or_breaks_off(tmp_path):
    async def pieces(fail):
        for _ in range(200):
            yield b"x" * 1000
            if fail:
                raise ConnectionError

    with Uploads(tmp_path, SMALL) as uploads:
        with pytest.raises(DataError, match="larger than"):
            run_alone(uploads.stream("a.csv", pieces(False)))
        with pytest.raises(ConnectionError):
            run_alone(uploads.stream("a.csv", pieces(True)))
        with pytest.raises(DataError, match="larger than"):
            uploads.save("a.csv", b"x" * 100_001)
        assert [path.name for path in uploads.folder.iterdir()] == [".lock"]


def test_what_a_killed_server_left_is_removed_and_what_a_living_one_holds_is_not(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from bedside.web.uploads import Uploads\n"
        "u = Uploads(Path(sys.argv[1])); u.save('a.csv', b'a'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, env=dict(os.environ))
    assert len(list(tmp_path.rglob("upload.csv"))) == 1
    with Uploads(tmp_path) as first:
        assert list(tmp_path.rglob("upload.csv")) == []
        held = first.save("b.csv", b"b")
        with Uploads(tmp_path):
            assert held.path.exists()
    (tmp_path / "somebody-elses").mkdir()
    with Uploads(tmp_path):
        assert (tmp_path / "somebody-elses").exists()


# Archives


def test_an_ordinary_archive_becomes_a_folder(tmp_path):
    members = [
        ("sick/1.png", b"1"),
        ("sick/", b""),
        ("well/Größe 2.png", b"2"),
        ("README.md", b"r"),
        ("__MACOSX/._1.png", b"m"),
        ("a/.DS_Store", b"d"),
    ]
    found = unpack(zipped(tmp_path / "a.zip", members), tmp_path / "out", endings=[".png"])
    assert found.files == ("sick/1.png", "well/Größe 2.png")
    assert found.left_out == ("README.md",)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.*")) == ["1.png", "Größe 2.png"]
    assert (tmp_path / "out" / "sick" / "1.png").stat().st_mode & 0o777 == 0o600


HOSTILE = {
    "slip": ([("../out.png", b"x")], "leads out of its folder"),
    "deep slip": ([("a/../../out.png", b"x")], "leads out of its folder"),
    "absolute": ([("/etc/passwd.png", b"x")], "leads out of its folder"),
    "drive": ([("C:/out.png", b"x")], "leads out of its folder"),
    "backslash": ([("..\\out.png", b"x")], "leads out of its folder"),
    "link": ([(link("a.png"), b"/etc/passwd")], "is a link and no file"),
    "link to a folder": ([(link("a"), b"/etc"), ("a/passwd.png", b"x")], "is a link and no file"),
    "nested": ([("a.zip", b"x")], "another archive"),
    "nested in disguise": ([("a.png", b"PK\x03\x04rest")], "another archive"),
    "device": ([("aux.png", b"x")], "not possible on every computer"),
    "control": ([("a\x1b[31m.png", b"x")], "not possible on every computer"),
    "direction": ([("gpj\u202eexe.png", b"x")], "not possible on every computer"),
    "long": ([("a" * 300 + ".png", b"x")], "not possible on every computer"),
    "deep": ([("a/" * 30 + "a.png", b"x")], "folders within folders"),
    "twice by case": ([("A.png", b"1"), ("a.png", b"2")], "twice"),
    "twice by accent": ([("\u00e9.png", b"1"), ("e\u0301.png", b"2")], "twice"),
    "file and folder": ([("a", b"1"), ("a/b.png", b"2")], "both as a file and as a folder"),
    "many": ([(f"{n}.png", b"x") for n in range(21)], "at most 20 are read"),
    "bomb": ([("a.csv", b"0" * 900_000)], "times its size"),
    "large": ([(f"{n}.csv", os.urandom(300_000)) for n in range(4)], "would unpack to"),
    "empty": ([], "holds no files"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_archives_are_refused_in_words_and_leave_nothing(kind, tmp_path):
    members, words = HOSTILE[kind]
    archive = zipped(tmp_path / "a.zip", members)
    with pytest.raises(DataError, match=words):
        unpack(archive, tmp_path / "in" / "out", SMALL, name="mine.zip")
    assert [path.name for path in tmp_path.rglob("*")] in (["a.zip", "in"], ["in", "a.zip"])


def test_archives_that_are_locked_broken_or_lie_are_refused(tmp_path):
    broken = tmp_path / "b.zip"
    broken.write_bytes(b"PK\x03\x04" + bytes(100))
    for archive, words in (
        (locked(tmp_path / "a.zip"), "locked with a password"),
        (broken, "damaged or no zip"),
        (liar(tmp_path / "c.zip", 1000), "damaged or no zip"),
    ):
        with pytest.raises(DataError, match=words):
            unpack(archive, tmp_path / "out", SMALL)
        assert not (tmp_path / "out").exists()


def test_every_cut_of_an_archive_is_an_answer_in_words(tmp_path):
    whole = zipped(tmp_path / "a.zip", [("a/1.png", os.urandom(200)), ("b.png", b"2")]).read_bytes()
    cut = tmp_path / "cut.zip"
    for end in range(0, len(whole), 7):
        cut.write_bytes(whole[:end])
        with pytest.raises(DataError):
            unpack(cut, tmp_path / "out", SMALL)
        assert not (tmp_path / "out").exists()


def test_bytes_are_counted_even_if_the_sizes_were_believed(tmp_path, monkeypatch):
    monkeypatch.setattr("bedside.web.archives.refuse_bomb", lambda *_: None)
    archive = zipped(tmp_path / "a.zip", [("a.csv", b"0" * 5_000_000)])
    with pytest.raises(DataError, match="unpacks to more than"):
        unpack(archive, tmp_path / "out", SMALL)


# Tables


def test_an_ordinary_excel_file_is_read(tmp_path):
    path = excel(tmp_path / "a.xlsx")
    assert read_file(path, DataSettings()).to_dict("list") == {"age": [50], "sick": ["no"]}
    refuse_large_table(path, "a.xlsx", SMALL)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp037"])
def test_xml_with_entities_is_refused_before_it_is_read(tmp_path, encoding):
    prolog = LAUGHS.replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
    path = excel(tmp_path / "a.xlsx", prolog=prolog, cells="<row><c><v>&a9;</v></c></row>", encoding=encoding)
    with pytest.raises(DataError, match=r"document type|damaged"):  # a rare encoding is damage to the parser
        read_file(path, DataSettings())


def test_entities_in_other_parts_of_an_excel_file_are_refused(tmp_path):
    path = excel(tmp_path / "a.xlsx")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/sharedStrings.xml", f"{LAUGHS}<sst><si><t>&a9;</t></si></sst>")
    with pytest.raises(DataError, match="document type"):
        read_file(path, DataSettings())


def test_a_bomb_in_an_excel_file_is_refused_by_its_size(tmp_path):
    path = excel(tmp_path / "a.xlsx", more=b" " * 80_000_000)
    assert path.stat().st_size < 200_000
    with pytest.raises(DataError, match="times its size"):
        read_file(path, DataSettings())


@pytest.mark.parametrize(
    "place", ['<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', '<row r="900000"/><row><c r="ZZZ1"/></row>']
)
def test_a_cell_far_out_does_not_make_a_table_of_everything_before_it(tmp_path, place):
    with pytest.raises(DataError, match="stray cell"):
        read_file(excel(tmp_path / "a.xlsx", cells=place), DataSettings())


def test_tables_with_too_many_rows_or_columns_are_refused_before_they_are_read(tmp_path):
    long = pd.DataFrame({"a": range(101)})
    for name, write in (("a.xlsx", pd.DataFrame.to_excel), ("a.parquet", pd.DataFrame.to_parquet)):
        write(long, tmp_path / name, index=False)
        with pytest.raises(DataError, match=r"mine has 10\d rows; at most 100"):
            refuse_large_table(tmp_path / name, "mine", SMALL)
    with pytest.raises(DataError, match="11 columns; at most 10"):
        refuse_large(1, 11, "mine", SMALL)


@pytest.mark.parametrize("step", [3, 5])
def test_every_damage_of_an_excel_file_is_an_answer_in_words(tmp_path, step):
    whole = excel(tmp_path / "a.xlsx").read_bytes()
    path = tmp_path / "b.xlsx"
    for place in range(0, len(whole), len(whole) // (8 * step)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        with suppress(DataError):  # and nothing else
            read_file(path, DataSettings())


def test_arrays_that_unpack_to_too_much_are_refused_before_they_are_read(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((20, 200, 200), np.uint8))
    with pytest.raises(DataError, match="times its size"):
        refuse_large_table(tmp_path / "a.npz", "a.npz", SMALL)
    np.savez(tmp_path / "b.npz", images=np.zeros((1, 20, 20), np.uint8))
    refuse_large_table(tmp_path / "b.npz", "b.npz", SMALL)


def test_an_array_that_says_it_fills_the_memory_is_damaged(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**8, 10**4, 10**3)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(100))
    zipped(tmp_path / "b.npz", [("images.npy", header.getvalue() + bytes(100))])
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match="cannot be read"):
            read_new_arrays(tmp_path / name)


def test_a_deflated_dicom_file_is_not_unpacked_blindly(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with open(tmp_path / "a.dcm", "ab") as file:
        file.write(bytes(600_000))
    with pytest.raises(Unreadable, match="deflated as a whole"):
        decode(tmp_path / "a.dcm")


@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.jpg"])
def test_svg_is_never_read(tmp_path, name):
    (tmp_path / name).write_text(
        '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg>&a;</svg>'
    )
    with pytest.raises(Unreadable, match="is not an image"):
        decode(tmp_path / name)
