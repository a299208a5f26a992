"""Files become a `Cohort`: reading, built-in cohorts, and checks."""

from pathlib import Path

from bedside.cohort import Cohort
from bedside.errors import DataError, nearest
from bedside.settings import DataSettings

_ONLY_IMAGES = ("label_pattern", "modality", "skip_unreadable", "synthetic")


def read_cohort(source: str, settings: DataSettings | None = None) -> Cohort:
    """A built-in cohort by its name, or the cohort in a table, a folder of images or an array file by its path.

    A source with a suffix, such as `diabetes.csv`, is a file; one without is a built-in cohort, even if a file or
    folder has that name. A table whose column `settings.image` names image files is a cohort of images.

    Raises:
        DataError: if there is neither, with the nearest names of both.
        SettingError: if a setting cannot act on this kind of source.
    """
    from bedside.data import files, samples, table

    path, settings = Path(source), settings or DataSettings()
    if source in samples.COHORTS:
        return samples.load(source, settings)
    if path.is_dir() or path.suffix.lower() == ".npz" or settings.image is not None or _is_image(path):
        from bedside.data import images

        return images.read_images(path, settings)
    if path.suffix or path.exists():
        files.refuse_idle(settings, _ONLY_IMAGES, "a table without --image")
        return table.read_table(path, settings)
    folder = path.parent if path.parent.is_dir() else Path()
    there = [str(folder / entry.name) for entry in folder.iterdir()]
    raise DataError(
        f"There is no built-in cohort and no file or folder '{source}'.{nearest(source, [*samples.COHORTS, *there])} "
        f"Built in: {', '.join(samples.COHORTS)}; files: {', '.join((*files.SUFFIXES, '.npz'))}, or a folder of images."
    )


def _is_image(path: Path) -> bool:
    from bedside.data.decode import by_suffix

    return by_suffix(path) is not None and path.exists()
