"""Images become a cohort: a folder, a table that names image files, or an array file."""

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.cohort import Cohort, Finding
from bedside.data import folders
from bedside.data import roles as roles_of
from bedside.data.arrays import array_inputs, read_npz
from bedside.data.assemble import ONLY_FILES, ONLY_SIGNALS, ONLY_TABLES, assemble, assign_roles, class_roles
from bedside.data.codes import count, finding, listing
from bedside.data.decode import SUFFIXES, by_suffix
from bedside.data.files import SUFFIXES as TABLES
from bedside.data.files import read_file, refuse_idle, refuse_missing
from bedside.data.image_files import Gathered, gather, not_used
from bedside.data.pixels import ImageInputs
from bedside.data.targets import read_target
from bedside.errors import DataError, SettingError, nearest
from bedside.settings import DataSettings

HEADER_PATIENT = "DICOM PatientID"  # name of the column that patients from DICOM headers come in
_SHOWN = 20


def read_images(source: str | Path, settings: DataSettings) -> Cohort:
    """Read images and what they show into a cohort.

    Args:
        source: a folder whose images are in a folder per class or match `settings.label_pattern`; a table whose column
            `settings.image` names image files; or an .npz file in MedMNIST layout.
        settings: what columns and names are for.

    Raises:
        DataError: if files are missing or cannot be read, or it is not clear what they show.
        SettingError: if a setting cannot act on this kind of source.
    """
    path = Path(source)
    refuse_idle(settings, ONLY_SIGNALS, "images")
    if path.is_dir():
        return _read_folder(path, settings)
    if path.suffix.lower() == ".npz":
        return _read_arrays(path, settings)
    if by_suffix(path) and path.exists():
        raise DataError(f"{path} is one image; training needs many. Name the folder or the table they are listed in.")
    if settings.image is None:
        raise DataError(f"{path} is a table; name the column with the paths of its images: --image COLUMN.")
    return _read_listed(path, settings)


def make_image_cohort(
    inputs: ImageInputs,
    frame: pd.DataFrame,
    settings: DataSettings,
    *,
    name: str,
    about: dict[str, str] | None = None,
    split: np.ndarray | None = None,
    modality: str | None = None,
    findings: Iterable[Finding] = (),
) -> Cohort:
    """A cohort from images and what is known about them; folders, tables, arrays and generated images all come through here.

    Args:
        inputs: the images, one per sample.
        frame: raw cells, one row per image; the index holds the sample ids, the columns are named by `settings`.
        settings: what the columns are for; `target` must be named.
        name: what the cohort is called.
        about: source, licence and the like, for the report.
        split: "train", "valid" or "test" for each sample, shape (n,), if the data came divided and no column says so.
        modality: what the images are, if the files say so; `settings.modality` wins.
        findings: what was found while reading.

    Raises:
        DataError: if a column is missing or cannot be used for its role.
        SettingError: if a setting cannot act on images.
    """
    from bedside.data.duplicates import link_images

    kind = settings.modality or modality
    one_each = "If a patient may have several images, name the column: --patient COLUMN."
    if settings.image is None:
        one_each = "If a patient may have several images, list them in a table with a patient column (--image COLUMN --patient COLUMN), or read the patient from file names with --label-pattern."
    return assemble(
        inputs,
        lambda: link_images(inputs)[0],
        frame,
        settings,
        thing="image",
        one_each=one_each,
        name=name,
        about={**(about or {}), **({"modality": kind} if kind else {})},
        split=split,
        findings=findings,
    )


def _read_folder(root: Path, settings: DataSettings) -> Cohort:
    where = "a folder of images"
    if settings.target or settings.patient or settings.site:
        role = next(role for role in ("target", "patient", "site") if getattr(settings, role))
        raise SettingError(
            f"Setting {role}={getattr(settings, role)!r} has no effect on {where}, which has no columns. To use a table, name it "
            f"instead, with --image; to read the {role} from file names, use --label-pattern with a group '{role}'."
        )
    refuse_idle(settings, ("image", *ONLY_TABLES, *ONLY_FILES, "synthetic"), where)
    folder = folders.walk(root)
    if not folder.files:
        raise DataError(_no_images(folder))
    split = folders.own_split(folder)
    try:
        frame = (
            folders.by_name(folder.names, settings.label_pattern)
            if settings.label_pattern
            else folders.by_folder(folder, split)
        )
    except DataError as error:
        raise DataError(f"{error}{_tables(root)}") from None
    gathered = gather(folder.files, folder.names, skip_unreadable=settings.skip_unreadable)
    given = settings.model_copy(update=class_roles(frame, settings))
    return _cohort(
        gathered,
        frame,
        given,
        name=root.resolve().name,
        split=split,
        findings=[*_empty(folder, settings), *not_used(folder.ignored)],
    )


def _no_images(folder: folders.Folder) -> str:
    known = ", ".join(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    held = ", ".join(f"{suffix} ({n:,})" for suffix, n in folder.ignored.most_common(6))
    holds = f"It holds other files: {held}." if held else "It is empty."
    return f"The folder {folder.root} holds no images. {holds}{_tables(folder.root)} Images end in {known}, or are DICOM files."


def _tables(root: Path) -> str:
    """Tables at the top of a folder are perhaps what was meant."""
    tables = sorted(file.name for file in root.iterdir() if file.suffix.lower() in TABLES)
    return f" To train on a table in it ({listing(tables)}), name that file, with --image COLUMN." if tables else ""


def _empty(folder: folders.Folder, settings: DataSettings) -> list[Finding]:
    names = [path.relative_to(folder.root).as_posix() for path in folder.empty]
    if not names or settings.label_pattern:
        return []
    message = f"{count(len(names), 'folder holds', 'folders hold')} no images: {listing(names)}."
    return [finding("note", "empty-class", message, "If it should be a class, look where its images are.")]


def _read_listed(path: Path, settings: DataSettings) -> Cohort:
    """A table with one row per image."""
    refuse_idle(settings, ("label_pattern", "synthetic"), "a table")
    frame = read_file(path, settings)
    files, names = listed_files(frame, path, settings)
    roles = assign_roles(frame, settings, "image")
    read_target(frame, settings)  # before the long look at all files
    for role in roles.columns():
        if role == settings.image:
            raise DataError(
                f"Column '{role}' holds the paths of the images, so it cannot have another role; name it once."
            )
    gathered = gather(files, names, skip_unreadable=settings.skip_unreadable)
    return _cohort(gathered, frame, settings, name=path.stem, source=path.name)


def listed_files(frame: pd.DataFrame, table: Path, settings: DataSettings) -> tuple[list[Path], list[str]]:
    """Paths and names of the images that a table lists, in the order of its rows.

    Raises:
        DataError: if the column is missing, a cell is empty or stands twice, or, unless unreadable ones are skipped, a
            file does not exist.
    """
    column = str(settings.image)
    roles_of.require(column, frame.columns, "image")
    names = ["" if pd.isna(cell) else str(cell).strip() for cell in frame[column]]
    empty = [row + 1 for row, name in enumerate(names) if not name]
    if empty:
        raise DataError(
            f"Column '{column}' (image) is empty in {count(len(empty), 'row')}, the first is row {empty[0]}. Fill it in, or remove these rows."
        )
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise DataError(
            f"Column '{column}' (image) names {listing(twice)} more than once. Each image may stand in one row; remove the copies."
        )
    files = [table.parent / name for name in names]
    missing = [row for row, file in enumerate(files) if not file.is_file()]
    if missing and (len(missing) == len(files) or not settings.skip_unreadable):
        lost = [names[row] for row in missing]
        one = files[missing[0]]
        raise DataError(
            f"{len(missing):,} of {count(len(files), 'image')} in column '{column}' of {table.name} {'do' if len(missing) > 1 else 'does'} not exist: "
            f"{listing(lost, _SHOWN)}.{_hint(one, lost[0])} Paths count from the folder of the table ({table.parent.resolve()})."
        )
    return files, names


def _hint(file: Path, name: str) -> str:
    """Why a named image may not have been found."""
    if "\\" in name:
        return " Write paths with / instead of \\."
    folder = file.parent
    if file.is_dir():
        return f" {name!r} is a folder."
    if not folder.is_dir():
        return f" The folder {folder} does not exist."
    there = [entry.name for entry in folder.iterdir()]
    longer = next((entry for entry in there if Path(entry).stem == file.name), None)
    if longer:
        return f" The ending is lacking: there is '{longer}'."
    return nearest(file.name, there)


def _read_arrays(path: Path, settings: DataSettings) -> Cohort:
    where = "an array file"
    only = ("target", "patient", "site", "image", "label_pattern", "skip_unreadable", "synthetic")
    refuse_idle(settings, (*only, *ONLY_TABLES, *ONLY_FILES), where)
    refuse_missing(path)
    content = read_npz(path)
    inputs = array_inputs(content.images)
    ids = pd.Index(roles_of.sample_ids(len(inputs)))
    frame = pd.DataFrame({"class" if content.classes else "label": content.labels}, index=ids)
    given = settings.model_copy(update=class_roles(frame, settings))
    unused = f"Arrays that were not used: {listing(content.unused)}."
    found = [finding("note", "not-images", unused)] if content.unused else []
    about = {"source": path.name}
    return make_image_cohort(inputs, frame, given, name=path.stem, about=about, split=content.split, findings=found)


def _cohort(
    gathered: Gathered,
    frame: pd.DataFrame,
    settings: DataSettings,
    *,
    name: str,
    source: str | None = None,
    split: np.ndarray | None = None,
    findings: Iterable[Finding] = (),
) -> Cohort:
    """A cohort of the files that could be read; patients of DICOM headers count where nothing else names them."""
    inputs = dataclasses.replace(gathered.inputs, lost_patients=_lost_patients(gathered, frame, settings))
    frame = frame.iloc[gathered.rows].set_axis(pd.Index(gathered.ids), axis=0)
    found = gathered.findings
    if gathered.patients is not None and settings.patient is None:
        frame = frame.assign(**{HEADER_PATIENT: gathered.patients})
        settings = settings.model_copy(update={"patient": HEADER_PATIENT})
    else:
        found = tuple(one for one in found if one.code != "header-patient")
    return make_image_cohort(
        inputs,
        frame,
        settings,
        name=name,
        about={"source": source or name},
        split=split[gathered.rows] if split is not None else None,
        modality=gathered.modality,
        findings=[*found, *findings],
    )


def _lost_patients(gathered: Gathered, frame: pd.DataFrame, settings: DataSettings) -> int | None:
    """Patients of whom no image could be read; None if only the files that were not read would tell."""
    if not gathered.inputs.unreadable:
        return 0
    if settings.patient is not None and settings.patient in frame:
        patients = frame[settings.patient].astype(str)
        return len(set(patients) - set(patients.iloc[gathered.rows]))
    return len(gathered.inputs.unreadable) if gathered.patients is None else None
