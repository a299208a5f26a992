"""The pictures of the course on images: two species and their breeds, or what plays their parts.

Oxford-IIIT Pet, if the reader switches its download on and it can be reached; else a folder that the reader names; else
skin lesions that a computer drew, where the diagnosis plays the species.

Source: Parkhi, Vedaldi, Zisserman, Jawahar 2012, doi:10.1109/CVPR.2012.6248092 (Oxford-IIIT Pet, CC BY-SA 4.0).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cache import cache_folder
from bedside.data.arrays import array_inputs
from bedside.data.dermoscopy import DermoscopySettings, generate
from bedside.data.duplicates import link_images
from bedside.data.folders import Folder, by_folder, walk
from bedside.data.image_files import gather
from bedside.data.pixels import ImageInputs
from bedside.errors import DataError, SettingError
from bedside.learn.fetch import Unreachable, fetch_pictures

VARIABLE = "BEDSIDE_DATA"  # names a folder of the reader's own
ADDRESS = "https://thor.robots.ox.ac.uk/~vgg/data/pets/images.tar.gz"
MD5 = "5c4f3ee8e5d25df40f4fd59a7f44e54c"
BUILT_IN = "dermoscopy"
FEWEST = 5  # pictures of a class: three to train, one to validate, one to test
SIZE = 96  # pixels a side of the drawn lesions

_PLACES = ("oxford-iiit-pet", "cats_dogs")  # looked for in the folder that the variable names, in this order
_NAME = re.compile(r"(?P<breed>[A-Za-z][A-Za-z_ -]*)_\d+")
# The rule of Oxford-IIIT Pet, a capital for cats, means nothing in other folders; so its cats are known by name.
_CATS = {"Abyssinian", "Bengal", "Birman", "Bombay", "British_Shorthair", "Egyptian_Mau", "Maine_Coon", "Persian"}
_CATS |= {"Ragdoll", "Russian_Blue", "Siamese", "Sphynx"}


@dataclass(frozen=True)
class Collection:
    """Pictures with two kinds of label.

    `species` and `breed` are text, shape (n,); each breed belongs to one species; `breed` is None where it is not known.
    `groups` (n,) numbers what must stay on one side of a split: pictures of one lesion, and copies. `about` says in words
    where the pictures come from and what plays species and breed.
    """

    inputs: ImageInputs
    species: np.ndarray
    breed: np.ndarray | None
    groups: np.ndarray
    about: str

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        return self.about

    def picture(self, row: int) -> np.ndarray:
        """Pixels of one picture, (height, width, 3) or grey (height, width), uint8; sizes differ."""
        return self.inputs.read(row)


def pets(source: str | Path | None = None, *, download: bool = False, n: int = 240, seed: int = 0) -> Collection:
    """Pictures of two species and their breeds, or of what plays their parts.

    Args:
        source: a folder with a folder per species, or with names such as `Bengal_12.jpg`; or "dermoscopy" for the drawn
            lesions. By default the folder that the variable BEDSIDE_DATA names, else the drawn lesions.
        download: fetch Oxford-IIIT Pet (792 MB, once, into bedside's cache). If it cannot be reached, the pictures come
            from where they would without it, and `about` says so.
        n: pictures, drawn so that rare breeds are there too.
        seed: draws them.

    Raises:
        SettingError: both a source and the download are asked for, or n is too small.
        DataError: the folder holds no such pictures, or the download is not what was published.
        StorageError: the download cannot be kept.
    """
    if download and source is not None:
        raise SettingError(f"download=True and source={str(source)!r} name two places; leave one away.")
    if n < 4 * FEWEST:
        raise SettingError(f"n={n} pictures are too few to train, validate and test; take {4 * FEWEST} or more.")
    note = ""
    if download:
        try:
            folder = fetch_pictures(ADDRESS, MD5, cache_folder() / _PLACES[0] / "images")
            return _from_folder(folder, "Oxford-IIIT Pet", n, seed)
        except Unreachable as error:
            note = f"Oxford-IIIT Pet was asked for, but {error}. Instead: "
    if source is None and os.environ.get(VARIABLE):
        found = _from_folder(*_named(Path(os.environ[VARIABLE]).expanduser()), n, seed)
    elif source is None or source == BUILT_IN:
        found = _drawn(n, seed)
    else:
        found = _from_folder(Path(source).expanduser(), f"the folder {Path(source).name}", n, seed)
    return Collection(found.inputs, found.species, found.breed, found.groups, note + found.about)


def _drawn(n: int, seed: int) -> Collection:
    """Skin lesions drawn by a computer, two pictures each; diagnosis plays species, diagnosis and colours play breed."""
    drawn = generate(DermoscopySettings(patients=n // 2, images_per_patient=2, size=SIZE, seed=seed))
    truth = drawn.truth
    colours = np.where(truth["colours"] > 3, "4 to 6 colours", "1 to 3 colours")
    return Collection(
        array_inputs(drawn.images),
        truth["target"].to_numpy(object),
        (truth["target"] + ", " + colours).to_numpy(object),
        pd.factorize(truth["patient"])[0],
        f"{len(truth)} pictures of {n // 2} skin lesions, two of each, drawn by a computer: no patient exists. The diagnosis "
        "(benign, malignant) plays the species; the diagnosis with the number of colours (1 to 3, 4 to 6) plays the breed.",
    )


def _named(root: Path) -> tuple[Path, str]:
    """The folder of pictures that the variable means: a place of a known name inside it, or the folder itself."""
    inside = next((root / place for place in _PLACES if (root / place).is_dir()), root)
    return inside, f"the folder {inside.name}, which {VARIABLE} names"


def _from_folder(folder: Path, name: str, n: int, seed: int) -> Collection:
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. Name one with pictures, or take learn.pets({BUILT_IN!r}).")
    labels = _labels(walk(folder / "images" if (folder / "images").is_dir() else folder))
    labels = _drawn_evenly(_numerous(labels, folder), n, seed)
    kept = gather(labels["file"].tolist(), labels["name"].tolist(), skip_unreadable=True)
    labels = labels.iloc[kept.rows]
    breed = labels["breed"].to_numpy(object) if labels["breed"].notna().all() else None
    counted = ", ".join(f"{count} {species}" for species, count in labels["species"].value_counts().items())
    parts = [
        f"{len(labels)} pictures from {name}: {counted}",
        "breeds are not known" if breed is None else f"{labels['breed'].nunique()} breeds",
        "which pictures show the same animal is not known, so only copies stay together",
    ]
    bad = len(kept.inputs.unreadable)
    parts += [f"{bad} could not be read and {'was' if bad == 1 else 'were'} left out"] if bad else []
    return Collection(
        kept.inputs, labels["species"].to_numpy(object), breed, link_images(kept.inputs)[0], "; ".join(parts) + "."
    )


def _labels(folder: Folder) -> pd.DataFrame:
    """file, name, species and breed of each picture: by folder, or by name as in Oxford-IIIT Pet."""
    names = folder.names
    table = pd.DataFrame({"file": list(folder.files), "name": names})
    depths = {name.count("/") for name in names}
    if depths == {1}:
        return table.assign(species=by_folder(folder, None)["class"].to_numpy(), breed=None)
    found = [_NAME.fullmatch(file.stem) for file in folder.files]
    if depths != {0} or not all(found):
        raise DataError(
            f"It is not clear what the {len(names):,} pictures in {folder.root} show. Needed is a folder per species (cat/1.jpg, "
            f"dog/2.jpg), or all in one folder with names such as Bengal_12.jpg; or take learn.pets({BUILT_IN!r})."
        )
    breed = np.array([match["breed"] for match in found if match], dtype=object)
    return table.assign(breed=breed, species=[("cat" if one[0].isupper() else "dog") for one in breed])


def _numerous(labels: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Pictures of breeds, or species, that can be trained, validated and tested; the rule of names holds for all of them."""
    by = "breed" if labels["breed"].notna().all() else "species"
    kept = labels[labels.groupby(by)[by].transform("size") >= FEWEST]
    if kept["species"].nunique() < 2:
        raise DataError(
            f"The {len(labels):,} pictures in {folder} are too few: needed are two species with at least {FEWEST} pictures of "
            f"a {by}; there are {labels[by].nunique()} of them, the largest with {labels[by].value_counts().max()}."
        )
    strange = sorted({one for one in kept["breed"].dropna() if one[0].isupper()} - _CATS)
    if strange:
        raise DataError(
            f"The names in {folder} do not tell the species: in Oxford-IIIT Pet a capital means a cat, but {strange[0]!r} is no "
            "cat of it. Put the pictures into a folder per species."
        )
    return kept


def _drawn_evenly(labels: pd.DataFrame, n: int, seed: int) -> pd.DataFrame:
    """At most n pictures, as many of each breed, or species, as there are of the others as far as they reach."""
    by = "breed" if labels["breed"].notna().all() else "species"
    mixed = labels.sample(frac=1, random_state=seed)
    turn = mixed.groupby(by).cumcount()
    return mixed.loc[turn.sort_values(kind="stable").index[:n]].sort_values("name").reset_index(drop=True)
