"""A folder of images or records: which files these are, and what their folders and names say about them."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bedside.data.codes import count, listing
from bedside.data.decode import SUFFIXES, by_suffix, content, first_bytes
from bedside.data.roles import SPLIT_WORDS
from bedside.errors import DataError, SettingError, nearest

GROUPS = ("target", "patient", "site")  # that a label pattern may have
EXAMPLE = r"(?P<target>.+)_\d+\.jpg"
WAYS = {
    "image": (
        "Say what each image shows in one of three ways: a folder per class (images/benign/1.png, images/malignant/2.png); a table with a "
        f"column of paths (bedside train table.csv --image COLUMN --target COLUMN); or the file names (--label-pattern '{EXAMPLE}')."
    ),
    "record": (
        "Say what each record shows in one of three ways: a folder per class (records/normal/1.hea, records/ischaemia/2.hea); a table with a "
        "column of record names (bedside train table.csv --signal COLUMN --target COLUMN); or the names (--label-pattern "
        r"'(?P<target>.+)_\d+')."
    ),
}
_SHOWN = 6


@dataclass(frozen=True)
class Folder:
    """The images, or other things that were looked for, below `root`, in order of their paths; `ignored` counts other files by
    their ending; `empty` are folders without any of them below."""

    root: Path
    files: tuple[Path, ...]
    ignored: Counter[str]
    empty: tuple[Path, ...]
    thing: str = "image"

    @property
    def names(self) -> list[str]:
        """Paths relative to the folder, with forward slashes."""
        return [file.relative_to(self.root).as_posix() for file in self.files]


def walk(root: Path, wanted: Callable[[Path], bool] | None = None, *, thing: str = "image") -> Folder:
    """All images below a folder, or all files that are `wanted`; links to folders are followed, hidden files and folders are
    passed over.

    Raises:
        DataError: if a folder may not be read.
    """
    files: list[Path] = []
    ignored: Counter[str] = Counter()
    empty: list[Path] = []
    _descend(root, wanted or _claims_to_be_image, files, ignored, empty, frozenset())
    return Folder(root, tuple(files), ignored, tuple(folder for folder in empty if folder != root), thing)


def _descend(
    folder: Path,
    wanted: Callable[[Path], bool],
    files: list[Path],
    ignored: Counter[str],
    empty: list[Path],
    above: frozenset[Path],
) -> None:
    real = folder.resolve()
    if real in above:
        return
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"Cannot read the folder {folder}: {error.strerror or error}. Ask for the right to read it."
        ) from None
    before = len(files)
    for entry in entries:
        if entry.name.startswith(".") or entry.name == "__MACOSX":
            continue
        if entry.is_dir():
            _descend(entry, wanted, files, ignored, empty, above | {real})
        elif wanted(entry):
            files.append(entry)
        elif entry.name.casefold() not in ("thumbs.db", "desktop.ini"):
            ignored[entry.suffix.lower() or "no ending"] += 1
    if len(files) == before:
        empty.append(folder)


def _claims_to_be_image(file: Path) -> bool:
    """By its name, or, if that claims nothing, by its content."""
    if by_suffix(file):
        return True
    try:
        return content(first_bytes(file)) in SUFFIXES and file.name.upper() != "DICOMDIR"
    except OSError:
        return False


def own_split(folder: Folder) -> np.ndarray | None:
    """ "train", "valid" or "test" of each file, shape (n,), if the folders at the top are named so; otherwise None.

    Raises:
        DataError: if some folders at the top are a split and others are not.
    """
    tops = [name.split("/")[0] if "/" in name else "" for name in folder.names]
    known = {top: SPLIT_WORDS[top.casefold()] for top in dict.fromkeys(tops) if top.casefold() in SPLIT_WORDS}
    if len(set(known.values())) < 2:
        return None
    other = [top or name for top, name in zip(tops, folder.names, strict=True) if top not in known]
    if other:
        raise DataError(
            f"{folder.root} holds {listing(list(known))} and also {listing(list(dict.fromkeys(other)))}, so it is not clear whether "
            "its folders are splits or classes. Move what is no split elsewhere, or rename the folders."
        )
    return np.array([known[top] for top in tops], dtype=object)


def by_folder(folder: Folder, split: np.ndarray | None) -> pd.DataFrame:
    """The class of each image: the folder at the top, or the one below it if those at the top are splits.

    Raises:
        DataError: if an image lies in no class folder, or there is one class only.
    """
    level = 0 if split is None else 1
    parts = [name.split("/") for name in folder.names]
    loose = [name for name, part in zip(folder.names, parts, strict=True) if len(part) < level + 2]
    if loose:
        lie = "lie" if len(loose) > 1 else "lies"
        raise DataError(
            f"{count(len(loose), folder.thing)} in {folder.root} {lie} in no class folder: {listing(loose, _SHOWN)}. {WAYS[folder.thing]}"
        )
    classes = [part[level] for part in parts]
    if len(set(classes)) == 1:
        raise DataError(
            f"All {count(len(parts), folder.thing)} in {folder.root} lie in one folder, {classes[0]!r}.{_look_deeper(parts, level)} {WAYS[folder.thing]}"
        )
    return pd.DataFrame({"class": np.array(classes, dtype=object)})


def _look_deeper(parts: list[list[str]], level: int) -> str:
    """If the only folder holds folders, they may be the classes."""
    below = sorted({part[level + 1] for part in parts if len(part) > level + 2})
    path = "/".join(parts[0][: level + 1])
    return f" If the classes are {listing(below)}, name the folder {path} in it instead." if len(below) > 1 else ""


def by_name(names: Sequence[str], pattern: str) -> pd.DataFrame:
    """What the groups of a label pattern read from file names: target, and patient and site if it has them.

    Raises:
        SettingError: if the pattern is no regular expression, or its groups are not known ones.
        DataError: if it does not fit every name.
    """
    expression = _compile(pattern)
    matches = [expression.fullmatch(name.rsplit("/", 1)[-1]) for name in names]
    bad = [name for name, match in zip(names, matches, strict=True) if not (match and all(_groups(match).values()))]
    if bad:
        raise DataError(
            f"label_pattern {pattern!r} does not fit {len(bad):,} of {count(len(names), 'file name')}: {listing(bad, _SHOWN)}. It must match "
            "the whole name with its ending, and each group at least one character. Change it, or move these files elsewhere."
        )
    return pd.DataFrame([_groups(match) for match in matches if match], dtype=object)


def _groups(match: re.Match[str]) -> dict[str, str]:
    return {name: (match[name] or "").strip() for name in GROUPS if name in match.re.groupindex}


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        at = f" at character {error.pos + 1}" if error.pos is not None else ""
        raise SettingError(
            f"label_pattern {pattern!r} is no regular expression: {error.msg}{at}. An example: {EXAMPLE!r}."
        ) from None
    unknown = [name for name in expression.groupindex if name not in GROUPS]
    if unknown:
        raise SettingError(
            f"label_pattern has a group {unknown[0]!r}.{nearest(unknown[0], GROUPS)} Known groups: {', '.join(GROUPS)}."
        )
    if "target" not in expression.groupindex:
        raise SettingError(
            f"label_pattern {pattern!r} has no group named target. Write (?P<target>...) around the class, such as {EXAMPLE!r}."
        )
    return expression
