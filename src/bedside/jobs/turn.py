"""Whose turn it is: the one process that works off the jobs of a folder. The operating system ends a turn with its process."""

from contextlib import suppress
from pathlib import Path
from typing import IO

from bedside.folder import explained

TURN = "turn"


def take_turn(folder: Path) -> IO[bytes] | None:
    """The turn, held until the file is closed; None if another process has it."""
    with explained(folder / TURN):
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / TURN, "ab")  # noqa: SIM115 (open as long as the turn lasts)
    try:
        _lock(file)
    except OSError:
        file.close()
        return None
    return file


def is_taken(folder: Path) -> bool:
    """Whether a process works off the jobs of this folder."""
    held = take_turn(folder)
    if held is None:
        return True
    held.close()
    return False


def _lock(file: IO[bytes]) -> None:
    with suppress(ImportError):
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # Windows

    file.seek(0)
    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
