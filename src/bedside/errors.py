"""Errors a user can act on. Every message says what was found, what was needed and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class BedsideError(Exception):
    """Base class: the command line prints its message and exits with code 2, without a traceback."""


class DataError(BedsideError):
    """The data do not fit the task: a missing column, one class only, an infinite value."""


class LeakError(DataError):
    """A feature gives the answer away; training refuses until a person has decided."""


class SettingError(BedsideError):
    """A setting is unknown, out of range, or contradicts another one."""


class TrainingError(BedsideError):
    """Training ran but gave nothing usable; `members` are the numbers of the networks of a stack that did not."""

    members: tuple[int, ...] = ()


class RunError(BedsideError):
    """A run folder is missing, unfinished, damaged, or from another version."""


class StorageError(BedsideError):
    """A file could not be written: the disk is full or the folder is read-only."""


class ExportError(BedsideError):
    """A model, or a part of it, cannot be written as ONNX, or the file would not say what the run says."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that suggests the nearest known names, or an empty string; nothing is taken for the user."""
    folded = {known_name.casefold(): known_name for known_name in known}
    near = [folded[match] for match in get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    return f" Did you mean {' or '.join(repr(match) for match in near)}?" if near else ""
