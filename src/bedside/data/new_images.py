"""New images for a trained model: read as in training, with what differs from the training images said."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bedside.cohort import Finding
from bedside.data import folders
from bedside.data import roles as roles_of
from bedside.data.align import Aligned
from bedside.data.arrays import ArrayPictures, array_inputs, read_new_arrays, unread_records
from bedside.data.cells import read_text
from bedside.data.codes import count, finding, plural
from bedside.data.decode import by_suffix, content, first_bytes
from bedside.data.files import SUFFIXES as TABLES
from bedside.data.files import read_file, refuse_missing
from bedside.data.image_files import Gathered, gather, not_used
from bedside.data.images import listed_files
from bedside.data.pixels import ImageInputs
from bedside.data.samples import COHORTS
from bedside.errors import DataError
from bedside.settings import DataSettings

ARRAYS = (".npz", ".npy")


def read_new_images(source: str | Path, known: Mapping[str, Any], settings: DataSettings) -> Aligned:
    """Read images to predict for: one image, a folder of any depth, a table with `settings.image`, or an .npz or .npy file.

    What the images show is not needed and not looked at. Arrays of .npy files stay on the disk, and their images are not
    looked at before they are predicted for.

    Args:
        source: where the images are.
        known: what training saw, as description.json says it: `channels` and `bits` ({"3": images}), `smallest` and
            `largest` ([width, height] in pixels).
        settings: as in training; only `image`, `patient`, `skip_unreadable` and how tables are read count here.

    Raises:
        DataError: if there are no images, some cannot be read and are not to be skipped, or they have 16 bits and
            those of training had 8.
    """
    path = Path(source)
    if str(source) in COHORTS and not path.exists():
        raise DataError(
            f"'{source}' is a built-in cohort, not new images; name an image, a folder, a table or an array file."
        )
    refuse_missing(path)
    if path.suffix.lower() in ARRAYS and path.is_file():
        inputs, samples, found = _arrays(path)
    elif path.is_dir():
        inputs, samples, found = _folder(path, settings)
    elif path.suffix.lower() in TABLES:
        inputs, samples, found = _listed(path, settings)
    else:
        _refuse_no_image(path)
        inputs, samples, found = _files(gather([path], [path.name], skip_unreadable=settings.skip_unreadable))
    return Aligned(inputs, samples, (*_noticed(_facts(inputs), samples.index.tolist(), known), *found))


Facts = Mapping[
    str, np.ndarray
]  # of images: width, height, channels, bits, largest value, and whether they were looked at


def noticed(
    images: Sequence[tuple[np.ndarray, str]], names: Sequence[str], known: Mapping[str, Any]
) -> tuple[Finding, ...]:
    """How images that are held differ from those of training; their pixels need no checksum for that.

    Args:
        images: pixels and format of each.
        names: of the samples.
        known: what training saw; see `read_new_images`.

    Raises:
        DataError: if they have 16 bits and those of training had 8.
    """
    facts = {
        "width": np.array([pixels.shape[1] for pixels, _ in images]),
        "height": np.array([pixels.shape[0] for pixels, _ in images]),
        "channels": np.array([pixels.shape[2] if pixels.ndim == 3 else 1 for pixels, _ in images]),
        "bits": np.array([8 * pixels.itemsize for pixels, _ in images]),
        "largest": np.array([int(pixels.max()) for pixels, _ in images]),
        "looked": np.ones(len(images), dtype=bool),
    }
    return _noticed(facts, names, known)


def _facts(inputs: ImageInputs) -> Facts:
    """Arrays on the disk are not looked at before they are predicted for, and have no checksum."""
    facts = {name: inputs.records[name].to_numpy() for name in ("width", "height", "channels", "bits", "largest")}
    return {**facts, "looked": inputs.records["sha256"].to_numpy() != ""}


def _noticed(facts: Facts, names: Sequence[str], known: Mapping[str, Any]) -> tuple[Finding, ...]:
    _refuse_depth(facts, names, known)
    return (*_differences(facts, names, known), *_depths(facts, known))


def _refuse_depth(facts: Facts, names: Sequence[str], known: Mapping[str, Any]) -> None:
    """A model that saw 8 bits only does not know what is white in 16; one that saw 12 in 16 would see white in all 16."""
    deep, largest = np.flatnonzero(facts["bits"] == 16), facts["largest"]
    looked = deep[facts["looked"][deep]]
    if len(looked) and "16" in known["bits"] and np.median(largest[looked]) > _white(known):
        raise DataError(
            f"{names[looked[0]]!r} holds values up to {largest[looked[0]]:,}, but those of training went up to "
            f"{known['largest_value']:,}, and the model would see white. Bring the images to the range of training."
        )
    if len(deep) and "16" not in known["bits"]:
        raise DataError(
            f"{count(len(deep), 'image')} of {len(names):,} {plural(len(deep), 'has', 'have')} 16 bits, such as "
            f"{names[deep[0]]!r}, but the model learned from 8 bits and would see white. Convert them as the "
            "images of training were."
        )


def _white(known: Mapping[str, Any]) -> float:
    """What all members took for white at most; without end if training saw no 16 bits."""
    return 2 ** int(known["largest_value"]).bit_length() - 1 if known.get("largest_value") else np.inf


def _depths(facts: Facts, known: Mapping[str, Any]) -> list[Finding]:
    """Images that are darker than any device of training would make them, or have fewer bits."""
    bits, largest = facts["bits"], facts["largest"]
    deep = np.flatnonzero((bits == 16) & facts["looked"])
    other = "If they come from another device, their scores may be off."
    if len(deep) and np.isfinite(_white(known)) and np.median(largest[deep]) < _white(known) / 4:
        message = (
            f"The values of 16-bit images end at {int(np.median(largest[deep])):,} (median), in training they went up to "
            f"{known['largest_value']:,}: the model sees them much darker."
        )
        return [finding("warning", "new-depth", message, "Bring them to the range of training.")]
    if (bits == 8).any() and "8" not in known["bits"]:
        n = int((bits == 8).sum())
        message = (
            f"{n:,} of {count(len(bits), 'image')} {plural(n, 'has', 'have')} 8 bits, but the model learned from 16."
        )
        return [finding("warning", "new-depth", message, other)]
    return []


def _arrays(path: Path) -> tuple[ImageInputs, pd.DataFrame, list[Finding]]:
    images = read_new_arrays(path)
    if path.suffix.lower() == ".npy":
        inputs = ImageInputs(ArrayPictures(images), np.arange(len(images)), unread_records(images))
    else:
        inputs = array_inputs(images)
    return inputs, _samples(roles_of.sample_ids(len(inputs))), []


def _folder(path: Path, settings: DataSettings) -> tuple[ImageInputs, pd.DataFrame, list[Finding]]:
    folder = folders.walk(path)
    if not folder.files:
        held = ", ".join(f"{suffix} ({n:,})" for suffix, n in folder.ignored.most_common(6))
        raise DataError(
            f"The folder {path} holds no images{f', only {held}' if held else ''}. Name a folder that does."
        )
    inputs, samples, found = _files(gather(folder.files, folder.names, skip_unreadable=settings.skip_unreadable))
    return inputs, samples, [*found, *not_used(folder.ignored)]


def _listed(path: Path, settings: DataSettings) -> tuple[ImageInputs, pd.DataFrame, list[Finding]]:
    if settings.image is None:
        raise DataError(
            f"{path} is a table, but the model was trained on images. Name the column with their paths: --image COLUMN."
        )
    frame = read_file(path, settings)
    gathered = gather(*listed_files(frame, path, settings), skip_unreadable=settings.skip_unreadable)
    inputs, samples, found = _files(gathered)
    if settings.patient is not None and settings.patient in frame.columns:
        samples["patient"] = read_text(frame[settings.patient])[gathered.rows]
    if settings.target is not None and settings.target in frame.columns:
        samples["target"] = frame[settings.target].to_numpy()[gathered.rows]
    return inputs, samples, found


def _files(gathered: Gathered) -> tuple[ImageInputs, pd.DataFrame, list[Finding]]:
    found = [one for one in gathered.findings if one.code != "header-patient"]
    return gathered.inputs, _samples(gathered.ids), found


def _samples(ids: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(ids, name="sample"))


def _refuse_no_image(path: Path) -> None:
    """A file that neither claims to be an image nor is one."""
    if by_suffix(path) is None and content(first_bytes(path)) is None:
        raise DataError(
            f"{path} is not an image. Name an image, a folder of images, a table with --image ({', '.join(TABLES)}), or an array file ({', '.join(ARRAYS)})."
        )


def _differences(facts: Facts, names: Sequence[str], known: Mapping[str, Any]) -> list[Finding]:
    """What the model never saw in training: other sizes, grey instead of colour."""
    found, channels, n = [], facts["channels"], len(names)
    (low_width, low_height), (high_width, high_height) = known["smallest"], known["largest"]
    width, height = facts["width"], facts["height"]
    outside = np.flatnonzero(
        (width < low_width) | (width > high_width) | (height < low_height) | (height > high_height)
    )
    if len(outside):
        row = outside[0]
        message = (
            f"{len(outside):,} of {count(n, 'image')} {plural(len(outside), 'has', 'have')} a size that training did not see, such as "
            f"{names[row]!r} ({width[row]} x {height[row]} px); in training {low_width} x {low_height} to {high_width} x {high_height} px."
        )
        found.append(
            finding("warning", "new-range", message, "If they come from another device, their scores may be off.")
        )
    unseen = ~np.isin(channels, [int(number) for number in known["channels"]])
    other = int(unseen.sum())
    if other:
        here, there = ("grey", "colour") if channels[unseen][0] == 1 else ("in colour", "grey images")
        message = (
            f"{other:,} of {count(n, 'image')} {plural(other, 'is', 'are')} {here}, but the model learned from {there}."
        )
        found.append(
            finding("warning", "new-channels", message, "If they come from another device, their scores may be off.")
        )
    return found
