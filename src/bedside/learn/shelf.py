"""Where the notebooks of the course lie, and how they come into a folder of the learner's own."""

from dataclasses import dataclass
from pathlib import Path

from bedside.errors import BedsideError, StorageError

HERE = Path(__file__).parent
EXERCISES = "exercises"
NOTES = "TRAINER.md"


@dataclass(frozen=True)
class Copied:
    """What came into the folder, and what was there already and was left alone."""

    folder: Path
    new: tuple[Path, ...]
    kept: tuple[Path, ...]


def notebooks(*, solutions: bool = False) -> list[Path]:
    """The notebooks in their order, with gaps for exercises or, for trainers, without.

    Raises:
        BedsideError: this installation has none.
    """
    # A wheel carries them beside this file; in a checkout they stand at its root.
    for shelf in (HERE / "notebooks", HERE.parents[2] / "notebooks"):
        found = sorted((shelf if solutions else shelf / EXERCISES).glob("[0-9][0-9]_*.ipynb"))
        if found:
            return found
    raise BedsideError("This installation of bedside has no notebooks; install it again from its wheel or its folder.")


def copy_notebooks(folder: str | Path = "bedside-course", *, solutions: bool = False) -> Copied:
    """Copy the notebooks into a folder; what is there already is the learner's work and is never overwritten.

    Args:
        folder: made if it is not there.
        solutions: the trainer's version; its files end in `_solutions.ipynb`, and the notes for trainers lie beside them.

    Raises:
        StorageError: the folder cannot be written.
    """
    place = Path(folder)
    new, kept = [], []
    try:
        place.mkdir(parents=True, exist_ok=True)
        for source in _sources(solutions):
            copy = place / (f"{source.stem}_solutions.ipynb" if solutions and source.name != NOTES else source.name)
            if copy.exists():
                kept.append(copy)
                continue
            copy.write_bytes(source.read_bytes())
            new.append(copy)
    except OSError as error:
        raise StorageError(
            f"The notebooks cannot be copied to {place} ({error.strerror}); name another folder."
        ) from None
    return Copied(place, tuple(new), tuple(kept))


def _sources(solutions: bool) -> list[Path]:
    """The notebooks, and for trainers their notes, which lie beside the solutions."""
    found = notebooks(solutions=solutions)
    return [*found, found[0].with_name(NOTES)] if solutions else found
