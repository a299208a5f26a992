"""Look at images before any model does: what of a picture tells the target without showing the disease.

Images of the sick and of the healthy often come from different places. Their size, format or brightness then tells the
classes apart, and a network finds that sooner than the disease.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding, share_text
from bedside.data.codes import count, finding, plural
from bedside.data.pixels import ImageInputs
from bedside.data.shortcuts import Look, shortcuts

TINY = 32  # pixels of the shorter side, up to which an image shows little
UNEQUAL = 0.2  # difference between classes in the share of grey images that is worth a warning
MOST_READ = 400  # images whose brightness is measured
_REMEDY = {
    "shortcut-size": "Images are brought to one size, but sharpness and cut remain: look where each class comes from, and test on images of another origin.",
    "shortcut-format": "Formats leave traces in the pixels: save all images alike from their originals, and test on images of another origin.",
    "shortcut-colour": "A network will learn colour instead of disease: bring all images to one kind, and test on images of another origin.",
    "shortcut-brightness": "Right if the disease itself is bright or dark; otherwise the cameras or settings differ between classes.",
    "shortcut-bytes": "Size in bytes follows from camera, compression and pixels: look where each class comes from, and test on images of another origin.",
    "shortcut-name": "No network sees a name, but classes that were numbered apart were collected apart: look whether cameras or times differ between them.",
    "shortcut-site": "Compare within sites, with --folds site or with sites that have all classes.",
}


def check(cohort: Cohort) -> list[Finding]:
    """What only images can have."""
    return [*_shortcuts(cohort), *_colour(cohort), *_tiny(cohort)]


def alike(cohort: Cohort) -> str:
    """What linked samples have in common."""
    inputs: ImageInputs = cohort.inputs
    linked = pd.Series(cohort.linked).duplicated(keep=False)
    equal = int((linked & inputs.records["sha256"].duplicated(keep=False).to_numpy()).sum())
    near = int(linked.sum()) - equal
    return f"the same image, {equal:,} of them pixel by pixel and {near:,} nearly"


def _shortcuts(cohort: Cohort) -> list[Finding]:
    """Properties of a file or a whole picture that nearly tell the target, each kind once."""
    records = cohort.inputs.records
    width, height = (records[side].to_numpy(np.float64) for side in ("width", "height"))
    rows = np.arange(len(cohort))
    read = np.unique(np.linspace(0, len(cohort) - 1, MOST_READ).astype(int)) if len(cohort) > MOST_READ else rows
    looks = [
        Look("shortcut-size", "The number of pixels", width * height),
        Look("shortcut-size", "The ratio of width to height", width / height),
        Look("shortcut-format", "The file format", records["format"].to_numpy(object)),
        Look("shortcut-format", "The number of bits", records["bits"].to_numpy(np.float64)),
        Look("shortcut-colour", "Whether an image is grey or in colour", records["channels"].to_numpy(np.float64)),
        Look("shortcut-brightness", "The mean brightness", _brightness(cohort.inputs, read), read),
    ]
    paths = getattr(cohort.inputs.pictures, "paths", None)  # images in arrays have neither file nor name
    if paths is not None:
        files = [Path(paths[row]) for row in cohort.inputs.rows]
        looks.append(Look("shortcut-bytes", "The size of the file", _file_sizes(files)))
        looks.append(Look("shortcut-name", "The last number in the name of the file", _name_numbers(files)))
    return shortcuts(cohort, looks, _REMEDY)


def _file_sizes(files: Sequence[Path]) -> np.ndarray:
    """Bytes of each file; shape (n,)."""
    return np.array([file.stat().st_size for file in files], dtype=np.float64)


def _name_numbers(files: Sequence[Path]) -> np.ndarray:
    """The last number in the name of each file without its folder, such as 12 of IMG_0012.jpg, NaN if there is none; (n,).

    Times of files are not looked at: copying or unpacking sets them, class after class.
    """
    numbers = [re.findall(r"\d{1,15}", file.stem) for file in files]
    return np.array([float(found[-1]) if found else np.nan for found in numbers])


def _brightness(inputs: ImageInputs, rows: np.ndarray) -> np.ndarray:
    """Mean pixel value of some images, as a share of the largest possible one; shape (rows,)."""
    means = []
    for row in rows:
        pixels = inputs.read(int(row))
        means.append(pixels.mean() / np.iinfo(pixels.dtype).max)
    return np.array(means)


def _colour(cohort: Cohort) -> list[Finding]:
    """Grey images among coloured ones, and whether one class has more of them."""
    grey = cohort.inputs.records["channels"].to_numpy() == 1
    if grey.all() or not grey.any():
        return []
    message = f"{count(int(grey.sum()), 'image')} of {len(cohort):,} {plural(int(grey.sum()), 'is', 'are')} grey, the others in colour."
    remedy = "All are read as colour images."
    if cohort.task.kind == "regression":
        return [finding("note", "mixed-colour", message, remedy)]
    target = cohort.target
    sizes = np.bincount(target)
    share = np.bincount(target, weights=grey) / sizes
    most, least = int(share.argmax()), int(share.argmin())
    spread = np.sqrt(grey.mean() * (1 - grey.mean()) * (1 / sizes[most] + 1 / sizes[least]))
    if share[most] - share[least] <= max(UNEQUAL, 4 * spread):
        return [finding("note", "mixed-colour", message, remedy)]
    one, other = cohort.task.classes[most], cohort.task.classes[least]
    message += (
        f" Grey are {share_text(share[most])} of class {one!r} but {share_text(share[least])} of class {other!r}."
    )
    return [finding("warning", "mixed-colour", message, _REMEDY["shortcut-colour"])]


def _tiny(cohort: Cohort) -> list[Finding]:
    side = cohort.inputs.records[["width", "height"]].min(axis=1)
    n = int((side <= TINY).sum())
    if not n:
        return []
    message = f"{count(n, 'image')} of {len(cohort):,} {plural(n, 'has', 'have')} a side of at most {TINY} pixels; the smallest has {side.min():,}."
    remedy = "Little of a disease can be seen at this size; use the originals if there are any."
    return [finding("note", "tiny-images", message, remedy)]
