"""Images in array files: the MedMNIST layout of .npz, and .npy for new images; large ones stay on the disk."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.data.codes import listing
from bedside.data.decode import SMALLEST
from bedside.data.pixels import RECORD, ImageInputs, pixel_sha256
from bedside.errors import DataError, nearest

SPLITS = {"train": "train", "val": "valid", "test": "test"}  # name in the file -> name in bedside
_NAMES_OF_CLASSES = ("class_names", "labels")


@dataclass(frozen=True)
class ArrayPictures:
    """Images in memory: `images` is an array of shape (n, height, width) or (n, height, width, 3), or a sequence of
    single images, uint8 or uint16."""

    images: "np.ndarray | Sequence[np.ndarray] | Joined"

    def __len__(self) -> int:
        return len(self.images)

    def read(self, number: int) -> np.ndarray:
        """Pixels of one image; see `Pictures.read`."""
        return np.asarray(self.images[number])


def array_inputs(images: "np.ndarray | Sequence[np.ndarray] | Joined") -> ImageInputs:
    """Inputs from images in memory, shape (n, height, width[, 3]), uint8 or uint16."""
    pictures = ArrayPictures(images)
    records = [record(pictures.read(row), "array") for row in range(len(pictures))]
    return ImageInputs(pictures, np.arange(len(pictures)), pd.DataFrame(records, columns=list(RECORD)))


def record(pixels: np.ndarray, form: str) -> dict[str, Any]:
    """What is kept about one image besides its pixels: one row of `ImageInputs.records`."""
    height, width = pixels.shape[:2]
    channels, bits = pixels.shape[2] if pixels.ndim == 3 else 1, 8 * pixels.dtype.itemsize
    values = (pixel_sha256(pixels), width, height, channels, bits, int(pixels.max()), form)
    return dict(zip(RECORD, values, strict=True))


@dataclass(frozen=True)
class StoredImages:
    """Images in an uncompressed array file, read one at a time: they never fill the memory, and only this small record
    is sent to a worker process."""

    path: str
    offset: int  # bytes before the first image
    shape: tuple[int, ...]
    dtype: str

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, number: int) -> np.ndarray:
        pixels = np.empty(self.shape[1:], dtype=self.dtype)
        with open(self.path, "rb") as file:
            file.seek(self.offset + number * pixels.nbytes)
            file.readinto(pixels.reshape(-1).view(np.uint8).data)
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


@dataclass(frozen=True)
class Joined:
    """Several arrays of images, one after the other."""

    parts: tuple[np.ndarray | StoredImages, ...]

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    def __getitem__(self, number: int) -> np.ndarray:
        part = 0
        while number >= len(self.parts[part]):
            number -= len(self.parts[part])
            part += 1
        return self.parts[part][number]


@dataclass(frozen=True)
class ArrayFile:
    """The content of an .npz file in MedMNIST layout: `labels` as text or numbers and `split`, shape (n,); `classes` is true
    if the labels are classes; `unused` names arrays that were not read."""

    images: Joined
    labels: np.ndarray
    split: np.ndarray | None
    classes: bool
    unused: tuple[str, ...] = ()


def read_npz(path: Path) -> ArrayFile:
    """Images, labels and split of an .npz file: `train_images` (n, height, width[, 3]), `train_labels` (n,) or (n, 1), and so
    on for `val` and `test`; `class_names`, if there, names the classes 0, 1, ...

    Raises:
        DataError: if arrays are missing, of another shape or type, or there are several labels per image.
    """
    with opened(path) as file:
        names = list(file.files)
        parts = [part for part in SPLITS if f"{part}_images" in names]
        needed = [f"{part}_{what}" for part in parts or ["train"] for what in ("images", "labels")]
        for name in needed:
            if name not in names:
                raise DataError(
                    f"{path.name} holds no array '{name}'.{nearest(name, names)} Its arrays: {listing(names, 20)}. Needed are "
                    "train_images, train_labels, and the same for val and test, as in MedMNIST files."
                )
        images = [_member(path, file, f"{part}_images") for part in parts]
        labels = [
            _labels(path, file[f"{part}_labels"], f"{part}_labels", len(i))
            for part, i in zip(parts, images, strict=True)
        ]
        titles = next((name for name in _NAMES_OF_CLASSES if name in names), None)
        values = np.concatenate(labels)
        classes = values.dtype.kind not in "f" or bool(np.all(values % 1 == 0))
        text = named_classes(path, values, file[titles], titles) if titles else values
        split = np.repeat(np.array([SPLITS[part] for part in parts], dtype=object), [len(i) for i in images])
        used = {*needed, titles}
        return ArrayFile(
            Joined(tuple(images)),
            text,
            split if len(parts) > 1 else None,
            classes,
            tuple(n for n in names if n not in used),
        )


def read_new_arrays(path: Path) -> Joined:
    """All images of an .npz file, or of an .npy file with one array (n, height, width[, 3]), for a trained model.

    Raises:
        DataError: if the file holds no images.
    """
    if path.suffix.lower() == ".npy":
        return Joined((_npy(path),))
    with opened(path) as file:
        names = [name for name in file.files if name == "images" or name.removesuffix("_images") in SPLITS]
        if not names:
            raise DataError(
                f"{path.name} holds no array 'images' or 'test_images'. Its arrays: {listing(file.files, 20)}."
            )
        return Joined(tuple(_member(path, file, name) for name in names))


def unread_records(images: Joined) -> pd.DataFrame:
    """`ImageInputs.records` from shapes alone: no pixel is read, so there is no sha256 and `largest` is what the type can hold."""
    frames = []
    for part in images.parts:
        height, width, *colours = part.shape[1:]
        kind = np.dtype(part.dtype)
        values = ("", width, height, colours[0] if colours else 1, 8 * kind.itemsize, np.iinfo(kind).max, "array")
        frames.append(pd.DataFrame([values] * len(part), columns=list(RECORD)))
    return pd.concat(frames, ignore_index=True)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An .npz file; objects in it, which could run code, are never read."""
    try:
        with open(path, "rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                names = "train_images and train_labels"
                raise DataError(f"{path.name} holds a single array. Save it with numpy.savez under the names {names}.")
            yield file
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read: {_reason(error)}. Save it again with numpy.savez.") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _member(path: Path, file: Any, name: str) -> np.ndarray | StoredImages:
    """One array of images: left on the disk if it is not compressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{name}.npy")
            if info.compress_type == zipfile.ZIP_STORED:
                with open(path, "rb") as raw:
                    raw.seek(info.header_offset + 26)
                    raw.seek(sum(np.frombuffer(raw.read(4), "<u2").tolist()), 1)
                    if (stored := _stored(path, raw)) is not None:
                        return _checked(path, name, stored)
        return _checked(path, name, file[name])
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"Array '{name}' of {path.name} cannot be read: {_reason(error)}. Save it again.") from None


def _npy(path: Path) -> np.ndarray | StoredImages:
    try:
        with open(path, "rb") as raw:
            images = _stored(path, raw)
        return _checked(path, path.stem, np.load(path, allow_pickle=False) if images is None else images)
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataError(f"{path.name} cannot be read: {_reason(error)}. Save it again with numpy.save.") from None


def _stored(path: Path, raw: Any) -> StoredImages | None:
    """Where the images of an array begin, from its header at the place where `raw` stands; None if they do not lie in order."""
    version = np.lib.format.read_magic(raw)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_column, kind = reader(raw)
    if by_column or kind.hasobject or len(shape) < 3:
        return None
    if raw.tell() + int(np.prod(shape)) * kind.itemsize > path.stat().st_size:
        raise ValueError("the file is cut off")
    return StoredImages(str(path), raw.tell(), tuple(shape), kind.str)


def _checked(path: Path, name: str, images: np.ndarray | StoredImages) -> np.ndarray | StoredImages:
    """Images of a shape and type that are read; a last axis of length 1 is dropped."""
    shape, kind = images.shape, np.dtype(images.dtype)
    where = f"Array '{name}' of {path.name}"
    if len(shape) == 4 and shape[3] == 1:
        shape = shape[:3]
    if len(shape) not in (3, 4) or (len(shape) == 4 and shape[3] != 3):
        hint = (
            "Move the colours to the end: numpy.moveaxis(images, 1, -1)."
            if len(shape) == 4 and shape[1] in (1, 3)
            else ""
        )
        if len(shape) == 4 and not hint:
            hint = "Volumes are not read."
        raise DataError(
            f"{where} has shape {images.shape}; needed is (n, height, width) or (n, height, width, 3). {hint}".strip()
        )
    if kind.kind != "u" or kind.itemsize > 2:
        raise DataError(
            f"{where} holds {kind.name}; images are uint8 (0 to 255) or uint16 (0 to 65535). Scale and convert it, then save it again."
        )
    if min(shape[1:3]) < SMALLEST or not shape[0]:
        raise DataError(f"{where} has shape {images.shape}; at least one image with {SMALLEST} px a side is needed.")
    if isinstance(images, StoredImages):
        return replace(images, shape=shape)
    return images.reshape(shape).astype(kind.newbyteorder("="), copy=False)


def _labels(path: Path, labels: np.ndarray, name: str, n: int) -> np.ndarray:
    where = f"Array '{name}' of {path.name}"
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise DataError(
            f"{where} has {labels.shape[1]} labels per image; one is learned at a time. Save a file with one of its columns: {name}[:, [0]]."
        )
    if labels.size != n or labels.ndim > 2:
        raise DataError(f"{where} has shape {labels.shape}, but there are {n:,} images; needed is one label per image.")
    if labels.dtype.kind not in "biufUS":
        raise DataError(f"{where} holds {labels.dtype}; labels are numbers or text.")
    return labels.reshape(-1).astype(np.int64) if labels.dtype.kind == "b" else labels.reshape(-1)


def named_classes(path: Path, labels: np.ndarray, names: np.ndarray, title: str) -> np.ndarray:
    """Names of the classes that the numbers stand for."""
    if labels.dtype.kind not in "iu" or names.ndim != 1 or labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"Array '{title}' of {path.name} has shape {names.shape}, but labels go from {labels.min()} to {labels.max()}; it must "
            "name the classes 0, 1, ... in order."
        )
    return names.astype(str).astype(object)[labels]
