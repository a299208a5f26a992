"""Features are computed once per image, backbone, preparation and version; a cache can fail without harm."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from bedside.cache import cache_folder
from bedside.data.pixels import pixel_sha256
from bedside.errors import DataError
from bedside.training import features
from bedside.training.features import ahead, complete, encoded, extract

WEIGHTS = "0" * 64


class Photos:
    """Images in memory that count how often each was read."""

    def __init__(self, images: np.ndarray, hashed: bool = True) -> None:
        self.images = images
        self.records = pd.DataFrame({"sha256": [pixel_sha256(image) if hashed else "" for image in images]})
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.images)

    def read(self, row: int) -> np.ndarray:
        self.reads.append(row)
        return self.images[row]


@dataclass(frozen=True)
class Halved:
    """A preparation that takes every second pixel."""

    mean: tuple[float, ...] = (0.5,)
    std: tuple[float, ...] = (0.5,)
    name: str = "halved"

    def prepare_one(self, pixels: np.ndarray) -> np.ndarray:
        return pixels[::2, ::2]

    def key(self) -> str:
        return self.name


@dataclass(frozen=True)
class Darker:
    """Version k is the image minus k and minus something of its own."""

    count: int = 1
    seed: int = 0

    def of(self, pixels, sha256):
        own = np.array([int(name[:2] or "0", 16) % 3 for name in sha256])[:, None, None, None]
        for version in range(self.count):
            yield pixels if version == 0 else (pixels - version - own - self.seed).astype(np.uint8)


class Sums:
    """An engine that adds up pixels, and counts the images it saw."""

    name, batch = "sums", 4

    def __init__(self) -> None:
        self.seen = self.made = 0

    def __call__(self) -> "Sums":
        self.made += 1
        return self

    def run(self, pixels: np.ndarray) -> np.ndarray:
        assert len(pixels) <= self.batch
        self.seen += len(pixels)
        return pixels.astype(np.float32).sum((1, 2))


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(64, 256, (10, 8, 8, 3), dtype=np.uint8)


def run(photos, engine=None, *, versions=None, preparation=None, weights=WEIGHTS, device="cpu"):
    engine = engine or Sums()
    made = extract(photos, preparation or Halved(), versions or Darker(), engine, weights=weights, device=device)
    return complete(made), engine


def test_features_are_those_of_the_prepared_images_in_order(images):
    result, engine = run(Photos(images))
    np.testing.assert_array_equal(result.features[:, 0], images[:, ::2, ::2].astype(np.float32).sum((1, 2)))
    assert result.features.shape == (10, 1, 3)
    assert (result.computed, result.reused, engine.seen, result.problem) == (10, 0, 10, None)


def test_a_second_run_gives_the_same_bytes_and_never_calls_the_encoder(images):
    first, _ = run(Photos(images), versions=Darker(3))
    photos = Photos(images)
    second, engine = run(photos, versions=Darker(3))
    assert second.features.tobytes() == first.features.tobytes()
    assert (engine.made, engine.seen, photos.reads) == (0, 0, [])
    assert (second.computed, second.reused) == (0, 10)


def test_order_and_selection_of_images_do_not_matter(images):
    first, _ = run(Photos(images))
    rows = [7, 2, 2, 9]
    second, engine = run(Photos(images[rows]))
    np.testing.assert_array_equal(second.features, first.features[rows])
    assert engine.seen == 0


def test_a_changed_pixel_is_computed_again_and_nothing_else(images):
    run(Photos(images))
    images[3, 0, 0, 0] ^= 1
    photos = Photos(images)
    result, engine = run(photos)
    assert photos.reads == [3]
    assert (result.computed, result.reused, engine.seen) == (1, 9, 1)
    np.testing.assert_array_equal(result.features[:, 0], images[:, ::2, ::2].astype(np.float32).sum((1, 2)))


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "1" * 64},
        {"preparation": Halved(name="other")},
        {"preparation": Halved(mean=(0.4,))},
        {"device": "cuda"},
    ],
)
def test_whatever_features_depend_on_is_part_of_their_name(change, images):
    run(Photos(images))
    _, engine = run(Photos(images), **change)
    assert engine.seen == 10


def test_versions_are_kept_apart_and_the_original_is_shared(images):
    three, _ = run(Photos(images), versions=Darker(3))
    _, engine = run(Photos(images), versions=Darker(1))
    assert engine.seen == 0
    two, engine = run(Photos(images), versions=Darker(2))
    assert engine.seen == 0
    np.testing.assert_array_equal(two.features, three.features[:, :2])
    other, engine = run(Photos(images), versions=Darker(2, seed=5))
    assert engine.seen == 20
    assert not np.array_equal(other.features[:, 1], two.features[:, 1])


def test_duplicates_are_computed_once_and_unhashed_images_every_time(images):
    images[4] = images[1]
    _, engine = run(Photos(images))
    assert engine.seen == 9
    for _ in range(2):
        result, engine = run(Photos(images, hashed=False))
        assert engine.seen == 10
        assert len(result.features) == 10


def test_without_the_cache_nothing_is_read_or_written(images, folder):
    result, _ = run(Photos(images), weights=None)
    assert len(result.features) == 10
    assert not folder.exists()


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"", lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_a_damaged_cache_heals(damage, images, folder):
    first, _ = run(Photos(images))
    (file,) = folder.rglob("*.safetensors")
    file.write_bytes(damage(file.read_bytes()))
    second, engine = run(Photos(images))
    assert engine.seen == 10
    assert second.features.tobytes() == first.features.tobytes()
    _, engine = run(Photos(images))
    assert engine.seen == 0


def test_two_processes_that_extract_at_once_lose_nothing(images):
    first = extract(Photos(images[:6]), Halved(), Darker(), Sums(), weights=WEIGHTS)
    next(first)
    run(Photos(images[4:]))  # the other one starts later and is done earlier
    complete(first)
    _, engine = run(Photos(images))
    assert engine.seen == 0


def test_an_interrupted_extraction_goes_on_where_it_was(images):
    started = extract(Photos(images), Halved(), Darker(), Sums(), weights=WEIGHTS)
    assert next(started) == 4
    started.close()
    result, engine = run(Photos(images))
    assert (result.reused, engine.seen) == (4, 6)


def test_a_long_extraction_is_kept_piece_by_piece(images, folder, monkeypatch):
    monkeypatch.setattr(features, "KEEP_EVERY", 4)
    started = extract(Photos(images), Halved(), Darker(2), Sums(), weights=WEIGHTS)
    assert [next(started) for _ in range(3)] == [4, 8, 10]
    assert len(list(folder.rglob("*.safetensors"))) == 4  # two pieces of each version, while it still runs
    first = complete(started)
    second, engine = run(Photos(images), versions=Darker(2))
    assert engine.seen == 0
    np.testing.assert_array_equal(second.features, first.features)


def test_a_cache_that_cannot_be_written_is_named_and_done_without(images, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BEDSIDE_CACHE", str(tmp_path / "file"))
    result, _ = run(Photos(images))
    assert len(result.features) == 10
    assert str(tmp_path / "file") in result.problem


def test_an_image_that_cannot_be_read_any_more_stops_with_its_own_error(images):
    class Vanished(Photos):
        def read(self, row):
            if row == 6:
                raise DataError("cat.jpg cannot be read any more")
            return super().read(row)

    with pytest.raises(DataError, match=r"cat\.jpg"):
        run(Vanished(images))
    _, engine = run(Photos(images))
    assert engine.seen == 6  # those before it were kept


def test_few_batches_are_read_ahead(images):
    photos = Photos(np.concatenate([images] * 20), hashed=False)
    batches = encoded(photos, Halved(), Darker(), Sums(), workers=1)
    rows, outputs = next(batches)
    assert rows.tolist() == [0, 1, 2, 3]
    assert outputs.shape == (4, 1, 3)
    batches.close()
    assert len(photos.reads) <= 5 * Sums.batch


def test_ahead_keeps_the_order():
    assert list(ahead(lambda x: x * x, iter(range(50)), workers=3)) == [x * x for x in range(50)]


def test_the_cache_lies_where_the_system_keeps_caches(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("BEDSIDE_CACHE")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "bedside"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the XDG specification
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    assert cache_folder() == tmp_path / ".cache" / "bedside"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "bedside"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache_folder() == tmp_path / "local" / "bedside"
