"""Files become a `Cohort`: reading, built-in cohorts, and checks."""

from pathlib import Path

from bedside.cohort import Cohort
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings

_NOT_TABLES = ("label_pattern", "modality", "skip_unreadable", "synthetic", "recording", "at", "rate", "resample")


def read_cohort(source: str, settings: DataSettings | None = None) -> Cohort:
    """A built-in cohort by its name, or the cohort in a table, a folder or an array file by its path.

    A source with a suffix, such as `diabetes.csv`, is a file; one without is a built-in cohort, even if a file or
    folder has that name. A table whose column `settings.image` names image files is a cohort of images,
    one with `settings.signal` a cohort of recordings, one with `settings.smiles` a cohort of molecules. Array files tell what they hold by the names of their arrays.

    Raises:
        DataError: if there is neither, with the nearest names of both.
        SettingError: if a setting cannot act on this kind of source.
    """
    from bedside.data import files, samples, table

    path, settings = Path(source), settings or DataSettings()
    if source in samples.COHORTS:
        return samples.load(source, settings)
    from bedside.data.signals.read import is_signals, read_signals

    if settings.smiles is not None:
        from bedside.data.molecules.read import read_molecules

        return read_molecules(path, settings)
    if is_signals(path, settings):
        return read_signals(path, settings)
    if path.is_dir() or path.suffix.lower() == ".npz" or settings.image is not None or _is_image(path):
        from bedside.data import images

        return images.read_images(path, settings)
    if path.suffix or path.exists():
        files.refuse_idle(settings, _NOT_TABLES, "a table without --image, --signal or --smiles")
        return table.read_table(path, settings)
    folder = path.parent if path.parent.is_dir() else Path()
    there = [str(folder / entry.name) for entry in folder.iterdir()]
    raise DataError(
        f"There is no built-in cohort and no file or folder '{source}'.{nearest(source, [*samples.COHORTS, *there])} "
        f"Built in: {', '.join(samples.COHORTS)}; files: {', '.join((*files.SUFFIXES, '.npz'))}, a folder of images or recordings."
    )


def _is_image(path: Path) -> bool:
    from bedside.data.decode import by_suffix

    return by_suffix(path) is not None and path.exists()
