"""The pictures of the image notebook come from three places; each says what it is, and none is believed blindly."""

import hashlib
import http.server
import io
import os
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bedside import learn
from bedside.errors import DataError, SettingError
from bedside.learn import fetch, pictures

DATA = Path(os.environ.get("BEDSIDE_DATA", "nowhere"))


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No folder is named by the surroundings, and nothing was downloaded before."""
    monkeypatch.delenv("BEDSIDE_DATA", raising=False)
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def jpeg(seed):
    pixels = np.random.default_rng(seed).integers(256, size=(6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize((40, 30)).save(file, "JPEG")
    return file.getvalue()


def member(name, content=b"", **changes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in changes.items():
        setattr(info, key, value)
    return info, io.BytesIO(content)


def pet_members(breeds=("Bengal", "Siamese", "pug", "beagle"), each=6):
    return [
        member(f"images/{breed}_{k}.jpg", jpeg(10 * b + k))
        for b, breed in enumerate(breeds)
        for k in range(1, each + 1)
    ]


def packed(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for info, content in members:
            archive.addfile(info, content)
    return file.getvalue()


@pytest.fixture
def published(monkeypatch):
    """Publish an archive on a server of this machine; gives the list of requests."""
    servers = []

    def publish(content, *, md5=None, length=None):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(length or len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setattr(pictures, "ADDRESS", f"http://127.0.0.1:{server.server_port}/images.tar.gz")
        monkeypatch.setattr(pictures, "MD5", md5 or hashlib.md5(content, usedforsecurity=False).hexdigest())
        return asked

    yield publish
    for server in servers:
        server.shutdown()
        server.server_close()


def save(folder, names):
    for k, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(k))
    return folder


class TestDownload:
    def test_species_and_breed_come_from_the_names_and_it_is_fetched_once(self, published):
        asked = published(packed([*pet_members(), member("images/Bengal_1.mat", b"not a picture")]))
        found = learn.pets(download=True, n=20)
        assert found.about.startswith("20 pictures from Oxford-IIIT Pet: 10 cat, 10 dog; 4 breeds;")
        assert set(zip(found.species, found.breed, strict=True)) == {
            ("cat", "Bengal"),
            ("cat", "Siamese"),
            ("dog", "pug"),
            ("dog", "beagle"),
        }
        assert found.picture(0).shape == (30, 40, 3)
        learn.pets(download=True, n=20)
        assert asked == ["/images.tar.gz"]

    def test_a_wrong_checksum_is_refused_and_leaves_nothing(self, published, tmp_path):
        published(packed(pet_members()), md5="0" * 32)
        with pytest.raises(DataError, match=r"not 0{32}: it is damaged or not what was published.*thrown away"):
            learn.pets(download=True)
        assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []

    def test_a_refused_connection_is_said_and_the_built_in_pictures_come(self, monkeypatch):
        monkeypatch.setattr(pictures, "ADDRESS", "http://127.0.0.1:1/images.tar.gz")
        found = learn.pets(download=True, n=20)
        assert found.about.startswith("Oxford-IIIT Pet was asked for, but http://127.0.0.1:1/images.tar.gz cannot be")
        assert "drawn by a computer" in found.about

    def test_a_refused_connection_falls_back_on_the_named_folder_first(self, monkeypatch, tmp_path):
        monkeypatch.setattr(pictures, "ADDRESS", "http://127.0.0.1:1/images.tar.gz")
        save(tmp_path / "mine", [f"{one}/{k}.jpg" for one in ("cat", "dog") for k in range(6)])
        monkeypatch.setenv("BEDSIDE_DATA", str(tmp_path / "mine"))
        assert "Instead: 12 pictures from the folder mine" in learn.pets(download=True, n=20).about

    def test_a_broken_connection_counts_as_not_reachable_and_leaves_nothing(self, published, tmp_path):
        content = packed(pet_members())
        published(content[:500], length=len(content))
        assert "broke off" in learn.pets(download=True, n=20).about
        assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []

    def test_nothing_lands_outside_the_folder(self, published, tmp_path):
        evil = [
            member("../../../outside_1.jpg", jpeg(1)),
            member("/tmp/absolute_1.jpg", jpeg(2)),
            member("images/link_1.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
            member("images/hard_1.jpg", type=tarfile.LNKTYPE, linkname="images/Bengal_1.jpg"),
            member("images/run.sh", b"echo"),
            member("images/.hidden_1.jpg", jpeg(3)),
        ]
        published(packed([*pet_members(), *evil]))
        learn.pets(download=True, n=20)
        folder = tmp_path / "cache" / "oxford-iiit-pet" / "images"
        names = {path.name for path in folder.iterdir()}
        assert not [path for path in folder.iterdir() if path.is_symlink()]
        assert names & {"link_1.jpg", "hard_1.jpg", "run.sh", ".hidden_1.jpg"} == set()
        assert "outside_1.jpg" in names  # its content, under its plain name, where all are
        assert not list(tmp_path.glob("outside*"))
        assert not Path("/tmp/absolute_1.jpg").exists()

    @pytest.mark.parametrize("content", [packed([]), b"no archive"], ids=["empty", "no archive"])
    def test_an_archive_without_pictures_is_refused(self, published, tmp_path, content):
        published(content)
        with pytest.raises(DataError, match="thrown away"):
            learn.pets(download=True)
        assert not (tmp_path / "cache" / "oxford-iiit-pet" / "images").exists()

    def test_nothing_is_asked_without_it(self, published):
        asked = published(packed(pet_members()))
        learn.pets(n=20)
        assert asked == []

    def test_what_cannot_be_read_is_left_out_and_said(self, published):
        members = [*pet_members(each=6)[:-1], member("images/beagle_9.jpg", b"GIF89a" + bytes(200))]
        published(packed(members))
        assert "1 could not be read and was left out" in learn.pets(download=True, n=24).about

    def test_two_places_at_once_are_refused(self):
        with pytest.raises(SettingError, match="two places"):
            learn.pets("photos", download=True)


class TestFolder:
    def test_a_folder_per_species_has_no_breeds_and_copies_stay_together(self, tmp_path):
        folder = save(tmp_path / "mine", [f"{one}/{k}.jpg" for one in ("cat", "dog") for k in range(6)])
        (folder / "cat" / "again.jpg").write_bytes((folder / "cat" / "0.jpg").read_bytes())
        found = learn.pets(folder, n=20)
        assert found.breed is None
        assert sorted(np.unique(found.species, return_counts=True)[1]) == [6, 7]
        assert sorted(np.bincount(found.groups))[-1] == 2
        assert "only copies stay together" in found.about

    def test_a_known_place_in_the_named_folder_is_found(self, tmp_path, monkeypatch):
        save(tmp_path / "cats_dogs", [f"{one}/{k}.jpg" for one in ("cat", "dog") for k in range(6)])
        save(tmp_path / "other", ["a/1.jpg", "b/1.jpg"])
        monkeypatch.setenv("BEDSIDE_DATA", str(tmp_path))
        assert learn.pets(n=20).about.startswith(
            "12 pictures from the folder cats_dogs, which BEDSIDE_DATA names: 6 cat, 6 dog"
        )

    def test_a_capital_means_a_cat_only_in_the_collection_that_says_so(self, tmp_path):
        folder = save(tmp_path, [f"{one}_{k}.jpg" for one in ("Basenji", "pug") for k in range(6)])
        with pytest.raises(DataError, match=r"'Basenji' is no cat of it\. Put the pictures into a folder per species"):
            learn.pets(folder)

    def test_too_few_of_each_breed_are_refused(self, tmp_path):
        folder = save(tmp_path, [f"{one}_{k}.jpg" for one in ("Bengal", "pug") for k in range(4)])
        with pytest.raises(DataError, match=r"too few: .*there are 2 of them, the largest with 4"):
            learn.pets(folder)

    def test_other_names_and_missing_folders_say_what_is_needed(self, tmp_path):
        with pytest.raises(DataError, match=r"Needed is a folder per species.*learn.pets\('dermoscopy'\)"):
            learn.pets(save(tmp_path, ["one.jpg", "two.jpg"]))
        with pytest.raises(DataError, match="There is no folder"):
            learn.pets(tmp_path / "nowhere")

    def test_every_breed_is_drawn_alike(self, tmp_path):
        folder = save(tmp_path, [f"Bengal_{k}.jpg" for k in range(40)] + [f"pug_{k}.jpg" for k in range(12)])
        found = learn.pets(folder, n=22)
        assert dict(zip(*np.unique(found.breed, return_counts=True), strict=True)) == {"Bengal": 11, "pug": 11}
        assert list(learn.pets(folder, n=22).species) == list(found.species)

    @pytest.mark.data
    @pytest.mark.skipif(not DATA.is_dir(), reason="BEDSIDE_DATA is not set")
    def test_the_development_data(self, monkeypatch):
        monkeypatch.setenv("BEDSIDE_DATA", str(DATA))
        assert "20 cat, 20 dog" in learn.pets(n=40).about
        with pytest.raises(DataError, match="too few"):
            learn.pets(DATA / "pets_by_filename")


class TestBuiltIn:
    def test_two_pictures_of_a_lesion_are_one_group_and_breeds_lie_within_species(self):
        found = learn.pets(n=40)
        assert set(np.bincount(found.groups)) == {2}
        assert set(found.species) == {"benign", "malignant"}
        assert all(breed.startswith(species) for species, breed in zip(found.species, found.breed, strict=True))
        assert found.picture(0).shape == (96, 96, 3)
        assert "no patient exists" in repr(found)

    def test_too_few_are_refused(self):
        with pytest.raises(SettingError, match="too few"):
            learn.pets(n=8)


def test_an_address_that_is_none_counts_as_not_reachable(tmp_path):
    with pytest.raises(fetch.Unreachable, match="cannot be reached"):
        fetch.fetch_pictures("no address", "0", tmp_path / "pictures")
