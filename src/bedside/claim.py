"""The place of something new on the disk: claimed at once, so that nobody else gets it, and filled whole."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from bedside.errors import RunError, StorageError
from bedside.folder import explained, is_run, whole_folder


def claim(name: str, folder: str | Path | None) -> Path:
    """An empty folder that is ours: the one that was asked for, or a new one for this cohort below `runs/`.

    Raises:
        RunError: if it is in use.
    """
    return _claim(Path(folder)) if folder is not None else _claim_new(name)


def _claim(path: Path) -> Path:
    """The folder, empty and ours: two runs that begin at once cannot both make it."""
    if path.resolve() == Path.cwd():
        raise RunError(f"A run needs a folder of its own; name a new one, such as -o {path / 'run'}.")
    with explained(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir()
    except FileExistsError:
        if path.is_dir() and not any(path.iterdir()):
            return path
        hint = f", or continue it with --resume {path}" if is_run(path) else ""
        raise RunError(f"{path} is there already. Name another folder{hint}.") from None
    except OSError as error:
        raise StorageError(f"Cannot make {path}: {error.strerror}. Choose a folder that you may write.") from error
    return path


def _claim_new(name: str) -> Path:
    """runs/<cohort>-<date>-<time>, with a number added if several runs begin in one second."""
    stem = Path("runs") / f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    for k in range(1, 10_000):
        path = stem if k == 1 else Path(f"{stem}-{k}")
        if not path.exists():
            with suppress(RunError):
                return _claim(path)
    raise RunError(f"There are thousands of runs named {stem}; name a folder with -o.")


@contextmanager
def filled(path: Path) -> Iterator[Path]:
    """A folder to fill, which appears whole in the place that was claimed; or the place is free again."""
    try:
        with whole_folder(path, replace=False) as new:
            yield new
    except BaseException:
        with suppress(OSError):
            path.rmdir()  # empty, or somebody else's
        raise
